# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # the harness sets out, err and more
# limit: 600
# The NVMe controller and its VFs: what its secondary controllers are given, and guests that use them.
# The lab's has 8 queues and 4 vectors to give, at most 4 and 3 to one VF.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"
# shellcheck source=tests/lab/lib/devices.sh
. "$tests/lib/devices.sh"

STATS=/tmp/stats.json
NVME=/sys/bus/pci/devices/$NVME_BDF
VF_BDF=0000:02:00.1

secondaries() { nvme list-secondary /dev/nvme0 --output-format=json; }

# VF INDEX: "STATE QUEUES VECTORS", as nvme-cli has it.
held() {
    secondaries | python3 -c 'if True:
        import json, sys
        vfs = {each["virtual-function-number"]: each for each in json.load(sys.stdin)["secondary-controllers"]}
        vf = vfs[int(sys.argv[1]) + 1]
        print(("offline", "online")[vf["secondary-controller-state"]], vf["num-virtual-queues"],
              vf["num-virtual-interrupts"])' "$1"
}

# Nothing of VFs is left: neither on the host's books nor on the controller's.
untouched() {
    snapshot | diff -u /tmp/before -
    secondaries | diff -u /tmp/before-nvme -
    same "$(held 0)" 'offline 0 0'
}
begin() {
    snapshot >/tmp/before
    secondaries >/tmp/before-nvme
}

check_shares() {
    local each count
    begin
    for each in 1:4:3 2:4:2 3:2:1 4:2:1; do
        IFS=: read -r count queues vectors <<<"$each"
        expect 0 viaduct vf create nvme0 "$count"
        match "$out" '^VF +DEVICE +DRIVER +STATE +QUEUES +VECTORS$'
        match "$out" "^$NVME_BDF/vf$((count - 1)) +0000:02:00.$count +- +online +$queues +$vectors$"
        same "$(held $((count - 1)))" "online $queues $vectors"
        expect 0 viaduct vf destroy nvme0
        untouched
    done
    expect 0 viaduct vf create --json --queues 3 --vectors 1 nvme0 2
    match "$out" '"state": "online"'
    match "$out" '"queues": 3'
    same "$(held 0), $(held 1)" 'online 3 1, online 3 1'
    expect 0 viaduct vf destroy --dry-run nvme0
    match "$out" "^$NVME_BDF/vf1 queues: 3 -> 0$"
    match "$out" "^$NVME_BDF/vf1 state: online -> offline$"
    same "$(held 1)" 'online 3 1'
    # Their driver is there, and would take each VF that is offered to it.
    no_match "$(dmesg)" "nvme nvme[1-9]|nvme 0000:02:00.[1-9]"
    expect 0 viaduct vf destroy nvme0
    untouched
}

check_refusals() {
    begin
    refuse 2 "'0' is not a number of queues" viaduct vf create nvme0 1 --queues 0
    refuse 2 "'x' is not a number of vectors" viaduct vf create nvme0 1 --vectors x
    refuse 1 'needs at least 2 queues, not 1' viaduct vf create nvme0 1 --queues 1
    refuse 1 'can have 4 queues at most, not 5' viaduct vf create nvme0 1 --queues 5
    refuse 1 'can have 3 vectors at most, not 65535' viaduct vf create nvme0 1 --vectors 65535
    refuse 1 '3 VFs of 0000:02:00.0 with 3 queues each take more than the 8 that are free' \
        viaduct vf create nvme0 3 --queues 3
    refuse 1 'can have 4 VFs at most, not 5' viaduct vf create nvme0 5
    refuse 1 'not an NVMe controller' viaduct vf create "$PF" 1 --queues 2
    expect 0 viaduct vf create --dry-run nvme0 2
    match "$out" "^$NVME_BDF/vf1 queues: 0 -> 4$"
    match "$out" "^$NVME_BDF/vf1 state: offline -> online$"
    untouched
    viaduct bind nvme0
    refuse 1 "$NVME_BDF is bound to vfio-pci; the VFs of an NVMe controller" viaduct vf create "$NVME_BDF" 1
    viaduct unbind "$NVME_BDF"
    until [ -e /dev/nvme0n1 ]; do sleep 0.2; done
    untouched
}

