# A host that says little, and one function of it that says nonsense.
viaduct show eth0
viaduct show eth0/vf1
viaduct show 03:00.1
viaduct show 04:00.0
viaduct show 05:00.0
viaduct show 06:00.0
viaduct show lo
viaduct show 01:00.1 --json
