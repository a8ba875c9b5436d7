# Whether there is iommufd depends on the headers it was built with.
viaduct host | grep -v -e iommufd -e 'device files'
viaduct list --all
viaduct list --all --json | ./check-json list
viaduct host --json | ./check-json host
viaduct show 04:00.0 --json | ./check-json show
viaduct show 06:01.0 --json | ./check-json show
viaduct show 04:00.0
viaduct show 04:00.1 | sed -n '/^GROUP/,/^NUMA/p'
viaduct show 06:00.0
viaduct show 06:01.0 --json
# A graphics card with and without its audio function, and what is behind a bridge to conventional PCI.
mkdir -p "$VIADUCT_ROOT/dev" && touch "$VIADUCT_ROOT/dev/kvm"
viaduct check 04:00.0
viaduct check 04:00.0 04:00.1 --memory 4M
viaduct check 06:00.0 06:01.0 | grep reset
viaduct check 06:01.0
viaduct check 03:08.0
# Without remapping of interrupts, and what the kernel was told to do about it.
echo N >"$VIADUCT_ROOT/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
viaduct check 06:00.0 | grep -A 1 remap
mv "$VIADUCT_ROOT/proc/cmdline" "$VIADUCT_ROOT/cmdline" && echo vfio_iommu_type1.allow_unsafe_interrupts=1 >"$VIADUCT_ROOT/proc/cmdline" && rm "$VIADUCT_ROOT/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
viaduct check 06:00.0 | grep -c remap
mv "$VIADUCT_ROOT/cmdline" "$VIADUCT_ROOT/proc/cmdline"
viaduct check 06:00.0 | grep -c remap
for each in "$VIADUCT_ROOT"/sys/bus/pci/devices/*/config; do truncate -s 64 "$each"; done
viaduct show 04:00.0 | sed -n '/^GROUP/,/^NUMA/p'
viaduct host | grep ACS
