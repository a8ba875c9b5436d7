#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# vfs.sh [PF [COUNT [RUNS]]]: how long it takes until COUNT VFs of a PF (eth0, 7) are there and bound to
# vfio-pci, and how many writes to sysfs: by viaduct, and by the script that most people have. In turn, RUNS
# times (3); then once each under strace, for the writes. As root; the VFs the PF had are lost.
set -eu
PF=${1:-eth0} COUNT=${2:-7} RUNS=${3:-3}
PF_DIR=$(realpath "/sys/class/net/$PF/device")
export PF COUNT PF_DIR
WORK=$(mktemp -d)
trap 'destroy; rm -rf "$WORK"' EXIT

# With the driver of the VFs loaded, as it is on a host that has booted.
usual() {
    local each vf
    echo "$COUNT" >"$PF_DIR/sriov_numvfs"
    for each in "$PF_DIR"/virtfn*; do
        vf=$(basename "$(readlink "$each")")
        [ ! -e "$each/driver" ] || echo "$vf" >"$each/driver/unbind"
        echo vfio-pci >"$each/driver_override"
        echo "$vf" >/sys/bus/pci/drivers_probe
    done
}

viaduct_command() { viaduct vf create "$PF" "$COUNT" --driver vfio-pci >/dev/null; }

destroy() { viaduct vf destroy "$PF" --force >/dev/null 2>&1 || echo 0 >"$PF_DIR/sriov_numvfs"; }

ready() {
    local each
    for ((each = 0; each < COUNT; each++)); do
        [ "$(basename "$(readlink "$PF_DIR/virtfn$each/driver")")" = vfio-pci ] ||
            { echo "VF $each is not ready"; exit 1; }
    done
}

milliseconds() { # SUBJECT
    local start=${EPOCHREALTIME/./}
    "$1"
    echo $(((${EPOCHREALTIME/./} - start) / 1000))
}

# Files that are written to, one a line for each write.
writes() {
    export -f "${1?}"
    strace -f -qq -y -e trace=write,pwrite64,writev -e signal=none -o "$WORK/trace" bash -c "$1"
    sed -n 's,^[0-9]* *[a-z0-9]*([0-9]*<\(/[^>]*\)>.*= [0-9].*,\1,p' "$WORK/trace"
}

modprobe vfio-pci
modprobe -q "$(sed -n 's/.*\(igb\|i40e\|ice\|ixgbe\)$/\1vf/p' <<<"$(readlink "$PF_DIR/driver")")" || :
destroy
for ((run = 0; run < RUNS; run++)); do
    for subject in usual viaduct_command; do
        milliseconds $subject >>"$WORK/$subject"
        ready
        destroy
    done
done
median() { sort -n "$WORK/$1" | sed -n "$(((RUNS + 1) / 2))p"; }
echo "median of $RUNS: usual script $(median usual) ms, viaduct $(median viaduct_command) ms"
for subject in usual viaduct_command; do
    writes $subject >"$WORK/files"
    ready
    echo "$subject: $(grep -c '^/sys' "$WORK/files") writes to /sys, $(grep -c '^/run' "$WORK/files" || :) to /run"
    sed 's,.*/\(0000:[^/]*/[^/]*\)$,\1,; s,[0-9a-f]*:[0-9a-f]*:[0-9a-f]*\.[0-9a-f],*,' "$WORK/files" | grep -v '^/dev\|^pipe' | sort | uniq -c
    destroy
done
