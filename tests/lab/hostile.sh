# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# limit: 300
# A guest that writes nonsense harms itself alone, and is served again when it behaves.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

check_msix_and_config() {
    local initrd=/tmp/initrd
    mkdir -p /tmp/tree
    cat >/tmp/tree/script <<'G'
#!/bin/sh
at=0000:00:01.0
device=/sys/bus/pci/devices/$at
echo $at >/sys/bus/pci/drivers/igbvf/unbind
# Not through the file enable: Linux would then take the driver's word for done already.
printf '\006\000' | dd of=$device/config bs=2 seek=2 conv=notrunc 2>/dev/null
config() { dd if=$device/config bs=1 skip=$1 count=1 2>/dev/null | hexdump -e '1/1 "%u"'; }
bar() { echo $(($(sed -n "$(($1 + 1))p" $device/resource | cut -d' ' -f1))); }
cap=$(config 52)
while [ $cap != 0 ] && [ "$(config $cap)" != 17 ]; do cap=$(config $((cap + 1))); done
bir=$(($(config $((cap + 4))) & 7))
table=$(($(bar $bir) + $(config $((cap + 5))) * 256))
registers=$(bar 0)
echo "guest: MSI-X at $cap, its table in BAR $bir"
control() { printf "$1" | dd of=$device/config bs=2 seek=$(((cap + 2) / 2)) conv=notrunc 2>/dev/null; }

put() { # ENTRY ADDRESS-LOW ADDRESS-HIGH DATA CONTROL
    devmem $((table + $1 * 16)) 32 $2
    devmem $((table + $1 * 16 + 4)) 32 $3
    devmem $((table + $1 * 16 + 8)) 32 $4
    devmem $((table + $1 * 16 + 12)) 32 $5
}
fire() { # bits of VTEIMS and VTEICS, 82576 8.26: raises interrupts by software
    devmem $((registers + 0x1524)) 32 7
    devmem $((registers + 0x1520)) 32 7
}
for entries in \
    '0xdeadbeef 0xffffffff 0xffffffff' '0 0 0' '0xffffffff 0xffffffff 0xffffffff' \
    '0xfeeffffc 0 0xffff' '0xfee00000 0 0x300' '0xfee00000 0xffffff00 0x0f' '0xfed00000 0 0x30'; do
    for vector in 0 1 2; do put $vector $entries 0; done
    control '\002\200'
    fire
    for vector in 0 1 2; do put $vector $entries 0xffffffff; done
    for vector in 2 1 0; do put $vector $entries 0xfffffffe; fire; done
    control '\002\300'
    control '\002\000'
done
echo "guest: nonsense in the MSI-X table"
# Every width, across entries, past the last of them, and into the pending bits.
control '\002\200'
for offset in 1 3 6 10 14 15 44 47 48 63 64 2046 2048 4095 4096 8191; do
    for width in 8 16 32 64; do
        [ $((offset % (width / 8))) != 0 ] || devmem $((table + offset)) $width 0x5a5a5a5a >/dev/null
        [ $((offset % (width / 8))) != 0 ] || devmem $((table + offset)) $width >/dev/null
    done
done
control '\002\000'
echo "guest: nonsense of every width"
# The BARs over RAM, over each other and over the local APIC, decoded or not.
dd if=$device/config of=/saved bs=256 count=1 2>/dev/null
for fill in '\377' '\000' '\020' '\340\376\340\376'; do
    pattern=$fill
    for doubled in 1 2 3 4 5 6 7 8; do
        [ ${#pattern} -ge 1024 ] || pattern=$pattern$pattern
    done
    printf "$pattern" | dd of=$device/config bs=4 count=64 conv=notrunc 2>/dev/null
    printf '\007\000' | dd of=$device/config bs=2 seek=2 conv=notrunc 2>/dev/null
    dd if=$device/config bs=4096 count=1 2>/dev/null | md5sum >/dev/null
    dd if=/saved of=$device/config bs=4 conv=notrunc 2>/dev/null
done
echo "guest: nonsense in the configuration space"
for value in 0 1 2 3; do echo $at >/sys/bus/pci/drivers/igbvf/bind; echo $at >/sys/bus/pci/drivers/igbvf/unbind; done
echo $at >/sys/bus/pci/drivers/igbvf/bind
ifconfig eth0 10.0.2.20 netmask 255.255.255.0 up
tries=0
while [ "$(cat /sys/class/net/eth0/carrier 2>/dev/null)" != 1 ] && [ $tries -lt 100 ]; do
    tries=$((tries + 1))
    usleep 100000
done
echo "guest: behaves"
G
    chmod +x /tmp/tree/script
    cp "$VIADUCT_GUEST_INITRD" $initrd
    (cd /tmp/tree && echo script | cpio --quiet -o -H newc | gzip) >>$initrd
    vfs 1
    viaduct vf set "$PF/vf0" --mac 02:00:00:0a:0b:01
    viaduct bind "$PF/vf0"
    VIADUCT_GUEST_INITRD=$initrd expect 0 guest via.do=pings:10 --memory 256M --cpus 2 --device "$PF/vf0" --stats /tmp/stats
    same "$err" ''
    match "$out" '^guest: MSI-X at [1-9][0-9]*, its table in BAR [0-5]$'
    match "$out" '^guest: nonsense in the configuration space$'
    match "$out" '^guest: behaves$'
    match "$out" '^guest: pings 10/10 through eth0$'
    holds /tmp/stats 's["devices"][0]["vectors_enabled"] > 3' 's["end"] == "power-off"'
    # The host's own interface lives.
    ping -c 3 -W 5 10.0.2.2
    viaduct unbind "$PF/vf0"
}

# The same under ASan and UBSan: no access of the VMM's own goes astray, and nothing leaks.
check_sanitized() {
    sanitized
    check_msix_and_config
}
