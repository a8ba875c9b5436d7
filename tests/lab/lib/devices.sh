# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# Rows of docs/devices.md. tools/lab/devices-table makes the table of them.
#   qemu BACKEND MEMORY INITRD APPEND ARG... BDF...   QEMU's guest with these functions, in slots from 1 on
#   backends      the one that is to be seen on this host; with --wide, each there is
#   bars BDF      its BARs in words, as the host's kernel has them
#   row VMM BACKEND DEVICE BARS INTERRUPT DRIVER WORK RESULT
#                 VMM is viaduct or qemu; INTERRUPT MSI-X, MSI, INTx or none; RESULT ok or FAILED

backends() {
    [ ! -c /dev/iommu ] || echo iommufd
    [ -c /dev/iommu ] && [ -z "${WIDE:-}" ] || echo group
}

bars() {
    local index=0 first last flags kind text='' size
    while read -r first last flags && [ $index -lt 7 ]; do
        if ((flags != 0)); then
            size=$((last - first + 1))
            if ((size >= 1 << 20)); then size=$((size >> 20))M; elif ((size >= 1 << 10)); then size=$((size >> 10))K; fi
            if ((flags & 0x100)); then
                kind=I/O
            elif [ $index = 6 ]; then
                kind=ROM
            else
                kind="mem$((flags & 0x100000 ? 64 : 32))"
                ! ((flags & 0x2000)) || kind+=' prefetchable'
            fi
            text+="${text:+, }$kind $size"
        fi
        index=$((index + 1))
    done <"/sys/bus/pci/devices/$1/resource"
    echo "${text:-none}"
}

row() {
    mkdir -p /share/artefacts
    (IFS='|'; echo "$KERNEL|$IOMMU|$*") >>/share/artefacts/devices
}

qemu() {
    local each slot=0 more='' arguments=(-m "$2" -initrd "$3" -append "$4")
    if [ "$1" = iommufd ]; then
        arguments+=(-object "iommufd,id=iommufd0")
        more=,iommufd=iommufd0
    fi
    shift 4
    for each; do
        if [[ $each = -* ]]; then
            arguments+=("$each")
        else
            slot=$((slot + 1))
            arguments+=(-device "vfio-pci,host=$each,addr=$(printf '%#x' $slot)$more")
        fi
    done
    qemu-system-x86_64 -M q35,sata=off,smbus=off -accel kvm -cpu host -smp 2 -nodefaults -no-user-config -display none \
        -serial stdio -kernel "$VIADUCT_GUEST_KERNEL" "${arguments[@]}"
}
