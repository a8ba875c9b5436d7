# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# kernels: no-iommu
# A host whose IOMMU is off: nothing is taken from it, and the sentence says what to turn on.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

check_refused() {
    local hint="$VF0_BDF is in no IOMMU group.*no IOMMU or it is off.*intel_iommu=on"
    same "$(find /sys/class/iommu /sys/kernel/iommu_groups -mindepth 1 -maxdepth 1)" ''
    vfs 1
    snapshot >/tmp/before
    refuse 1 "$hint" viaduct bind "$PF/vf0"
    refuse 1 "$hint" viaduct bind --dry-run "$PF/vf0"
    refuse 1 "$hint" guest '' --memory 256M --device "$PF/vf0"
    foretold "$PF/vf0" --memory 256M
    snapshot | diff -u /tmp/before -
    expect 0 viaduct list
    match "$out" "$VF0_BDF +VF 0 +- +- "
}

# A guest without devices needs none.
check_guest_without_device() {
    expect 0 guest via.do=poweroff --memory 128M
    match "$out" '^guest: done$'
}
