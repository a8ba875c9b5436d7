# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# limit: 600
# hosts: stock/intel stock/virtio full/intel
# hosts, wide: full/virtio
# Many devices in one guest, real work with each, by Viaduct and by QEMU as the host's VMM.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"
# shellcheck source=tests/lab/lib/devices.sh
. "$tests/lib/devices.sh"

# The network of the devices below is a hub, and the host has a card of its own on it.
# qemu: -netdev hubport,hubid=1,id=hub0 -device virtio-net-pci,netdev=hub0,addr=0x15
# qemu: -device pcie-root-port,id=zoo0,chassis=16,addr=0x7
# qemu: -netdev hubport,hubid=1,id=hub1 -device igb,netdev=hub1,bus=zoo0
# qemu: -device pcie-root-port,id=zoo1,chassis=17,addr=0x8
# qemu: -netdev hubport,hubid=1,id=hub2 -device e1000e,netdev=hub2,bus=zoo1
# qemu: -netdev hubport,hubid=1,id=hub4 -device e1000e,netdev=hub4,addr=0xa
# qemu: -netdev hubport,hubid=1,id=hub5 -device e1000,netdev=hub5,addr=0xb
# qemu: -device pcie-root-port,id=zoo3,chassis=19,addr=0xc
# qemu: -netdev hubport,hubid=1,id=hub6 -device virtio-net-pci,netdev=hub6,bus=zoo3,iommu_platform=on,disable-legacy=on
# qemu: -device secondary-vga,id=vga1,addr=0xd
# qemu: -device pci-testdev,addr=0xe
# qemu: -chardev socket,id=iv0,path=/lab/run/ivshmem -device ivshmem-doorbell,chardev=iv0,vectors=2,addr=0xf
# qemu: -chardev socket,id=iv1,path=/lab/run/ivshmem -device ivshmem-doorbell,chardev=iv1,vectors=2,addr=0x10
# qemu: -device pcie-root-port,id=zoo4,chassis=20,addr=0x11 -device qemu-xhci,id=xhci,bus=zoo4
# qemu: -drive file=/lab/run/stick,if=none,id=stick,format=raw,cache=unsafe -device usb-storage,bus=xhci.0,drive=stick
# qemu: -device ich9-ahci,id=ahci,addr=0x12
# qemu: -drive file=/lab/run/disk,if=none,id=disk,format=raw,cache=unsafe -device ide-hd,bus=ahci.0,drive=disk
# qemu: -audiodev wav,id=wav,path=/share/artefacts/sound.wav -device intel-hda,id=hda,addr=0x13
# qemu: -device hda-output,bus=hda.0,audiodev=wav,mixer=off
# qemu: -device sdhci-pci,addr=0x14
# qemu: -drive file=/lab/run/card,if=none,id=card,format=raw,cache=unsafe -device sd-card,drive=card
# qemu: -device pcie-root-port,id=zoo5,chassis=21,addr=0x16 -device ufs,id=ufs,bus=zoo5
# qemu: -drive file=/lab/run/unit,if=none,id=unit,format=raw,cache=unsafe -device ufs-lu,bus=ufs,drive=unit,lun=0
# qemu: -device edu,addr=0x17,dma_mask=0xffffffff
# file: stick 64M
# file: disk 64M
# file: card 64M
# file: unit 64M

# SLOT KIND ARGUMENT NAME; a slot may have more than one line. The 1st e1000e uses MSI-X, the 2nd INTx.
devices() {
    cat <<D
6 display $((seed + 6)) bochs-display
d display $((seed + 13)) secondary-vga
e testdev - pci-testdev
f ivshmem 10 ivshmem-doorbell
11 block 16 xHCI, USB stick
12 block 16 AHCI, disk
13 sound 440 HD audio
14 block 8 SD host, card
16 block 16 UFS, logical unit
17 edu intx edu, INTx
17 edu msi edu, MSI
vf net 10.0.2.15:50 igb VF
7 net 10.0.17.1:50 igb PF
8 net 10.0.18.1:8 e1000e, MSI-X
a net 10.0.20.1:8 e1000e, INTx
b net 10.0.21.1:8 e1000
c net 10.0.22.1:8 virtio-net
D
}

# The function in a slot of the host, or behind the root port there.
at() {
    local slot behind
    [ "$1" != vf ] || { echo "$VF0_BDF"; return; }
    slot=$(printf '0000:00:%02x.0' 0x"$1")
    behind=$(cd "/sys/bus/pci/devices/$slot" && ls -d 0000:??:??.?)
    echo "${behind:-$slot}"
} 2>/dev/null

