# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# Leases of igb's VFs: real resets, and attributes as the PF's driver has them.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

vf() { ip link show "$PF" | grep "^ *vf $1 "; }

# VFs and a pool of them.
pool() { # COUNT OPTION...
    local count=$1
    shift
    vfs "$count"
    trap 'kill $(jobs -p) 2>/dev/null || :; rm -rf /run/viaduct/pools' EXIT
    viaduct vf pool create web "$PF" "$@"
}

# What a tenant, or somebody for it, made of a VF is not there for the next one, whether the pool says it or not.
check_baseline() {
    pool 1 --mac 02:00:00:00:01:00 --spoofchk on
    # shellcheck disable=SC2016 # for the command's shell
    expect 7 viaduct vf lease web -- sh -c 'echo $VIADUCT_DEVICE $0 && lspci -s $0 -k | grep vfio-pci &&
        ip link show '"$PF"' | grep "vf 0 " && ip link set '"$PF"' vf 0 mac 02:00:00:00:99:99 vlan 9 trust on spoofchk off &&
        setpci -s $0 COMMAND=0004:0004 && exit 7' {}
    match "$out" "^$VF0_BDF $VF0_BDF"
    match "$out" '02:00:00:00:01:00.*spoof checking on.*trust off'
    match "$(vf 0)" '02:00:00:00:01:00.*spoof checking on.*trust off'
    no_match "$(vf 0)" vlan
    same "$((0x$(setpci -s "$VF0_BDF" COMMAND.w) & 4))" 0
    # Of the driver's own choice, too: no address.
    viaduct vf pool remove web
    viaduct vf set "$PF/vf0" --vlan 5
    ip link set "$PF" vf 0 mac 00:00:00:00:00:00
    viaduct vf pool create web "$PF"
    expect 0 viaduct vf lease web -- ip link set "$PF" vf 0 mac 02:00:00:00:99:99 vlan 9
    match "$(vf 0)" '00:00:00:00:00:00.*vlan 5'
    # The tenant may do so itself.
    expect 0 viaduct vf lease web -- viaduct vf set "$PF/vf0" --vlan 6
    match "$out" "$VF0_BDF .* 6 "
    match "$(vf 0)" 'vlan 5'
}

# Whoever is killed, the VF is scrubbed, and nobody has it meanwhile.
check_kill_9() {
    local keeper command
    pool 1 --mac 02:00:00:00:01:00
    sh -c 'exec viaduct vf lease web -- sleep 1000' &
    keeper=$!
    until viaduct vf leases | grep -q sleep; do sleep 0.1; done
    command=$(viaduct vf leases --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["leases"][0]["holder"]["pid"])')
    refuse 1 "$VF0_BDF process $command \\(sleep\\)" viaduct vf lease web -- true
    refuse 1 'on lease' viaduct vf set "$PF/vf0" --trust on
    refuse 1 'on lease' viaduct unbind "$PF/vf0"
    refuse 1 'on lease' viaduct vf destroy "$PF"
    ip link set "$PF" vf 0 mac 02:00:00:00:99:99
    # The keeper: its command has the VF still.
    kill -KILL $keeper
    wait $keeper || :
    refuse 1 "process $command \\(sleep\\)" viaduct vf lease web -- true
    refuse 1 'who was to end its lease was killed' viaduct vf release "$PF/vf0"
    kill -KILL "$command"
    expect 0 viaduct vf lease web --wait 5 -- ip link show "$PF"
    match "$out" 'vf 0 .*02:00:00:00:01:00'
    # The command alone, and then both with nobody to ask for it but the list.
    viaduct vf lease web -- sleep 1000 &
    keeper=$!
    until viaduct vf leases | grep -q sleep; do sleep 0.1; done
    expect 0 viaduct vf release "$VF0_BDF"
    status=0
    wait $keeper || status=$?
    same "$status" 143
    expect 0 viaduct vf leases
    same "$(wc -l <<<"$out")" 1
    command sleep 1000 &
    command=$!
    viaduct vf lease web --hold --owner $command >/tmp/held &
    keeper=$!
    until [ -s /tmp/held ]; do sleep 0.1; done
    same "$(cat /tmp/held)" "$VF0_BDF"
    kill -KILL $keeper
    wait $keeper || :
    refuse 1 "process $command \\(sleep\\)" viaduct vf lease web -- true
    kill -KILL $command
    wait $command || :
    expect 0 viaduct vf release --all-dead
    same "$out" '1 set free'
    same "$(find /run/viaduct/leases -type f)" ''
}

# A process that has it open outside of any lease, and one whose reset fails.
check_not_given() {
    local group file
    pool 2
    viaduct bind "$PF/vf0"
    group=$(basename "$(readlink "/sys/bus/pci/devices/$VF0_BDF/iommu_group")")
    exec {file}<>"/dev/vfio/$group"
    # shellcheck disable=SC2016
    expect 0 viaduct vf lease web -- sh -c 'echo $VIADUCT_DEVICE'
    same "$out" "$VF1_BDF"
    exec {file}<&-
    echo '' >"/sys/bus/pci/devices/$VF0_BDF/reset_method"
    # shellcheck disable=SC2016
    expect 0 viaduct vf lease web -- sh -c 'echo $VIADUCT_DEVICE'
    same "$out" "$VF1_BDF"
    match "$err" "warning: $VF0_BDF is put aside: "
    expect 0 viaduct vf leases
    match "$out" "^$VF0_BDF +web +aside +- +.*reset"
    echo flr >"/sys/bus/pci/devices/$VF0_BDF/reset_method"
    expect 0 viaduct vf release "$PF/vf0"
    # shellcheck disable=SC2016
    expect 0 viaduct vf lease web -- sh -c 'echo $VIADUCT_DEVICE'
    same "$out" "$VF0_BDF"
}

# mkdir is one at a time: a VF that two have at once is seen.
check_8_at_once() {
    local each pids=()
    pool 3
    mkdir /tmp/tenants
    for _ in 1 2 3 4 5 6 7 8; do
        # shellcheck disable=SC2016
        (for _ in 1 2; do
            viaduct vf lease web --wait forever -- sh -c 'mkdir /tmp/tenants/$0 && sleep 0.1 && rmdir /tmp/tenants/$0' {} || exit
        done) &
        pids+=($!)
    done
    for each in "${pids[@]}"; do wait "$each" || flunk "one of 8 failed"; done
    same "$(find /run/viaduct/leases -type f)" ''
    expect 0 viaduct vf destroy "$PF"
}
