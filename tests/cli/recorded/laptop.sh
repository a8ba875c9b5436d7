viaduct show wlan0
viaduct show nvme0 | sed -n '/^GROUP/,/^NUMA/p'
viaduct show 00:1f.3
