# Whether there is iommufd depends on the headers it was built with.
viaduct host | grep -v -e iommufd -e 'device files'
viaduct list
viaduct list --all --json | ./check-json list
viaduct host --json | ./check-json host
viaduct show wlan0 --json | ./check-json show
viaduct show 00:1f.3 --json | ./check-json show
viaduct show wlan0
viaduct show nvme0 | sed -n '/^GROUP/,/^NUMA/p'
viaduct show 00:1f.3
viaduct check wlan0
viaduct check nvme0 | sed -n 1,5p
