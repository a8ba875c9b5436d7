# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The lab's own contract: what ./lab run promises about output, status and time.

selftest_is() { # NAME GOT WANTED
    if [ "$2" = "$3" ]; then
        result ok "lab-run/$1"
    else
        result "not ok" "lab-run/$1" "got '$2' instead of '$3'"
    fi
}

selftest() {
    local here=$SCRATCH/run status
    mkdir -p "$here/share"
    head -c 300000 /dev/urandom >"$here/share/random"
    status=0
    # shellcheck disable=SC2016 # for the emulated host's shell
    "$SRC/lab" run --no-build --share "$here/share" -- sh -c '
        cat /share/random
        printf "to stderr\000\n" >/dev/stderr
        printf "%s|" "$@" >/share/arguments
        cat >/share/stdin
        uname -r >/share/release
        exit 7' sh 'a b' '' '$x' "q'\"" $'line\nline' >"$here/out" 2>"$here/err" || status=$?
    selftest_is status "$status" 7
    selftest_is stdout "$(sha256sum <"$here/out")" "$(sha256sum <"$here/share/random")"
    selftest_is stderr "$(tail -n 1 "$here/err" | od -c | head -n 1)" "$(printf 'to stderr\000\n' | od -c | head -n 1)"
    selftest_is arguments "$(cat "$here/share/arguments")" "a b||\$x|q'\"|"$'line\nline|'
    selftest_is stdin "$(wc -c <"$here/share/stdin")" 0

    status=0
    # shellcheck disable=SC2016
    "$SRC/lab" run --no-build --timeout 5 -- sh -c 'echo before; sleep 100' >"$here/out" 2>"$here/err" || status=$?
    selftest_is timeout "$status $(cat "$here/out")" "124 before"

    status=0
    # shellcheck disable=SC2016
    "$SRC/lab" run --no-build --iommu virtio --no-default-devices --qemu -device --qemu edu,addr=0x10 -- \
        sh -c 'ls /sys/bus/pci/devices | grep -c 00:10.0; ls /sys/class/iommu | grep -c .; kill -9 $$' >"$here/out" 2>"$here/err" || status=$?
    selftest_is signal "$status" 137
    selftest_is qemu-device "$(head -n 1 "$here/out")" 1

    status=0
    "$SRC/lab" run --no-build -- sh -c 'echo b >/proc/sysrq-trigger; sleep 60' >"$here/out" 2>"$here/err" || status=$?
    selftest_is host-down "$status" 125
    status=0
    "$SRC/lab" run --iommu other -- true 2>"$here/err" || status=$?
    selftest_is usage "$status" 2
    rm -rf "$here"
}
