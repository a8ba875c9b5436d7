# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The guest: Debian's stock kernel and a small initramfs with the drivers of the
# functions the lab hands out.


# What the guest with tools has beside: drivers for the devices that tests hand out...
GUEST_TOOLS_MODULES=(
    igbvf igb e1000 e1000e virtio_pci virtio_net virtio_blk nvme ahci sd_mod sg xhci_pci usb_storage
    sdhci_pci mmc_block ufshcd_pci bochs snd_hda_intel snd_hda_codec_generic snd_pcm_oss snd_mixer_oss
    uio_pci_generic ext4)
# ... and Debian's programs, with the libraries they need.
GUEST_TOOLS_PROGRAMS=(/usr/bin/fio)
GUEST_TOOLS_PACKAGES=(make fio iperf3)
# Programs that the emulated host is given too, in the same way (for viaduct bench --tools).
HOST_TOOLS_PROGRAMS=(/usr/bin/fio /usr/bin/iperf3)
# These only by name (guest-tools/stubs): fio's network storage is 50 MB that no guest uses.
GUEST_TOOLS_STUBS=(libnfs.so.14 libgfapi.so.0 libnbd.so.0 librdmacm.so.1 libibverbs.so.1 librados.so.2
    librbd.so.1 libpmem.so.1)

guest_stage() {
    local key
    key=$({ echo "$ROOT"; cat "$LAB/guest-init"; declare -f guest_build modules_copy initramfs_pack; } | digest)
    stage guest "$key" "preparing the guest's initramfs" guest_build
    GUEST=$STAGE
}

guest_build() {
    local tree=$1/tree
    mkdir -p "$tree"/{bin,dev,proc,sys,tmp,etc}
    cp "$LAB/guest-init" "$tree/init"
    modules_copy "$tree" igbvf igbvf || return
    modules_copy "$tree" nvme nvme || return
    modules_copy "$tree" virtio-net virtio_pci virtio_net || return
    modules_copy "$tree" virtio-blk virtio_pci virtio_blk || return
    modules_copy "$tree" virtio-rng virtio_pci virtio-rng || return
    modules_copy "$tree" uio uio_pci_generic || return # for viaduct bench irq
    initramfs_pack "$tree" "$1/initrd" || return
    cp "$ROOT/boot/$(readlink "$ROOT/boot/vmlinuz")" "$1/vmlinuz"
}

guest_tools_key() {
    {
        echo "$GUEST" "${GUEST_TOOLS_MODULES[@]}" "${GUEST_TOOLS_PROGRAMS[@]}" "${HOST_TOOLS_PROGRAMS[@]}" \
            "${GUEST_TOOLS_PACKAGES[@]}" "${GUEST_TOOLS_STUBS[@]}"
        cat "$LAB"/guest-tools/*
        declare -f guest_tools_build modules_copy programs_copy initramfs_pack layer_build
    } | digest
}

# GUEST_TOOLS is the folder of the guest with tools when it has been made, else empty.
guest_tools_find() {
    GUEST_TOOLS=$CACHE/guesttools-$(guest_tools_key)
    [ -d "$GUEST_TOOLS" ] || GUEST_TOOLS=
}

guest_tools_stage() {
    local key
    key=$(guest_tools_key)
    if [ ! -d "$CACHE/guesttools-$key" ]; then
        layer guestbuild "linux-headers-$(<"$ROOT/boot/release")" "${GUEST_TOOLS_PACKAGES[@]}"
        GUEST_BUILD_ROOT=$STAGE/root
    fi
    stage guesttools "$key" "preparing the guest's tools and drivers" guest_tools_build
    GUEST_TOOLS=$STAGE
}

# The initramfs is the plain guest's with a second archive behind it.
guest_tools_build() {
    local tree=$1/tree release
    release=$(<"$ROOT/boot/release")
    mkdir -p "$tree"/{lib,tools} "$1/build" "$1/host"/{lib,tools}
    modules_copy "$tree" order "${GUEST_TOOLS_MODULES[@]}" || return
    mv "$tree/modules" "$tree/lib/modules"
    in_root "$GUEST_BUILD_ROOT" ro "$LAB/guest-tools:/src:ro" "$1/build:/build" "$tree:/host" -- \
        sh /src/build "$release" || return
    [ ${#GUEST_TOOLS_PROGRAMS[@]} = 0 ] || programs_copy "$tree" "${GUEST_TOOLS_PROGRAMS[@]}" || return
    programs_copy "$1/host" "${HOST_TOOLS_PROGRAMS[@]}" || return
    rm -rf "$1/build"
    initramfs_pack "$tree" "$1/tools" || return
    cat "$GUEST/initrd" "$1/tools" >"$1/initrd" && rm "$1/tools"
}

# programs_copy TREE PROGRAM...: from the root they were installed in.
programs_copy() {
    local tree=$1
    shift
    # shellcheck disable=SC2016 # for the shell in the root
    in_root "$GUEST_BUILD_ROOT" ro "$LAB/guest-tools:/src:ro" "$tree:/host" tmpfs:/build -- bash -euc '
        for program in "${@:2}"; do
            cp "$program" /host/tools/
            sh /src/stubs "$program" /build/lib $1
            LD_LIBRARY_PATH=/build/lib ldd "$program" | grep -o "/[^ ]*"
        done | sort -u | while read -r library; do
            mkdir -p "/host${library%/*}"
            cp -L "$library" "/host$library"
        done
        mv /host/build/lib/* /host/lib/
        rmdir /host/build/lib /host/build' - "${GUEST_TOOLS_STUBS[*]}" "$@"
}
