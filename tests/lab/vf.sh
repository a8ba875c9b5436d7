# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# VFs by the command, as the kernel's own tools see them.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

driver() { basename "$(readlink "/sys/bus/pci/devices/$1/driver" || echo none)"; }
autoprobe() { cat "/sys/bus/pci/devices/$PF_BDF/sriov_drivers_autoprobe"; }
json() { # TEXT EXPRESSION...: about the document d
    python3 -c 'if True:
        import json, sys
        d = json.loads(sys.argv[1])
        wrong = [each for each in sys.argv[2:] if not eval(each, {"d": d})]
        sys.exit("\n".join(f"FAILED: {each}" for each in wrong) if wrong else 0)' "$@"
}

# igbvf is there and would take every VF that is offered to it.
check_create_7_and_destroy() {
    local index vf
    modprobe igbvf
    trap 'modprobe -r igbvf' EXIT
    snapshot >/tmp/before
    ls /sys/class/net >/tmp/netdevs
    expect 0 viaduct vf create "$PF" 7
    same "$(cat "/sys/bus/pci/devices/$PF_BDF/sriov_numvfs")" 7
    same "$(autoprobe)" 1
    for ((index = 0; index < 7; index++)); do
        vf=$(basename "$(readlink "/sys/bus/pci/devices/$PF_BDF/virtfn$index")")
        match "$out" "^$PF/vf$index +$vf "
        same "$(driver "$vf")" none
    done
    # shellcheck disable=SC2012 # netdevs have plain names
    ls /sys/class/net | diff /tmp/netdevs -
    # Nor did it look at one and let go of it again.
    no_match "$(dmesg)" 'igbvf [0-9]'
    expect 0 viaduct vf list --json "$PF"
    json "$out" 'd["pfs"][0]["num_vfs"] == len(d["pfs"][0]["vfs"]) == 7' \
        'd["pfs"][0]["autoprobe"]' \
        'all(each["driver"] is None for each in d["pfs"][0]["vfs"])' \
        '[each["index"] for each in d["pfs"][0]["vfs"]] == list(range(7))' \
        "d['pfs'][0]['vfs'][0]['bdf'] == '$VF0_BDF'"
    expect 0 viaduct vf destroy --json "$PF"
    json "$out" 'd["pfs"][0]["num_vfs"] == 0' 'd["pfs"][0]["vfs"] == []'
    snapshot | diff -u /tmp/before -
}

check_autoprobe_kept() {
    echo 0 >"/sys/bus/pci/devices/$PF_BDF/sriov_drivers_autoprobe"
    expect 0 viaduct vf create "$PF" 1
    same "$(autoprobe)" 0
    expect 0 viaduct vf destroy "$PF"
    same "$(autoprobe)" 0
}

# udevd that is told to wait announces nothing, so the VFs never arrive.
check_interrupted() {
    local each pid status record=/run/viaduct/autoprobe/$PF_BDF
    trap 'udevadm control --start-exec-queue' EXIT
    snapshot >/tmp/before
    for each in INT:130 TERM:143 HUP:129 KILL:137; do
        udevadm control --stop-exec-queue
        # In the background a script's commands ignore SIGINT.
        env --default-signal viaduct vf create "$PF" 2 &
        pid=$!
        until [ "$(cat "/sys/bus/pci/devices/$PF_BDF/sriov_numvfs")" = 2 ]; do sleep 0.1; done
        match "$(cat "$record")" '^autoprobe=1$'
        expect 124 timeout 0.5 viaduct vf create "$PF" 1 # it waits its turn
        same "$(autoprobe)" 0
        kill "-${each%:*}" "$pid"
        status=0
        wait "$pid" || status=$?
        same "$status" "${each#*:}"
        if [ "$each" = KILL:137 ]; then
            same "$(autoprobe)" 0
            match "$(cat "$record")" '^autoprobe=1$'
            refuse 1 'has 2 VFs already' viaduct vf create "$PF" 2
            same "$(autoprobe)" 1
            expect 0 viaduct vf destroy "$PF"
        fi
        same "$(autoprobe)" 1
        [ ! -e "$record" ] || flunk "$record is left"
        udevadm control --start-exec-queue
        udevadm settle
        snapshot | diff -u /tmp/before -
    done
    # What udevd has of VFs that are gone does not stand for those that come.
    expect 0 viaduct vf create "$PF" 2
    expect 0 viaduct vf destroy "$PF"
}

check_attributes() {
    local line
    vf() { ip link show "$PF" | grep "^ *vf $1 "; }
    vfs 2
    vf 1 >/tmp/other
    expect 0 viaduct vf set "$PF/vf0" --mac 02:00:00:0a:0b:0c --vlan 100 --qos 3 --trust on --spoofchk off
    line=$(vf 0)
    match "$line" 'link/ether 02:00:00:0a:0b:0c '
    match "$line" ', vlan 100, qos 3,'
    match "$line" ', spoof checking off,'
    match "$line" ', trust on'
    expect 0 viaduct vf list --json "$PF"
    json "$out" 'd["pfs"][0]["vfs"][0]["mac"] == "02:00:00:0a:0b:0c"' \
        '[d["pfs"][0]["vfs"][0][name] for name in ("vlan", "qos", "trust", "spoofchk")] == [100, 3, True, False]'
    # One at a time, and back; what is not named stays.
    expect 0 viaduct vf set "$PF/vf0" --vlan 0
    no_match "$(vf 0)" vlan
    expect 0 viaduct vf set "$VF0_BDF" --spoofchk on
    match "$(vf 0)" ', spoof checking on,'
    expect 0 viaduct vf set "$PF/vf0" --trust off
    line=$(vf 0)
    match "$line" ', trust off'
    match "$line" 'link/ether 02:00:00:0a:0b:0c '
    vf 1 | diff /tmp/other -
}

