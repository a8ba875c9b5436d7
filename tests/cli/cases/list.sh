viaduct list
viaduct list --all | cut -c1-40
viaduct vf list
viaduct vf list eth0
viaduct vf list nvme0
# Names may hold what a terminal would obey.
ln -s ../../bus/pci/devices/0000:01:00.1/net/eth1 "$VIADUCT_ROOT/sys/class/net/$(printf 'a\033[31m')"
viaduct list | grep 01:00.1
