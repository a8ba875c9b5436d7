# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# ./lab test: every tier, each in the builds that make sense for it, and one count at the end.

help_test() {
    cat <<'U'
Usage: ./lab test [--no-full] [--wide] [TIER...]

  unit, cli   on this machine, in a plain build and one with ASan and UBSan
  browser     reports as headless Chromium shows them
  kvm         the same with /dev/kvm; on the emulated host what cannot run here
  fuzz        every parser for a few seconds, built with clang
  lab         on the emulated host: Debian's kernel, then the one with IOMMUFD
              (built if need be; left out with --no-full). With --wide also what
              takes too long for every day: each device on each kind of host

Without a TIER, all. lab/FILE or lab/FILE/CHECK runs those of tests/lab alone. The last
line counts: N passed, N failed, N skipped.
U
}

TIERS=(unit cli browser kvm fuzz lab)
SANITIZE=("-Db_sanitize=address,undefined" -Db_lundef=false)

# result ok|not ok|skip NAME [WHY]: one line, counted.
result() {
    echo "$1 $2${3:+: $3}" | tee -a "$RESULTS"
}

# suite BUILD SUITE: runs the tests of one meson suite in one build, here. Their limits are for
# what hangs: a machine with other things to do must not meet them.
suite() {
    local build=$1 suite=$2 log=$CACHE/log/test-$1-$2.log
    in_build -- env "ASAN_OPTIONS=detect_leaks=1:abort_on_error=1" "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1" \
        meson test -C "/build/$build" --no-rebuild --print-errorlogs -t 6 --suite "$suite" >"$log" 2>&1 || :
    suite_count "$build" "$suite" "$log"
}

