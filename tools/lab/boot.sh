# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The emulated host: its initramfs, its machine line, and one boot of it.

# Modules that Debian's kernel needs to reach a root over 9p, with what they need.
HOST_BOOT_MODULES=(virtio_pci virtio_iommu 9pnet_virtio 9p overlay virtio_console qemu_fw_cfg)

hostinit_stage() {
    local key
    key=$({ echo "$ROOT" "${HOST_BOOT_MODULES[@]}"; cat "$LAB/host-initramfs"; declare -f hostinit_build initramfs_pack; } | digest)
    stage hostinit "$key" "preparing the emulated host's initramfs" hostinit_build
    HOST_INITRAMFS=$STAGE/initramfs
}

hostinit_build() {
    local tree=$1/tree
    mkdir -p "$tree"/{bin,dev,proc,sys,ro,rw,new}
    cp "$LAB/host-initramfs" "$tree/init"
    modules_copy "$tree" order "${HOST_BOOT_MODULES[@]}" || return
    initramfs_pack "$tree" "$1/initramfs"
}

# modules_copy TREE LIST MODULE...: uncompressed into TREE/modules/RELEASE, their order in a file LIST.
modules_copy() {
    local tree=$1 list=$2 release path name
    shift 2
    release=$(<"$ROOT/boot/release")
    mkdir -p "$tree/modules/$release"
    for name in "$@"; do
        in_root "$ROOT" ro -- modprobe -S "$release" --show-depends "$name" || return
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
        while read -r path; do
            name=$(basename "${path%.xz}")
            if [ "$path" != "${path%.xz}" ]; then
                xz -dc "$ROOT$path" >"$tree/modules/$release/$name"
            else
                cp "$ROOT$path" "$tree/modules/$release/$name"
            fi
            echo "$name" >>"$tree/modules/$release/$list"
        done
}

initramfs_pack() {
    if [ -e "$1/init" ]; then
        cp "$ROOT/usr/bin/busybox" "$1/bin/busybox"
        chmod +x "$1/init"
    fi
    (cd "$1" && find . -print0 | in_root "$ROOT" ro "$1:/host" -- \
        sh -c 'cd /host && cpio --null --create --format=newc --owner=0:0 --quiet' | gzip -1 >"$2") &&
        rm -rf "$1"
}

# What the accelerator is decides the CPU model too.
accelerator_choose() {
    ACCELERATOR=tcg
    if grep -qwE 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ]; then
        ACCELERATOR=kvm
    fi
}

memory_choose() {
    local available
    [ -z "$OPT_MEMORY" ] || { MEMORY=$OPT_MEMORY; return; }
    available=$(awk '/MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
    MEMORY=6G
    if [ "$available" -lt 7 ]; then
        MEMORY=$((available > 3 ? available - 1 : 2))G
        say "only $available GiB of memory are free here: the emulated host gets $MEMORY instead of 6G"
    fi
}

kernel_choose() {
    case $OPT_KERNEL in
        stock) KERNEL=/boot/vmlinuz ;;
        full) kernel_stage; KERNEL=/lab/full/bzImage ;;
        *)
            [ -r "$OPT_KERNEL" ] || usage_error "there is no kernel $OPT_KERNEL; --kernel takes stock, full or the path of a bzImage"
            cp "$OPT_KERNEL" "$RUN/kernel"
            KERNEL=/lab/run/kernel
            ;;
    esac
}

