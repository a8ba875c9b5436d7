# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# kernels: by-hand
# limit: 600
# Guests that attack the host with all they have. By hand (docs/lab.md): the emulated host does not bear it reliably.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

# How long each attack takes; ./lab run -- env VIADUCT_HOSTILE_SECONDS=600 /src/tools/lab/check.sh one attack check_bare
seconds=${VIADUCT_HOSTILE_SECONDS:-40}
seed=${VIADUCT_HOSTILE_SEED:-20250701}
programs=/build/plain/tests/hostile

# The VF, the NVMe controller, edu, the display, and whatever else QEMU was asked for; all of them in $functions.
targets() {
    local each id
    vfs 1
    viaduct vf set "$PF/vf0" --mac 02:00:00:0a:0b:02
    functions=("$VF0_BDF" "$NVME_BDF")
    for each in /sys/bus/pci/devices/*; do
        id=$(sed s/0x// "$each/vendor"):$(sed s/0x// "$each/device")
        case $id in
            1234:11e8 | 1234:1111 | 8086:10d3 | 8086:100e | 1b36:0005) functions+=("${each##*/}") ;;
        esac
    done
    devices=()
    for each in "${functions[@]}"; do devices+=(--device "$each"); done
}

# Memory of the host that nobody may touch, to whose addresses devices are sent: $canaries.
watch_canary() {
    rm -f /tmp/canary.in
    mkfifo /tmp/canary.in
    "$programs/canary" 256 <>/tmp/canary.in >/tmp/canary 2>&1 &
    canary=$!
    until grep -q '^watched$' /tmp/canary; do
        kill -0 "$canary" || flunk "$(cat /tmp/canary)"
        sleep 0.1
    done
    canaries=$(head -n 240 /tmp/canary | awk 'NR % 15 == 1' | paste -sd,)
}

canary_lives() {
    echo >/tmp/canary.in
    wait "$canary" || flunk "the host's memory was written to: $(tail -n 1 /tmp/canary)"
    tail -n 1 /tmp/canary
}

# sample FILE: descriptors and private memory in KiB of viaduct, a line a second or so.
sample() {
    local fds rss
    fds=$(find "/proc/$pid/fd" -mindepth 1 2>/dev/null | wc -l)
    rss=$(sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null || :)
    [ -z "$rss" ] || echo "$fds $rss" >>"$1"
}

# assault NAME SILENCE PATTERN COMMAND...: COMMAND, again and again with other seeds until the time is up. A guest that has
# stopped itself says nothing for SILENCE seconds, and is ended. $self is how often one ended by itself with a line that matches.
assault() {
    local name=$1 silence=$2 pattern=$3 began=$SECONDS grown heard status end=$((SECONDS + seconds)) size excess=0
    shift 3
    self=0 ended=0
    : >"/tmp/$name.all"
    # One that has stopped itself proves little: at least one, of three in excess of the time, comes to its end.
    while [ $((end - SECONDS)) -gt 15 ] || { [ $self = 0 ] && [ $((excess++)) -lt 3 ]; }; do
        left=$((end - SECONDS))
        [ $left -gt 15 ] || left=15
        rm -f "/tmp/$name.samples.$((self + ended))"
        "$@" >"/tmp/$name.out" 2>"/tmp/$name.err" </dev/null &
        pid=$!
        grown=0 heard=$SECONDS
        while kill -0 "$pid" 2>/dev/null; do
            sample "/tmp/$name.samples.$((self + ended))"
            size=$(stat -c %s "/tmp/$name.out")
            if [ "$size" != "$grown" ]; then
                grown=$size heard=$SECONDS
            elif [ "$grown" != 0 ] && [ $((SECONDS - heard)) -gt "$silence" ]; then
                kill -TERM "$pid"
                heard=$SECONDS
            fi
            sleep 1
        done
        status=0
        wait "$pid" || status=$?
        tr -d '\0\r' <"/tmp/$name.out" | grep -aE '^(hostile|raw|guest): ' >>"/tmp/$name.all" || :
        sort -u "/tmp/$name.err" | grep -v 'cannot be reset' | head -n 20
        # A processor of it that went where KVM cannot follow is the guest's own end; EIO is a machine KVM gave up.
        if [ "$status" != 0 ] && ! { [ "$status" = 1 ] && grep -qE 'hit something KVM cannot emulate|cannot run \(0x5\)' "/tmp/$name.err"; }; then
            cat "/tmp/$name.err"
            tail -n 5 "/tmp/$name.all"
            flunk "viaduct ended with status $status, seed $seed"
        fi
        if tr -d '\0\r' <"/tmp/$name.out" | grep -qaE "$pattern"; then self=$((self + 1)); else ended=$((ended + 1)); fi
        seed=$((seed + 1))
    done
    echo "$name: $((SECONDS - began)) s, $self guests ended by themselves, $ended had stopped themselves"
    grep -E 'second [0-9]+0 |begins|ends|raw' "/tmp/$name.all" | tail -n 40
    no_match "$(cat "/tmp/$name.all")" WRONG
    [ "$self" -gt 0 ] || flunk 'no guest ended by itself'
    steady "/tmp/$name.samples."*
}

