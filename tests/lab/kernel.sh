# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# kernels: full
# Our kernel has what it is made for; without it the checks of iommufd would all be skipped.

check_iommufd() {
    test -c /dev/iommu
    test -c /dev/vfio/vfio
    test -c /dev/kvm
    ls /sys/class/iommu | grep .
}
