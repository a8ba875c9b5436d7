# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # the harness sets out, err and more
# limit: 240
# Guests that run: what they see of their functions, of their machine, and how they end.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

MAC=02:00:00:0a:0b
STATS=/tmp/stats.json

check_one_vf() {
    vfs 1
    viaduct vf set "$PF/vf0" --mac $MAC:01
    viaduct bind "$PF/vf0"
    expect 0 guest via.do=pings:10 --memory 256M --device "$PF/vf0" --stats $STATS
    same "$err" ''
    match "$out" '^guest: pci 0000:00:01.0 8086:10ca class 0200 driver igbvf$'
    match "$out" "^guest: vf eth0 mac $MAC:01 link up driver igbvf at 0000:00:01.0$"
    match "$out" '^guest: pings 10/10 through eth0$'
    match "$out" '^guest: done$'
    holds $STATS 's["end"] == "power-off"' \
        'len(s["devices"]) == 1' \
        's["devices"][0]["device"] == "0000:01:10.0"' \
        's["devices"][0]["guest"] == "0000:00:01.0"' \
        's["dma"]["ranges"] == [{"first": "0x0", "last": "0xfffffff"}]' \
        's["dma"]["map_calls"] == s["dma"]["unmap_calls"] == 1' \
        's["dma"]["map_bytes"] == s["memory"]["guest_bytes"] == 256 << 20' \
        's["devices"][0]["vectors_enabled"] == 3' \
        's["devices"][0]["vfio"]["region_reads"] == 0' \
        's["devices"][0]["vfio"]["region_writes"] == 0' \
        's["ioctls"]["KVM_SET_GSI_ROUTING"] <= s["devices"][0]["vectors_enabled"] + 1' \
        's["memory"]["private_bytes"] < 1 << 20'
    counted $STATS "$out" eth0 0
}

