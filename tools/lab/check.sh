#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the checks of tests/lab/*.sh on the emulated host.
#   check.sh machines KERNEL          the machines for that kernel's checks, one a line: first, second, or FILE IOMMU;
#                                     $WIDE, if set, is for those of --wide too
#   check.sh list KERNEL MACHINE [NAME]...   the checks there, one a line: FILE FUNCTION; NAME is FILE or FILE/CHECK
#   check.sh run KERNEL MACHINE IOMMU RESULTS [NAME]...   those not yet in RESULTS. One that fails is noted
#                                     in RESULTS.again, and the status is 75; the last time it may,
#                                     its last words are in RESULTS.failed instead
#   check.sh one FILE FUNCTION        one, here and now
#
# A file holds functions check_NAME; each runs in a shell of its own with errexit, so the
# first command that fails ends it, and what it printed is shown. Words for checks:
#   skip WHY                  this machine cannot run it
#   flunk WHY                 it failed
#   expect STATUS COMMAND...  runs it; $out and $err are what it said; fails on another status
#   match TEXT PATTERN        TEXT has a line that matches the extended expression
#   no_match TEXT PATTERN
#   same GOT WANTED
#   vfs N                     N fresh VFs of $PF, not touched by any driver
#   guest "PARAMETERS" ARG... viaduct run of the lab's guest (see guest-init) with more ARGs
#   wide WHAT                 it belongs to ./lab test --wide, and is skipped without
# Before each check the devices are as after boot. A file's first lines may say
#   # kernels: stock full     (default: stock; no-iommu is stock with the IOMMU off)
#   # limit: 300              seconds for each check (default 120)
#   # hosts: stock/intel full/intel   instead: machines of this file's own, each booted once
#   # hosts, wide: full/virtio        more of them, with --wide
#   # qemu: ARG ARG           the emulator's arguments for those machines, in any number of lines
#   # file: NAME SIZE         an empty /lab/run/NAME for the emulator
# A check knows where it is by $KERNEL and $IOMMU. What it leaves in /share/artefacts is kept.
set -u
here=$(cd "$(dirname "$0")" && pwd)
tests=$here/../../tests/lab
# A failure may be the emulated host's doing; so many of one check, or of all on one host, are not.
TRIES_MAX=3 AGAIN_MAX=4
export PF=eth0 PF_BDF=0000:01:00.0 VF0_BDF=0000:01:10.0 VF1_BDF=0000:01:10.2 NVME_BDF=0000:02:00.0 EDU_BDF=0000:00:05.0

tagged() { # FILE TAG DEFAULT
    local value
    value=$(sed -n "1,12s/^# $2: *//p" "$tests/$1.sh" | head -n 1)
    echo "${value:-$3}"
}

# The machines of a file's own, KERNEL/IOMMU each.
hosts() {
    sed -n "1,12s,^# hosts${WIDE:+\(\, wide\)*}: *,,p" "$tests/$1.sh"
}

# The others' are alike; two of them take half the time where two can run.
common() { if [[ $1 < run ]]; then echo first; else echo second; fi; }

own() { grep -q '^# hosts' "$tests/$1.sh"; }

machines() {
    local file host
    printf '%s\n' first second
    for file in "$tests"/*.sh; do
        file=$(basename "$file" .sh)
        for host in $(hosts "$file"); do
            [ "${host%/*}" != "$1" ] || echo "$file ${host#*/}"
        done
    done
}