# VFs that somebody else made have nothing, and are given it one by one.
check_by_hand() {
    begin
    echo 0 >"$NVME/sriov_drivers_autoprobe"
    echo 2 >"$NVME/sriov_numvfs"
    refuse 1 'has 2 VFs already' viaduct vf create nvme0 2
    expect 0 viaduct vf list nvme0
    match "$out" "^$NVME_BDF/vf0 +$VF_BDF +- +offline +0 +0$"
    expect 0 viaduct vf set nvme0/vf0 --queues 4 --vectors 3
    same "$(held 0), $(held 1)" 'online 4 3, offline 0 0'
    expect 0 viaduct vf set "$VF_BDF" --queues 3
    match "$out" "^$NVME_BDF/vf0 +$VF_BDF +- +online +3 +3$"
    refuse 1 'with 2 vectors each take more than the 1 that' viaduct vf set nvme0/vf1 --queues 2 --vectors 2
    # Of what it has none, it gets as much as it can have.
    expect 0 viaduct vf set --dry-run nvme0/vf1 --queues 2
    match "$out" "^$NVME_BDF/vf1 queues: 0 -> 2$"
    match "$out" "^$NVME_BDF/vf1 vectors: 0 -> 1$"
    same "$(held 0), $(held 1)" 'online 3 3, offline 0 0'
    expect 0 viaduct vf set nvme0/vf1 --queues 2
    same "$(held 0), $(held 1)" 'online 3 3, online 2 1'
    expect 0 viaduct vf destroy nvme0
    # They were somebody else's, and as they were.
    expect 0 viaduct undo
    same "$(cat "$NVME/sriov_numvfs"), $(held 0), $(held 1)" '2, offline 0 0, offline 0 0'
    echo 0 >"$NVME/sriov_numvfs"
    echo 1 >"$NVME/sriov_drivers_autoprobe"
    untouched
}

# udevd that is told to wait announces nothing, so the VFs never arrive.
check_interrupted() {
    local each pid status
    trap 'udevadm control --start-exec-queue' EXIT
    begin
    for each in TERM:143 KILL:137; do
        udevadm control --stop-exec-queue
        env --default-signal viaduct vf create nvme0 2 &
        pid=$!
        until [ "$(cat "$NVME/sriov_numvfs")" = 2 ]; do sleep 0.1; done
        kill "-${each%:*}" "$pid"
        status=0
        wait "$pid" || status=$?
        same "$status" "${each#*:}"
        udevadm control --start-exec-queue
        udevadm settle
        [ "$each" = TERM:143 ] || {
            same "$(held 0)" 'offline 4 2'
            expect 0 viaduct vf destroy nvme0
        }
        untouched
    done
}

# tooled PARAMETERS ARG...: a guest that has fio.
tooled() { VIADUCT_GUEST_INITRD=$VIADUCT_GUEST_INITRD_TOOLS guest "$@"; }

# What the guest does at its first start and, once it finds its mark on the disk, at its second:
# two jobs, each on a processor and so with queues and a vector of its own, of 32 MiB each.
mark='dd if=/dev/nvme0n1 bs=512 skip=300000 count=1'
fio='/tools/fio --name=two --filename=/dev/nvme0n1 --numjobs=2 --size=32M --offset_increment=32M --bs=64k
    --ioengine=io_uring --iodepth=4 --direct=1 --cpus_allowed=0-1 --cpus_allowed_policy=split
    --verify=crc32c --verify_fatal=1 --group_reporting --eta=never'
# shellcheck disable=SC2116,SC2086 # one line
fio=$(echo $fio)
script="if $mark 2>/dev/null | grep -q ^written;
    then $fio --rw=read && echo guest: 64 MiB are as they were written;
    else $fio --rw=write --do_verify=1 && echo guest: 64 MiB written and verified &&
        yes written | dd of=/dev/nvme0n1 bs=512 seek=300000 count=1 oflag=direct iflag=fullblock && reboot -f; fi"
