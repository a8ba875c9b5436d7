# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Completion of viaduct(1) in bash: what may stand somewhere is known to 'viaduct complete'.

_viaduct() {
    local line=${COMP_LINE:0:COMP_POINT} words=() cur lead='' before i=0
    local IFS=$' \t\n'
    read -ra words <<<"$line"
    [[ $line != *[[:space:]] ]] || words+=('')
    cur=${words[-1]}

    mapfile -t COMPREPLY < <(viaduct complete -- "${words[@]:1}" 2>/dev/null)
    COMPREPLY=("${COMPREPLY[@]%%$'\t'*}")
    # Readline takes a word to begin after ':' and '=', of which addresses and options are full.
    while [ $i -lt ${#cur} ]; do
        before=${cur:0:i+1}
        [[ ${before: -1} != [:=] || $COMP_WORDBREAKS != *"${before: -1}"* ]] || lead=$before
        i=$((i + 1))
    done
    if [ "${COMPREPLY[0]-}" = :files ]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "${cur#"$lead"}")
        return
    fi
    COMPREPLY=("${COMPREPLY[@]#"$lead"}")
    # What goes on, as "file=".
    [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
}

complete -F _viaduct viaduct