# A container: the host's sysfs, and a network of its own, perhaps with an interface of that name.
check_network_namespace() {
    local each
    vfs 2
    for each in true "ip link set lo name $PF"; do
        expect 0 unshare -n sh -c "$each && exec viaduct vf list"
        match "$out" "^$PF/vf1 +$VF1_BDF +- +- "
        match "$err" "warning: $PF, the network interface of $PF_BDF, is not in this network namespace"
        refuse 1 'not in this network namespace' unshare -n sh -c "$each && exec viaduct vf set $PF/vf0 --trust on"
    done
}

# Whose interface is in a container's network namespace is in use, though nothing here shows it.
check_moved_netdev() {
    local netdev
    modprobe igbvf
    trap 'ip netns del moved; modprobe -r igbvf' EXIT
    vfs 1
    viaduct bind "$PF/vf0" --driver igbvf
    udevadm settle
    netdev=$(ls "/sys/bus/pci/devices/$VF0_BDF/net")
    ip netns add moved
    ip link set "$netdev" netns moved
    refuse 1 'may be in another network namespace' viaduct bind "$PF/vf0"
    refuse 1 'may be in another network namespace' viaduct vf destroy "$PF"
    expect 0 viaduct list
    match "$out" "$VF0_BDF .* another netns "
    expect 0 viaduct bind --force "$PF/vf0"
    same "$(driver "$VF0_BDF")" vfio-pci
}

# A process that reads a disk raw claims nothing of it; it has the file open, whatever its name.
check_raw_disk() {
    exec 3</dev/nvme0n1
    refuse 1 "process [0-9]+ \\(.*\\) has nvme0n1 open" viaduct bind nvme0
    exec 3<&-
    mknod /run/raw c "$(sed 's/:.*//' /sys/class/nvme/nvme0/dev)" "$(sed 's/.*://' /sys/class/nvme/nvme0/dev)"
    exec 3</run/raw
    refuse 1 "process [0-9]+ \\(.*\\) has nvme0 open" viaduct bind nvme0
    exec 3<&-
    rm /run/raw
    expect 0 viaduct bind --dry-run nvme0
}

check_dry_run() {
    snapshot >/tmp/before
    expect 0 viaduct vf create --dry-run "$PF" 3
    match "$out" 'sriov_numvfs: 0 -> 3'
    snapshot | diff -u /tmp/before -
    vfs 2
    snapshot >/tmp/before
    expect 0 viaduct vf set --dry-run "$PF/vf0" --mac 02:00:00:0a:0b:0c --vlan 5
    match "$out" '02:00:00:0a:0b:0c'
    no_match "$out" qos
    viaduct vf set "$PF/vf0" --vlan 4 --qos 3
    expect 0 viaduct vf set --dry-run "$PF/vf0" --vlan 5
    match "$out" 'vlan: 4 -> 5'
    match "$out" 'qos: 3 -> 0'
    viaduct vf set "$PF/vf0" --vlan 0
    expect 0 viaduct bind --dry-run "$PF/vf0" "$PF/vf1"
    match "$out" "$VF1_BDF"
    expect 0 viaduct vf destroy --dry-run "$PF"
    match "$out" 'sriov_numvfs: 2 -> 0'
    snapshot | diff -u /tmp/before -
    viaduct bind "$PF/vf0"
    snapshot >/tmp/before
    expect 0 viaduct unbind --dry-run --json "$PF/vf0"
    json "$out" 'len(d["changes"]) > 0'
    snapshot | diff -u /tmp/before -
}

check_bind_and_unbind() {
    vfs 2
    snapshot >/tmp/before
    expect 0 viaduct bind --json "$PF/vf0" "$PF/vf1"
    json "$out" 'd'
    same "$(driver "$VF0_BDF") $(driver "$VF1_BDF")" 'vfio-pci vfio-pci'
    expect 0 viaduct list --json
    json "$out" "[each['driver'] for each in d['devices'] if each['bdf'] == '$VF0_BDF'] == ['vfio-pci']"
    # A second time it is done already.
    expect 0 viaduct bind "$PF/vf0"
    expect 0 viaduct unbind "$PF/vf0" "$PF/vf1"
    snapshot | diff -u /tmp/before -

    # A device with a driver of its own gets that one back.
    snapshot >/tmp/before
    expect 0 viaduct bind nvme0
    same "$(driver "$NVME_BDF")" vfio-pci
    expect 0 viaduct unbind "$NVME_BDF"
    same "$(driver "$NVME_BDF")" nvme
    snapshot | diff -u /tmp/before -
}

# VFs that are still bound leave nothing behind when they go.
check_destroy_bound() {
    snapshot >/tmp/before
    leftovers >/tmp/before-left
    vfs 2
    viaduct bind "$PF/vf0" "$PF/vf1"
    expect 0 viaduct vf destroy "$PF"
    snapshot | diff -u /tmp/before -
    leftovers | diff -u /tmp/before-left -
}

check_nvme() {
    snapshot >/tmp/before
    expect 0 viaduct vf create nvme0 2
    match "$out" '^0000:02:00.0/vf1 +0000:02:00.2 '
    same "$(driver 0000:02:00.1) $(driver 0000:02:00.2)" 'none none'
    expect 0 viaduct vf destroy nvme0
    snapshot | diff -u /tmp/before -
}
