# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Shared by the parts of ./lab: messages, the cache, and stages built once.

SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
LAB=$SRC/tools/lab
CACHE=${VIADUCT_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/viaduct-lab}
LAB_START=$SECONDS
export LC_ALL=C.UTF-8

say() { printf 'lab: %s\n' "$*" >&2; }
fail() { say "$*"; exit 125; }
usage_error() { say "$*"; exit 2; }

# Progress: one line per step, with seconds since the start on a terminal.
step() {
    [ "${LAB_QUIET:-}" ] && return
    if [ -t 2 ]; then
        printf '\033[2mlab: %3d s\033[0m  %s\n' $((SECONDS - LAB_START)) "$*" >&2
    else
        say "$*"
    fi
}

digest() { sha256sum | cut -c1-12; }

cache_prepare() {
    mkdir -p "$CACHE"/{locks,tmp,debs/partial,run,log} ||
        fail "cannot write the cache $CACHE; set VIADUCT_LAB_CACHE to a folder with 3 GB free"
    CACHE=$(cd "$CACHE" && pwd -P)
}

# Files in the cache made by an ordinary user's namespace belong to that user's
# subordinate ids, so removing them needs the namespace too.
remove_tree() {
    [ -e "$1" ] || return 0
    # What was just interrupted may still be ending there.
    in_namespace rm -rf --one-file-system "$1" 2>/dev/null || {
        sleep 2
        in_namespace rm -rf --one-file-system "$1"
    } || fail "cannot remove $1, left by an interrupted run; remove it and try again"
}

# build_watched BUILDER FOLDER: in a process group of its own, which dies when this script is
# ended. Killing unshare ends all that runs in its namespace.
build_watched() {
    local child status=0
    set -m
    ("$@") </dev/null &
    child=$!
    set +m
    # shellcheck disable=SC2064 # the child of now
    for status in 'INT 130' 'TERM 143' 'HUP 129'; do
        trap "kill -KILL -- -$child; exit ${status#* }" "${status% *}"
    done
    status=0
    wait "$child" || status=$?
    trap - INT TERM HUP
    return "$status"
}

# stage NAME KEY TITLE BUILDER: sets STAGE to the folder that BUILDER filled for KEY.
# The builder returns a failure itself (errexit is off where it runs). It works in a temporary folder which is renamed when whole: an
# interruption leaves nothing half-made, and the next run starts that stage again.
stage() {
    local name=$1 key=$2 title=$3 builder=$4 lock temporary began log
    STAGE=$CACHE/$name-$key
    : >"$CACHE/locks/used-$name-$key"
    [ -d "$STAGE" ] && return
    exec {lock}>"$CACHE/locks/$name"
    flock -n "$lock" || { step "waiting for another lab that is preparing: $title"; flock "$lock"; }
    if [ ! -d "$STAGE" ]; then
        began=$SECONDS
        step "$title"
        for temporary in "$CACHE/tmp/$name-"*; do
            remove_tree "$temporary"
        done
        temporary=$CACHE/tmp/$name-$key
        log=$CACHE/log/$name.log
        mkdir -p "$temporary"
        build_watched "$builder" "$temporary" >"$log" 2>&1 || {
            tail -n 20 "$log" >&2
            fail "preparing '$title' failed; the whole log is $log; run ./lab setup again after mending the cause"
        }
        mv -T "$temporary" "$STAGE"
        step "$title: done in $((SECONDS - began)) s"
    fi
    exec {lock}>&-
}

# Removes what no lab has used for a week: other versions of this repository need other stages.
prune() {
    local each
    find "$CACHE/locks" -name 'used-*' -mtime +7 | while read -r each; do
        remove_tree "$CACHE/${each##*/used-}"
        rm -f "$each"
    done
}
