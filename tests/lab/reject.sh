# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# limit: 240
# Bad input: one sentence, status 1 or 2, and the host as it was.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

watch() { snapshot >/tmp/before; }
unchanged() {
    snapshot >/tmp/after
    diff -u /tmp/before /tmp/after || flunk "the host was changed"
}

# A VF that could run, so that what is refused is refused for nothing else.
ready_vf() {
    vfs "${1:-1}"
    viaduct bind "$PF/vf0"
    watch
}

# The cli tests have the rest of these.
check_usage() {
    watch
    refuse 2 'nosuch' viaduct nosuch
    refuse 2 '--nosuch' viaduct run --nosuch
    refuse 2 '--kernel' viaduct run
    refuse 2 'DEVICE' viaduct bind
    refuse 2 'COUNT' viaduct vf create "$PF"
    refuse 2 'two' guest '' --cpus two
    refuse 2 'much' guest '' --memory much
    unchanged
}

check_no_kvm() {
    kvm_module=$(lsmod | awk '/^kvm_/ { print $1 }')
    [ -n "$kvm_module" ] || skip "KVM is built into this kernel"
    ready_vf
    modprobe -r "$kvm_module"
    trap 'modprobe "$kvm_module"' EXIT
    [ ! -e /dev/kvm ] || flunk "/dev/kvm did not go away"
    refuse 1 '/dev/kvm.*modprobe' guest '' --memory 256M --device "$PF/vf0"
    foretold "$PF/vf0" --memory 256M
    unchanged
}

check_kvm_without_permission() {
    watch
    refuse 1 'no permission to open /dev/kvm' setpriv --reuid 65534 --regid 65534 --clear-groups \
        viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --memory 256M
    unchanged
}

check_no_such_device() {
    watch
    refuse 1 'there is no PCI function 0000:0f:00.0' guest '' --device 0000:0f:00.0
    refuse 1 '0000:0f:00.0' viaduct bind 0000:0f:00.0
    refuse 1 '0000:0f:00.0' viaduct unbind 0f:00.0
    refuse 1 '0000:0f:00.0' viaduct vf create 0f:00.0 1
    refuse 1 'eth9' viaduct bind eth9
    refuse 1 'viaduct vf create' guest '' --device "$PF/vf0"
    refuse 1 'not a PCI address' guest '' --device 01:10
    refuse 1 'there is no PCI function 0000:0f:00.0' viaduct check 0000:0f:00.0
    refuse 1 'viaduct vf create' viaduct check "$PF/vf0"
    unchanged
}

check_not_bound() {
    vfs 1
    watch
    refuse 1 "$VF0_BDF is not bound to vfio-pci.*viaduct bind $VF0_BDF" guest '' --memory 256M --device "$PF/vf0"
    foretold "$PF/vf0" --memory 256M
    refuse 1 "$NVME_BDF is not bound to vfio-pci.*nvme.*viaduct bind $NVME_BDF" guest '' --memory 256M --device "$NVME_BDF"
    foretold "$NVME_BDF" --memory 256M
    refuse 1 'not bound' viaduct unbind "$PF/vf0"
    unchanged
}

# The functions of the chip set's slot 1f are one group.
check_group_not_viable() {
    local other=0000:00:1f.2 mine=0000:00:1f.3
    modprobe -a ahci
    [ -e /sys/bus/pci/devices/$other/driver ] || echo $other >/sys/bus/pci/drivers/ahci/bind
    same "$(readlink /sys/bus/pci/devices/$other/iommu_group)" "$(readlink /sys/bus/pci/devices/$mine/iommu_group)"
    viaduct bind $mine
    watch
    refuse 1 "not viable.*$other \(ahci\).*viaduct bind.* $other" guest '' --memory 256M --device $mine
    foretold $mine --memory 256M
    unchanged
}

check_in_use_by_another() {
    modprobe igbvf
    ready_vf 2
    viaduct bind "$PF/vf1"
    watch
    start /tmp/console via.do=idle --memory 128M --device "$PF/vf0"
    until find "/proc/$pid/fd" -lname '/dev/vfio/[0-9]*' | grep -q .; do
        kill -0 "$pid"
        sleep 0.1
    done
    refuse 1 "$VF0_BDF is in use: process $pid \(viaduct\)" guest '' --memory 128M --device "$PF/vf0"
    foretold "$PF/vf0" --memory 128M
    refuse 1 "process $pid" guest '' --memory 128M --device "$PF/vf1" --device "$PF/vf0"
    foretold "$PF/vf1" "$PF/vf0" --memory 128M
    refuse 1 "process $pid" viaduct unbind "$PF/vf0"
    refuse 1 "process $pid" viaduct unbind "$PF/vf1" "$PF/vf0"
    refuse 1 "process $pid" viaduct bind --driver igbvf --force "$PF/vf0"
    refuse 1 "process $pid" viaduct vf destroy "$PF"
    refuse 1 "process $pid" viaduct vf destroy --force "$PF"
    # Until its processors run, SIGTERM just ends the process.
    until grep -q vcpu "/proc/$pid/task/"*/comm; do
        kill -0 "$pid"
        sleep 0.1
    done
    kill -TERM "$pid"
    reap 0
    unchanged
}

