# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # the harness sets out, err and more
# limit: 120
# What Viaduct changed on a host, and 'viaduct undo'.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

NVME=/sys/bus/pci/devices/$NVME_BDF

state() {
    snapshot # records, too
    sed 's/ .*//' /proc/modules | sort
    nvme list-secondary /dev/nvme0 --output-format=json
}

undone() {
    expect 0 viaduct undo
    state | diff -u /tmp/before -
}

check_all_of_it() {
    modprobe igbvf # as udev does for a VF
    state >/tmp/before
    expect 0 viaduct vf create "$PF" 2
    expect 0 viaduct vf set "$PF/vf1" --mac 02:00:00:00:00:07 --vlan 5 --trust on
    expect 0 viaduct bind "$PF/vf0" "$PF/vf1"
    expect 0 viaduct vf create nvme0 2
    expect 0 viaduct undo --list
    match "$out" "^$PF_BDF: 0 VFs before$"
    expect 0 viaduct undo --dry-run "$PF"
    match "$out" "^/sys/bus/pci/devices/$PF_BDF/sriov_numvfs: 2 -> 0$"
    # Who has a VF open keeps it; the rest goes.
    exec {held}<>"/dev/vfio/$(basename "$(readlink "/sys/bus/pci/devices/$VF0_BDF/iommu_group")")"
    expect 1 viaduct undo
    match "$err" "^viaduct: $VF0_BDF is in use: process $$ "
    same "$(cat "/sys/bus/pci/devices/$PF_BDF/sriov_numvfs" "$NVME/sriov_numvfs")" $'2\n0'
    exec {held}>&-
    undone
    expect 0 viaduct undo
    same "$out" 'nothing to undo'
}

# Those of somebody else: made, set and given to their driver by hand.
check_vfs_of_others() {
    modprobe igbvf
    trap 'echo 0 >"/sys/bus/pci/devices/$PF_BDF/sriov_numvfs"; modprobe -r igbvf' EXIT
    ip link set "$PF" vf 0 mac 02:00:00:00:00:01 2>/dev/null || :
    echo 2 >"/sys/bus/pci/devices/$PF_BDF/sriov_numvfs"
    udevadm settle
    ip link set "$PF" vf 1 mac 02:00:00:00:00:02 vlan 9 spoofchk off
    echo "$VF0_BDF" >"/sys/bus/pci/devices/$VF0_BDF/driver/unbind"
    settings() { snapshot | grep -v '^[^ ]* [0-9a-f][0-9a-f] \|^[0-9]*: '; ip link show "$PF" | grep '^ *vf '; }
    settings >/tmp/before
    expect 0 viaduct vf destroy "$PF"
    expect 0 viaduct vf create "$PF" 3
    expect 0 viaduct vf set "$PF/vf0" --vlan 7
    expect 0 viaduct bind "$PF/vf0"
    expect 0 viaduct undo
    settings | diff -u /tmp/before -
}

# vfio-pci comes with the first bind, and stays while somebody else has given it a function.
check_module() {
    local other=0000:00:05.0 was
    modprobe -r vfio-pci
    was=$(lsmod | sed 's/ .*//' | sort)
    expect 0 viaduct bind --dry-run "$other"
    match "$out" '^/sys/bus/pci/drivers/vfio-pci: '
    same "$(lsmod | sed 's/ .*//' | sort)" "$was"
    expect 0 viaduct bind "$other"
    expect 0 viaduct undo --list
    match "$out" '^vfio_pci: not loaded before$'
    echo "$NVME_BDF" >"$NVME/driver/unbind"
    echo vfio-pci >"$NVME/driver_override"
    echo "$NVME_BDF" >/sys/bus/pci/drivers_probe
    expect 1 viaduct undo
    match "$err" "^viaduct: the module vfio_pci stays loaded: $NVME_BDF is bound to it$"
    same "$(cat "/sys/bus/pci/devices/$other/driver_override")" '(null)'
    echo "$NVME_BDF" >"$NVME/driver/unbind"
    echo >"$NVME/driver_override"
    echo "$NVME_BDF" >/sys/bus/pci/drivers_probe
    expect 0 viaduct undo
    same "$(lsmod | sed 's/ .*//' | sort)" "$was"
    modprobe vfio-pci
}

# SIGKILL as a system call begins: of a record, of a change.
killed() { # CALL WHEN COMMAND...
    local call=$1 when=$2
    shift 2
    expect 137 strace -qq -f -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$when" viaduct "$@"
}

check_killed() {
    modprobe igbvf
    state >/tmp/before
    # The VFs are on record, and half of what autoprobe was.
    killed renameat,renameat2 2 vf create "$PF" 2
    match "$(cd /run/viaduct && find autoprobe pfs -type f)" '^autoprobe/\.'
    undone
    # Autoprobe is off, and the VFs are there.
    udevadm control --stop-exec-queue
    viaduct vf create "$PF" 2 &
    pid=$!
    until [ "$(cat "/sys/bus/pci/devices/$PF_BDF/sriov_numvfs")" = 2 ]; do sleep 0.1; done
    kill -KILL "$pid"
    wait "$pid" || :
    udevadm control --start-exec-queue
    undone
    # Half-way through what the controller is told.
    killed ioctl 8 vf create nvme0 2
    undone
}
