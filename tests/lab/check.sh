# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # the harness sets out, err and more
# What check says is what run and bind do. Beside these, reject.sh has it foretell what run refuses.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

# A file is opened by whom it belongs to.
check_permissions() {
    local kvm group
    vfs 1
    viaduct bind "$PF/vf0"
    kvm=$(stat -c %g /dev/kvm)
    group=/dev/vfio/$(basename "$(readlink "/sys/bus/pci/devices/$VF0_BDF/iommu_group")")
    set -- viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --memory 128M --device "$VF0_BDF"
    snapshot >/tmp/before
    as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    refuse 1 'no permission to open /dev/kvm' "${as[@]}" "$@"
    foretold "$VF0_BDF" --memory 128M
    as=(prlimit --memlock=unlimited setpriv --reuid 65534 --regid 65534 --groups "$kvm" --inh-caps=-all)
    refuse 1 "no permission to open $group" "${as[@]}" "$@"
    foretold "$VF0_BDF" --memory 128M
    trap 'chmod 666 /dev/vfio/vfio' EXIT
    chmod 600 /dev/vfio/vfio
    refuse 1 'no permission to open /dev/vfio/vfio' "${as[@]}" "$@"
    foretold "$VF0_BDF" --memory 128M
    snapshot | diff -u /tmp/before -
}

# Asking loads nothing, and what bind would say is said before.
check_bind() {
    local modules
    vfs 1
    modprobe -r vfio-pci vfio_iommu_type1 || skip "VFIO is built into this kernel"
    trap 'modprobe vfio-pci' EXIT
    modules=$(cut -d ' ' -f 1 /proc/modules)
    expect 1 viaduct check "$PF/vf0" --memory 128M
    match "$out" "^error +not-bound +$VF0_BDF "
    no_match "$out" 'driver-missing' # bind would load it
    same "$(cut -d ' ' -f 1 /proc/modules)" "$modules"
    modprobe vfio-pci
    refuse 1 'in use' viaduct bind "$PF"
    set -- "${err#viaduct: }"
    expect 1 viaduct check "$PF"
    match "$out" '^error +not-bound '
    [[ $out = *"  $1"* ]] || flunk "check does not say: $1"
    refuse 1 'is a bridge' viaduct bind 0000:00:02.0
    set -- "${err#viaduct: }"
    expect 1 viaduct check 0000:00:02.0
    [[ $out = *"  $1"* ]] || flunk "check does not say: $1"
}

# What is bound passes (reject.sh runs a guest that did), with what run warns of.
check_passes() {
    viaduct vf create "$PF" 2
    viaduct bind "$PF/vf0" "$PF/vf1" "$EDU_BDF"
    snapshot >/tmp/before
    expect 0 viaduct check "$PF/vf0" "$PF/vf1" --memory 128M
    match "$out" "^yes: 'viaduct run' would work, with the backend group$"
    no_match "$out" '^(error|warning)'
    expect 0 viaduct check "$EDU_BDF" --json
    match "$out" '"id": "no-reset"'
    set -- "$(sed -n 's/^ *"what": "\(.* cannot be reset: [^;]*\);.*",$/\1/p' <<<"$out")"
    refuse 1 'cannot be reset' guest '' --memory 128M --device "$EDU_BDF" --require-reset
    same "${err#viaduct: }" "$1"
    snapshot | diff -u /tmp/before -
}
