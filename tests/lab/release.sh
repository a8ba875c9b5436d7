# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# limit: 240
# What the host has after a guest: everything it had before.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

bus_master() { # BDF: on or off
    if (($(setpci -s "$1" COMMAND.w | sed 's/^/0x/') & 4)); then echo on; else echo off; fi
}

# Through all steps and back, with a guest that is told to stop in the middle of its work.
check_sigterm() {
    snapshot >/tmp/before
    leftovers >/tmp/before-left
    same "$(grep -c vfio-pci /tmp/before)" 0
    vfs 2
    viaduct vf set "$PF/vf0" --mac 02:00:00:0a:0b:01 --vlan 0 --trust on
    viaduct bind "$PF/vf0" "$PF/vf1"
    start /tmp/console via.do=pings:100000:0.01 --memory 256M --device "$PF/vf0" --device "$PF/vf1" --stats /tmp/stats
    awaits /tmp/console '^guest: ready'
    same "$(bus_master "$VF0_BDF")" on
    same "$(bus_master "$VF1_BDF")" on
    kill -TERM "$pid"
    reap 0
    same "$(cat /tmp/console.err)" ''
    holds /tmp/stats 's["end"] == "stopped"' 's["dma"]["unmap_calls"] == s["dma"]["map_calls"] > 1'
    same "$(bus_master "$VF0_BDF")" off
    same "$(bus_master "$VF1_BDF")" off
    expect 0 viaduct unbind "$PF/vf0" "$PF/vf1"
    expect 0 viaduct vf destroy "$PF"
    snapshot >/tmp/after
    leftovers >/tmp/after-left
    diff -u /tmp/before /tmp/after || flunk "the host is not as it was"
    diff -u /tmp/before-left /tmp/after-left || flunk "something of Viaduct stayed"
}

# One function runs again, without anything between; the other goes to the host's own driver.
check_kill_9() {
    local netdev tries
    modprobe igbvf
    trap 'modprobe -r igbvf' EXIT
    vfs 2
    viaduct vf set "$PF/vf0" --mac 02:00:00:0a:0b:01
    viaduct vf set "$PF/vf1" --mac 02:00:00:0a:0b:02
    viaduct bind "$PF/vf0" "$PF/vf1"
    start /tmp/console via.do=pings:100000:0.01 --memory 256M --device "$PF/vf0" --device "$PF/vf1"
    awaits /tmp/console '^guest: ready'
    same "$(bus_master "$VF0_BDF") $(bus_master "$VF1_BDF")" "on on"
    kill -KILL "$pid"
    reap 137
    same "$(bus_master "$VF0_BDF") $(bus_master "$VF1_BDF")" "off off"

    expect 0 guest via.do=pings:10 --memory 256M --device "$PF/vf0"
    match "$out" '^guest: vf eth0 mac 02:00:00:0a:0b:01 link up driver igbvf'
    match "$out" '^guest: pings 10/10 through eth0$'

    expect 0 viaduct unbind "$PF/vf0" "$PF/vf1"
    expect 0 viaduct bind --driver igbvf "$PF/vf1"
    same "$(basename "$(readlink "/sys/bus/pci/devices/$VF1_BDF/driver")")" igbvf
    netdev=$(ls "/sys/bus/pci/devices/$VF1_BDF/net")
    ip link set "$netdev" up
    for ((tries = 0; tries < 100; tries++)); do
        [ "$(cat "/sys/class/net/$netdev/carrier")" != 1 ] || break
        sleep 0.2
    done
    same "$(cat "/sys/class/net/$netdev/address") $(cat "/sys/class/net/$netdev/carrier")" "02:00:00:0a:0b:02 1"
    ip link set "$netdev" down
    expect 0 viaduct unbind "$PF/vf1"
    expect 0 viaduct vf destroy "$PF"
}
