# Whether there is iommufd depends on the headers it was built with.
viaduct host | grep -v -e iommufd -e 'device files'
viaduct list
viaduct list --all --json | ./check-json list
viaduct host --json | ./check-json host
viaduct show eth0 --json | ./check-json show
viaduct show c2:00.3 --json | ./check-json show
viaduct show eth0
viaduct show c2:00.3
viaduct show eth1 --json
viaduct host --json | sed '/backend-iommufd/,/fix/d; /device-files/,/fix/d'
for each in "$VIADUCT_ROOT"/sys/module/kvm_amd/parameters/avic; do echo Y >"$each"; done
viaduct host | grep -e AVIC -e posted
# Nothing is there yet that a guest would need; then VFIO and KVM are, and the other function goes too.
viaduct check eth0
mkdir -p "$VIADUCT_ROOT/dev/vfio" "$VIADUCT_ROOT/sys/bus/pci/drivers/vfio-pci" && touch "$VIADUCT_ROOT/dev/kvm" "$VIADUCT_ROOT/dev/vfio/vfio"
viaduct check eth0 eth1
# Addresses that the firmware keeps, and a limit to DMA mappings.
mkdir -p "$VIADUCT_ROOT/sys/module/vfio_iommu_type1/parameters" && echo 0 >"$VIADUCT_ROOT/sys/module/vfio_iommu_type1/parameters/dma_entry_limit"
viaduct check c2:00.3 --json
echo "0x0000000009f00000 0x0000000009ffffff reserved" >>"$VIADUCT_ROOT/sys/kernel/iommu_groups/7/reserved_regions" && rm -r "$VIADUCT_ROOT/sys/module/vfio_iommu_type1"
viaduct check c2:00.3 --memory 128M
viaduct check c2:00.3 --memory 256M
# With a driver of VFIO, and its group's file.
ln -sfn ../../../../bus/pci/drivers/vfio-pci "$VIADUCT_ROOT/sys/bus/pci/devices/0000:c2:00.3/driver" && touch "$VIADUCT_ROOT/dev/vfio/7"
viaduct check c2:00.3 --memory 128M
viaduct check c2:00.3 --memory 256M
echo identity >"$VIADUCT_ROOT/sys/kernel/iommu_groups/7/type" && mkdir -p "$VIADUCT_ROOT/proc/self" && printf 'Max open files            4                    7                    files\n' >"$VIADUCT_ROOT/proc/self/limits"
viaduct check c2:00.3 --memory 128M
rm -r "$VIADUCT_ROOT/sys/class/iommu" "$VIADUCT_ROOT/sys/bus/pci/devices/0000:c2:00.3/iommu_group"
viaduct check c2:00.3
mkdir -p "$VIADUCT_ROOT/sys/class/iommu/ivhd0"
viaduct check c2:00.3
