# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The build root: a Debian 13 tree that builds the project, runs the emulator,
# and is the emulated host's own root file system.

SUITE=trixie
ROOT_PACKAGES=(
    # the emulated host
    qemu-system-x86 kmod pciutils iproute2 busybox-static ethtool strace procps udev
    nvme-cli iputils-ping cpio
    # building the project
    gcc libc6-dev linux-libc-dev meson ninja-build pkgconf acpica-tools scdoc
    libpci-dev libudev-dev libnl-route-3-dev libnvme-dev libjansson-dev
    libcap-ng-dev libseccomp-dev libslirp-dev liburing-dev libfyaml-dev libkmod-dev libcmocka-dev libumockdev-dev umockdev
)
# Parts of Debian's kernel package that no machine of the lab can use: two thirds of it.
KERNEL_SKIP=(sound/{soc,usb,firewire,isa,drivers,i2c,pcmcia,virtio,xen} 'sound/pci/[a-gi-z]*' drivers/{media,staging,iio,isdn,infiniband,bluetooth,mtd,hwmon,accel,gnss}
    drivers/net/{wireless,can,usb,hamradio} drivers/usb/{serial,misc}
    drivers/gpu/drm/{amd,i915,xe,nouveau,radeon,vmwgfx}
    drivers/net/ethernet/{mellanox,broadcom,chelsio,qlogic,marvell}
    drivers/target drivers/input/{touchscreen,joystick,tablet}
    net/{bluetooth,wireless,mac80211,sctp,ceph,tipc,batman-adv} fs/{ocfs2,gfs2,xfs,btrfs,bcachefs,ceph,smb,nfs,nfsd,f2fs})

# in_namespace COMMAND...: as root of a mount and pid namespace of its own; an
# ordinary user is given a user namespace first.
in_namespace() { unshare "${NAMESPACE[@]}" "$@"; }

namespace_prepare() {
    NAMESPACE=(--mount --pid --fork --kill-child)
    if [ "$(id -u)" != 0 ]; then
        NAMESPACE=(--user --map-root-user --map-auto "${NAMESPACE[@]}")
        command -v newuidmap >/dev/null ||
            fail "an ordinary user needs newuidmap: apt-get install uidmap (or run ./lab as root)"
        grep -q "^\($(id -un)\|$(id -u)\):" /etc/subuid 2>/dev/null ||
            fail "user $(id -un) has no subordinate ids: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $(id -un)"
    fi
    # A namespace of the right kind can still be refused by the kernel or a container.
    in_namespace mount -t tmpfs tmpfs /tmp 2>/dev/null ||
        fail "this machine refuses namespaces ('unshare ${NAMESPACE[*]}'); in a container, give it CAP_SYS_ADMIN; else set sysctl user.max_user_namespaces and kernel.apparmor_restrict_unprivileged_userns=0"
}

# in_root ROOT MODE [BIND]... -- COMMAND...
in_root() { in_namespace "$LAB/enter.sh" "$@"; }

# The mirror this machine already uses, if it is a Debian; otherwise mmdebstrap's own default.
mirror() {
    # shellcheck disable=SC2016 # apt's own format, not the shell's
    apt-get indextargets --format '$(ORIGIN)|$(COMPONENT)|$(CODENAME)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -F'|' '$1 == "Debian" && $2 == "main" && $3 !~ /-/ { print $4; exit }'
}

