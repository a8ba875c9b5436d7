# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# hosts, wide: stock/intel stock/virtio full/intel full/virtio
# limit: 600
# What nvme.sh does with a disk's functions: with each VMM and backend, on every kind of host.
# shellcheck source=tests/lab/nvme.sh
. "$tests/nvme.sh"

everywhere() { # CHECK
    local vmm backend
    for vmm in viaduct qemu; do
        for backend in $(backends); do
            # There QEMU 10.0 fails to map its guest's memory (EINVAL), as docs/devices.md says.
            [ "$vmm/$backend/$IOMMU" != qemu/iommufd/virtio ] || continue
            how=("$vmm" "$backend")
            "$1"
            devices_reset || :
            until [ -e /dev/nvme0n1 ]; do sleep 0.2; done
        done
    done
}

check_vf() { everywhere check_vf_written_and_kept; }

check_pf() { everywhere check_pf_written_and_kept; }
