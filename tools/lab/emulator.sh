#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Inside a fresh namespace: lays out what the emulator exports, then becomes it.
#   emulator.sh ROOT RUN SOURCE BUILD GUEST FULL TOOLS SHARE -- EMULATOR...
# The bare root, without what is mounted here, is /lab/root; /lab/tree becomes the
# emulated host's /lab; /lab/run holds this run's sockets, logs and images.
set -eu
# In a user namespace the flags of what is bound cannot be dropped, only added to.
read_only() {
    mount -o remount,bind,ro "$1" 2>/dev/null || mount -o remount,bind,ro,nosuid,nodev "$1" 2>/dev/null ||
        mount -o remount,bind,ro,nosuid,nodev,noatime "$1" 2>/dev/null || :
}
root=$1 run=$2 source=$3 build=$4 guest=$5 full=$6 tools=$7 share=$8
shift 9
mount -t tmpfs -o mode=755 tmpfs "$root/lab"
mkdir -p "$root/lab/"{root,run,full} "$root/lab/tree/"{src,build,inst,guest,guest-tools,full,share}
mount --bind "$root" "$root/lab/root"
mount --bind "$run" "$root/lab/run"
mount --bind "$full" "$root/lab/full"
mount --bind "$source" "$root/lab/tree/src"
read_only "$root/lab/tree/src"
mount --bind "$build" "$root/lab/tree/build"
mount --bind "$build/inst" "$root/lab/tree/inst"
mount --bind "$guest" "$root/lab/tree/guest"
mount --bind "$full" "$root/lab/tree/full"
mount --bind "$tools" "$root/lab/tree/guest-tools"
mount --rbind "$share" "$root/share"
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/tmp"
export PATH=/usr/bin:/usr/sbin HOME=/
if [[ $* = *path=/lab/run/ivshmem* ]]; then
    rm -f "$root/lab/run/ivshmem"
    chroot "$root" /usr/bin/python3 /lab/tree/src/tools/lab/ivshmem-server /lab/run/ivshmem &
    until [ -S "$root/lab/run/ivshmem" ]; do
        kill -0 $! && sleep 0.1
    done
fi
exec chroot "$root" "$@"