mmdebstrap_prepare() {
    MMDEBSTRAP=(mmdebstrap)
    command -v mmdebstrap >/dev/null && return
    command -v apt-get >/dev/null ||
        fail "the lab needs mmdebstrap and apt, which this machine lacks; install them and run ./lab setup again"
    if [ "$(id -u)" = 0 ]; then
        step "installing mmdebstrap"
        apt_here install -y --no-install-recommends mmdebstrap || {
            apt_here update && apt_here install -y --no-install-recommends mmdebstrap
        } || fail "apt-get install mmdebstrap failed; see $CACHE/log/apt.log"
        return
    fi
    if [ ! -x "$CACHE/mmdebstrap/usr/bin/mmdebstrap" ]; then
        step "fetching mmdebstrap into the cache"
        rm -rf "$CACHE/tmp/mmdebstrap"
        mkdir -p "$CACHE/tmp/mmdebstrap"
        (cd "$CACHE/tmp/mmdebstrap" && apt_here download mmdebstrap && dpkg -x mmdebstrap_*.deb .) ||
            fail "apt-get download mmdebstrap failed; ask an administrator for: apt-get install mmdebstrap"
        rm -f "$CACHE"/tmp/mmdebstrap/*.deb
        mv -T "$CACHE/tmp/mmdebstrap" "$CACHE/mmdebstrap"
    fi
    MMDEBSTRAP=(env "PATH=$CACHE/mmdebstrap/usr/bin:$PATH" perl "$CACHE/mmdebstrap/usr/bin/mmdebstrap")
    perl -MFile::Find -MTime::HiRes -e1 2>/dev/null ||
        fail "mmdebstrap needs perl's standard modules; ask an administrator for: apt-get install mmdebstrap"
}

apt_here() { DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" >>"$CACHE/log/apt.log" 2>&1 </dev/null; }

root_stage() {
    local key
    key=$({ printf '%s\n' "$SUITE" "${ROOT_PACKAGES[@]}" "${KERNEL_SKIP[@]}"; cat "$LAB/root-hook"; declare -f root_build kernel_unpack; } | digest)
    [ -d "$CACHE/root-$key" ] || mmdebstrap_prepare
    stage root "$key" "preparing a Debian 13 root with the emulator, a kernel and the compiler" root_build
    ROOT=$STAGE/root
}

root_build() {
    local into=$1 packages
    packages=$(IFS=,; echo "${ROOT_PACKAGES[*]}")
    # Downloaded packages stay in the cache, so an interrupted run does not fetch them again.
    in_namespace "${MMDEBSTRAP[@]}" --variant=minbase --mode=root --format=directory \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
        --aptopt='APT::Sandbox::User "root"' \
        --include="$packages" \
        --setup-hook="'$LAB/root-hook' '$CACHE/debs' \"\$1\"" \
        --skip=download/empty,essential/unlink,cleanup/apt \
        "$SUITE" "$into/root" "$(mirror)" || return
    rm -f "$into/root/etc/resolv.conf"
    mkdir -p "$into/root"/{src,build,lab,share,host,usr/local}
    cp -L /etc/resolv.conf "$into/root/etc/resolv.conf" 2>/dev/null || :
    in_root "$into/root" rw "$CACHE/debs:/var/cache/apt/archives" "$LAB:/src" -- \
        /bin/bash -c 'set -euo pipefail; . /src/root.sh; kernel_unpack' || return
    # The hardware database and rules for desktops cost the emulated host seconds at each boot.
    find "$into/root/usr/lib/udev/rules.d" -type f ! -name '50-*' ! -name '60-block*' \
        ! -name '60-persistent-storage.rules' ! -name '80-drivers*' -delete
    : >"$into/root/usr/lib/udev/hwdb.bin"
    rm -rf "$into/root/var/lib/apt/lists"/*
    version_check "$into/root"
}

# Inside the root: Debian's kernel without its dependencies (an initramfs generator
# would only run for minutes) and without what cannot be of use here.
kernel_unpack() {
    local package skip=() part
    package=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-[0-9]/ { print $2; exit }')
    cd /var/cache/apt/archives || return
    apt-get -qq -o APT::Sandbox::User=root download "$package"
    for part in "${KERNEL_SKIP[@]}"; do
        skip+=("--exclude=./usr/lib/modules/*/kernel/$part" "--exclude=./lib/modules/*/kernel/$part")
    done
    dpkg-deb --fsys-tarfile "${package}"_*.deb |
        tar -x -C / --keep-directory-symlink "${skip[@]}" --exclude='./usr/share/doc'
    part=$(basename /boot/vmlinuz-*)
    depmod "${part#vmlinuz-}"
    ln -sf "$part" /boot/vmlinuz
    printf '%s\n' "${part#vmlinuz-}" >/boot/release
}

# QEMU before 10.0.3 maps the BARs of igb's virtual functions wrongly.
version_check() {
    local version
    version=$(chroot_version "$1")
    [ "$(printf '%s\n' 10.0.3 "$version" | sort -V | head -n 1)" = 10.0.3 ] || {
        echo "the emulator is QEMU ${version:-unknown}, but its igb works only from 10.0.3 on: use a newer mirror"
        return 1
    }
}

chroot_version() {
    in_root "$1" ro -- qemu-system-x86_64 --version | sed -n 's/.*version \([0-9.]*\).*/\1/p'
}
