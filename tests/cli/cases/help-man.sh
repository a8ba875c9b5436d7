# The page of a command, of its own or of its group, and only on a terminal.
mkdir -p man/man1; for each in vf vf-create; do printf '.TH a 1\n.SH NAME\npage of %s\n' "$each" >"man/man1/viaduct-$each.1"; done
MANPAGER=cat MANPATH="$PWD/man" script -qec 'viaduct help vf create' /dev/null | tr -d '\r' | grep -o 'page of.*'
MANPAGER=cat MANPATH="$PWD/man" script -qec 'viaduct help vf set' /dev/null | tr -d '\r' | grep -o 'page of.*'
MANPAGER=cat MANPATH="$PWD/man" script -qec 'viaduct help vf' /dev/null | tr -d '\r' | grep -o 'page of.*'
MANPAGER=cat MANPATH="$PWD/man" script -qec 'viaduct help vf nosuch' /dev/null | tr -d '\r'
MANPAGER=cat MANPATH="$PWD/man" viaduct help vf | head -n 1
