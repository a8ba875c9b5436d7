# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The lab's own kernel: Debian's source, IOMMUFD and everything the lab uses built in.

KERNEL_PACKAGES=(linux-source-6.12 make gcc bc bison flex libelf-dev xz-utils zstd perl)
TEST_PACKAGES=(clang libclang-rt-dev)
BROWSER_PACKAGES=(chromium-headless-shell fonts-dejavu-core)

# layer NAME PACKAGE...: sets STAGE to a copy of the build root that has PACKAGEs too.
# Unchanged files are shared with the build root by hard links.
layer() {
    local name=$1 key
    shift
    LAYER_PACKAGES=("$@")
    key=$({ echo "$ROOT" "$@"; declare -f layer_build; } | digest)
    stage "$name" "$key" "adding to the root: $*" layer_build
}

layer_build() {
    in_namespace bash -euc '
        cp -al "$1" "$2/root"
        # What packages change in place must not be shared.
        for each in var etc; do
            rm -rf "$2/root/$each"
            cp -a "$1/$each" "$2/root/$each"
        done' - "$ROOT" "$1" || return
    in_root "$1/root" rw "$CACHE/debs:/var/cache/apt/archives" -- bash -euc '
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq -o APT::Sandbox::User=root update
        apt-get -qq -o APT::Sandbox::User=root -o DPkg::Options::=--force-unsafe-io \
            install -y --no-install-recommends "$@"
        rm -rf /var/lib/apt/lists/*' - "${LAYER_PACKAGES[@]}"
}

# The build root with DPDK, of which libdpdk-dev brings the drivers: 24 MB to fetch, 245 packages.
dpdk_stage() {
    layer dpdk libdpdk-dev libnuma-dev
    ROOT=$STAGE/root
}

kernel_key() {
    { printf '%s\n' "${KERNEL_PACKAGES[@]}"; cat "$LAB/kernel-full.config" "$LAB/kernel-build"; } | digest
}

# FULL is the kernel's folder when it has been built, else empty.
kernel_find() {
    FULL=$CACHE/kernel-$(kernel_key)
    [ -d "$FULL" ] || FULL=
}


kernel_stage() {
    local key
    key=$(kernel_key)
    if [ ! -d "$CACHE/kernel-$key" ]; then
        layer kerneltools "${KERNEL_PACKAGES[@]}"
        KERNEL_TOOLS=$STAGE/root
        # Kept apart from the stage, so that an interrupted build goes on where it was.
        KERNEL_WORK=$CACHE/tmp/work-kernel-$key
        mkdir -p "$KERNEL_WORK"
    fi
    stage kernel "$key" "building the kernel with IOMMUFD (about 10 minutes)" kernel_build
    FULL=$STAGE
}

kernel_build() {
    in_root "$KERNEL_TOOLS" ro "$LAB:/src:ro" "$KERNEL_WORK:/build" -- \
        nice /bin/bash /src/kernel-build /build || return
    cp "$KERNEL_WORK/bzImage" "$KERNEL_WORK/config" "$1/" || return
    remove_tree "$KERNEL_WORK"
    remove_tree "$(dirname "$KERNEL_TOOLS")"
}
