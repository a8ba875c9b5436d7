# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# kernels: full
# limit: 600
# What nvme.sh does with a disk's functions, on the kernel with iommufd.
# shellcheck source=tests/lab/nvme.sh
. "$tests/nvme.sh"

check_vf() { check_vf_written_and_kept; }

check_pf() { check_pf_written_and_kept; }
