# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# limit: 420
# All VFs of a PF at once: in one guest, and each in a guest of its own.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

check_vfs_in_one_guest() {
    local devices=() each
    expect 0 viaduct vf create "$PF" 7 --driver vfio-pci
    same "$err" ''
    for each in 0 1 2 3 4 5 6; do devices+=(--device "$PF/vf$each"); done
    expect 0 guest via.do=pings:5 --memory 512M --cpus 2 "${devices[@]}" --stats /tmp/stats.json
    same "$err" ''
    for each in 0 1 2 3 4 5 6; do
        match "$out" "^guest: pings 5/5 through eth$each\$"
        match "$out" "^guest: vf eth$each .* link up driver igbvf at 0000:00:0$((each + 1)).0\$"
    done
    # Memory once, and what of each function's registers is mapped, for the others to reach.
    holds /tmp/stats.json 'len(s["devices"]) == 7' 's["dma"]["p2p"]' \
        's["dma"]["map_calls"] == s["dma"]["unmap_calls"]' \
        'all(sum(d["interrupts"]) > 0 for d in s["devices"])' \
        'all(d["vfio"]["resets"] == 1 for d in s["devices"])'
    viaduct vf destroy "$PF"
    same "$(leftovers)" ''
}

check_vfs_in_guests_of_their_own() {
    local pids=() each
    vfs 7
    for each in 0 1 2 3 4 5 6; do
        viaduct bind "$PF/vf$each"
        start "/tmp/console$each" "via.do=pings:5 via.ip=10.0.2.3$each" --memory 192M --device "$PF/vf$each"
        pids+=("$pid")
    done
    for each in 0 1 2 3 4 5 6; do
        pid=${pids[each]}
        reap 0
        same "$(cat "/tmp/console$each.err")" ''
        match "$(tr -d '\r' <"/tmp/console$each")" '^guest: pings 5/5 through eth0$'
    done
    viaduct vf destroy "$PF"
    same "$(leftovers)" ''
}