check_given_twice() {
    ready_vf
    refuse 1 "$VF0_BDF is given to the guest twice" guest '' --device "$PF/vf0" --device "$VF0_BDF"
    foretold "$PF/vf0" "$VF0_BDF"
    unchanged
}

check_vf_count() {
    watch
    refuse 1 'can have 7 VFs at most, not 8' viaduct vf create "$PF" 8
    refuse 1 'at most, not 65536' viaduct vf create "$PF" 65536
    refuse 1 '0 is not a number of VFs' viaduct vf create "$PF" 0
    refuse 1 'no SR-IOV' viaduct vf create "$EDU_BDF" 1
    unchanged
    vfs 2
    watch
    refuse 1 'has 2 VFs already.*viaduct vf destroy' viaduct vf create "$PF" 3
    refuse 1 'has 2 VFs already' viaduct vf create "$PF" 2
    refuse 1 'is a VF' viaduct vf create "$PF/vf0" 1
    refuse 1 'has no VF 2' viaduct vf set "$PF/vf2" --trust on
    unchanged
}

check_pf_down() {
    # Taking the link down takes its routes; the next check finds them again.
    trap 'ip link set "$PF" up; ip route replace default via 10.0.2.2' EXIT
    ip link set "$PF" down
    watch
    refuse 1 "$PF.* is down.*ip link set $PF up" viaduct vf create "$PF" 1
    unchanged
    ip link set "$PF" up
    ready_vf
    ip link set "$PF" down
    watch
    refuse 1 "$PF.* is down.*ip link set $PF up" guest '' --memory 256M --device "$PF/vf0"
    foretold "$PF/vf0" --memory 256M
    unchanged
}

check_kernel() {
    local kernel=$VIADUCT_GUEST_KERNEL
    ready_vf
    set -- --memory 256M --device "$PF/vf0"
    head -c 3000000 "$kernel" >/tmp/half
    head -c 600 "$kernel" >/tmp/start
    head -c 1000000 /dev/zero >/tmp/zeros
    : >/tmp/empty
    cp "$(command -v busybox)" /tmp/elf
    head -c 100 /tmp/elf >/tmp/elf-start
    refuse 1 '/tmp/nosuch.*No such file' viaduct run --kernel /tmp/nosuch "$@"
    refuse 1 '/tmp is not a regular file' viaduct run --kernel /tmp "$@"
    refuse 1 '/tmp/empty' viaduct run --kernel /tmp/empty "$@"
    refuse 1 '/tmp/zeros is not a kernel' viaduct run --kernel /tmp/zeros "$@"
    refuse 1 '/tmp/start is ' viaduct run --kernel /tmp/start "$@"
    refuse 1 '/tmp/half is truncated' viaduct run --kernel /tmp/half "$@"
    refuse 1 '/tmp/elf ' viaduct run --kernel /tmp/elf "$@"
    refuse 1 '/tmp/elf-start is ' viaduct run --kernel /tmp/elf-start "$@"
    refuse 1 "${kernel##*/} does not fit.*--memory" guest '' --memory 32M --device "$PF/vf0"
    unchanged
}

check_initrd() {
    ready_vf
    truncate -s 1G /tmp/initrd
    refuse 1 'the initrd /tmp/initrd does not fit.*--memory' \
        viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --initrd /tmp/initrd --memory 256M --device "$PF/vf0"
    refuse 1 '/tmp/nosuch.*No such file' \
        viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --initrd /tmp/nosuch --memory 256M --device "$PF/vf0"
    refuse 1 '/tmp is not a regular file' \
        viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --initrd /tmp --memory 256M --device "$PF/vf0"
    unchanged
}

check_memory() {
    ready_vf
    refuse 1 '268435457 bytes is not a multiple of the page size, 4096' guest '' --memory 268435457 --device "$PF/vf0"
    foretold "$PF/vf0" --memory 268435457
    refuse 1 'page size' guest '' --memory 257K --device "$PF/vf0"
    refuse 1 'too small' guest '' --memory 4K --device "$PF/vf0"
    refuse 1 'too small' guest '' --memory 0 --device "$PF/vf0"
    foretold "$PF/vf0" --memory 0
    refuse 1 'more than the host has' guest '' --memory 16T --device "$PF/vf0"
    foretold "$PF/vf0" --memory 16T
    unchanged
}

