# Whether there is iommufd depends on the headers it was built with.
viaduct host | grep -v -e iommufd -e 'device files'
viaduct list --all
viaduct show 04:00.0
viaduct show 04:00.1 | sed -n '/^GROUP/,/^NUMA/p'
viaduct show 06:00.0
viaduct show 06:01.0 --json
for each in "$VIADUCT_ROOT"/sys/bus/pci/devices/*/config; do truncate -s 64 "$each"; done
viaduct show 04:00.0 | sed -n '/^GROUP/,/^NUMA/p'
viaduct host | grep ACS
