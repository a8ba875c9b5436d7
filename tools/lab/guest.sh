# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The guest: Debian's stock kernel and a small initramfs with the drivers of the
# functions the lab hands out.


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
    modules_copy "$tree" virtio virtio_pci virtio_net virtio_blk || return
    initramfs_pack "$tree" "$1/initrd" || return
    cp "$ROOT/boot/$(readlink "$ROOT/boot/vmlinuz")" "$1/vmlinuz"
}
