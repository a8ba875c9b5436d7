# Whether there is iommufd depends on the headers it was built with.
viaduct host | grep -v -e iommufd -e 'device files'
viaduct list
viaduct show eth0
viaduct show c2:00.3
viaduct show eth1 --json
viaduct host --json | sed '/backend-iommufd/,/fix/d; /device-files/,/fix/d'
for each in "$VIADUCT_ROOT"/sys/module/kvm_amd/parameters/avic; do echo Y >"$each"; done
viaduct host | grep -e AVIC -e posted