# The machine line. What each part is for is in docs/lab.md.
machine_line() {
    local append="console=ttyS0 panic=-1 net.ifnames=0 quiet loglevel=4 iommu=nopt random.trust_cpu=on"
    # A busy machine gives the emulated timer too few ticks while the kernel tests it, which then panics.
    append+=" no_timer_check"
    append+=" modprobe.blacklist=iTCO_wdt,psmouse,i2c_i801,lpc_ich"
    MACHINE=(qemu-system-x86_64 -nodefaults -no-user-config -display none
        -action reboot=shutdown,shutdown=pause -d cpu_reset -D /lab/run/resets -name viaduct-lab -m "$MEMORY" -smp "$OPT_CPUS"
        -M "q35,kernel-irqchip=split" -L /usr/share/qemu)
    if [ "$ACCELERATOR" = kvm ]; then
        MACHINE+=(-accel kvm -cpu host)
    else
        # Page tables of five levels, the host's in the guest's, would be walked by software.
        MACHINE+=(-accel "tcg,thread=multi" -cpu max,la57=off)
    fi
    case $OPT_IOMMU in
        intel)
            MACHINE+=(-device "intel-iommu,intremap=on,eim=on,caching-mode=on,device-iotlb=on")
            append+=" intel_iommu=on"
            ;;
        virtio)
            MACHINE+=(-device "virtio-iommu-pci,addr=0x1e")
            # virtio-iommu has no interrupt remapping.
            append+=" vfio_iommu_type1.allow_unsafe_interrupts=1 iommufd.allow_unsafe_interrupts=1"
            ;;
        amd)
            MACHINE+=(-device "amd-iommu,intremap=on,device-iotlb=on")
            append+=" amd_iommu=on"
            ;;
    esac
    MACHINE+=(
        -fsdev "local,id=root,path=/lab/root,security_model=none,readonly=on,multidevs=remap"
        -device "virtio-9p-pci,fsdev=root,mount_tag=root,addr=0x18,event_idx=off"
        -fsdev "local,id=tree,path=/lab/tree,security_model=none,multidevs=remap"
        -device "virtio-9p-pci,fsdev=tree,mount_tag=lab,addr=0x19,event_idx=off"
        -device "virtio-serial-pci,id=vs,addr=0x1b,event_idx=off"
        -chardev "socket,id=lab,fd={LAB}" -device "virtserialport,chardev=lab,name=lab"
        -chardev "socket,id=mon0,fd={MON0}" -device "virtserialport,chardev=mon0,name=monitor"
        -chardev "socket,id=mon1,fd={MON1}" -mon "chardev=mon1,mode=readline"
        -chardev "socket,id=hmp,path=/lab/run/hmp,server=on,wait=off" -mon "chardev=hmp,mode=readline"
        -chardev "socket,id=qmp,path=/lab/run/qmp,server=on,wait=off" -mon "chardev=qmp,mode=control"
        -chardev "file,id=serial,path=/lab/run/console" -serial chardev:serial)
    if [ "$OPT_MODE" = shell ]; then
        MACHINE+=(-chardev "stdio,id=tty,signal=off" -device "virtconsole,chardev=tty,name=tty")
    fi
    if [ -n "$OPT_SHARE" ]; then
        MACHINE+=(-fsdev "local,id=share,path=/share,security_model=none,multidevs=remap"
            -device "virtio-9p-pci,fsdev=share,mount_tag=share,addr=0x1a,event_idx=off")
        append+=" lab.share"
    fi
    if [ -z "$OPT_NO_DEVICES" ]; then
        truncate -s 256M "$RUN/nvme"
        MACHINE+=(
            -device "pcie-root-port,id=rp1,chassis=1,addr=0x2"
            -netdev "user,id=n0" -device "igb,id=igb0,netdev=n0,bus=rp1"
            -device "pcie-root-port,id=rp2,chassis=2,addr=0x3"
            -device "nvme-subsys,id=sub0"
            -device "nvme,id=nv0,serial=lab,bus=rp2,subsys=sub0,sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=4,sriov_max_vq_per_vf=4,sriov_max_vi_per_vf=3,max_ioqpairs=16,msix_qsize=16"
            -drive "file=/lab/run/nvme,if=none,id=d0,format=raw,cache=unsafe"
            -device "nvme-ns,drive=d0,bus=nv0,nsid=1,shared=on"
            -device "edu,addr=0x5" -device "bochs-display,id=bochs0,addr=0x6")
    fi
    MACHINE+=("${OPT_QEMU[@]}"
        -kernel "$KERNEL" -initrd /lab/run/initramfs -append "$append${OPT_APPEND:+ $OPT_APPEND}")
}