# In no guest is there more in the end than there was after a third of its time.
steady() {
    python3 - "$@" <<'P'
import sys

for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        samples = [[int(n) for n in line.split()] for line in file]
    if len(samples) < 15:
        continue
    third = len(samples) // 3
    for what, index, slack in ("descriptors", 0, 48), ("private KiB", 1, 1024):
        before = max(s[index] for s in samples[third : 2 * third])
        after = max(s[index] for s in samples[2 * third :])
        print(f"{name}: {what} {samples[0][index]}, at most {before}, then {after}")
        assert after <= before + slack, f"{what} grow"
P
}

bare() {
    # Resets of the machine, and in the end its devices are thrown out.
    exec viaduct run --kernel "$programs/hostile.elf" --memory 64M --cpus 3 --on-reset reboot "${devices[@]}" --stats /tmp/stats \
        --append "seed=$seed seconds=$left cpus=3 resets=1 ejects=$((seed % 2)) canary=$canaries ${VIADUCT_HOSTILE_GUEST:-}"
}

linux() {
    exec viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --initrd /tmp/initrd --memory 384M --cpus 3 --on-reset reboot "${devices[@]}" --stats /tmp/stats \
        --append "console=ttyS0 panic=-1 quiet via.do=run via.run=\"/raw $seed $left\""
}

# The host is as before: its devices, its memory, its kernel; and the devices serve its drivers and other guests.
aftermath() {
    canary_lives
    viaduct unbind "${functions[@]}"
    same "$(leftovers)" ''
    diff /tmp/before <(snapshot)
    dmesg | grep -E 'DMAR.*fault|BUG|WARN|Oops|protection' | sed 's/^\[[^]]*\] //' | cut -c1-60 | sort | uniq -c | sort -rn | head -n 12
    no_match "$(dmesg)" 'BUG:|WARNING:|Oops|general protection|lockup|nobody cared'
    ping -c 3 -W 5 10.0.2.2
    dd if=/dev/nvme0n1 of=/dev/null bs=1M count=4 iflag=direct
    viaduct bind "$PF/vf0"
    expect 0 guest via.do=pings:10 --memory 256M --device "$PF/vf0"
    match "$out" '^guest: pings 10/10 through eth0$'
    viaduct unbind "$PF/vf0"
}

attack() { # PATTERN SILENCE NAME
    sanitized
    # What is freed must be free: memory kept aside to find late uses would look like growth, and so would the
    # second stack of 11 MiB each thread gets, which is filled bit by bit.
    ASAN_OPTIONS+=:quarantine_size_mb=1:thread_local_quarantine_size_kb=16:detect_stack_use_after_return=0
    ASAN_OPTIONS+=:allocator_release_to_os_interval_ms=500
    targets
    snapshot >/tmp/before
    watch_canary
    viaduct bind "${functions[@]}"
    assault "$3" "$2" "$1" "$3"
    aftermath
}

check_bare() {
    attack '^hostile: ends itself' 20 bare
    # Devices did what they were told, and the IOMMU did not let them.
    match "$(dmesg)" 'DMAR:.*fault'
}

check_linux() {
    mkdir -p /tmp/tree
    cp "$programs/raw" /tmp/tree/
    (cd /tmp/tree && echo raw | cpio --quiet -o -H newc | gzip) | cat "$VIADUCT_GUEST_INITRD_TOOLS" - >/tmp/initrd
    attack '^raw: done' 60 linux
}
