# Whatever names a function, it is the same function.
viaduct bind --dry-run 0000:01:10.0
viaduct bind --dry-run 01:10.0
viaduct bind --dry-run eth0/vf0
viaduct bind --dry-run 01:00.0/vf0
viaduct bind --dry-run 0000:01:00.0/vf0
viaduct bind --dry-run nvme0
viaduct bind --dry-run eth2 --driver igb
viaduct bind --dry-run 01:10.0 eth0/vf0 0000:01:10.0
# And what names none.
viaduct bind 0000:01:11.0
viaduct bind 01:10
viaduct bind 01:10.8
viaduct bind 0000:01:10.0x
viaduct bind eth9
viaduct bind lo
viaduct bind ''
viaduct bind ..
viaduct bind ../net/eth0
viaduct bind eth0/vf2
viaduct bind eth0/vf
viaduct bind eth0/vf0x
viaduct bind eth0/vf99999999999999999999
viaduct bind eth1/vf0
viaduct bind eth2/vf0
viaduct bind eth9/vf0
viaduct bind eth0/vf0/vf0
viaduct bind /vf0
viaduct bind 01:10.0/vf0
# Serial numbers of cards: an extended capability, of two functions here.
card() { head -c 256 /dev/zero; printf '\003\000\001\000\136\114\072\377\377\041\033\000'; }; for f in 0 1; do card >"$VIADUCT_ROOT/sys/bus/pci/devices/0000:01:00.$f/config"; done
viaduct bind --dry-run serial=00-1b-21-ff-ff-3a-4c-5e --driver vfio-pci
viaduct vf list serial=00-1B-21-ff-ff-3a-4c-5e.1
viaduct vf list serial=00-1b-21-ff-ff-3a-4c-5e.8
viaduct vf list serial=00-1b-21-ff-ff-3a-4c-5f
