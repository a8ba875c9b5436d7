viaduct vf create eth0 2
viaduct vf create eth1 2
viaduct vf create eth1 2 --dry-run
viaduct vf create eth1 0
viaduct vf create eth1 8
viaduct vf create eth1 65536
viaduct vf create eth2 1
viaduct vf create eth0/vf0 1
viaduct vf create 05:00.0 1
viaduct vf create nvme0 1 --dry-run
viaduct vf create nvme0 1 --dry-run --json
# The kernel would make the VF and its link; here they are there beforehand.
mkdir "$VIADUCT_ROOT/sys/bus/pci/devices/0000:02:00.1"
ln -s ../0000:02:00.1 "$VIADUCT_ROOT/sys/bus/pci/devices/0000:02:00.0/virtfn0"
viaduct vf create nvme0 1
cd "$VIADUCT_ROOT/sys/bus/pci/devices/0000:02:00.0" && cat sriov_numvfs sriov_drivers_autoprobe
viaduct vf create nvme0 1
viaduct vf destroy nvme0 --dry-run
viaduct vf destroy nvme0 --json
# The interface is up, but no VF comes: all is taken back.
echo 0x1003 >"$VIADUCT_ROOT/sys/class/net/eth1/flags"
viaduct vf create eth1 2
cd "$VIADUCT_ROOT/sys/bus/pci/devices/0000:01:00.1" && cat sriov_numvfs sriov_drivers_autoprobe
viaduct vf set nvme0/vf0 --trust on
viaduct vf set eth0 --trust on
viaduct vf set eth0/vf2 --trust on
viaduct vf set eth0/vf0 --vlan 0 --qos 1
viaduct vf set eth0/vf0 --trust on
viaduct vf destroy eth0 --dry-run
viaduct vf destroy eth2
viaduct vf destroy eth1
viaduct vf destroy eth1 --dry-run --json
# A record that cannot be read does not keep VFs.
echo junk >"$VIADUCT_ROOT/run/viaduct/devices/0000:01:10.2"
viaduct vf destroy eth0
ls "$VIADUCT_ROOT/run/viaduct/devices"
# Queues and vectors are of NVMe PFs; the controller of a recorded host gives none.
viaduct vf create eth1 2 --queues 4
viaduct vf create nvme0 1 --queues 4
viaduct vf create nvme0 1 --vectors 2 --dry-run
viaduct vf create nvme0 1 --queues 0
viaduct vf create nvme0 1 --vectors 65536
viaduct vf set nvme0/vf0 --queues 4
viaduct vf set eth0/vf0 --queues 4 --mac 02:00:00:00:00:01
rm "$VIADUCT_ROOT/sys/bus/pci/devices/0000:02:00.0/driver" && ln -s ../../../../bus/pci/drivers/vfio-pci "$VIADUCT_ROOT/sys/bus/pci/devices/0000:02:00.0/driver"
viaduct vf create nvme0 1
# With a driver, which is there.
viaduct vf create eth1 2 --driver vfio-pci --dry-run
viaduct vf create eth1 2 --driver nosuch
viaduct vf create eth1 2 --driver ../vfio-pci --dry-run
rmdir "$VIADUCT_ROOT/sys/bus/pci/drivers/vfio-pci"; viaduct vf create eth1 2 --driver vfio-pci --dry-run
