# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # the harness sets out, err and more
# limit: 600
# virtio network cards: libslirp, a tap served by Viaduct, a tap served by vhost-net.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

MAC=02:00:00:0a:0d
STATS=/tmp/stats.json

# Ends with the check.
peer() {
    : >/tmp/peer.pid
    python3 "$tests/lib/peer.py" "$1" >/tmp/peer.pid 2>/tmp/peer.err &
    until [ -s /tmp/peer.pid ]; do sleep 0.2; done
}

# What is written to descriptor 7 is typed in the guest.
typed() {
    rm -f /tmp/typed
    mkfifo /tmp/typed
    exec 7<>/tmp/typed
    # shellcheck disable=SC2034 # start uses it
    keys=/tmp/typed
}

# tap NAME ADDRESS OPTION...: one that stays
tap() {
    local name=$1 address=$2
    shift 2
    ip link delete "$name" 2>/dev/null || :
    ip tuntap add dev "$name" mode tap "$@"
    ip address add "$address/24" dev "$name"
    ip link set "$name" up
}

# Of the tap, those that are attached: the kernel has one transmit queue for each.
queues() { find "/sys/class/net/$1/queues" -name 'tx-*' | wc -l; }

# initrd PROGRAM...: the guest's with the script, programs of this host's, and the list of cards from standard input
initrd() {
    local program
    rm -rf /tmp/tree
    mkdir /tmp/tree
    for program; do
        ldd "$program" | grep -o '/[^ ]*' | xargs cp -L --parents -t /tmp/tree "$program"
    done
    cp "$tests/guest/net" /tmp/tree/script
    cat >/tmp/tree/net.list
    (cd /tmp/tree && find . | cpio --create --format=newc --quiet | gzip -1) | cat "$VIADUCT_GUEST_INITRD" - >/tmp/initrd
}

# All of them beside a VF, on two processors; and again after the guest was reset.
check_cards() {
    local moved out
    peer 100
    vfs 1
    viaduct vf set "$PF/vf0" --mac $MAC:01
    viaduct bind "$PF/vf0"
    tap via-tap 10.0.31.1 multi_queue
    ip link set via-tap mtu 4000
    tap via-vhost 10.0.32.1 multi_queue
    initrd /usr/sbin/ethtool <<L
$MAC:01 vf 10.0.2.2 -
$MAC:02 tap 10.0.31.1 10.0.31.1
$MAC:03 vhost 10.0.32.1 10.0.32.1
$MAC:04 user 10.0.2.2 10.0.31.1
L
    typed
    VIADUCT_GUEST_INITRD=/tmp/initrd start /tmp/console via.do=ask --on-reset reboot --cpus 2 --memory 512M \
        --device "$PF/vf0" --net tap=via-tap,mac=$MAC:02,queues=4 --net tap=via-vhost,vhost,mac=$MAC:03,queues=2 \
        --net user,mac=$MAC:04 --stats $STATS
    awaits_count 1 /tmp/console '^net: how much'
    # As many as the guest has processors.
    same "$(queues via-tap) $(queues via-vhost)" '2 2'
    echo 100 >&7
    awaits_count 1 /tmp/console '^guest: asks'
    kill -USR1 "$pid"
    out=$(tr -d '\r' </tmp/console)
    echo "$out"
    match "$out" '^net: vf pings 5/5$'
    match "$out" '^net: tap pings 5/5, 100 MB both ways ok$'
    match "$out" '^net: vhost pings 5/5, 100 MB both ways ok$'
    match "$out" '^net: user pings 5/5, 4 MB both ways ok$'
    match "$out" '^net: tap mtu 4000 queues 2$'
    match "$out" '^net: vhost mtu 1500 queues 2$'
    # Both pairs had something to do.
    for moved in virtio0-input.0 virtio0-input.1 virtio1-input.0 virtio1-input.1; do
        match "$out" "^net: irq $moved [1-9]"
    done
    no_match "$out" '^net: irq virtio0-input.2 [1-9]'
    # One of them was switched off and on again.
    for moved in tap vhost; do
        match "$out" "^net: $moved with 1 of 2 pairs, 4 MB both ways ok$"
        match "$out" "^net: $moved with 1 of 2 pairs, the second interrupts 0$"
        match "$out" "^net: $moved with 2 of 2 pairs, 4 MB both ways ok$"
        match "$out" "^net: $moved with 2 of 2 pairs, the second interrupts [1-9]"
    done
    # And each queue was reset by itself.
    for moved in tap vhost user; do
        match "$out" "^net: $moved with queues of 64, 4 MB both ways ok$"
    done
    echo reboot >&7
    awaits_count 2 /tmp/console '^net: how much'
    same "$(queues via-tap) $(queues via-vhost)" '2 2'
    echo 2 >&7
    awaits_count 2 /tmp/console '^guest: asks'
    echo poweroff >&7
    reap 0
    exec 7>&-
    rm /tmp/typed
    out=$(tr -d '\r' </tmp/console | sed -n '/^guest: asks/,$p')
    match "$out" '^net: vf pings 5/5$'
    match "$out" '^net: tap pings 5/5, 2 MB both ways ok$'
    match "$out" '^net: vhost pings 5/5, 2 MB both ways ok$'
    match "$out" '^net: user pings 5/5, 2 MB both ways ok$'
    match "$out" '^net: tap with 2 of 2 pairs, 2 MB both ways ok$'
    match "$out" '^net: vhost with 2 of 2 pairs, 2 MB both ways ok$'
    match "$out" '^net: tap with queues of 64, 2 MB both ways ok$'
    match "$out" '^net: vhost with queues of 64, 2 MB both ways ok$'
    same "$(cat /tmp/console.err)" ''
    holds $STATS 's["reboots"] == 1' \
        '[v["backend"] for v in s["virtio"]] == ["tap", "vhost", "user"]' \
        's["virtio"][0]["bytes"] > 204 << 20' 's["virtio"][1]["bytes"] > 204 << 20' \
        's["virtio"][0]["kicks"] < s["virtio"][0]["requests"]' \
        '0 < s["virtio"][0]["interrupts"] < s["virtio"][0]["requests"]' \
        's["virtio"][1]["kicks"] <= 6 and s["virtio"][1]["interrupts"] <= 6' \
        's["virtio"][0]["cpu_ns"] > 0' \
        'all(v["exits"]["register_writes"] < 1000 for v in s["virtio"])'
    python3 -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1]))["virtio"]))' $STATS
    ip link delete via-tap
    ip link delete via-vhost
    no_match "$(dmesg)" 'WARNING:|BUG:|DMAR:.*fault'
}

