# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # the harness sets out, err and more
# What show and host say of a real kernel's devices, beside lspci and what the machine is made of.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

JSON=/tmp/show.json

check_function() {
    local vectors sizes
    vectors=$(lspci -vv -s "$PF_BDF" | sed -n 's/.*MSI-X: .*Count=\([0-9]*\).*/\1/p')
    viaduct show "$PF" --json >$JSON
    holds $JSON 's["device"]["config"] == "whole"' "s['device']['msix_vectors'] == $vectors" \
        's["device"]["msix_table"]["size_bytes"] == 16 * s["device"]["msix_vectors"]' \
        's["device"]["bars"][0]["size_bytes"] == 131072' 's["device"]["vf_device_id"] == "10ca"' \
        's["device"]["group"]["members"][0]["driver"] == "igb"' \
        's["device"]["group"]["reserved"][0]["first"] == "0xfee00000"'
    # From the capability first, then from a VF.
    sizes=$(python3 -c 'import json, sys
print([bar["size_bytes"] for bar in json.load(open(sys.argv[1]))["device"]["vf_bars"]])' $JSON)
    vfs 1
    viaduct show "$PF/vf0" --json >$JSON
    holds $JSON "[bar['size_bytes'] for bar in s['device']['bars']] == $sizes" \
        's["device"]["reset_methods"] == ["flr"]' 's["device"]["pf"] == "0000:01:00.0"'
    # Others than root see what sysfs shows them.
    expect 0 setpriv --reuid 65534 --regid 65534 --clear-groups "$(command -v viaduct)" show "$PF"
    match "$out" '^BAR 0 +128 KiB of memory '
    match "$out" '^NOT SEEN +MSI, MSI-X, ACS: '
    same "$err" ''
}

check_machine() {
    viaduct host --json >$JSON
    holds $JSON 'all(l["fix"] for l in s["lines"] if l["verdict"] == "no")' \
        'all(l["verdict"] == "ok" for l in s["lines"] if l["id"] in ("virtualisation", "kvm", "kvm-capability", "iommu", "locked-memory"))' \
        'sum(l["id"] == "kvm-capability" for l in s["lines"]) == 12'
    expect 0 setpriv --reuid 65534 --regid 65534 --clear-groups "$(command -v viaduct)" host
    match "$out" '^no  KVM +unusable +no permission to open /dev/kvm'
    match "$out" '^-   ports with ACS +not to be seen'
    match "$out" '^ok  virtualisation +(SVM|VT-x) +-$'
    match "$out" '^ok  nested paging +(NPT|EPT)'
    match "$out" '^ok  interrupt remapping +on '
    match "$out" '^ok  IOMMU addresses +[0-9]+ bits '
}
