# Whether there is iommufd depends on the headers it was built with.
viaduct host | grep -v -e iommufd -e 'device files'
viaduct list | sed -n '1,3p; 65,67p'
script -qec 'viaduct list' /dev/null | sed -n '1,3p; 64,67p' | tr -d '\r'
viaduct show eth0
viaduct show eth0/vf63
viaduct show eth1 | grep -A 9 SR-IOV
viaduct show eth0/vf63 --json
# A user without privileges reads 64 bytes; a VF that exists has the BARs of all.
for each in "$VIADUCT_ROOT"/sys/bus/pci/devices/*/config; do truncate -s 64 "$each"; done
viaduct show eth0 | sed -n '/^ROM/,$p'
viaduct show eth1 | sed -n '/^ROM/,$p'
viaduct show 64:02.0
viaduct host | grep -v -e iommufd -e 'device files'
