# One VF that is bound, one that is not.
viaduct export eth0/vf1 --format qemu
viaduct export eth0/vf1 --format qemu --backend group
viaduct export eth0/vf0 eth0/vf1 01:10.0 --format qemu --backend iommufd
viaduct export eth0/vf0 eth0/vf1 --format libvirt
viaduct export eth0/vf0 --format libvirt --managed
viaduct export eth0/vf1 --format cdi
viaduct export eth0/vf0 eth0/vf1 --format dpdk
# A slot of the host is a slot of the guest, whatever the order and the group. A group is told of once.
viaduct export 03:00.1 01:00.1 03:00.0 01:00.0 nvme0 --format qemu
viaduct export 03:00.1 03:00.0 --format libvirt --managed
viaduct export 03:00.1 03:00.0 --format cdi
viaduct export 03:00.1 --format qemu
# The device files are there once VFIO has the device.
viaduct export eth0/vf1 --format cdi --backend iommufd
for each in 0000:01:10.0/vfio-dev/vfio7 0000:01:10.2/vfio-dev/vfio12; do mkdir -p "$VIADUCT_ROOT/sys/bus/pci/devices/$each"; echo 246:1 >"$VIADUCT_ROOT/sys/bus/pci/devices/$each/dev"; done
viaduct export eth0/vf1 eth0/vf0 --format cdi --backend iommufd
# In no group.
viaduct export eth2 --format dpdk
viaduct export eth2 --format qemu
# What is in CDI is what its specification asks for.
viaduct export 03:00.1 eth0/vf1 --format cdi 2>/dev/null | ./check-cdi
viaduct export eth0/vf0 --format cdi --backend iommufd 2>/dev/null | ./check-cdi
viaduct export 03:00.1 03:00.0 --format libvirt 2>/dev/null | ./check-libvirt
# More slots than there is room for: 15 of two functions go, and the next does not.
for slot in 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10; do for f in 0 1; do cp -r "$VIADUCT_ROOT/sys/bus/pci/devices/0000:02:00.0" "$VIADUCT_ROOT/sys/bus/pci/devices/0000:09:$slot.$f"; echo "09:$slot.$f"; ln -s . "$VIADUCT_ROOT/sys/kernel/iommu_groups/14/devices/0000:09:$slot.$f"; done; done >devices
viaduct export $(head -n 30 devices) --format qemu 2>/dev/null | tail -n 2
viaduct export $(cat devices) --format qemu
# A bridge.
echo 0x060400 >"$VIADUCT_ROOT/sys/bus/pci/devices/0000:09:0a.0/class"; viaduct export 09:0a.0 --format qemu
# What it is not for.
viaduct export eth0
viaduct export --format qemu
viaduct export eth0 --format xen
viaduct export eth9 --format qemu
viaduct export eth0/vf1 --format qemu --backend cdev
viaduct export eth0/vf1 --format libvirt --backend iommufd
viaduct export eth0/vf1 --format dpdk --managed
