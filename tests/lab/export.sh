# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# limit: 90
# What export prints is what the programs take: QEMU, with the real devices.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

# qemu_takes ARGUMENT...: the machine is made with the devices, and its PCI is asked for.
qemu_takes() {
    expect 0 timeout 60 qemu-system-x86_64 -machine q35,accel=tcg -m 64M -nodefaults -display none -S \
        -monitor stdio "$@" <<<$'info pci\nquit'
    same "$err" ''
}

check_qemu() {
    local backends=(group) each arguments
    vfs 2
    viaduct bind "$PF/vf0" "$PF/vf1"
    [ ! -e /dev/iommu ] || backends+=(iommufd)
    for each in "${backends[@]}"; do
        mapfile -t arguments < <(viaduct export "$PF/vf0" "$PF/vf1" --format qemu --backend "$each" 2>&1)
        # shellcheck disable=SC2068 # as a shell splits it
        qemu_takes ${arguments[@]}
        same "$(grep -c 'PCI device 8086:10ca' <<<"$out")" 2
    done
    viaduct vf destroy "$PF"
    same "$(leftovers)" ''
}
