# Refused, each for a reason of its own.
viaduct bind eth0
viaduct bind 00:1f.0
viaduct bind 04:00.0
viaduct bind eth0/vf0 --driver nosuch
viaduct bind eth0/vf0 --driver ../igb
viaduct bind eth0/vf0 --driver ''
# All are checked before the first is changed.
viaduct bind eth0/vf0 eth0
cat "$VIADUCT_ROOT/sys/bus/pci/devices/0000:01:10.0/driver_override"
viaduct bind eth0 --force --dry-run
viaduct bind eth0/vf0 eth0/vf1 03:00.0 --dry-run
viaduct bind eth0/vf0 --dry-run --json
viaduct bind eth0/vf1
viaduct bind eth0/vf1 --json
viaduct unbind eth0
viaduct unbind eth0/vf0
viaduct unbind eth0/vf1 --dry-run
viaduct unbind eth0/vf1 --dry-run --json
viaduct unbind eth0/vf1 eth0
# An NVSwitch: a bridge by its class, an endpoint by its header.
echo 0x068000 >"$VIADUCT_ROOT/sys/bus/pci/devices/0000:03:00.0/class"
viaduct list 2>/dev/null | grep 03:00.0
