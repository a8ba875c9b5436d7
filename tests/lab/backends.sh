# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # the harness sets out, err and more
# kernels: stock full
# limit: 300
# Both ways to the IOMMU, descriptors handed over, privileges given up, and how functions are reset.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

STATS=/tmp/stats.json

watch() { snapshot >/tmp/before; }
unchanged() {
    snapshot >/tmp/after
    diff -u /tmp/before /tmp/after || flunk 'the host was changed'
}
have_iommufd() { [ -c /dev/iommu ]; }
need_iommufd() { have_iommufd || skip 'this kernel has no iommufd'; }
cdev() { echo "/dev/vfio/devices/$(basename /sys/bus/pci/devices/"$1"/vfio-dev/vfio*)"; }

bound_vfs() {
    local i
    vfs "$1"
    for ((i = 0; i < $1; i++)); do viaduct bind "$PF/vf$i"; done
}

check_auto() {
    local wanted=group
    bound_vfs 1
    ! have_iommufd || wanted=iommufd
    expect 0 guest via.do=pings:5 --memory 256M --device "$PF/vf0" --stats $STATS
    same "$err" ''
    match "$out" '^guest: pings 5/5 through eth0$'
    holds $STATS "s['dma']['backend'] == '$wanted'" "s['dma']['p2p'] is None" \
        "s['dma']['dirty_tracking'] in (True, False)" "s['dma']['ioctls'] <= 10" \
        's["dma"]["map_calls"] == s["dma"]["unmap_calls"] == 1' \
        's["devices"][0]["vfio"]["resets"] == 1'
}

check_group() {
    bound_vfs 1
    expect 0 guest via.do=pings:5 --memory 256M --device "$PF/vf0" --backend group --stats $STATS
    match "$out" '^guest: pings 5/5 through eth0$'
    # type1 knows which pages were pinned for devices.
    holds $STATS 's["dma"]["backend"] == "group"' 's["dma"]["dirty_tracking"] is True'
}

check_iommufd_two_vfs() {
    need_iommufd
    bound_vfs 2
    expect 0 guest via.do=pings:5 --memory 256M --device "$PF/vf0" --device "$PF/vf1" \
        --backend iommufd --stats $STATS
    same "$err" ''
    match "$out" '^guest: pings 5/5 through eth0$'
    match "$out" '^guest: pings 5/5 through eth1$'
    # One address space for both, and memory mapped once.
    holds $STATS 's["dma"]["backend"] == "iommufd"' 's["dma"]["map_bytes"] == 256 << 20' 'len(s["devices"]) == 2'
}

check_iommufd_refusals() {
    bound_vfs 1
    watch
    refuse 2 'backend is auto, group or iommufd' guest '' --backend type1
    refuse 2 'open descriptor, fd=N' guest '' --iommufd 5
    refuse 1 'descriptor 77 is not open' guest '' --device fd=77
    refuse 1 'descriptor 7 is no VFIO device file' guest '' --device fd=7 7</dev/null
    if ! have_iommufd; then
        refuse 1 'no /dev/iommu.*CONFIG_IOMMUFD' guest '' --backend iommufd --device "$PF/vf0"
        unchanged
        return
    fi
    refuse 1 'descriptor 7 is not an open /dev/iommu' guest '' --iommufd fd=7 --device "$PF/vf0" 7</dev/null
    # shellcheck disable=SC2094 # a device, which is not truncated
    refuse 1 'open device file of 0000:01:10.0 is of no use to the group backend' \
        guest '' --backend group --device fd=7 7<>"$(cdev "$VF0_BDF")"
    refuse 1 'no use to the group backend' guest '' --backend group --iommufd fd=7 --device "$PF/vf0" 7<>/dev/iommu
    refuse 1 "is not bound to vfio-pci.*viaduct bind $EDU_BDF" guest '' --backend iommufd --device "$EDU_BDF"
    unchanged
}

# Another guest, of the other backend or of the same, is named.
check_iommufd_busy() {
    local each
    need_iommufd
    bound_vfs 1
    for each in group iommufd; do
        start /tmp/first via.do=idle --memory 256M --device "$PF/vf0" --backend $each
        awaits /tmp/first '^guest: ready'
        refuse 1 "$VF0_BDF is in use: process $pid \(viaduct\) has" \
            guest '' --memory 128M --device "$PF/vf0" --backend iommufd
        refuse 1 "$VF0_BDF is in use: " guest '' --memory 128M --device "$PF/vf0" --backend group
        kill -TERM "$pid"
        reap 0
    done
}