list() {
    local kernel=$1 machine=$2 file check wanted
    shift 2
    wanted=" $* "
    for file in "$tests"/*.sh; do
        [ -e "$file" ] || continue
        file=$(basename "$file" .sh)
        if own "$file"; then
            [ "$machine" = "$file" ]
        else
            [ "$machine" = "$(common "$file")" ] && [[ " $(tagged "$file" kernels stock) " = *" $kernel "* ]]
        fi || continue
        for check in $(sed -n 's/^check_\([a-z0-9_]*\) *().*/\1/p' "$tests/$file.sh"); do
            [ $# = 0 ] || [[ $wanted = *" $file "* || $wanted = *" $file/$check "* ]] || continue
            echo "$file check_$check"
        done
    done
}

# Without processes where it can be: emulated, one costs a tenth of a second.
devices_reset() {
    local each value driver
    for each in /sys/bus/pci/devices/*; do
        read -r value <"$each/sriov_numvfs" && {
            [ "$value" = 0 ] || echo 0 >"$each/sriov_numvfs"
            echo 1 >"$each/sriov_drivers_autoprobe"
        }
        [ -e "$each" ] || continue # a VF that was
        read -r value <"$each/driver_override"
        [ "$value" != '(null)' ] || continue
        echo >"$each/driver_override"
        driver=$(readlink "$each/driver")
        if [ "${driver##*/}" = vfio-pci ]; then
            echo "${each##*/}" >"$each/driver/unbind"
            echo "${each##*/}" >/sys/bus/pci/drivers_probe
        fi
    done 2>/dev/null
    rm -rf /run/viaduct # what a check that failed left there
    if [ -e "/sys/class/net/$PF" ]; then
        ip link set "$PF" up
        # One that was removed and came back has lost what host-init gave it.
        ip address replace 10.0.2.15/24 dev "$PF"
        ip route replace default via 10.0.2.2
    fi
}

