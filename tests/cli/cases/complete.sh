# What the shells ask.
viaduct complete -- v
viaduct complete -- vf ''
viaduct complete -- help bench ''
viaduct complete -- -
viaduct complete -- vf --
viaduct complete -- export --
viaduct complete -- bind ''
viaduct complete -- bind 01:
viaduct complete -- bind eth0/
viaduct complete -- bind eth0/vf0 --driver i
viaduct complete -- vf create ''
viaduct complete -- vf create eth0 ''
viaduct complete -- vf set ''
viaduct complete -- vf set eth0/vf1
viaduct complete -- vf set eth0/vf0 --trust=
viaduct complete -- show nvme0 ''
viaduct complete -- show ''  | wc -l
viaduct complete -- bench ''
viaduct complete -- bench net --subjects virtio,u
viaduct complete -- run --kernel ''
viaduct complete -- run --device 02:
viaduct complete -- check eth1 --backend ''
viaduct complete -- undo eth1 nv
viaduct complete -- apply ''
mkdir -p "$VIADUCT_ROOT/run/viaduct/pools" && touch "$VIADUCT_ROOT/run/viaduct/pools/tenants"; viaduct complete -- vf lease t
viaduct complete -- vf lease tenants -- ''
viaduct complete -- vf pool create tenants nv
viaduct complete -- run --nothing ''
viaduct complete -- nothing ''
viaduct complete --
viaduct complete
# A name that a shell would obey is not offered.
ln -s ../../bus/pci/devices/0000:01:00.1/net/eth1 "$VIADUCT_ROOT/sys/class/net/e\$(reboot)"
viaduct complete -- bind e
# On a host without PCI there is nothing, and no complaint.
VIADUCT_ROOT=/nowhere viaduct complete -- bind ''
mkdir empty; VIADUCT_ROOT=empty viaduct complete -- bind ''
# Bash itself.
./complete-bash completion/viaduct.bash 'viaduct vf d'
./complete-bash completion/viaduct.bash 'viaduct bind 0000:01:1'
./complete-bash completion/viaduct.bash 'viaduct bind --force e'
./complete-bash completion/viaduct.bash 'viaduct export --format=c'
./complete-bash completion/viaduct.bash 'viaduct vf set eth0/vf0 --spoofchk '
./complete-bash completion/viaduct.bash 'viaduct run --console f'
./complete-bash completion/viaduct.bash 'viaduct run --kernel=check-c'
./complete-bash completion/viaduct.bash 'viaduct run --device 0000:02:00.0 --disk check-l'
./complete-bash completion/viaduct.bash 'viaduct nothing '
