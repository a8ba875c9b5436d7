# Refused, each for a reason of its own.
viaduct bind eth0
mkdir "$VIADUCT_ROOT/sys/bus/pci/devices/0000:00:1c.0" && cd "$VIADUCT_ROOT/sys/bus/pci/devices/0000:00:1c.0" && echo 0x060400 >class
viaduct bind 00:1c.0
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
# The plan says no where the deed would.
mkdir -p "$VIADUCT_ROOT/dev/vfio" "$VIADUCT_ROOT/proc/4242/fd" && touch "$VIADUCT_ROOT/dev/vfio/13" && ln -s /dev/vfio/13 "$VIADUCT_ROOT/proc/4242/fd/9" && echo qemu >"$VIADUCT_ROOT/proc/4242/comm"
viaduct unbind eth0/vf1 --dry-run
viaduct bind eth0 --force --dry-run
viaduct bind eth0 --force
viaduct vf destroy eth0 --force --dry-run
viaduct vf destroy eth0 --force
rm -r "$VIADUCT_ROOT/proc/4242"
mv "$VIADUCT_ROOT/sys/bus/pci/drivers/igbvf" "$VIADUCT_ROOT/gone"
viaduct unbind eth0/vf1 --dry-run
mv "$VIADUCT_ROOT/gone" "$VIADUCT_ROOT/sys/bus/pci/drivers/igbvf"
# Somebody else has given it to its driver since.
cd "$VIADUCT_ROOT/sys/bus/pci/devices/0000:01:10.2" && ln -sfn ../../../../bus/pci/drivers/igbvf driver && echo '(null)' >driver_override
viaduct unbind eth0/vf1 --dry-run
viaduct unbind eth0/vf1
viaduct unbind eth0/vf1
echo junk >"$VIADUCT_ROOT/run/viaduct/devices/0000:01:10.2"
viaduct unbind eth0/vf1 --dry-run
# What was given to a driver of the host is in use there.
printf 'driver=\noverride=\ntarget=virtio-pci\n' >"$VIADUCT_ROOT/run/viaduct/devices/0000:04:00.0"; stat -c device=%i "$VIADUCT_ROOT/sys/bus/pci/devices/0000:04:00.0" >>"$VIADUCT_ROOT/run/viaduct/devices/0000:04:00.0"
echo up >"$VIADUCT_ROOT/sys/bus/pci/devices/0000:04:00.0/virtio2/net/eth2/operstate"; echo 0x1003 >"$VIADUCT_ROOT/sys/bus/pci/devices/0000:04:00.0/virtio2/net/eth2/flags"; printf 'Iface\neth2\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n' >"$VIADUCT_ROOT/proc/net/route"
viaduct unbind eth2
# An NVSwitch: a bridge by its class, an endpoint by its header.
echo 0x068000 >"$VIADUCT_ROOT/sys/bus/pci/devices/0000:03:00.0/class"
viaduct list 2>/dev/null | grep -o '03:00.0.*Bridge' | tr -s ' '