# RAM on both sides of the hole below 4 GiB, and DMA to both.
check_two_cpus_4g() {
    local free
    free=$(awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
    [ "$free" -ge 4600 ] || skip "a guest of 4 GiB does not fit into $free MiB"
    vfs 1
    viaduct bind "$PF/vf0"
    expect 0 guest via.do=pings:20 --cpus 2 --memory 4G --device "$PF/vf0" --stats $STATS
    match "$out" '^guest: cpus 2 memory (3[89]|40)[0-9][0-9] MiB$'
    match "$out" '^guest: pings 20/20 through eth0$'
    holds $STATS 'len(s["dma"]["ranges"]) == 2' \
        's["dma"]["ranges"][0]["first"] == "0x0"' \
        'int(s["dma"]["ranges"][0]["last"], 0) < 0xfee00000' \
        's["dma"]["ranges"][1]["first"] == "0x100000000"' \
        's["dma"]["map_calls"] == 2' \
        's["dma"]["map_bytes"] == 4 << 30'
}

# Linux allocates from the top, so that the second function's rings are above 4 GiB too.
check_two_vfs_four_cpus() {
    vfs 2
    viaduct vf set "$PF/vf0" --mac $MAC:01
    viaduct vf set "$PF/vf1" --mac $MAC:02
    viaduct bind "$PF/vf0" "$PF/vf1"
    expect 0 guest via.do=pings:10 --cpus 4 --memory 256M --device "$PF/vf0" --device "$PF/vf1" --stats $STATS
    match "$out" '^guest: cpus 4 memory'
    match "$out" "^guest: vf eth0 mac $MAC:01 link up driver igbvf at 0000:00:01.0$"
    match "$out" "^guest: vf eth1 mac $MAC:02 link up driver igbvf at 0000:00:02.0$"
    match "$out" '^guest: pings 10/10 through eth0$'
    match "$out" '^guest: pings 10/10 through eth1$'
    holds $STATS 'len(s["devices"]) == 2' 's["dma"]["map_calls"] == s["dma"]["unmap_calls"] > 1' 's["dma"]["p2p"]'
    counted $STATS "$out" eth0 0
    counted $STATS "$out" eth1 1
}

check_two_guests() {
    local first
    vfs 2
    viaduct vf set "$PF/vf0" --mac $MAC:01
    viaduct vf set "$PF/vf1" --mac $MAC:02
    viaduct bind "$PF/vf0" "$PF/vf1"
    start /tmp/first "via.do=pings:1,idle via.ip=10.0.2.20" --memory 256M --device "$PF/vf0"
    first=$pid
    start /tmp/second "via.do=pings:20 via.ip=10.0.2.30" --memory 256M --device "$PF/vf1"
    awaits /tmp/second '^guest: ready'
    pid=$first awaits /tmp/first '^guest: pings 1/1 through eth0'
    kill -0 "$first"
    reap 0
    match "$(tr -d '\r' </tmp/second)" "^guest: vf eth0 mac $MAC:02 link up"
    match "$(tr -d '\r' </tmp/second)" '^guest: pings 20/20 through eth0$'
    match "$(tr -d '\r' </tmp/first)" "^guest: vf eth0 mac $MAC:01 link up"
    pid=$first
    kill -TERM "$pid"
    reap 0
}

check_eight_cpus_no_device() {
    expect 0 guest via.do=poweroff --cpus 8 --memory 256M --stats $STATS --console file=/tmp/console
    same "$out" ''
    out=$(tr -d '\r' </tmp/console)
    match "$out" '^guest: cpus 8 memory'
    match "$out" '^guest: no network function$'
    match "$out" '^guest: done$'
    holds $STATS 's["devices"] == []' 's["dma"]["map_calls"] == 0' 's["end"] == "power-off"'
}

# What is typed reaches the guest's shell; a reset ends the guest like powering off.
check_console_then_reset() {
    # shellcheck disable=SC2034 # start uses it
    local keys=/tmp/keys
    mkfifo $keys
    exec 4<>$keys
    start /tmp/console via.do=shell,reboot --memory 128M --stats $STATS
    awaits /tmp/console '^~ # '
    # More than the 16 bytes a 16550 holds, in one go.
    # shellcheck disable=SC2016 # for the guest's shell
    printf 'echo typed $((6 * 7)) %s; exit\n' abcdefghijklmnopqrstuvwxyz0123456789 >&4
    awaits /tmp/console '^typed 42 abcdefghijklmnopqrstuvwxyz0123456789'
    reap 0
    match "$(tr -d '\r' </tmp/console)" '^guest: rebooting$'
    no_match "$(tr -d '\r' </tmp/console)" '^guest: done$'
    same "$(cat /tmp/console.err)" ''
    holds $STATS 's["end"] == "reset"'
}

# The vmlinux within the bzImage starts at its PVH entry.
check_pvh_kernel() {
    python3 - "$VIADUCT_GUEST_KERNEL" /tmp/vmlinux <<'P' || skip "nothing here unpacks the kernel of $VIADUCT_GUEST_KERNEL"
import ctypes
import gzip
import lzma
import struct
import sys

with open(sys.argv[1], "rb") as file:
    image = file.read()
# Linux/x86 boot protocol: setup_sects, payload_offset, payload_length; the last 4 bytes of
# the payload are the size of what is in it.
offset, length = struct.unpack_from("<II", image, 0x248)
begin = (image[0x1f1] + 1) * 512 + offset
packed = image[begin:begin + length - 4]
size, = struct.unpack_from("<I", image, begin + length - 4)
if packed.startswith(b"\x28\xb5\x2f\xfd"):
    plain = ctypes.create_string_buffer(size)
    zstd = ctypes.CDLL("libzstd.so.1")
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    got = zstd.ZSTD_decompress(plain, ctypes.c_size_t(size), packed, ctypes.c_size_t(len(packed)))
    assert got == size, got
    plain = plain.raw
elif packed.startswith(b"\x1f\x8b"):
    plain = gzip.decompress(packed)
else:
    plain = lzma.decompress(packed)
assert plain.startswith(b"\x7fELF")
with open(sys.argv[2], "wb") as file:
    file.write(plain)
P
    vfs 1
    viaduct bind "$PF/vf0"
    VIADUCT_GUEST_KERNEL=/tmp/vmlinux expect 0 guest via.do=pings:10 --memory 256M --cpus 2 --device "$PF/vf0"
    match "$out" '^guest: cpus 2 memory'
    match "$out" '^guest: pings 10/10 through eth0$'
}
