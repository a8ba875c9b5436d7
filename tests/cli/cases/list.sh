viaduct list
viaduct list --all | cut -c1-40
# On a terminal: the tree, in what characters it has, and colours where they are wanted.
script -qec 'viaduct list' /dev/null | tr '\r\033' ' ^' | cut -c1-60
LC_ALL=C.UTF-8 NO_COLOR=1 script -qec 'viaduct list' /dev/null | tr -d '\r' | cut -c1-60
# A VF whose PF cannot be read stands alone.
mv "$VIADUCT_ROOT/sys/bus/pci/devices/0000:01:00.0/class" "$VIADUCT_ROOT/class"; NO_COLOR=1 script -qec 'viaduct list' /dev/null | cut -c1-40 | head -n 4; mv "$VIADUCT_ROOT/class" "$VIADUCT_ROOT/sys/bus/pci/devices/0000:01:00.0/class"
viaduct vf list
viaduct vf list eth0
viaduct vf list nvme0
# Names may hold what a terminal would obey.
ln -s ../../bus/pci/devices/0000:01:00.1/net/eth1 "$VIADUCT_ROOT/sys/class/net/$(printf 'a\033[31m')"
viaduct list | grep 01:00.1
# Its interface was moved to another network namespace.
rm "$VIADUCT_ROOT/sys/class/net/eth2"
viaduct list | grep 04:00.0
viaduct bind 04:00.0 --driver igb
# A process reads the card's registers. 1:7 is /dev/full.
mkdir -p "$VIADUCT_ROOT/proc/8/fd" "$VIADUCT_ROOT/sys/bus/pci/devices/0000:03:00.0/drm/card0"
echo cat >"$VIADUCT_ROOT/proc/8/comm"; ln -s /dev/full "$VIADUCT_ROOT/proc/8/fd/3"
echo 1:7 >"$VIADUCT_ROOT/sys/bus/pci/devices/0000:03:00.0/drm/card0/dev"
viaduct list | grep 03:00.0
viaduct bind 03:00.0
