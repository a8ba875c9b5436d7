viaduct vf pool list
viaduct vf lease web -- true
viaduct vf pool create web eth0 --vlan 7 --dry-run
viaduct vf pool create web eth0 --vlan 7
viaduct vf pool create web eth0
viaduct vf pool create db eth0/vf1 eth1/vf0-6 --mac 02:00:00:00:00:01 --qos 0 --trust off --driver igbvf --json
viaduct vf pool create gaps eth0/vf5-
viaduct vf pool list
viaduct vf pool list --json
viaduct vf pool create a eth0/vf7
viaduct vf pool create a eth0/vf2-1
viaduct vf pool create a eth0 eth0/vf1
viaduct vf pool create a eth0 eth1 --mac 02:00:00:00:00:01
viaduct vf pool create a eth0/vfx
viaduct vf pool create a eth0/vf1-x
viaduct vf pool create a eth9
viaduct vf pool create a 0000:01:10.0
viaduct vf pool create a 00:02.0
viaduct vf pool create ../a eth0
viaduct vf pool create a eth0 --qos 3
viaduct vf pool remove gaps --dry-run
viaduct vf pool remove gaps
viaduct vf pool remove gaps
viaduct vf lease web --dry-run
# A recorded host has no attributes that could be set; without any, the VF is still to be shown.
viaduct vf pool create plain eth0
viaduct vf lease plain --dry-run
viaduct vf lease plain --dry-run --json
viaduct vf lease plain --node 7 --dry-run
viaduct vf leases
viaduct vf leases --json
viaduct vf release eth0/vf0
viaduct vf release eth0/vf0 --dry-run
viaduct vf release --all-dead
viaduct vf release --all-dead --dry-run
# Nobody is to have it: its record is damaged.
mkdir -p "$VIADUCT_ROOT/run/viaduct/leases" && echo junk >"$VIADUCT_ROOT/run/viaduct/leases/0000:01:10.0"
viaduct vf leases
viaduct bind eth0/vf0
viaduct vf destroy eth0
viaduct vf release eth0/vf0
echo junk >"$VIADUCT_ROOT/run/viaduct/pools/web"
viaduct vf lease web -- true
viaduct vf pool list
# Usage.
viaduct vf lease
viaduct vf lease plain
viaduct vf lease plain --hold -- true
viaduct vf lease plain --json -- true
viaduct vf lease plain --node near -- true
viaduct vf lease plain --owner 0 -- true
viaduct vf lease plain --wait soon -- true
viaduct vf release
viaduct vf release eth0/vf0 --all-dead
viaduct vf pool
viaduct vf pool create web
