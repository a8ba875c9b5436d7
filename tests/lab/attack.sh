# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# hosts: stock/intel
# limit: 600
# Guests that attack the host with all they have.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

# A device whose DMA reaches all addresses, and one with I/O ports.
# qemu: -device edu,addr=0x8,dma_mask=0xffffffffffffffff -device pci-testdev,addr=0x9

# How long each attacks; longer by hand (docs/lab.md).
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

# assault NAME SILENCE COMMAND...: see assault.py.
assault() {
    python3 "$tests/lib/assault.py" "$1" "$seconds" "$seed" "${@:2}"
}

# The host is as before: its devices, its memory, its kernel; and the devices serve its drivers and other guests.
aftermath() {
    canary_lives
    viaduct unbind "${functions[@]}"
    diff /tmp/before-left <(leftovers)
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

attack() { # NAME SILENCE ARG...
    local name=$1 silence=$2
    shift 2
    sanitized
    # What is freed must be free: memory kept aside to find late uses would look like growth, and so would the
    # second stack of 11 MiB each thread gets, which is filled bit by bit.
    ASAN_OPTIONS+=:quarantine_size_mb=1:thread_local_quarantine_size_kb=16:detect_stack_use_after_return=0
    ASAN_OPTIONS+=:allocator_release_to_os_interval_ms=500
    targets
    snapshot >/tmp/before
    leftovers >/tmp/before-left
    watch_canary
    viaduct bind "${functions[@]}"
    truncate -s 16M /tmp/attacked
    assault "$name" "$silence" viaduct run --cpus 3 --on-reset reboot --stats /tmp/stats "${devices[@]}" \
        --net user --disk /tmp/attacked,queues=2 --rng "${@//CANARIES/$canaries}"
    same "$(stat -c %s /tmp/attacked)" $((16 << 20))
    aftermath
}

# Devices did what they were told, and the IOMMU did not let them; in the end the guest throws them out.
check_bare() {
    attack hostile 20 --kernel "$programs/hostile.elf" --memory 64M \
        --append "seed={seed} seconds={seconds} cpus=3 resets=1 ejects={odd} canary=CANARIES"
    match "$(dmesg)" 'DMAR:.*fault'
}

check_linux() {
    mkdir -p /tmp/tree
    cp "$programs/raw" /tmp/tree/
    (cd /tmp/tree && echo raw | cpio --quiet -o -H newc | gzip) | cat "$VIADUCT_GUEST_INITRD_TOOLS" - >/tmp/initrd
    attack raw 20 --kernel "$VIADUCT_GUEST_KERNEL" --initrd /tmp/initrd --memory 384M \
        --append 'console=ttyS0 panic=-1 quiet via.do=run via.run="/raw {seed} {seconds}"'
}
