#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs inside a fresh mount and pid namespace: makes ROOT look like a machine and
# becomes COMMAND in it. enter.sh ROOT ro|rw [SOURCE:TARGET[:ro]]... -- COMMAND...
set -eu
# In a user namespace the flags of what is bound cannot be dropped, only added to.
read_only() {
    mount -o remount,bind,ro "$1" 2>/dev/null || mount -o remount,bind,ro,nosuid,nodev "$1" 2>/dev/null ||
        mount -o remount,bind,ro,nosuid,nodev,noatime "$1" 2>/dev/null || :
}
root=$1 mode=$2
shift 2
mount --bind "$root" "$root"
if [ "$mode" = ro ]; then
    read_only "$root"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
fi
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount --rbind /tmp "$root/tmp"
while [ "$1" != -- ]; do
    IFS=: read -r source target option <<<"$1"
    if [ "$source" != tmpfs ]; then
        mount --rbind "$source" "$root$target"
        [ -z "$option" ] || read_only "$root$target"
    else
        mount -t tmpfs -o mode=755 tmpfs "$root$target"
    fi
    shift
done
shift
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
unset TMPDIR PYTHONPATH PYTHONHOME LD_LIBRARY_PATH LD_PRELOAD
exec chroot "$root" "$@"
