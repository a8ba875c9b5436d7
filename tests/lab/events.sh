# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# kernels: stock full
# limit: 240
# What the host says of a device while a guest runs: it wants it back, or it failed.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

SLOT1=/sys/bus/pci/devices/0000:00:01.0
# Until the first function has left, whoever made it leave.
GONE="while [ -e $SLOT1 ]; do usleep 200000; done; echo guest: gone, \$(ls /sys/bus/pci/devices | wc -l) left"
LATER="sleep 1; echo guest: goes on"

started() { # "PARAMETERS" ARG...
    start /tmp/console "$@"
    awaits /tmp/console '^guest: ready'
}

# Whoever asks for a device waits in the kernel; it must not for long.
returns() {
    timeout 60 "$@" || flunk "did not come back: $*"
}

# What a guest does about it is the same whatever the backend.
guests_part() { [ "$KERNEL" = stock ] || wide "the guest's part is the same with every backend"; }

said() { match "$(tr -d '\r' </tmp/console)" "$1"; }
warned() { match "$(cat /tmp/console.err)" "$1"; }

check_vfs_destroyed() {
    vfs 2
    viaduct vf set "$PF/vf0" --mac 02:00:00:0a:0b:01
    viaduct bind "$PF/vf0"
    started "via.do=run via.run=\"$GONE; $LATER\"" --memory 256M --device "$PF/vf0" --stats /tmp/stats
    said '^guest: vf eth0 mac 02:00:00:0a:0b:01 link up driver igbvf at 0000:00:01.0'
    returns sh -c "echo 0 >/sys/bus/pci/devices/$PF_BDF/sriov_numvfs"
    [ ! -e "/sys/bus/pci/devices/$VF0_BDF" ]
    reap 0
    said '^guest: gone, 0 left'
    said '^guest: goes on'
    said '^guest: done'
    warned "the host wants $VF0_BDF back: the guest is asked"
    warned "$VF0_BDF left the guest: it let go of it"
    no_match "$(cat /tmp/console.err)" 'did not'
    holds /tmp/stats 's["end"] == "power-off"' 's["devices"] == []' 's["dma"]["ranges"] == []' \
        's["accesses"]["hotplug"] == 3'
}

check_one_of_two_unbound() {
    vfs 2
    viaduct vf set "$PF/vf0" --mac 02:00:00:0a:0b:01
    viaduct vf set "$PF/vf1" --mac 02:00:00:0a:0b:02
    viaduct bind "$PF/vf0" "$PF/vf1"
    started "via.do=run via.run=\"$GONE; ping -I eth1 -c 20 -i 0.2 -W 5 10.0.2.2\"" --memory 256M --cpus 2 \
        --device "$PF/vf0" --device "$PF/vf1" --stats /tmp/stats
    returns sh -c "echo $VF0_BDF >/sys/bus/pci/drivers/vfio-pci/unbind"
    reap 0
    said '^guest: gone, 1 left'
    said '^20 packets transmitted, 20 packets received'
    warned "$VF0_BDF left the guest: it let go of it"
    holds /tmp/stats 'len(s["devices"]) == 1' 's["devices"][0]["guest"] == "0000:00:02.0"' \
        's["dma"]["unmap_calls"] > 0' 'len(s["dma"]["ranges"]) == 1'
    # It is free: another guest can have it.
    viaduct bind "$PF/vf0"
    expect 0 guest via.do=pings:5 --memory 256M --device "$PF/vf0"
    match "$out" '^guest: pings 5/5 through eth0'
}

check_pf_removed() {
    trap 'echo 1 >/sys/bus/pci/rescan' EXIT
    vfs 1
    viaduct bind "$PF/vf0"
    started "via.do=run via.run=\"$GONE; $LATER\"" --memory 256M --device "$PF/vf0"
    returns sh -c "echo 1 >/sys/bus/pci/devices/$PF_BDF/remove"
    reap 0
    said '^guest: goes on'
    warned "$VF0_BDF left the guest: it let go of it"
}

check_guest_that_does_not_listen() {
    guests_part
    vfs 1
    viaduct bind "$PF/vf0"
    started "acpiphp.disable=1 via.do=run via.run=\"while ping -c 1 -W 2 10.0.2.2 >/dev/null; do usleep 100000; done; $LATER\"" \
        --memory 256M --device "$PF/vf0" --unplug-timeout 3
    returns sh -c "echo 0 >/sys/bus/pci/devices/$PF_BDF/sriov_numvfs"
    warned "$VF0_BDF left the guest: it was asked to let go of it, and did not"
    reap 0
    said '^guest: goes on'
}

# Asked for before the guest has a kernel that could listen: the interrupt is lost, and sent again.
check_asked_while_it_boots() {
    guests_part
    vfs 1
    viaduct bind "$PF/vf0"
    start /tmp/console "via.do=run via.run=\"$GONE; $LATER\"" --memory 256M --device "$PF/vf0" --unplug-timeout 60
    # Of a group it has the name of what VFIO makes, of iommufd that of the device file.
    until readlink "/proc/$pid/fd/"* 2>/dev/null | grep -qE 'vfio-device|/dev/vfio/devices/'; do sleep 0.1; done
    returns sh -c "echo 0 >/sys/bus/pci/devices/$PF_BDF/sriov_numvfs"
    warned "$VF0_BDF left the guest: it let go of it"
    reap 0
    said '^guest: goes on'
}

# The guest may let go of its own accord.
check_guest_ejects() {
    guests_part
    vfs 1
    viaduct bind "$PF/vf0"
    started "via.do=run via.run=\"echo 0 >/sys/bus/pci/slots/1/power; $GONE; $LATER\"" --memory 256M --device "$PF/vf0"
    reap 0
    said '^guest: goes on'
    warned "$VF0_BDF left the guest: it let go of it"
}

check_asked_as_it_ends() {
    guests_part
    vfs 1
    viaduct bind "$PF/vf0"
    started "via.do=idle" --memory 256M --device "$PF/vf0"
    kill -TERM "$pid"
    returns sh -c "echo 0 >/sys/bus/pci/devices/$PF_BDF/sriov_numvfs"
    reap 0
}
