# Each of these is one sentence and status 2, whatever the host.
viaduct
viaduct nosuch
viaduct --nosuch
viaduct help nosuch
viaduct help vf nosuch
viaduct help list nosuch
viaduct vf
viaduct vf nosuch
viaduct vf --json
viaduct list extra
viaduct list --nosuch
viaduct list -a
viaduct list --all=yes
viaduct host now
viaduct host --all
viaduct show
viaduct show eth0 eth1
viaduct show --all eth0
viaduct check
viaduct check eth0 --memory 1Q
viaduct check eth0 --backend vfio
viaduct check eth0 --force
viaduct check nosuch
viaduct check 0f:00.0
viaduct bind
viaduct bind --driver
viaduct bind --nosuch eth0
viaduct unbind
viaduct unbind --force eth0
viaduct vf create
viaduct vf create eth0
viaduct vf create eth0 1 2
viaduct vf create eth0 two
viaduct vf create eth0 -1
viaduct vf create eth0 -- -1
viaduct vf create eth0 0x2
viaduct vf create eth0 99999999999999999999
viaduct vf list eth0 eth1
viaduct vf set
viaduct vf set eth0/vf0
viaduct vf set eth0/vf0 --mac 02:00:00:00:00
viaduct vf set eth0/vf0 --mac 00:00:00:00:00:00
viaduct vf set eth0/vf0 --mac 01:00:5e:00:00:01
viaduct vf set eth0/vf0 --vlan 4095
viaduct vf set eth0/vf0 --vlan -1
viaduct vf set eth0/vf0 --qos 8
viaduct vf set eth0/vf0 --trust yes
viaduct vf set eth0/vf0 --spoofchk ''
viaduct vf destroy
# What has an option of another command's name as a value is no question for help.
viaduct bind --driver --help eth0
# What was typed is not obeyed by a terminal when it is quoted.
viaduct "$(printf 'a\033]0;b\007')"
viaduct run
viaduct run --kernel nosuch --cpus two
viaduct run --kernel nosuch --memory 1Q
viaduct run --kernel nosuch --console tty
viaduct run --kernel nosuch --console file=
viaduct run --kernel nosuch --console ''
viaduct run --kernel nosuch --on-reset halt
# A guest takes more files than a shell's limit lets it have: the limit goes up as far as it can.
ulimit -S -n 4 && viaduct run --kernel nosuch --console none
viaduct bench
viaduct bench nosuch
viaduct bench net disk
viaduct bench net --subjects nosuch
viaduct bench net --subjects virtio,virtio
viaduct bench net --vmm kvmtool
viaduct bench net --runs 0
viaduct bench net --seconds soon
viaduct bench net --memory 1Q
viaduct bench net --cpus 0
viaduct bench net --pin one
viaduct bench net --tools fio
viaduct bench disk --tools fio,top
viaduct bench irq --tools ping
viaduct bench net --peer 192.0.2.1
viaduct bench net --peer there --address here
# What is measured is a running machine.
viaduct bench net
