# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# Rows of docs/devices.md. tools/lab/devices-table makes the table of them.
#   bars BDF      its BARs in words, as the host's kernel has them
#   row VMM BACKEND DEVICE BARS INTERRUPT DRIVER WORK RESULT
#                 VMM is viaduct or qemu; INTERRUPT MSI-X, MSI, INTx or none; RESULT ok or FAILED

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
