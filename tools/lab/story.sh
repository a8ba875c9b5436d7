# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# ./lab demo: prepares the lab, then tells the story on the emulated host (demo.sh).

help_demo() {
    cat <<'U'
Usage: ./lab demo [--kernel stock|full|PATH] [--iommu intel|virtio] [--cpus N] [--memory SIZE]

The main job, told step by step on an emulated host: virtual functions are made of an
emulated Intel 82576, one is given to a guest with Debian's own kernel, the guest speaks
to the network through it, and the host is given back as it was. Exits 0 when all of it
came true.
U
}

do_demo() {
    options_reset
    while [ $# -gt 0 ]; do
        machine_option "$@"
        shift "$TAKEN"
    done
    prepare
    step "starting the emulated host"
    if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
        BOOT_ENV=(DEMO_COLOUR=yes)
    fi
    local status=0
    boot /src/tools/lab/demo.sh || status=$?
    if [ "$OUTCOME" = hung ]; then
        say "telling it once more, from the start"
        run_clean
        status=0
        boot /src/tools/lab/demo.sh || status=$?
    fi
    return $status
}