# A driver of ours breaks every rule there is, with the queues of a tap and of vhost-net, and resets at any time: the
# device needs a reset then, says so, and works again after it.
check_hostile_drivers() {
    local kind
    tap via-hostile 10.0.36.1 multi_queue
    for kind in tap vhost; do
        out=$(/build/plain/tests/unit/test-vmm-net-tap via-hostile $kind 2>&1) || flunk "with $kind: $out"
    done
    ip link delete via-hostile
    no_match "$(dmesg)" 'WARNING:|BUG:'
}

# A user's own tap, and one more network that takes no privilege; nobody else gets the tap meanwhile.
check_without_privileges() {
    local as=(setpriv --reuid=1000 --regid=1000 --groups="$(stat -c %g /dev/kvm)" --inh-caps=-all)
    tap via-own 10.0.33.1 user 1000
    tap via-other 10.0.34.1 user 1001
    refuse 1 "there is no tap via-none, .*: 'ip tuntap add dev via-none mode tap user 1000'" "${as[@]}" "$(command -v viaduct)" run \
        --kernel "$VIADUCT_GUEST_KERNEL" --net tap=via-none
    refuse 1 'the tap via-other is another user' "${as[@]}" "$(command -v viaduct)" run --kernel "$VIADUCT_GUEST_KERNEL" --net tap=via-other
    refuse 1 "the tap via-own has one queue, not 2; .* multi_queue'" viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --net tap=via-own,queues=2
    refuse 1 "$PF is no tap interface" viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --net "tap=$PF"
    mv /dev/vhost-net /dev/vhost-net.away
    refuse 1 "no vhost-net .*'modprobe vhost_net'" viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --net tap=via-own,vhost
    mv /dev/vhost-net.away /dev/vhost-net
    initrd <<L
$MAC:05 tap 10.0.33.1 -
$MAC:06 user 10.0.2.2 -
L
    typed
    : >/tmp/console
    "${as[@]}" "$(command -v viaduct)" run --kernel "$VIADUCT_GUEST_KERNEL" --initrd /tmp/initrd \
        --append 'console=ttyS0 quiet panic=-1 via.do=poweroff' --on-reset stop --memory 256M \
        --net tap=via-own,mac=$MAC:05 --net user,mac=$MAC:06 >/tmp/console 2>/tmp/console.err <$keys &
    pid=$!
    awaits_count 1 /tmp/console '^net: how much'
    refuse 1 'another process has the tap via-own' viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --net tap=via-own
    # Neither thread of it has a capability.
    same "$(grep -h '^CapEff' /proc/$pid/task/*/status | sort -u | cut -f 2)" 0000000000000000
    echo 0 >&7
    reap 0
    exec 7>&-
    rm /tmp/typed
    out=$(tr -d '\r' </tmp/console)
    match "$out" '^net: tap pings 5/5$'
    match "$out" '^net: user pings 5/5$'
    same "$(cat /tmp/console.err)" ''
    ip link delete via-own
    ip link delete via-other
}

# One that is not there is made for the guest; when it goes, the guest's link does.
check_a_tap_that_goes() {
    initrd <<L
$MAC:07 tap 10.0.35.1 -
L
    typed
    VIADUCT_GUEST_INITRD=/tmp/initrd start /tmp/console \
        'via.run="cat /sys/class/net/eth0/carrier; echo net: waits; read x </dev/console; cat /sys/class/net/eth0/carrier" via.do=run' \
        --memory 256M --net tap=via-new,mac=$MAC:07
    awaits_count 1 /tmp/console '^net: how much'
    match "$(ip link show via-new)" '[<,]UP[,>]'
    ip address add 10.0.35.1/24 dev via-new
    same "$(grep -h '^CapEff' /proc/$pid/task/*/status | sort -u | cut -f 2)" 0000000000000000
    echo 0 >&7
    awaits_count 1 /tmp/console '^net: waits'
    ip link delete via-new
    until grep -q 'link is down' /tmp/console.err; do sleep 0.2; done
    echo >&7
    reap 0
    exec 7>&-
    rm /tmp/typed
    out=$(tr -d '\r' </tmp/console)
    match "$out" '^net: tap pings 5/5$'
    same "$(sed -n '/net: waits/,$p' <<<"$out" | grep -c '^0$')" 1
    same "$(wc -l </tmp/console.err)" 1
}