# An ordinary user is told the limit that is needed, and that limit is enough.
check_locked_memory() {
    local group kvm needed user
    ready_vf
    group=/dev/vfio/$(basename "$(readlink "/sys/bus/pci/devices/$VF0_BDF/iommu_group")")
    kvm=$(stat -c %g /dev/kvm)
    chown 65534 "$group"
    user="setpriv --reuid 65534 --regid 65534 --groups $kvm --inh-caps=-all"
    # shellcheck disable=SC2086,SC2317 # words; refuse calls it
    limited() {
        local limit=$1
        shift
        prlimit --memlock="$limit" $user viaduct run --kernel "$VIADUCT_GUEST_KERNEL" \
            --initrd "$VIADUCT_GUEST_INITRD" --append "console=ttyS0 quiet via.do=pings:3" \
            --memory 128M --device "$VF0_BDF" "$@"
    }
    refuse 1 'locked-memory limit of [0-9]+ bytes and this process has 8388608.*ulimit -l' limited 8388608
    needed=$(sed -n 's/.*locked-memory limit of \([0-9]*\) bytes.*/\1/p' <<<"$err")
    # shellcheck disable=SC2206 # words
    as=(prlimit --memlock=8388608 $user)
    foretold "$VF0_BDF" --memory 128M
    [ "$needed" -ge 134217728 ] || flunk "$needed bytes cannot be enough"
    refuse 1 "locked-memory limit of $needed bytes" limited $((needed - 4096))
    # shellcheck disable=SC2086 # words
    expect 0 prlimit --memlock="$needed" $user viaduct check "$VF0_BDF" --memory 128M
    unchanged
    expect 0 limited "$needed"
    match "$out" '^guest: pings 3/3 through eth0$'
}

check_append() {
    local long
    ready_vf
    long=$(printf '%2040s' '' | tr ' ' x)
    refuse 1 'command line has [0-9]+ characters.*at most 2047.*--append' guest "$long" --memory 256M --device "$PF/vf0"
    unchanged
}

check_cpus() {
    ready_vf
    refuse 1 '1 to 64 processors, not 0 ' guest '' --cpus 0 --memory 256M --device "$PF/vf0"
    refuse 1 'not 65 ' guest '' --cpus 65 --memory 256M --device "$PF/vf0"
    refuse 1 'not 100000 ' guest '' --cpus 100000 --memory 256M --device "$PF/vf0"
    refuse 1 '1 to 64' guest '' --cpus 99999999999 --memory 256M --device "$PF/vf0"
    unchanged
}

check_output() {
    ready_vf
    refuse 2 'console is stdio, none or file=PATH' guest '' --memory 256M --device "$PF/vf0" --console serial
    refuse 1 '/nosuch/console' guest '' --memory 256M --device "$PF/vf0" --console file=/nosuch/console
    refuse 1 '/nosuch/stats' guest '' --memory 256M --device "$PF/vf0" --stats /nosuch/stats
    unchanged
}

check_host_uses_netdev() {
    local ipv6=/proc/sys/net/ipv6/conf/$PF/disable_ipv6
    trap 'echo 0 >/proc/sys/net/ipv6/conf/"$PF"/disable_ipv6; ip address flush dev "$PF"; ip address add 10.0.2.15/24 dev "$PF"; ip route replace default via 10.0.2.2' EXIT
    echo 1 >"$ipv6" # or a router's advertisement brings routes at any time
    watch
    refuse 1 "in use: the host routes through its netdev $PF" viaduct bind "$PF"
    refuse 1 "in use: the host routes through its netdev $PF" viaduct bind "$EDU_BDF" "$PF"
    ip -4 route flush dev "$PF"
    refuse 1 "in use: its netdev $PF is up and has an address" viaduct bind "$PF_BDF"
    unchanged
    vfs 1
    watch
    refuse 1 'in use: it has 1 virtual functions' viaduct bind "$PF"
    refuse 1 'is a bridge' viaduct bind 0000:00:02.0
    refuse 1 'driver nosuch is not loaded' viaduct bind --driver nosuch "$PF/vf0"
    unchanged
}

check_host_uses_disk() {
    local disk=/dev/nvme0n1
    trap 'swapoff /dev/nvme0n1 || :; umount /mnt || :' EXIT
    watch
    mkswap $disk
    swapon $disk
    refuse 1 "$NVME_BDF is in use: the host swaps on its disk" viaduct bind nvme0
    swapoff $disk
    busybox mke2fs -F $disk 65536
    mount -t ext4 $disk /mnt
    refuse 1 "$NVME_BDF is in use: its disk .* is mounted at /mnt" viaduct bind "$NVME_BDF"
    umount /mnt
    unchanged
}

check_not_root() {
    ready_vf
    set -- setpriv --reuid 65534 --regid 65534 --clear-groups viaduct
    refuse 1 'takes root' "$@" unbind "$PF/vf0"
    refuse 1 'takes root' "$@" bind "$EDU_BDF"
    refuse 1 '.' "$@" vf destroy "$PF"
    unchanged
    viaduct vf destroy "$PF"
    refuse 1 'takes root' "$@" vf create "$PF" 1
}
