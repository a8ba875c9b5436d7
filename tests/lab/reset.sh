# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # the harness sets out, err and more
# hosts: stock/intel full/intel
# qemu: -device pcie-root-port,id=pair,chassis=40,addr=0x1c
# qemu: -device edu,bus=pair,addr=0x0.0x1 -device edu,bus=pair,addr=0x0.0x0,multifunction=on
# limit: 300
# A slot of two functions, in one IOMMU group, neither of which can be reset alone.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

STATS=/tmp/stats.json

slot() {
    local each
    functions=()
    for each in /sys/bus/pci/devices/0000:00:1c.0/0000:*; do
        [ ! -e "$each/class" ] || functions+=("${each##*/}")
    done
    [ ${#functions[@]} = 2 ] || skip 'this machine lacks the slot: see the lines that begin with # qemu'
    backends=(group)
    [ ! -c /dev/iommu ] || backends+=(iommufd)
}

resets_are() { holds $STATS "sum(d['vfio']['resets'] for d in s['devices']) == $1"; }

# Once before the guest runs and once after, whatever the number of functions.
check_both() {
    local each
    slot
    viaduct bind "${functions[@]}"
    for each in "${backends[@]}"; do
        expect 0 guest via.do=poweroff --memory 256M --device "${functions[0]}" --device "${functions[1]}" \
            --backend "$each" --require-reset --stats $STATS
        same "$err" ''
        same "$(grep -c '^guest: pci .* 1234:11e8 ' <<<"$out")" 2
        resets_are 2
    done
}

# The other is bound, so it goes with its group to the same guest or to none.
check_one_of_the_group() {
    local each
    slot
    viaduct bind "${functions[@]}"
    for each in "${backends[@]}"; do
        expect 0 guest via.do=poweroff --memory 256M --device "${functions[1]}" --backend "$each" \
            --require-reset --stats $STATS
        same "$err" ''
        resets_are 2
    done
}

# The other has no driver: it is nobody's to reset.
check_one_alone() {
    local each
    slot
    viaduct bind "${functions[0]}"
    for each in "${backends[@]}"; do
        refuse 1 "${functions[0]} cannot be reset: .* would reach ${functions[1]} too" \
            guest '' --memory 256M --device "${functions[0]}" --backend "$each" --require-reset
        expect 0 guest via.do=poweroff --memory 256M --device "${functions[0]}" --backend "$each" --stats $STATS
        match "$err" "^viaduct: warning: ${functions[0]} cannot be reset"
        resets_are 0
    done
}