# machine_of FILE: what the first lines of a file of tests/lab ask for.
machine_of() {
    local words name size
    while read -r words; do
        # shellcheck disable=SC2206 # words, by intent
        OPT_QEMU+=($words)
    done < <(sed -n 's/^# qemu: *//p' "$SRC/tests/lab/$1.sh")
    while read -r name size; do
        OPT_FILES+=("$name:$size")
    done < <(sed -n 's/^# file: *//p' "$SRC/tests/lab/$1.sh")
}

# boot COMMAND...: runs it on the emulated host. Sets OUTCOME; returns the status to exit with.
boot() {
    local status tries=1 began each
    run_make
    for each in "${OPT_FILES[@]}"; do
        truncate -s "${each#*:}" "$RUN/${each%:*}"
    done
    memory_choose
    kernel_choose
    accelerator_choose
    cp "$HOST_INITRAMFS" "$RUN/initramfs"
    mkdir -p "$BUILD/inst" "$CACHE/empty"
    {
        printf '%s\0' "TERM=${TERM:-dumb}" \
            "VIADUCT_GUEST_KERNEL=/lab/guest/vmlinuz" "VIADUCT_GUEST_INITRD=/lab/guest/initrd" \
            "${BOOT_ENV[@]}"
        [ -z "${FULL:-}" ] || printf '%s\0' "VIADUCT_GUEST_KERNEL_FULL=/lab/full/bzImage"
        [ -z "${GUEST_TOOLS:-}" ] || printf '%s\0' "VIADUCT_GUEST_INITRD_TOOLS=/lab/guest-tools/initrd"
        printf '\0'
        printf '%s\0' "$@"
    } >"$RUN/command"
    # The emulator sees files at the same places as the emulated host will (emulator.sh):

    while :; do
        machine_line
        began=$SECONDS
        status=0
        perl "$LAB/supervise.pl" "$RUN" "$BOOT_SECONDS" "$OPT_TIMEOUT" "$OPT_MODE" -- \
            unshare "${NAMESPACE[@]}" "$LAB/emulator.sh" "$ROOT" "$RUN" "$SRC" "$BUILD" "$GUEST" \
            "${FULL:-$CACHE/empty}" "${GUEST_TOOLS:-$CACHE/empty}" "${OPT_SHARE:-$CACHE/empty}" -- "${MACHINE[@]}" || status=$?
        OUTCOME=
        [ ! -e "$RUN/outcome" ] || { read -r OUTCOME; read -r REASON; } <"$RUN/outcome"
        case $OUTCOME in
            exit | signal) return $status ;;
            timeout) say "$REASON"; return 124 ;;
        esac
        if [ "$OUTCOME" = noboot ] && [ "$ACCELERATOR" = kvm ]; then
            say "$REASON under KVM after $((SECONDS - began)) s; trying without KVM"
            ACCELERATOR=tcg
            continue
        fi
        console_show
        if [ "$OUTCOME" = noboot ] && [ $tries = 1 ] && [ -s "$RUN/console" ]; then
            say "${REASON:-the emulator could not be started}; trying once more"
            tries=2
            continue
        fi
        cp "$RUN/console" "$CACHE/log/console.log" 2>/dev/null
        say "${REASON:-the emulator could not be started}; the whole console is $CACHE/log/console.log"
        return 125
    done
}

console_show() {
    sed -n 's/^Triple/emulator: &/p' "$RUN/resets" >&2 2>/dev/null || :
    [ ! -s "$RUN/emulator.log" ] || tail -n 10 "$RUN/emulator.log" | sed 's/^/emulator: /' >&2
    [ ! -s "$RUN/console" ] || tail -n 25 "$RUN/console" | tr -d '\r' | sed 's/^/console: /' >&2
}

# A run's folder is locked while the run or its emulator lives; what an interrupted one left is removed.
run_make() {
    local each lock making
    exec {making}>"$CACHE/locks/run"
    flock "$making"
    for each in "$CACHE"/run/run-*; do
        [ -e "$each/lock" ] || continue
        flock -n "$each/lock" rm -rf "$each" || :
    done
    RUN=$(mktemp -d "$CACHE/run/run-XXXXXXXX")
    exec {lock}>"$RUN/lock"
    flock "$lock"
    exec {making}>&-
    trap run_clean EXIT
}

run_clean() { [ -z "${RUN:-}" ] || rm -rf "$RUN"; }
