# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# limit: 900
# A guest that reboots keeps its function, and costs the host nothing more each time.
# More reboots than a usual run has time for: REBOOTS=20 tools/lab/check.sh one reboot check_with_a_function
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

descriptors() { find "/proc/$pid/fd" -mindepth 1 | wc -l; }
private_kib() { awk '/^RssAnon/ { print $2 }' "/proc/$pid/status"; }

check_with_a_function() {
    local reboots=${REBOOTS:-4} each descriptors private began
    dmesg -C
    vfs 1
    viaduct vf set "$PF/vf0" --mac 02:00:00:0a:0b:01
    viaduct bind "$PF/vf0"
    mkfifo /tmp/typed
    exec 7<>/tmp/typed
    keys=/tmp/typed
    began=$SECONDS
    start /tmp/console via.do=pings:3:0.2,ask --on-reset reboot --cpus 2 --memory 256M \
        --device "$PF/vf0" --stats /tmp/stats
    for ((each = 1; each <= reboots + 1; each++)); do
        awaits_count "$each" /tmp/console '^guest: asks'
        same "$(grep -c '^guest: init' /tmp/console)" "$each"
        same "$(grep -c '^guest: pings 3/3 through eth0' /tmp/console)" "$each"
        same "$(grep -c '^guest: vf eth0 mac 02:00:00:0a:0b:01 link up driver igbvf' /tmp/console)" "$each"
        echo "boot $each after $((SECONDS - began)) s: $(descriptors) descriptors, $(private_kib) KiB"
        case $each in
            1) descriptors=$(descriptors) ;;
            2) private=$(private_kib) ;;
        esac
        same "$(descriptors)" "$descriptors"
        [ "$each" = $((reboots + 1)) ] || echo reboot >&7
    done
    [ "$(private_kib)" -le $((private + 64)) ] || flunk "$(private_kib) KiB, and after the first reboot $private"
    kill -USR1 "$pid"
    echo poweroff >&7
    reap 0
    exec 7>&-
    same "$(cat /tmp/console.err)" ''
    holds /tmp/stats 's["end"] == "power-off"' "s['reboots'] == $reboots" \
        "s['devices'][0]['vfio']['resets'] == $reboots + 1" \
        's["dma"]["map_calls"] == s["dma"]["unmap_calls"] == 1' \
        "s['ioctls']['KVM_CREATE_VCPU'] == 2 * ($reboots + 1)" \
        'sum(s["devices"][0]["interrupts"]) > 0'
    no_match "$(dmesg)" 'duplicate directory|WARNING:|BUG:|DMAR:.*fault'
    expect 0 viaduct unbind "$PF/vf0"
}

# With two processors, by a panic, for ever: until somebody ends it.
check_a_panic() {
    start /tmp/panics 'via.run="echo c >/proc/sysrq-trigger" via.do=run' --on-reset reboot --cpus 2 --memory 256M \
        --stats /tmp/stats
    awaits_count 3 /tmp/panics '^guest: cpus 2 '
    kill -TERM "$pid"
    reap 0
    same "$(cat /tmp/panics.err)" ''
    holds /tmp/stats 's["end"] == "stopped"' 's["reboots"] >= 2'
}
