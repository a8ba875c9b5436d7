viaduct --help
viaduct -h
viaduct help
viaduct help vf
viaduct vf --help
viaduct list --help
viaduct help show
viaduct host --help
viaduct help bind
viaduct bind -h
viaduct unbind --help
viaduct vf create --help
viaduct help vf set
viaduct vf list --help
viaduct help vf destroy
viaduct --version | sed 's/[0-9.]*$/VERSION/'
viaduct bench --help
# A manual page that is not there.
MANPATH="$PWD" script -qec 'viaduct help unbind' /dev/null | tr -d '\r'
