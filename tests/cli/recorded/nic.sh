# Whether there is iommufd depends on the headers it was built with.
viaduct host | grep -v -e iommufd -e 'device files'
viaduct list | sed -n '1,3p; 65,67p'
viaduct list --all --json | ./check-json list
viaduct host --json | ./check-json host
viaduct show eth0 --json | ./check-json show
viaduct show eth0/vf63 --json | ./check-json show
viaduct show 64:02.0 --json | ./check-json show
script -qec 'viaduct list' /dev/null | sed -n '1,3p; 64,67p' | tr -d '\r'
viaduct show eth0
viaduct show eth0/vf63
viaduct show eth1 | grep -A 9 SR-IOV
viaduct show eth0/vf63 --json
# Beside the file of KVM, all is there. An interface that is down answers no VF.
viaduct check 65:09.7
touch "$VIADUCT_ROOT/dev/kvm" && echo 0x1003 >"$VIADUCT_ROOT/sys/bus/pci/devices/0000:65:00.0/net/eth0/flags" && ln -sfn ../../../../bus/pci/drivers/vfio-pci "$VIADUCT_ROOT/sys/bus/pci/devices/0000:65:09.7/driver"
viaduct check eth0/vf63 --backend group
touch "$VIADUCT_ROOT/dev/vfio/163"
viaduct check eth0/vf63 --backend group
echo 0x1002 >"$VIADUCT_ROOT/sys/bus/pci/devices/0000:65:00.0/net/eth0/flags"
viaduct check eth0/vf63 eth0/vf62 --backend group
viaduct check eth0/vf63 65:09.7
viaduct check eth0/vf64
viaduct check eth1
# A user without privileges reads 64 bytes; a VF that exists has the BARs of all.
for each in "$VIADUCT_ROOT"/sys/bus/pci/devices/*/config; do truncate -s 64 "$each"; done
viaduct show eth0 | sed -n '/^ROM/,$p'
viaduct show eth1 | sed -n '/^ROM/,$p'
viaduct show 64:02.0
viaduct host | grep -v -e iommufd -e 'device files'
viaduct check eth0/vf63 --json
