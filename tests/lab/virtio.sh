# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# limit: 600
# Guests with virtio devices, and Linux' own drivers.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

# One MiB through virtio-rng, which comes in requests of 64 bytes; what is random does not get
# smaller by compression. Then the same again after a reboot.
check_rng() {
    local each read
    mkfifo /tmp/typed
    exec 7<>/tmp/typed
    keys=/tmp/typed
    # shellcheck disable=SC2016 # for the guest's shell
    read='echo guest: rng $(cat /sys/class/misc/hw_random/rng_current)'
    read+=' $(dd if=/dev/hwrng bs=4096 count=256 2>/dev/null | gzip | wc -c)'
    start /tmp/console "via.run=\"$read\" via.do=run,ask" --on-reset reboot --memory 128M --rng --stats /tmp/stats
    for each in 1 2; do
        awaits_count "$each" /tmp/console '^guest: asks'
        same "$(grep -cE '^guest: pci 0000:00:01.0 1af4:1044 class .* driver virtio-pci' /tmp/console)" "$each"
        same "$(grep -cE '^guest: rng virtio_rng.0 10[45][0-9]{4}[^0-9]' /tmp/console)" "$each"
        [ "$each" = 2 ] || echo reboot >&7
    done
    echo poweroff >&7
    reap 0
    exec 7>&-
    same "$(cat /tmp/console.err)" ''
    # Notifications reach the device's thread, and interrupts the guest, without an exit to Viaduct.
    holds /tmp/stats 's["reboots"] == 1' 'len(s["virtio"]) == 1' 's["virtio"][0]["device"] == "rng0"' \
        's["virtio"][0]["bytes"] >= 2 << 20' 's["virtio"][0]["requests"] >= 2 << 14' \
        's["virtio"][0]["kicks"] >= 2 << 13' 's["virtio"][0]["interrupts"] >= 2 << 13' \
        's["virtio"][0]["exits"]["register_writes"] < 200' 's["user_exits"]["mmio"] < 2000' \
        's["virtio"][0]["cpu_ns"] > 0' 's["dma"]["map_calls"] == 0'
}
