#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# headers.sh COMPILER... SOURCE: each public header compiles on its own, as C11 and without a GNU
# extension, with no other include path than that of its own layer and of those below it.
set -u
compiler=
while [ $# -gt 1 ]; do
    compiler="$compiler $1"
    shift
done
status=0
layers=
for layer in util iommu vfio sriov vmm-core; do
    case $layer in
        sriov) uses="util iommu vfio sriov" ;;
        vmm-core) uses="util iommu vfio vmm-core" ;;
        *) layers="$layers $layer" uses=$layers ;;
    esac
    include=
    for use in $uses; do
        include="$include -I$1/$use/include"
    done
    for header in "$1/$layer"/include/viaduct/*/*.h; do
        case $header in
            */cleanup.h | */iommu/ioctl.h) continue ;; # for the layers themselves, not installed
        esac
        # shellcheck disable=SC2086 # several words
        if ! printf '#include "%s"\n' "$header" |
            $compiler -std=c11 -pedantic -Wall -Wextra -Werror -fsyntax-only $include -x c -; then
            echo "not ok ${header#"$1/"}"
            status=1
        fi
    done
done
exit $status