prepare() {
    local slot kind argument name each
    mkdir -p /share/artefacts
    devices_reset || :
    # Until it is there, such a device looks as if its interface was another's.
    modprobe -q virtio_net || :
    vfs 1
    viaduct vf set "$PF/vf0" --mac 02:00:00:00:2a:01
    [ -e /run/peer ] || {
        setsid python3 "$tests/lib/peer.py" >/run/peer 2>/run/peer.err &
        until [ -s /run/peer ]; do sleep 0.2; done
    }
    # In the guest they sit in slots from 1 on, as they come.
    functions=()
    unset slots
    declare -gA slots
    while read -r slot kind argument name; do
        for each in $slot $([ "$kind" != ivshmem ] || echo "$argument"); do
            [ -z "${slots[$each]:-}" ] || continue
            functions+=("$(at "$each")")
            slots[$each]=$(printf '0000:00:%02x.0' ${#functions[@]})
        done
        [ "$kind" != ivshmem ] || argument=${slots[$argument]}
        echo "${slots[$slot]} $kind $argument $name"
    done < <(devices) >/tmp/zoo.list
    viaduct bind "${functions[@]}"
    rm -rf /tmp/tree /tmp/keys
    mkdir /tmp/tree
    cp "$tests/guest/zoo" /tmp/tree/script
    cp /tmp/zoo.list /tmp/tree/
    (cd /tmp/tree && find . | cpio --create --format=newc --quiet | gzip -1) | cat "$VIADUCT_GUEST_INITRD_TOOLS" - >/tmp/initrd
}

# The hub stops while nobody but the host is on it.
network() {
    local peer each
    peer=$(ls /sys/bus/pci/devices/0000:00:15.0/virtio*/net)
    ip link set "$peer" up
    for each in {17..22}; do
        ip address replace "10.0.$each.1/24" dev "$peer"
    done
}

# zoo VMM BACKEND SEED COMMAND...: the whole run; COMMAND starts the VMM.
zoo() {
    local vmm=$1 backend=$2 seed=$3 label=$KERNEL-$IOMMU-$2-$1 heard=0 status=0 line
    local bdf name interrupt count driver work result slot failed='' ended
    local console=/share/artefacts/$label.console
    shift 3
    mkfifo /tmp/keys
    exec 4<>/tmp/keys
    [ ! -e /share/artefacts/sound.wav ] || heard=$(stat -c %s /share/artefacts/sound.wav)
    : >"$console" # of an earlier try
    "$@" <&4 >"$console" 2>/tmp/console.err &
    pid=$!
    ended=yes
    for line in 'guest: ready' 'zoo: done'; do
        (awaits "$console" "^$line") >/dev/null 2>&1 || { ended=''; break; }
        [ "$line" = 'zoo: done' ] || network
    done
    if [ -n "$ended" ]; then
        monitor screendump "/share/artefacts/$label-bochs-display.ppm" bochs0
        monitor screendump "/share/artefacts/$label-secondary-vga.ppm" vga1
        echo >&4
        wait $pid || status=$?
    fi
    exec 4>&-
    cat /tmp/console.err
    while IFS='|' read -r bdf name interrupt count driver work result; do
        slot=
        for line in "${!slots[@]}"; do [ "${slots[$line]}" != "$bdf" ] || slot=$line; done
        if [ "$result" = ok ]; then
            case $name in
                bochs-display | secondary-vga)
                    [ "$name" = bochs-display ] && line=6 || line=13
                    result=$(python3 "$tests/lib/picture.py" "/share/artefacts/$label-$name.ppm" $((seed + line)) 2>&1) && result=ok || result="FAILED: $result" ;;
                'HD audio') result=$(python3 "$tests/lib/sound.py" /share/artefacts/sound.wav "$heard" 440 2>&1) && result=ok || result="FAILED: $result" ;;
            esac
        fi
        echo "$vmm $backend: $name, $driver, $interrupt, $count interrupts: $work: $result"
        [ "$result" = ok ] || failed+="$name; "
        row "$vmm" "$backend" "${name%, [MI][SN][IT]*}" "$(bars "$(at "$slot")")" "$interrupt" "$driver" "$work" "${result%%:*}"
    done < <(tr -d '\r' <"$console" | sed -n 's/^zoo: \(.*|.*\)/\1/p')
    [ -n "$ended" ] && [ -z "$failed" ] || { echo "the guest's console ends:"; tail -n 30 "$console" | tr -d '\r'; }
    same "$(grep -c '^guest: ready' "$console") start" '1 start'
    same "$(grep -c '^zoo: .*|' "$console")" "$(devices | wc -l)"
    [ -n "$ended" ] || flunk "$vmm ended before its guest was done"
    [ -z "$failed" ] || flunk "with $vmm and $backend: $failed"
    same "$status" 0
}

# Programs may map what a driver has: pictures are drawn into the video memory itself.
append='console=ttyS0 quiet panic=-1 via.do=poweroff iomem=relaxed e1000e.IntMode=2,0'

viaduct_zoo() { # BACKEND SEED
    local each arguments=()
    seed=$2
    prepare
    for each in "${functions[@]}"; do arguments+=(--device "$each"); done
    zoo viaduct "$1" "$2" viaduct run --backend "$1" --kernel "$VIADUCT_GUEST_KERNEL" --initrd /tmp/initrd --append "$append" \
        --cpus 2 --memory 768M "${arguments[@]}"
}

qemu_zoo() { # BACKEND SEED
    seed=$2
    prepare
    zoo qemu "$1" "$2" qemu "$1" 768 /tmp/initrd "$append" -no-reboot "${functions[@]}"
}

# Each kernel, each backend and each IOMMU is seen once: a run takes minutes.
check_viaduct() {
    local backend
    for backend in $(backends); do viaduct_zoo "$backend" 100; done
}

check_qemu() {
    local backend
    wide "compared with QEMU"
    for backend in $(backends); do
        # There QEMU 10.0 fails to map its guest's memory (EINVAL), as docs/devices.md says.
        [ "$backend/$IOMMU" = iommufd/virtio ] || qemu_zoo "$backend" 200
    done
}
