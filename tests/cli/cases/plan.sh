# Read from standard input, and from a file.
printf 'pfs:\n- pf: eth0\n  vfs: 3\n  driver: vfio-pci\n  vf:\n  - {index: 0-1, mac: "02:00:00:00:00:01", vlan: 100}\n  - index: 2\n    mac: 02:00:00:00:00:09\n    trust: on\n' >eth0.yaml
viaduct plan eth0.yaml
viaduct plan eth0.yaml --json | head -12
printf 'devices: [{device: 0000:01:10.0, driver: vfio-pci}]' | viaduct plan -
printf 'pfs:\n- {pf: eth0, vfs: 2}\n- {pf: nvme0, vfs: 2, queues: 4}' | viaduct plan -
printf 'pfs:\n- {pf: eth0, vfs: 2}\n' | viaduct plan -
printf 'pfs:\n- {pf: eth0, vfs: 2}\n' | viaduct plan - --json
printf 'pools:\n  fast: {pf: [eth0, eth1], vf: 0-1, mac: "02:00:00:00:01:00", spoofchk: on}\n' >pool.yaml
viaduct plan pool.yaml
# Files that are wrong: the place, and what is wrong with it.
viaduct plan none.yaml
printf '' | viaduct plan -
printf 'pfs: [' | viaduct plan -
printf 'pfs:\n\t- pf: eth0\n' | viaduct plan -
printf 'pfs: {}\n' | viaduct plan -
printf -- '- pfs\n' | viaduct plan -
printf 'pf: []\n' | viaduct plan -
printf 'nonsense: []\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n  vsf: 2\n' | viaduct plan -
printf 'pfs:\n- vfs: 2\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n  vfs: two\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n  vfs: [2]\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n  vfs: 2\n  vfs: 3\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n  vfs: 2\n  vf:\n  - index: 2\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n  vf:\n  - index: 0-2\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n  vfs: 4\n  vf:\n  - index: 2-3\n  - index: 0-2\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n  vfs: 4\n  vf:\n  - index: 3-2\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n  vfs: 4\n  vf:\n  - index: 0-2\n    mac: 02:00:00:00:00:0e\n  - index: 3\n    mac: 02:00:00:00:00:10\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n  vfs: 2\n  vf:\n  - {index: 0-1, mac: "fe:ff:ff:ff:ff:ff"}\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n  vfs: 2\n  vf:\n  - {index: 0-1, mac: "01:00:00:00:00:00"}\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n  vf:\n  - {index: 0, vlan: 4095}\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n  vf:\n  - {index: 0, qos: 3}\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n  vf:\n  - {index: 0, trust: maybe}\n' | viaduct plan -
printf 'pfs:\n- {pf: eth0, driver: ../x}\n' | viaduct plan -
printf 'pfs:\n- {pf: eth0, vfs: 8}\n' | viaduct plan -
printf 'pfs:\n- {pf: eth7, vfs: 1}\n' | viaduct plan -
printf 'pfs:\n- {pf: eth0, queues: 2}\n' | viaduct plan -
printf 'pfs:\n- {pf: nvme0, vfs: 1, vf: [{index: 0, vlan: 2}]}\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\n- pf: 01:00.0\n' | viaduct plan -
printf 'pfs:\n- pf: eth0/vf1\n' | viaduct plan -
printf 'pfs:\n- pf: eth0\ndevices:\n- {device: eth0/vf1, driver: vfio-pci}\n' | viaduct plan -
printf 'devices:\n- {device: eth0/vf1}\n' | viaduct plan -
printf 'pools:\n  fast: {pf: eth9}\n' | viaduct plan -
printf 'pools:\n  fast: {pf: eth0, vf: 7}\n' | viaduct plan -
printf 'pools:\n  .fast: {pf: eth0}\n' | viaduct plan -
printf 'pfs: &a []\ndevices: *a\n' | viaduct plan -
printf 'pfs: []\n---\npfs: []\n' | viaduct plan -
printf '[[[[[[[[[[]]]]]]]]]]' | viaduct plan -
head -c 1048577 /dev/zero | viaduct plan -
printf '%%YAML 1.1\n---\npfs: []\n' | viaduct plan -
viaduct plan
# One that asks for what cannot be: nothing is changed.
printf 'devices: [{device: eth0/vf0, driver: missing}]' | viaduct plan -
printf 'devices: [{device: eth0/vf0, driver: missing}]' | viaduct apply -
printf 'pfs:\n- {pf: eth1, vfs: 2}\n' | viaduct apply -
viaduct apply eth0.yaml --dry-run
# One that is ignored stops nothing, though it waits from before the start.
env --ignore-signal=HUP --block-signal=HUP sh -c 'kill -HUP $$; exec viaduct apply pool.yaml'
rm "$VIADUCT_ROOT/run/viaduct/pools/fast"
# The pool, made and made again.
viaduct apply pool.yaml
cat "$VIADUCT_ROOT/run/viaduct/pools/fast"
viaduct apply pool.yaml
viaduct apply pool.yaml --json