# Started by root with what it may not open itself: user 65534 runs a guest with a VF.
check_handed_over() {
    local kvm
    need_iommufd
    bound_vfs 1
    kvm=$(stat -c %g /dev/kvm)
    # shellcheck disable=SC2317 # expect and refuse call it
    nobody() {
        prlimit --memlock=268435456 setpriv --reuid 65534 --regid 65534 --groups "$kvm" --inh-caps=-all \
            --bounding-set=-all viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --initrd "$VIADUCT_GUEST_INITRD" \
            --append "console=ttyS0 quiet panic=-1 via.do=pings:5" --memory 128M "$@" \
            5<>/dev/iommu 6<>"$(cdev "$VF0_BDF")"
    }
    chmod 600 /dev/iommu
    rm -f $STATS # of another user, in a directory where nobody may replace it
    refuse 1 'no permission to open ' nobody --device "$VF0_BDF" --backend iommufd
    refuse 1 'no permission to open ' nobody --device "$VF0_BDF" --backend group
    expect 0 nobody --iommufd fd=5 --device fd=6 --stats $STATS
    match "$out" '^guest: pings 5/5 through eth0$'
    holds $STATS 's["dma"]["backend"] == "iommufd"' 's["devices"][0]["device"] == "0000:01:10.0"'
}

status_is() { # PID KEY VALUE
    same "$(sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status")" "$3"
}

# A thread may end meanwhile; the first one does not.
no_capabilities() {
    local set task status
    for task in /proc/"$1"/task/*; do
        status=$(cat "$task/status" 2>/dev/null) || { [ "${task##*/}" != "$1" ] || flunk "$1 ended"; continue; }
        for set in CapInh CapPrm CapEff CapBnd CapAmb; do
            match "$status" "^$set:[[:space:]]*0000000000000000\$"
        done
        match "$status" '^NoNewPrivs:[[:space:]]*1$'
    done
}

check_privileges() {
    local each
    bound_vfs 1
    for each in group iommufd; do
        have_iommufd || [ $each = group ] || continue
        start /tmp/console "via.do=pings:3,idle" --memory 256M --device "$PF/vf0" --backend $each --stats $STATS
        awaits /tmp/console '^guest: pings 3/3 through eth0'
        no_capabilities "$pid"
        status_is "$pid" Uid "$(printf '0\t0\t0\t0')"
        kill -USR1 "$pid"
        until [ -s $STATS ]; do sleep 0.2; done
        kill -TERM "$pid"
        reap 0
        holds $STATS 's["end"] == "stopped"' 's["devices"][0]["vfio"]["resets"] == 1'
        rm $STATS
    done
}

# Its files are where the user may not write.
check_user() {
    bound_vfs 1
    mkdir -m 700 /tmp/private
    refuse 1 'no user nosuch' guest '' --user nosuch --device "$PF/vf0"
    refuse 1 '/tmp/private/none/stats' guest '' --user nobody --device "$PF/vf0" --stats /tmp/private/none/stats
    refuse 1 'too small' guest '' --user nobody --memory 4K --device "$PF/vf0" --stats /tmp/private/stats
    same "$(ls /tmp/private)" ''
    start /tmp/unused "via.do=pings:3,idle" --memory 256M --device "$PF/vf0" --user nobody \
        --stats /tmp/private/stats --console file=/tmp/private/console
    awaits /tmp/private/console '^guest: pings 3/3 through eth0'
    no_capabilities "$pid"
    status_is "$pid" Uid "$(printf '65534\t65534\t65534\t65534')"
    status_is "$pid" Gid "$(printf '65534\t65534\t65534\t65534')"
    no_match "$(sed -n 's/^Groups:[[:space:]]*//p' "/proc/$pid/status")" '\b0\b'
    kill -USR1 "$pid"
    until [ -s /tmp/private/stats ]; do sleep 0.2; done
    holds /tmp/private/stats 's["end"] == ""'
    kill -TERM "$pid"
    reap 0
    holds /tmp/private/stats 's["end"] == "stopped"' 's["devices"][0]["vfio"]["resets"] == 1'
}

# A reset of the machine comes long after.
check_reboot_without_privileges() {
    bound_vfs 1
    start /tmp/console "via.do=pings:2,reboot" --memory 256M --device "$PF/vf0" --user nobody --on-reset reboot
    until [ "$(grep -c '^guest: pings 2/2 through eth0' /tmp/console)" -ge 2 ]; do
        kill -0 "$pid" || flunk "it ended: $(cat /tmp/console.err)"
        sleep 0.2
    done
    no_capabilities "$pid"
    kill -TERM "$pid"
    reap 0
}

# On the root bus nothing can be reset but what can do it alone.
check_no_reset() {
    viaduct bind "$EDU_BDF"
    refuse 1 "$EDU_BDF cannot be reset: not alone, and the kernel cannot reset the bus" \
        guest '' --memory 128M --device "$EDU_BDF" --require-reset
    expect 0 guest via.do=poweroff --memory 256M --device "$EDU_BDF" --stats $STATS
    same "$(grep -c . <<<"$err")" 1
    match "$err" "^viaduct: warning: $EDU_BDF cannot be reset.*--require-reset"
    match "$out" '^guest: pci 0000:00:01.0 1234:11e8 '
    holds $STATS 's["devices"][0]["vfio"]["resets"] == 0'
    same $(($(setpci -s "$EDU_BDF" COMMAND) & 4)) 0
    viaduct unbind "$EDU_BDF"
}
