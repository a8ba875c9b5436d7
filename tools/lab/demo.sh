#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The story of ./lab demo, on the emulated host.
set -uo pipefail
mac=02:00:00:0a:0b:01
if [ "${DEMO_COLOUR:-}" = yes ]; then
    bold=$'\033[1;36m' command=$'\033[1m' good=$'\033[32m' bad=$'\033[31m' dim=$'\033[2m' plain=$'\033[0m'
else
    bold='' command='' good='' bad='' dim='' plain=''
fi
wrong=0
scratch=$(mktemp -d)

chapter() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
# The command as one would type it, then what it says.
try() {
    printf '%s$ %s%s\n' "$command" "$*" "$plain"
    "$@" || { printf '%sfailed with status %s%s\n' "$bad" "$?" "$plain"; ending; }
}
proof() { # SENTENCE COMMAND...
    local sentence=$1
    shift
    if "$@" >/dev/null; then
        printf '%s  yes%s  %s\n' "$good" "$plain" "$sentence"
    else
        printf '%s  NO%s   %s\n' "$bad" "$plain" "$sentence"
        wrong=$((wrong + 1))
    fi
}
ending() {
    dmesg | tail -n 20 | sed 's/^/  host dmesg: /'
    exit 1
}

# Everything about the host's devices that giving one away could change.
snapshot() {
    local device file
    for device in /sys/bus/pci/devices/*; do
        printf '%s driver=%s group=%s' "${device##*/}" \
            "$(basename "$(readlink "$device/driver" || echo none)")" "$(basename "$(readlink "$device/iommu_group")")"
        for file in driver_override enable sriov_numvfs sriov_drivers_autoprobe power/control; do
            [ ! -e "$device/$file" ] || printf ' %s=%s' "$file" "$(cat "$device/$file")"
        done
        echo
    done
    ip -details link show | grep -v 'qdisc\|valid_lft'
}

snapshot >"$scratch/before"

chapter "1. What the host has: an Intel 82576 that can split itself, behind an IOMMU"
try viaduct list

chapter "2. Two virtual functions, and the address the guest's is to have; no host driver touches them"
try viaduct vf create eth0 2
try viaduct vf set eth0/vf0 --mac "$mac"
try viaduct vf list eth0

chapter "3. The first one is taken for a guest"
try viaduct bind eth0/vf0
group=$(basename "$(readlink /sys/bus/pci/devices/0000:01:10.0/iommu_group)")
echo "IOMMU group $group holds: $(cd "/sys/kernel/iommu_groups/$group/devices" && echo *)"

chapter "4. A guest with Debian's own kernel, $(uname -r); its console follows"
append="console=ttyS0 quiet via.do=pings:10:0.2"
printf '%s$ %s%s\n' "$command" "viaduct run --kernel \$VIADUCT_GUEST_KERNEL --initrd \$VIADUCT_GUEST_INITRD --append '$append' --cpus 2 --memory 512M --device eth0/vf0 --stats stats.json" "$plain"
began=$SECONDS
viaduct run --kernel "$VIADUCT_GUEST_KERNEL" --initrd "$VIADUCT_GUEST_INITRD" --append "$append" \
    --cpus 2 --memory 512M --device eth0/vf0 --stats "$scratch/stats.json" </dev/null 2>&1 |
    tee "$scratch/console" | tr -d '\r' | stdbuf -oL sed "s/^/$dim  guest |$plain /"
status=${PIPESTATUS[0]}
echo "the guest ended after $((SECONDS - began)) s, viaduct with status $status"
[ "$status" = 0 ] || ending
sed -i 's/\r$//' "$scratch/console"

chapter "5. What Viaduct counted meanwhile (stats.json)"
python3 /src/tools/lab/stats.py "$scratch/stats.json" "$scratch/console" || wrong=$((wrong + 1))

chapter "6. The host gets everything back"
try viaduct unbind eth0/vf0
try viaduct vf destroy eth0
snapshot >"$scratch/after"
printf '%s$ diff before after%s\n' "$command" "$plain"
diff "$scratch/before" "$scratch/after"
echo

proof "the guest saw the function with the address set on the host, link up" \
    grep -q "guest: vf eth0 mac $mac link up driver igbvf" "$scratch/console"
proof "10 of 10 pings to 10.0.2.2 came back through it" grep -q '^guest: pings 10/10 through eth0' "$scratch/console"
proof "the host is exactly as before: the difference is empty" cmp -s "$scratch/before" "$scratch/after"
exit $((wrong != 0))