# shellcheck disable=SC2116,SC2086 # one line
script=$(echo $script)

clean() { dd if=/dev/zero of=/dev/nvme0n1 bs=1M count=160 oflag=direct status=none; }

# VMM BACKEND of the guest to come.
how=(viaduct auto)

written_and_kept() { # DEVICE NAME BDF
    local vmm=${how[0]} backend=${how[1]} work='64 MiB written and verified by fio, verified again after a reboot'
    local parameters="via.do=run via.run=\"$script\""
    if [ "$vmm" = qemu ]; then
        expect 0 qemu "$backend" 512 "$VIADUCT_GUEST_INITRD_TOOLS" "console=ttyS0 quiet panic=-1 $parameters" "$3"
    else
        expect 0 tooled "$parameters" --on-reset reboot --cpus 2 --memory 512M --backend "$backend" --device "$1" --stats $STATS
        # An interrupt vector for the admin queue, and one for each processor.
        holds $STATS 's["end"] == "power-off"' \
            'sum(each > 20 for each in s["devices"][0]["interrupts"]) >= 2' \
            's["devices"][0]["vfio"]["region_reads"] == 0' \
            'len([each for each in s["devices"][0]["interrupts"] if each > 0]) >= 3'
    fi
    match "$out" '^guest: 64 MiB written and verified$'
    match "$out" '^guest: 64 MiB are as they were written$'
    match "$out" '^guest: done$'
    no_match "$out" 'verify: bad|err= *[1-9]'
    [ "$backend" != auto ] || backend=$(backends | head -n 1)
    row "$vmm" "$backend" "$2" "$(bars "$3")" MSI-X nvme "$work" ok
}

check_vf_written_and_kept() {
    clean
    begin
    viaduct vf create nvme0 1
    viaduct bind nvme0/vf0
    written_and_kept nvme0/vf0 'NVMe VF' "$(basename "$(readlink "$NVME/virtfn0")")"
    same "$(held 0)" 'online 4 3'
    # The PF has the same namespace, and sees what the guest wrote.
    match "$(dd if=/dev/nvme0n1 bs=512 skip=300000 count=1 iflag=direct status=none | head -n 1)" '^written$'
    expect 0 viaduct unbind nvme0/vf0
    expect 0 viaduct vf destroy nvme0
    untouched
    same "$(leftovers)" ''
}

check_pf_written_and_kept() {
    clean
    begin
    viaduct bind nvme0
    written_and_kept "$NVME_BDF" 'NVMe PF' "$NVME_BDF"
    expect 0 viaduct unbind "$NVME_BDF"
    until [ -e /dev/nvme0n1 ]; do sleep 0.2; done
    match "$(dd if=/dev/nvme0n1 bs=512 skip=300000 count=1 iflag=direct status=none | head -n 1)" '^written$'
    untouched
    same "$(leftovers)" ''
}

# As little as a VF can have: one queue for I/O, one vector for all.
check_smallest_vfs() {
    begin
    viaduct vf create nvme0 4
    viaduct bind nvme0/vf0 nvme0/vf3
    start /tmp/first via.do=nvme,idle --memory 192M --device nvme0/vf0
    awaits /tmp/first '^guest: nvme .* intact'
    refuse 1 'in use' viaduct vf set nvme0/vf0 --queues 2
    refuse 1 'in use' viaduct vf destroy nvme0
    expect 0 guest via.do=nvme --memory 192M --device nvme0/vf3
    match "$out" '^guest: pci 0000:00:01.0 1b36:0010 class 0108 driver nvme$'
    match "$out" '^guest: nvme nvme0n1 524288 sectors, 256 KiB written and read back intact$'
    no_match "$out" differs
    kill -TERM "$pid"
    reap 0
    expect 0 viaduct vf destroy nvme0
    untouched
}