skip() { echo "$*" >&3; exit 77; }
wide() { [ -n "${WIDE:-}" ] || skip "$*: with --wide"; }
flunk() { echo "FAILED: $*"; exit 1; }
# take_text NAME FILE: $NAME is the file's text, without NUL, carriage returns and the last line ends.
take_text() {
    local pieces text
    mapfile -d '' -t pieces <"$2"
    printf -v text '%s' "${pieces[@]}"
    [[ $text != *$'\r'* ]] || text=${text//$'\r'/}
    while [[ $text = *$'\n' ]]; do text=${text%$'\n'}; done
    printf -v "$1" '%s' "$text"
}
expect() {
    local wanted=$1 status=0 files=/tmp/expect.$BASHPID
    shift
    "$@" >"$files.out" 2>"$files.err" || status=$?
    take_text out "$files.out"
    take_text err "$files.err"
    printf '+ %s\n%s\n  stderr: %s\n' "$*" "$out" "${err//$'\n'/$'\n'  stderr: }"
    [ "$status" = "$wanted" ] || flunk "status $status instead of $wanted: $*"
}
has_line() { # TEXT PATTERN
    local lines line
    mapfile -t lines <<<"$1"
    if [ ${#lines[@]} -gt 50 ]; then
        grep -qE -- "$2" <<<"$1"
        return
    fi
    for line in "${lines[@]}"; do
        [[ ! $line =~ $2 ]] || return 0
    done
    return 1
}
match() { has_line "$1" "$2" || flunk "nothing matches '$2' in: $1"; }
no_match() { ! has_line "$1" "$2" || flunk "'$2' must not be in: $1"; }
same() { [ "$1" = "$2" ] || flunk "got '$1' instead of '$2'"; }
vfs() { viaduct vf create "$PF" "$1"; }
guest() {
    local parameters=$1
    shift
    viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --initrd "$VIADUCT_GUEST_INITRD" \
        --append "console=ttyS0 quiet panic=-1 $parameters" --on-reset stop "$@"
}

# Checks wait in loops; a process each time would keep an emulated processor busy.
sleep() { read -rt "$1" -u "$nothing" || :; }

one() {
    set -e
    exec 3>"${REASON:-/dev/null}" {nothing}<> <(:)
    # shellcheck source=/dev/null
    . "$tests/$1.sh"
    "$2"
}

# What there is to know of a check that failed: what it said, its guests' consoles, the host's.
details() {
    local each
    tail -n 80 "$scratch/log" | sed 's/^/    /'
    for each in $(find /tmp /share/artefacts -maxdepth 1 -name '*console' -newer "$scratch/began" 2>/dev/null); do
        # Of a guest that began anew, the end of each life.
        tr -d '\0\r' <"$each" | grep -B 25 '^guest: ready' | sed "s/^/    ${each##*/}: /"
        tail -n 20 "$each" | tr -d '\0\r' | sed "s/^/    ${each##*/}: /"
    done
    cat "$scratch/threads"
    dmesg | tail -n 25 | sed 's/^/    host dmesg: /'
}

# Where the threads of VMMs that are still there are, and how often and where their guests exit.
threads() {
    local each trace=/sys/kernel/tracing/instances/check
    for each in /proc/[0-9]*/task/*; do
        [[ $(cat "${each%/task/*}/comm" 2>/dev/null) =~ ^(viaduct|qemu-system) ]] || continue
        echo "    thread ${each#/proc/}: $(cat "$each/comm") in $(cat "$each/wchan")"
    done
    grep . /sys/kernel/debug/kvm/[0-9]*/{exits,halt_exits} 2>/dev/null | sed 's/^/    /'
    mkdir -p $trace
    echo 1 >$trace/events/kvm/enable
    command sleep 0.5
    echo 0 >$trace/events/kvm/enable
    grep -v '^#' $trace/trace | tail -n 12 | sed 's/^ */    /'
    rmdir $trace
}

run() {
    local kernel=$1 machine=$2 label=$1 results=$4 file function name limit status pid began scratch verdict tries
    export KERNEL=$1 IOMMU=$3
    [ "$IOMMU" = intel ] || label=$kernel-$IOMMU
    shift 4
    # It takes VFs, drivers and /tmp for its own.
    [ -e /lab/guest/vmlinuz ] || { echo "check.sh: this is not the emulated host; there: ./lab test lab" >&2; exit 2; }
    scratch=$(mktemp -d /run/check.XXXXXX)
    while read -r file function; do
        name=$file/${function#check_}
        ! grep -qE "^(ok|not ok|skip) lab-$label/$name( |:|\$)" "$results" || continue
        echo "$name" >"$results.current"
        limit=$(tagged "$file" limit 120)
        [ -z "${WIDE:-}" ] || limit=$((limit * 3)) # for one backend or VMM after the other
        devices_reset
        # Who waits for a word in a file must not find it in an earlier check's.
        find /tmp -xdev -mindepth 1 -delete
        dmesg -C
        began=$SECONDS status=0
        : >"$scratch/began"
        : >"$scratch/threads"
        REASON=$scratch/reason setsid timeout --foreground -k 5 "$limit" "$BASH" "$0" one "$file" "$function" >"$scratch/log" 2>&1 </dev/null &
        pid=$!
        wait $pid || status=$?
        [ $status = 0 ] || [ $status = 77 ] || threads >"$scratch/threads" 2>/dev/null
        kill -KILL -- -$pid 2>/dev/null
        case $status in
            0) verdict="ok lab-$label/$name ($((SECONDS - began)) s)" ;;
            77) verdict="skip lab-$label/$name: $(head -n 1 "$scratch/reason")" ;;
            124 | 137) verdict="not ok lab-$label/$name: not done in $limit s" ;;
            *) verdict="not ok lab-$label/$name ($((SECONDS - began)) s)" ;;
        esac
        touch "$results.again"
        tries=$(($(grep -cx "$name" "$results.again") + 1))
        if [[ $verdict = not* ]] && [ $tries -lt $TRIES_MAX ] && [ "$(wc -l <"$results.again")" -lt $AGAIN_MAX ]; then
            echo "$name" >>"$results.again"
            verdict="note: ${verdict#not ok }: it failed, and is tried again on a fresh host"
            printf '%s\n' "$verdict" "$(details)"
            rm -rf "$scratch" "$results.current"
            exit 75
        fi
        [ $tries = 1 ] || verdict+=", at try $tries"
        echo "$verdict" >>"$results"
        echo "$verdict"
        [[ $verdict == not* ]] || continue
        details
        { echo "$verdict"; tail -n 15 "$scratch/log" | cut -c 1-200; } >>"$results.failed"
    done < <(list "$kernel" "$machine" "$@")
    rm -rf "$scratch" "$results.current"
    devices_reset
}

"$@"
