viaduct show eth0
viaduct show c2:00.3
viaduct show eth1 --json
