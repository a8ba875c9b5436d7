# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# limit: 600
# Virtio disks, and Linux' own driver of them.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

STATS=/tmp/stats.json

# A file of 24 MiB: a guest of two processors writes 8, discards 4 that the host had written, and marks
# it; an NVMe namespace past the page cache, and a file it may only read.
fio='/tools/fio --ioengine=io_uring --iodepth=8 --direct=1 --eta=never --output=/fio --name=j'
split='--filename=/dev/vda --numjobs=2 --size=4M --offset_increment=4M --bs=64k
    --cpus_allowed=0-1 --cpus_allowed_policy=split --verify=crc32c --verify_fatal=1'
small='--filename=/dev/vdb --size=2M --bs=4k --verify=crc32c --verify_fatal=1'
script="if dd if=/dev/vda bs=1M skip=20 count=1 2>/dev/null | grep -q ^written;
    then $fio $split --rw=read && $fio $small --rw=randread && echo guest: as it was written; md5sum /dev/vda /dev/vdc;
    else $fio $split --rw=write --do_verify=1 && $fio $small --rw=randwrite --do_verify=1 && echo guest: written and verified;
        $fio --filename=/dev/vda --offset=12M --size=4M --bs=1M --rw=trim && echo guest: discarded;
        dd if=/dev/zero of=/dev/vdc count=1 conv=fsync 2>/dev/null || echo guest: vdc cannot be written;
        grep virtio0-req /proc/interrupts; cat /sys/block/vda/serial; echo; cat /sys/block/vda/queue/write_cache;
        yes written | dd of=/dev/vda bs=1M seek=20 count=1 iflag=fullblock conv=fsync && reboot -f; fi"
# shellcheck disable=SC2116,SC2086 # one line
script=$(echo $script)

# How often an operation of io_uring was handed to the kernel since the trace was begun.
submitted() { grep -c "opcode $1," /sys/kernel/tracing/trace; }

check_written_and_kept() {
    local sum
    mount -t tracefs none /sys/kernel/tracing 2>/dev/null || [ -e /sys/kernel/tracing/trace ]
    echo 1 >/sys/kernel/tracing/events/io_uring/io_uring_submit_req/enable
    dd if=/dev/urandom of=/tmp/image bs=1M seek=12 count=4 status=none
    truncate -s 24M /tmp/image
    dd if=/dev/urandom of=/tmp/only bs=1M count=1 status=none
    sum=$(md5sum </tmp/only)
    # Only who has CAP_SYS_ADMIN may make a ring: it must be made before that is given up.
    sysctl -qw kernel.io_uring_disabled=1
    VIADUCT_GUEST_INITRD=$VIADUCT_GUEST_INITRD_TOOLS start /tmp/console "via.do=run via.run=\"$script\"" \
        --on-reset reboot --cpus 2 --memory 512M --stats $STATS \
        --disk /tmp/image --disk /dev/nvme0n1,direct,queues=1 --disk /tmp/only,ro
    awaits /tmp/console '^guest: ready'
    # Nobody else gets what it writes to; what it reads, others may read.
    for each in /tmp/image /tmp/image,ro /tmp/only; do
        refuse 1 "disk ${each%,ro} is in use: another guest" viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --disk "$each"
    done
    for each in /dev/nvme0n1 /dev/nvme0n1,ro; do
        refuse 1 'disk /dev/nvme0n1 is in use: ' viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --disk "$each"
    done
    reap 0
    out=$(tr -d '\r' </tmp/console)
    same "$(cat /tmp/console.err)" ''
    match "$out" '^guest: written and verified$'
    match "$out" '^guest: discarded$'
    match "$out" '^guest: vdc cannot be written$'
    match "$out" '^guest: as it was written$'
    match "$out" '^disk0$'
    match "$out" '^write back$'
    # Each processor has a queue, whose requests it hears of by itself.
    same "$(grep -c 'virtio0-req' <<<"$out")" 2
    match "$out" '^ *[0-9]+: +[1-9][0-9]* +0 .*virtio0-req'
    match "$out" '^ *[0-9]+: +0 +[1-9][0-9]* .*virtio0-req'
    match "$out" "^$(md5sum </tmp/image | cut -d' ' -f1)  /dev/vda$"
    match "$out" "^${sum%% *}  /dev/vdc$"
    same "$(md5sum </tmp/only)" "$sum"
    # 8 MiB and the mark are left of what took 13.
    [ "$(du -k /tmp/image | cut -f1)" -le $((9 << 10)) ]
    same "$(dd if=/tmp/image bs=1M skip=12 count=4 status=none | tr -d '\0' | wc -c)" 0
    [ "$(submitted FSYNC)" -ge 1 ]
    [ "$(submitted FALLOCATE)" -ge 1 ]
    [ "$(submitted WRITEV)" -ge 128 ]
    holds $STATS 's["reboots"] == 1' '[each["device"] for each in s["virtio"]] == ["disk0", "disk1", "disk2"]' \
        '[each["queues"] for each in s["virtio"]] == [2, 1, 2]' 'all(each["backend"] == "io_uring" for each in s["virtio"])' \
        's["virtio"][0]["bytes"] >= 48 << 20' 's["virtio"][0]["requests"] >= 384' \
        's["virtio"][1]["bytes"] >= 6 << 20' 's["virtio"][1]["requests"] >= 1536' \
        'all(0 < each["kicks"] <= each["requests"] for each in s["virtio"])' \
        'all(0 < each["interrupts"] <= each["requests"] for each in s["virtio"])' \
        'all(each["cpu_ns"] for each in s["virtio"])' \
        'all(each["exits"]["register_writes"] < 400 for each in s["virtio"])'
}

# disk DISK: a guest without a kernel to speak of, which is not reached.
disk() { viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --console none --disk "$1"; }

check_refused() {
    refuse 1 'there is no disk /nosuch' disk /nosuch
    refuse 1 'disk /tmp is a directory' disk /tmp
    refuse 1 'disk /dev/zero is neither a file nor a block device' disk /dev/zero
    : >/tmp/empty
    refuse 1 'disk /tmp/empty is empty: .*truncate -s 10G' disk /tmp/empty
    truncate -s 1000 /tmp/odd
    refuse 1 'has 1000 bytes, .*truncate -s %512' disk /tmp/odd
    truncate -s %512 /tmp/odd
    chmod 0444 /tmp/odd
    sysctl -qw kernel.io_uring_disabled=2
    refuse 1 'sysctl kernel.io_uring_disabled=0' disk /tmp/odd
    # What the host uses.
    mkswap -q /dev/nvme0n1
    swapon /dev/nvme0n1
    refuse 1 'disk /dev/nvme0n1 is in use: the host' disk /dev/nvme0n1
    refuse 1 'disk /dev/nvme0n1 is in use: the host' disk /dev/nvme0n1,ro
    swapoff /dev/nvme0n1
}
