# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of viaduct(1) in fish: what may stand somewhere is known to 'viaduct complete'.

function __viaduct_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines (viaduct complete -- $words[2..-1] 2>/dev/null)
    if test "$lines[1]" = ":files"
        set -l option (string match -r '^--[^=]*=' -- $words[-1])
        for path in (__fish_complete_path (string replace -r '^--[^=]*=' '' -- $words[-1]))
            printf '%s%s\n' "$option" $path
        end
    else
        printf '%s\n' $lines
    end
end

complete -c viaduct -f -a '(__viaduct_complete)'