# Takes meson's own table of results apart into our lines.
suite_count() {
    local build=$1 suite=$2 log=$3 verdict name before=${#COUNTED}
    # meson keeps to itself what a skipped test said, but for its own log.
    local told=$BUILD/${build/emulated/plain}/meson-logs/testlog.txt
    while read -r verdict name; do
        COUNTED+=x
        case $verdict in
            OK | EXPECTEDFAIL) result ok "$suite-$build/$name" ;;
            SKIP) result skip "$suite-$build/$name" "$(sed -n 's/^.*SKIP: //p' "$told" 2>/dev/null | head -n 1)" ;;
            *) result "not ok" "$suite-$build/$name" "$verdict" ;;
        esac
    done < <(sed '/^Summary of Failures/,$d' "$log" | sed -nE 's,^ *[0-9]+/[0-9]+ +(.*[^ ]) +(OK|SKIP|FAIL|TIMEOUT|ERROR|EXPECTEDFAIL|UNEXPECTEDPASS|INTERRUPT) +[0-9.]+s.*,\2 \1,p' |
        sed 's/ viaduct:[^ ]* \/ / /')
    if [ ${#COUNTED} = "$before" ]; then
        if grep -q 'No suitable tests\|No tests defined' "$log"; then
            result skip "$suite-$build" "no test is defined"
        else
            result "not ok" "$suite-$build" "the tests could not be run"
            tail -n 30 "$log"
        fi
    elif grep -qE '^(Fail|Timeout|Unexpected Pass): *[1-9]' "$log"; then
        sed -n '/^Summary of Failures/q; p' "$log" | tail -n 150
        { echo "of $suite-$build:"; sed -n '/^Summary of Failures/q; p' "$log" | tail -n 15; } >>"$RESULTS.failed"
    fi
}

# build NAME [MESON-OPTION]...: configured once, then made; its failure fails the tier.
build() {
    local name=$1 log=$CACHE/log/build-$1.log
    shift
    step "building viaduct ($name)"
    # shellcheck disable=SC2016 # for the shell in the root
    in_build -- sh -euc '
        build=/build/$1
        shift
        grep -qs -- -Werror "$build/build.ninja" || { rm -rf "$build"; meson setup -Dwerror=true "$@" "$build" /src; }
        ninja -C "$build"' - "$name" "$@" >"$log" 2>&1 && return
    tail -n 40 "$log"
    return 1
}

tier_here() { # unit, cli, kvm
    suite plain "$1"
    if [ -z "${ASAN:-}" ]; then
        ASAN=no
        ! build asan "${SANITIZE[@]}" || ASAN=yes
    fi
    if [ "$ASAN" = yes ]; then
        suite asan "$1"
    else
        result "not ok" "$1-asan" "the build with ASan and UBSan failed"
    fi
}

# A /dev/kvm that cannot make a machine is no better than none.
kvm_usable() {
    [ -w /dev/kvm ] && in_root "$ROOT" ro -- perl -e '
        open(my $kvm, "+<", "/dev/kvm") or exit 1;
        exit(ioctl($kvm, 0xAE01, 0) ? 0 : 1);'
}

tier_kvm() {
    if kvm_usable; then
        tier_here kvm
        # A KVM without VT-x or SVM starts no second processor: what it skipped runs there.
        grep -q '^skip kvm-' "$RESULTS" || return 0
        echo "kvm: what this machine's KVM cannot do is tried on the emulated host"
    else
        echo "kvm: this machine has no usable /dev/kvm; on the emulated host instead"
    fi
    options_reset
    local log=$CACHE/log/test-emulated-kvm.log all=$SCRATCH/kvm.log try status again failed=()
    OPT_TIMEOUT=900
    # As with the checks of the lab: nested under emulation, a guest or the host can lose its timer.
    for try in 1 2 3; do
        status=0
        boot meson test -C /build/plain --no-rebuild --print-errorlogs -t 4 --suite kvm "${failed[@]}" >"$log" 2>&1 || status=$?
        run_clean
        [ $status != 0 ] && [ $try -lt 3 ] || break
        echo "note: kvm on the emulated host failed, and what did is tried again; it said:"
        sed -n '/^Summary of Failures/q; p' "$log" | tail -n 40
        again=$(sed -nE 's,^ *[0-9]+/[0-9]+ .* / ([^ ]+) +(FAIL|TIMEOUT|ERROR|INTERRUPT) .*,\1,p' "$log" | sort -u)
        [ -n "$again" ] || continue # the host went down
        mapfile -t failed <<<"$again"
        grep -E '^ *[0-9]+/[0-9]+ .* (OK|SKIP|EXPECTEDFAIL) ' "$log" >>"$all" || :
    done
    cat "$log" >>"$all"
    suite_count emulated kvm "$all"
}

tier_browser() {
    layer browser "${BROWSER_PACKAGES[@]}"
    local BUILD_ROOT=$STAGE/root
    suite plain browser
}

tier_fuzz() {
    if [ ! -e "$SRC/tests/fuzz/meson.build" ]; then
        result skip fuzz "there is no tests/fuzz"
        return
    fi
    local option=()
    ! grep -qs "^option('fuzz'" "$SRC"/meson.options "$SRC"/meson_options.txt || option=(-Dfuzz=true)
    layer testtools "${TEST_PACKAGES[@]}"
    local BUILD_ROOT=$STAGE/root
    if CC=clang build fuzz "${SANITIZE[@]}" "${option[@]}"; then
        suite fuzz fuzz
    else
        result "not ok" fuzz "the build with clang failed"
    fi
}

# lab_list KERNEL [NAME]...: the machines that have checks of NAMEs to run, one a line: KERNEL MACHINE IOMMU.
lab_list() {
    local kernel=$1 machine iommu
    shift
    while read -r machine iommu; do
        [ -z "$(bash "$LAB/check.sh" list "$kernel" "$machine" "$@")" ] || echo "$kernel $machine ${iommu:-intel}"
    done < <(bash "$LAB/check.sh" machines "$kernel")
}

# lab_run LIST [NAME]...: the checks on each machine of LIST. One emulated host seldom keeps two
# processors busy, so two run at a time where there is room for both.
lab_run() {
    local list=$1 kernel machine iommu slots=1 share
    shift
    if [ "$(nproc)" -gt 1 ] && [ "$(awk '/MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)" -ge 14 ]; then
        slots=2
    fi
    trap 'lab_end; exit 130' INT TERM
    while read -r kernel machine iommu <&4; do
        [ -n "$kernel" ] || continue
        while [ "$(jobs -rp | wc -l)" -ge $slots ]; do wait -n || :; done
        share=$SCRATCH/$kernel-$machine-$iommu
        mkdir -p "$share/artefacts"
        : >"$share/results"
        RESULTS=$share/results lab_checks "$kernel" "$machine" "$iommu" "$@" 4<&- &
    done 4<<<"$list"
    wait
    trap - INT TERM
    cat "$SCRATCH"/*/results >>"$RESULTS" 2>/dev/null || :
    cat "$SCRATCH"/*/results.failed >>"$RESULTS.failed" 2>/dev/null || :
}

lab_end() {
    local each
    for each in $(jobs -rp); do kill "$each"; done 2>/dev/null
    wait
}

# lab_checks KERNEL MACHINE IOMMU [NAME]...: what is for one machine, in one boot. After a check that
# failed, or during which the host went down, the host is started anew and the check tried again,
# which is said: an emulated machine on a busy one loses time, and can lose itself.
lab_checks() {
    local kernel=$1 machine=$2 iommu=$3 label=$1 status current
    shift 3
    [ "$iommu" = intel ] || label=$kernel-$iommu
    options_reset
    OPT_KERNEL=$kernel OPT_IOMMU=$iommu
    OPT_SHARE=${RESULTS%/*}
    [ "$machine" = first ] || [ "$machine" = second ] || machine_of "$machine"
    if [ "$kernel" = no-iommu ]; then
        OPT_KERNEL=stock
        OPT_APPEND=' intel_iommu=off'
    fi
    while :; do
        status=0
        boot env WIDE="$WIDE" /src/tools/lab/check.sh run "$kernel" "$machine" "$iommu" /share/results "$@" || status=$?
        run_clean
        case $OUTCOME-$status in
            exit-0) return ;;
            exit-75) continue ;; # check.sh wants a fresh host, and knows why
            exit-*) result "not ok" "lab-$label" "check.sh ended with status $status"; return ;;
            signal-*) return ;;
        esac
        current=$(cat "$RESULTS.current" 2>/dev/null || echo boot)
        rm -f "$RESULTS.current"
        if [ "$current" = boot ]; then
            result "not ok" "lab-$label" "the emulated host does not come up"
            return
        elif [ "$(grep -cx "$current" "$RESULTS.again" 2>/dev/null)" = 2 ]; then
            result "not ok" "lab-$label/$current" "the emulated host went down, at the third try too"
        else
            echo "note: the emulated host went down during lab-$label/$current, which is tried again"
            echo "$current" >>"$RESULTS.again"
        fi
    done
}

# The table of devices in the documentation is what this run saw, where it looked.
devices_table() {
    local made=$CACHE/log/devices.md
    cat "$SCRATCH"/*/artefacts/devices | "$LAB/devices-table" "$SRC/docs/devices.md" >"$made"
    if diff -u "$SRC/docs/devices.md" "$made"; then
        result ok lab/devices-table
    else
        result "not ok" lab/devices-table "docs/devices.md is not what was seen; that is $made"
    fi
}

tier_lab() {
    if [ $# = 0 ]; then
        # shellcheck source=tools/lab/selftest.sh
        . "$LAB/selftest.sh"
        selftest
    fi
    guest_tools_stage
    local list again
    list=$(lab_list stock "$@"; lab_list no-iommu "$@")
    if [ -z "$NO_FULL" ]; then
        kernel_stage
        list+=$'\n'$(lab_list full "$@")
    else
        result skip lab-full "left out by --no-full"
    fi
    lab_run "$list" "$@"
    again=$(find "$SCRATCH" -name results.again -exec cat {} + | wc -l)
    [ "$again" = 0 ] || echo "note: $again times a check was tried again"
    [ $# != 0 ] && [ -z "$WIDE" ] || [ -n "$NO_FULL" ] || devices_table
}

do_test() {
    local tiers=() names=() tier name passed failed skipped
    NO_FULL=
    export WIDE=
    while [ $# -gt 0 ]; do
        case $1 in
            --no-full) NO_FULL=1 ;;
            --wide) WIDE=1 ;;
            unit | cli | browser | kvm | fuzz | lab) tiers+=("$1") ;;
            lab/*) names+=("${1#lab/}") ;;
            *) usage_error "there is no tier $1; see ./lab test --help" ;;
        esac
        shift
    done
    [ ${#tiers[@]} != 0 ] || [ ${#names[@]} != 0 ] || tiers=("${TIERS[@]}")
    prepare
    SCRATCH=$(mktemp -d "$CACHE/run/test-XXXXXX")
    RESULTS=$SCRATCH/results
    COUNTED=
    : >"$RESULTS"
    for tier in "${tiers[@]}"; do
        step "tier $tier"
        case $tier in
            unit | cli) tier_here "$tier" ;;
            *) "tier_$tier" ;;
        esac
    done
    [ ${#names[@]} = 0 ] || tier_lab "${names[@]}"
    passed=$(grep -c '^ok ' "$RESULTS" || :)
    failed=$(grep -c '^not ok ' "$RESULTS" || :)
    skipped=$(grep -c '^skip ' "$RESULTS" || :)
    if [ -s "$RESULTS.failed" ]; then
        echo "what failed, in short; all of it is above:"
        sed 's/^/    /' "$RESULTS.failed"
    fi
    grep '^not ok \|^skip ' "$RESULTS" || :
    rmdir "$SCRATCH"/*/artefacts 2>/dev/null || :
    if compgen -G "$SCRATCH/*/artefacts" >/dev/null; then
        remove_tree "$CACHE/log/artefacts"
        mkdir "$CACHE/log/artefacts"
        for name in "$SCRATCH"/*/artefacts; do
            mv "$name" "$CACHE/log/artefacts/$(basename "${name%/artefacts}")"
        done
        echo "what the checks left is in $CACHE/log/artefacts"
    fi
    remove_tree "$SCRATCH"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
