# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# limit: 240
# hosts: stock/intel
# qemu: -device pcie-root-port,id=rp9,chassis=9,addr=0x9
# qemu: -device virtio-rng-pci,id=aer0,bus=rp9,disable-legacy=on,iommu_platform=on,aer=on
# An error of a device (PCI Express AER) meets what --on-error says. Of the emulator's devices, few let
# their reporting be enabled in Device Control: not igb, whose errors the kernel injects instead.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

emulated() { # the virtio random number generator behind a port of its own: $DEVICE
    local each
    for each in /sys/bus/pci/devices/*; do
        if [ "$(cat "$each/device")" = 0x1044 ] && [ "$(cat "$each/vendor")" = 0x1af4 ]; then
            DEVICE=${each##*/}
        fi
    done
    [ -n "${DEVICE:-}" ] || flunk "the emulator has no device whose errors are reported"
    viaduct bind "$DEVICE"
}

kernel_injects() { # BDF: an uncorrectable, non-fatal error (completer abort)
    modprobe aer_inject || skip "this kernel has no aer_inject"
    python3 - "$1" <<'P'
import re
import struct
import sys

domain, bus, device, function = (int(n, 16) for n in re.match(r"(\w+):(\w+):(\w+)\.(\w)", sys.argv[1]).groups())
# drivers/pci/pcie/aer_inject.c: struct aer_error_inj
with open("/dev/aer_inject", "wb", buffering=0) as file:
    file.write(struct.pack("<BBBxIIIIIII", bus, device, function, 0x8000, 0, 0, 0, 0, 0, domain))
P
}

begin() { # "PARAMETERS" ARG...
    start /tmp/console "$@"
    awaits /tmp/console '^guest: ready'
}
said() { match "$(tr -d '\r' </tmp/console)" "$1"; }
says() { awaits /tmp/console.err "$1"; }

check_stop() {
    emulated
    begin via.do=idle --memory 256M --device "$DEVICE"
    monitor pcie_aer_inject_error aer0 COMP_ABORT
    reap 1
    match "$(cat /tmp/console.err)" "$DEVICE reports an uncorrectable error, so its guest was stopped"
    same "$(wc -l </tmp/console.err)" 1
    expect 0 viaduct unbind "$DEVICE"
}

check_stop_after_a_fatal_error() {
    emulated
    begin via.do=idle --memory 256M --device "$DEVICE"
    monitor pcie_aer_inject_error aer0 DLP
    reap 1
    match "$(cat /tmp/console.err)" "$DEVICE reports an uncorrectable error, so its guest was stopped"
    # It works again.
    expect 0 guest via.do=poweroff --memory 256M --device "$DEVICE"
    match "$out" '^guest: pci 0000:00:01.0 1af4:1044 class 00ff driver virtio-pci'
}

check_report() {
    emulated
    begin "via.do=run via.run=\"sleep 5; echo guest: goes on\"" --memory 256M --device "$DEVICE" --on-error report
    monitor pcie_aer_inject_error aer0 COMP_ABORT
    says "$DEVICE reports an uncorrectable error; the guest goes on"
    reap 0
    said '^guest: goes on'
}

# The guest, not the first of which the error was, is the one that powers off.
check_reset() {
    emulated
    begin via.do=idle --memory 256M --device "$DEVICE" --on-error reset --stats /tmp/stats
    monitor pcie_aer_inject_error aer0 COMP_ABORT
    says "$DEVICE reports an uncorrectable error; the guest is reset"
    until [ "$(tr -d '\r' </tmp/console | grep -c '^guest: ready')" = 2 ]; do sleep 0.2; done
    same "$(tr -d '\r' </tmp/console | grep -c '^guest: pci 0000:00:01.0 1af4:1044 class 00ff driver virtio-pci')" 2
    kill -TERM "$pid"
    reap 0
    holds /tmp/stats 's["reboots"] == 1'
}

check_reset_after_a_fatal_error() {
    emulated
    begin via.do=idle --memory 256M --device "$DEVICE" --on-error reset
    monitor pcie_aer_inject_error aer0 DLP
    says "$DEVICE reports an uncorrectable error; the guest is reset"
    until [ "$(tr -d '\r' </tmp/console | grep -c '^guest: ready')" = 2 ]; do sleep 0.2; done
    same "$(tr -d '\r' </tmp/console | grep -c '^guest: pci 0000:00:01.0 1af4:1044 class 00ff driver virtio-pci')" 2
    kill -TERM "$pid"
    reap 0
}

# A VF of a PF that goes on; the guest cannot keep the report from the host.
check_vf_of_a_deaf_guest() {
    vfs 1
    viaduct bind "$PF/vf0"
    begin "pci=noaer via.do=pings:40:0.2" --memory 256M --device "$PF/vf0" --on-error report
    kernel_injects "$VF0_BDF"
    says "$VF0_BDF reports an uncorrectable error; the guest goes on"
    reap 0
    said '^guest: pings 40/40 through eth0'
}
