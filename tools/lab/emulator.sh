#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Inside a fresh namespace: lays out what the emulator exports, then becomes it.
#   emulator.sh ROOT RUN SOURCE BUILD GUEST FULL SHARE -- EMULATOR...
set -eu
root=$1 run=$2 source=$3 build=$4 guest=$5 full=$6 share=$7
shift 8
mount -t tmpfs -o mode=755 tmpfs "$root/lab"
mkdir -p "$root/lab/"{root,run,tree}
# Taken before the rest is mounted, without what is mounted below it.
mount --bind "$root" "$root/lab/root"
mount --bind "$run" "$root/lab/run"
mkdir -p "$root/lab/tree/"{src,build,inst,guest,full,share}
mount --bind "$source" "$root/lab/tree/src"
mount -o remount,bind,ro "$root/lab/tree/src"
mount --bind "$build" "$root/lab/tree/build"
mount --bind "$build/inst" "$root/lab/tree/inst"
mount --bind "$guest" "$root/lab/tree/guest"
mount --bind "$full" "$root/lab/tree/full"
mount --bind "$full" "$root/lab/full" 2>/dev/null || { mkdir -p "$root/lab/full"; mount --bind "$full" "$root/lab/full"; }
mount --rbind "$share" "$root/share"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/tmp"
shift 0
export PATH=/usr/bin:/usr/sbin HOME=/
exec chroot "$root" "$@"
