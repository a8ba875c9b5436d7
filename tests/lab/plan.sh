# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # the harness sets out, err and more
# Files of wanted devices: from one state to another, again, and back when a step fails.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

FILE=/tmp/wanted.yaml

driver() { basename "$(readlink "/sys/bus/pci/devices/$1/driver" || echo none)"; }

# All that a plan is about: what snapshot has not.
attributes() { ip link show "$PF" | grep ' vf '; }

# An apply with nothing to do writes to no file of the kernel's or Viaduct's, and sets nothing by netlink.
writes_nothing() {
    strace -f -o /tmp/trace -e trace=openat,write,sendto,sendmsg -y viaduct apply "$FILE" >/tmp/out
    match "$(cat /tmp/out)" '^nothing to do: the host is as /tmp/wanted.yaml says$'
    no_match "$(grep -v '/dev/pts\|/dev/tty' /tmp/trace)" 'write\([0-9]+</(sys|run)|RTM_(SET|NEW)LINK, '
    no_match "$(cat /tmp/trace)" 'openat\(.*"(sys|proc)/.*O_(WRONLY|RDWR)'
}

check_there_and_again() {
    snapshot >/tmp/before
    cat >"$FILE" <<YAML
pfs:
- pf: $PF
  vfs: 3
  driver: vfio-pci
  vf:
  - {index: 0-1, mac: 02:00:00:00:01:0f, vlan: 100, qos: 3}
  - {index: 2, mac: 02:00:00:00:02:00, trust: on, spoofchk: off}
pools:
  fast: {pf: $PF, vf: 0-1, spoofchk: on}
YAML
    expect 0 viaduct plan "$FILE"
    match "$out" "^  make VFs of $PF$"
    match "$out" '^\+   mac: 02:00:00:00:01:10$'
    snapshot | diff -u /tmp/before -
    expect 0 viaduct apply "$FILE"
    same "$out" "8 steps done: the host is as $FILE says"
    same "$err" ''
    same "$(driver "$VF0_BDF") $(driver "$VF1_BDF") $(driver 0000:01:10.4)" 'vfio-pci vfio-pci vfio-pci'
    match "$(attributes)" 'vf 0 .*02:00:00:00:01:0f.*vlan 100, qos 3.*spoof checking on.*trust off'
    match "$(attributes)" 'vf 1 .*02:00:00:00:01:10.*vlan 100, qos 3'
    match "$(attributes)" 'vf 2 .*02:00:00:00:02:00.*spoof checking off.*trust on'
    writes_nothing

    # One attribute: nothing else is touched.
    sed -i 's/vlan: 100/vlan: 200/' "$FILE"
    expect 0 viaduct apply "$FILE" --json
    same "$(grep -c '"step": "set"' <<<"$out") $(grep -c '"step"' <<<"$out")" '2 2'
    match "$(attributes)" 'vf 1 .*vlan 200, qos 3'

    # Somebody has a VF: no other is changed either.
    snapshot >/tmp/busy
    attributes >/tmp/busy-attributes
    sed -i 's/vfs: 3/vfs: 5/' "$FILE"
    exec {held}<>"/dev/vfio/$(basename "$(readlink /sys/bus/pci/devices/0000:01:10.4/iommu_group)")"
    refuse 1 '0000:01:10.4 is in use: process [0-9]+' viaduct apply "$FILE"
    expect 0 viaduct plan "$FILE"
    match "$err" '^viaduct: warning: it would be refused: 0000:01:10.4 is in use'
    exec {held}<&-
    snapshot | diff -u /tmp/busy -
    attributes | diff -u /tmp/busy-attributes -

    # Another number of VFs: all are made again.
    expect 0 viaduct apply "$FILE"
    same "$(cat "/sys/bus/pci/devices/$PF_BDF/sriov_numvfs") $(driver 0000:01:11.0)" '5 vfio-pci'
    match "$(attributes)" 'vf 1 .*02:00:00:00:01:10.*vlan 200, qos 3'
    printf 'pfs:\n- {pf: %s, vfs: 0}\n' "$PF" >"$FILE"
    expect 0 viaduct apply "$FILE"
    rm /run/viaduct/pools/fast
    snapshot | diff -u /tmp/before -
}

# udevd that is told to wait announces nothing: what is killed then has made VFs, and no more.
check_killed_and_undone() {
    trap 'udevadm control --start-exec-queue' EXIT
    snapshot >/tmp/before
    printf 'pfs:\n- {pf: %s, vfs: 2, driver: vfio-pci, vf: [{index: 0-1, vlan: 3}]}\n' "$PF" >"$FILE"
    udevadm control --stop-exec-queue
    viaduct apply "$FILE" &
    until [ "$(<"/sys/bus/pci/devices/$PF_BDF/sriov_numvfs")" = 2 ]; do sleep 0.1; done
    kill -9 $!
    wait $! || :
    udevadm control --start-exec-queue
    expect 0 viaduct undo
    snapshot | diff -u /tmp/before -
}

# nvme takes no VF of a network card: the last step fails, and the VFs are as many as before, and as they were.
check_back_when_a_step_fails() {
    cat >"$FILE" <<YAML
pfs:
- {pf: $PF, vfs: 2, driver: vfio-pci, vf: [{index: 0-1, mac: 02:00:00:00:01:00, vlan: 7}]}
YAML
    expect 0 viaduct apply "$FILE"
    snapshot >/tmp/before
    attributes >/tmp/before-attributes
    cat >"$FILE" <<YAML
pfs:
- {pf: $PF, vfs: 3, driver: vfio-pci, vf: [{index: 0, vlan: 9}, {index: 2, driver: nvme}]}
YAML
    refuse 1 'nvme refused 0000:01:10.4 .*; what was done before has been taken back, but for rates and link states of VFs$' viaduct apply "$FILE"
    attributes | diff -u /tmp/before-attributes -
    snapshot | diff -u /tmp/before -
    viaduct vf destroy "$PF"
}

check_nvme_resources() {
    local each
    snapshot >/tmp/before
    for each in 3:1 4:2; do
        cat >"$FILE" <<YAML
pfs:
- {pf: nvme0, vfs: 2, driver: vfio-pci, queues: ${each%:*}, vectors: ${each#*:}}
YAML
        expect 0 viaduct apply "$FILE"
        expect 0 viaduct vf list nvme0
        match "$out" "^$NVME_BDF/vf1 +0000:02:00.2 +vfio-pci +online +${each%:*} +${each#*:}$"
        expect 0 viaduct apply "$FILE"
        match "$out" '^nothing to do: '
    done
    printf 'pfs:\n- {pf: nvme0, vfs: 0}\n' | viaduct apply -
    snapshot | diff -u /tmp/before -
}
