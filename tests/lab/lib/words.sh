# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # the harness sets out, err and more
# Words these checks share, beside those of tools/lab/check.sh.
#   refuse STATUS PATTERN COMMAND...  it fails, with one sentence that matches and no other output
#   foretold ARG...                   viaduct check ARG says what viaduct run just refused with; "${as[@]}" runs it
#   start CONSOLE "PARAMETERS" ARG... viaduct run of the lab's guest in the background: $pid;
#                                     what is written to the file $keys, if set, is typed there
#   awaits FILE PATTERN               until the guest's console has such a line; $pid must live
#   awaits_count COUNT FILE PATTERN   likewise, until it has that many
#   reap STATUS                       waits until $pid has ended, with that status
#   holds FILE EXPRESSION...          Python, about the statistics s
#   counted FILE TEXT NETDEV DEVICE   the guest's interrupts, in its output TEXT, are on the host's books
#   snapshot                          what a command could change of the host's devices
#   leftovers                         processes, records and open groups of Viaduct
#   sanitized                         from here on viaduct is the build with ASan and UBSan

refuse() {
    local wanted=$1 pattern=$2
    shift 2
    expect "$wanted" "$@"
    same "$out" ''
    same "$(wc -l <<<"$err")" 1
    match "$err" '^viaduct: .{10}'
    match "$err" "$pattern"
}

as=()
foretold() {
    local said=${err#viaduct: }
    expect 1 "${as[@]}" viaduct check "$@" --json
    same "$err" ''
    same "$(sed -n 's/^ *"what": "\(.*\)",$/\1/p' <<<"$out" | head -n 1)" "$said"
}

start() {
    local console=$1 parameters=$2
    shift 2
    : >"$console" # an earlier guest's is not this one's
    viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --initrd "$VIADUCT_GUEST_INITRD" \
        --append "console=ttyS0 quiet panic=-1 $parameters" --on-reset stop "$@" \
        >"$console" 2>"$console.err" <"${keys:-/dev/null}" &
    pid=$!
}

# The harness limits the time of the whole check. No process is started: emulated, the guest would feel it.
awaits_count() {
    local left=$1 line='' part ended='' console
    until [ -e "$2" ]; do sleep 0.2; done
    exec {console}<"$2"
    while :; do
        while IFS= read -r part <&"$console"; do
            line+=$part
            [[ ! $line =~ $3 ]] || left=$((left - 1))
            line=''
        done
        # What has no end yet, as a prompt, counts too.
        line+=$part
        [ "$left" -gt 1 ] || [[ ! $line =~ $3 ]] || left=0
        if [ "$left" -le 0 ] || [ -n "$ended" ]; then break; fi
        kill -0 "$pid" 2>/dev/null || ended=yes
        sleep 0.2
    done
    exec {console}<&-
    [ "$left" -gt 0 ] || return 0
    tail -n 40 "$2"
    cat "$2.err" || :
    flunk "viaduct ended before its guest said '$3' $1 times"
}

awaits() { awaits_count 1 "$1" "$2"; }

reap() {
    local status=0
    wait "$pid" || status=$?
    [ "$status" = "$1" ] || flunk "viaduct ended with status $status instead of $1"
}

holds() {
    python3 - "$@" <<'P'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    s = json.load(file)
wrong = [each for each in sys.argv[2:] if not eval(each, {"s": s})]
if wrong:
    print(json.dumps(s, indent=1))
    print("\n".join(f"FAILED: {each}" for each in wrong))
sys.exit(bool(wrong))
P
}

# A vector's interrupts reach the host first: it has counted at least what the guest has.
counted() {
    python3 - "$@" <<'P'
import json
import re
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    host = json.load(file)["devices"][int(sys.argv[4])]["interrupts"]
guest = [int(n) for n in re.findall(rf"^guest: irq {sys.argv[3]}\S* (\d+)", sys.argv[2], re.M)]
print("interrupts by vector: guest", guest, "host", host)
assert len(guest) == len(host), "another number of vectors"
assert all(g <= h for g, h in zip(guest, host)), "the guest counts more than the host"
assert all(h <= 2 * g + 20 for g, h in zip(guest, host)), "the host counts many more than the guest"
assert sum(g > 0 for g in guest) >= 2, "less than two vectors were used"
P
}

snapshot() {
    (
        cd /sys/bus/pci/devices || exit
        names=(*)
        mapfile -t configs < <(head -q -c 64 -- */config | od -An -v -tx1 -w64)
        for each in "${!names[@]}"; do
            read -r -a bytes <<<"${configs[each]}"
            # Once enabled, a function decodes its BARs for good: Linux takes only bus mastering back.
            printf -v "bytes[4]" %02x $((0x${bytes[4]} & ~3))
            # Whether its line is raised is no setting: a function without a reset goes on as its guest left it.
            printf -v "bytes[6]" %02x $((0x${bytes[6]} & ~8))
            echo "${names[each]} ${bytes[*]}"
        done
        find -- */driver */iommu_group -maxdepth 0 -printf '%p -> %l\n' || : # none without an IOMMU
        grep -H '' -- */driver_override */enable */sriov_numvfs */sriov_drivers_autoprobe \
            */power/control */reset_method */d3cold_allowed || :
        ls /dev/vfio
        find /run/viaduct -type f ! -path '*/lock/*' | sort # locks stay, and are nobody's
        # Whether there is a carrier just now is the wire's affair.
        ip -details -oneline link show | sed 's/ qdisc [^ ]*//; s/NO-CARRIER,//; s/,LOWER_UP//; s/ state [A-Z]*//'
    ) 2>/dev/null
}

leftovers() {
    local each name
    find /run/viaduct ! -type d ! -path '*/lock/*' 2>/dev/null || :
    for each in /proc/[0-9]*/comm; do
        read -r name <"$each" || continue
        [ "$name" != viaduct ] || echo "$each"
    done 2>/dev/null
    find /dev/vfio -name '[0-9]*'
}

# From here on viaduct is the build with ASan and UBSan, whose findings end it with status 99.
sanitized() {
    [ -x /build/asan/tools/viaduct ] ||
        skip 'there is no build with ASan and UBSan: ./lab test unit makes it'
    mkdir -p /tmp/asan
    ln -sf /build/asan/tools/viaduct /tmp/asan/viaduct
    PATH=/tmp/asan:$PATH
    export ASAN_OPTIONS=detect_leaks=1:exitcode=99 UBSAN_OPTIONS=halt_on_error=1:exitcode=99
}
