# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Building the project in the build root. Build trees live in the cache, one per checkout.

build_folder() {
    BUILD=$CACHE/build/$(printf '%s %s' "$SRC" "$ROOT" | digest)
    mkdir -p "$BUILD/inst"
}

# in_build -- COMMAND...: in the build root, with the sources, the builds and what is installed.
in_build() {
    in_root "${BUILD_ROOT:-$ROOT}" ro "$SRC:/src:ro" "$BUILD:/build" "$BUILD/inst:/usr/local" "$@"
}

project_build() {
    local log lock
    build_folder
    [ -e "$SRC/meson.build" ] && [ -z "${OPT_NO_BUILD:-}" ] || return 0
    log=$BUILD/plain.log
    exec {lock}>"$BUILD/lock"
    flock "$lock"
    [ -e "$BUILD/plain/build.ninja" ] || step "building viaduct"
    in_build -- /bin/sh /src/tools/lab/build-plain {lock}>&- >"$log" 2>&1 || {
        cat "$log" >&2
        fail "viaduct does not build; what the compiler said is above"
    }
    exec {lock}>&-
}
