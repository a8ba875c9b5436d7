# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# limit: 120
# hosts: stock/intel
# Devices that do not stand alone: two functions in one slot, and two behind a bridge to conventional PCI.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

# qemu: -device pcie-root-port,id=fit0,chassis=16,addr=0x7
# qemu: -device virtio-rng-pci,bus=fit0,addr=0x0.1,multifunction=on,disable-legacy=on,iommu_platform=on
# qemu: -device virtio-rng-pci,bus=fit0,addr=0x0.0,multifunction=on,disable-legacy=on,iommu_platform=on
# qemu: -device pcie-root-port,id=fit1,chassis=17,addr=0x8
# qemu: -device pcie-pci-bridge,id=bridge,bus=fit1
# qemu: -device edu,bus=bridge,addr=0x1
# qemu: -device pci-testdev,bus=bridge,addr=0x2

# The functions behind a port of the host, and behind what is behind it.
behind() { (cd "/sys/bus/pci/devices/$1" && ls -d 0000:??:??.? 2>/dev/null); }

prepare() {
    mapfile -t FUNCTIONS < <(behind 0000:00:07.0)
    BRIDGE=$(behind 0000:00:08.0)
    mapfile -t CONVENTIONAL < <(cd "/sys/bus/pci/devices/0000:00:08.0/$BRIDGE" && ls -d 0000:??:??.?)
    same "${#FUNCTIONS[@]} ${#CONVENTIONAL[@]}" '2 2'
}

# All but configuration space: drivers of the host leave it as they like it.
settings() { snapshot | grep -v '^[^ ]* [0-9a-f][0-9a-f] '; }

# groups TEXT DEVICE...: the group of each, as list shows it.
groups() {
    local text=$1 each
    shift
    for each in "$@"; do grep "^$each " <<<"$text" | awk '{ print $4 }'; done | sort -u
}

check_slot() {
    prepare
    settings >/tmp/before
    expect 0 viaduct list
    same "$(groups "$out" "${FUNCTIONS[@]}" | wc -l)" 1
    expect 0 viaduct show "${FUNCTIONS[0]}"
    match "$out" "^ +${FUNCTIONS[1]} .*virtio-pci"
    match "$out" '^  WHY .*functions of its device have no ACS between them'
    # One is not enough, and the warning is the command that helps.
    expect 0 viaduct bind "${FUNCTIONS[0]}"
    match "$err" "not viable.* ${FUNCTIONS[1]} \\(virtio-pci\\).*viaduct bind ${FUNCTIONS[1]}\$"
    expect 0 viaduct bind "${FUNCTIONS[1]}"
    same "$err" ''
    expect 0 viaduct export "${FUNCTIONS[@]}" --format qemu
    same "$err" ''
    match "$out" "host=${FUNCTIONS[1]},addr=0x10.1,multifunction=on"
    # shellcheck disable=SC2086 # as a shell splits it
    expect 0 timeout 50 qemu-system-x86_64 -machine q35,accel=tcg -m 32M -nodefaults -display none -S \
        -monitor stdio $out <<<$'info pci\nquit'
    match "$out" 'Bus +0, device +16, function 0:'
    match "$out" 'Bus +0, device +16, function 1:'
    expect 0 viaduct unbind "${FUNCTIONS[@]}"
    settings | diff -u /tmp/before -
}

check_bridge() {
    prepare
    settings >/tmp/before
    expect 0 viaduct list --all
    same "$(groups "$out" "$BRIDGE" "${CONVENTIONAL[@]}" | wc -l)" 1
    expect 0 viaduct show "${CONVENTIONAL[0]}"
    match "$out" "^ +${CONVENTIONAL[1]} "
    match "$out" "^  WHY +$BRIDGE is a bridge to conventional PCI"
    expect 0 viaduct bind "${CONVENTIONAL[@]}"
    same "$err" ''
    refuse 1 'bridge' viaduct bind "$BRIDGE"
    expect 0 viaduct unbind "${CONVENTIONAL[@]}"
    settings | diff -u /tmp/before -
}

# anybody COMMAND...: as a user without privileges.
anybody() { setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all "$@"; }

# Facts are for all; whoever may not change a thing is told what is missing. tests/cli/man-pages sees to it
# that each command with --dry-run is here.
check_unprivileged() {
    local command
    local -A tried=(
        ["bind"]="$PF/vf1" ["unbind"]="$PF/vf0" ["vf create"]='nvme0 2' ["vf destroy"]="$PF"
        ["vf set"]="$PF/vf0 --mac 02:00:00:00:00:05" ["apply"]=/tmp/wanted ["undo"]="$PF/vf0"
        ["vf pool create"]="b $PF" ["vf pool remove"]=none ["vf lease"]='all -- true' ["vf release"]="$PF/vf2"
    )
    printf 'devices:\n  - device: %s\n    driver: vfio-pci\n' "$PF/vf1" >/tmp/wanted
    vfs 3
    viaduct bind "$PF/vf0"
    viaduct vf pool create none nvme0
    viaduct vf pool create all "$PF/vf1-2"
    viaduct bind "$PF/vf2"
    viaduct vf pool create one "$PF/vf2"
    viaduct vf lease one --hold --owner $$ >/tmp/held &
    until [ -s /tmp/held ]; do sleep 0.1; done
    settings >/tmp/before
    for command in list "show $PF/vf0" host "export $PF/vf0 --format qemu" "bind --dry-run $PF/vf1"; do
        # shellcheck disable=SC2086 # words
        expect 0 anybody viaduct $command
        match "$out" .
    done
    for command in "${!tried[@]}"; do
        # shellcheck disable=SC2086
        refuse 1 'takes? root|CAP_' anybody viaduct $command ${tried[$command]}
    done
    settings | diff -u /tmp/before -
    expect 0 viaduct vf release "$PF/vf2"
    rm -r /run/viaduct/pools
}

# Made and bound in one (lab/seven), or not made.
check_made_and_not_bound() {
    refuse 1 'virtio-pci' viaduct vf create "$PF" 1 --driver virtio-pci
    same "$(cat "/sys/class/net/$PF/device/sriov_numvfs") $(leftovers)" '0 '
}
