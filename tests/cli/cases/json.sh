# What programs get is what docs/json.md says.
viaduct list --json 2>/dev/null | ./check-json list
viaduct show eth0 --json | ./check-json show
viaduct show eth0/vf1 --json | ./check-json show
viaduct show 03:00.0 --json | ./check-json show
viaduct host --json | ./check-json host
viaduct check eth0/vf0 03:00.0 --json | ./check-json check
viaduct vf list --json 2>/dev/null | ./check-json 'vf list'
viaduct unbind eth0/vf1 --dry-run --json | ./check-json --dry-run
viaduct undo --list --json | ./check-json undo
printf 'devices: [ { device: 0000:01:10.0, driver: vfio-pci } ]\n' >wanted; viaduct plan wanted --json | ./check-json plan
