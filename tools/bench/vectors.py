#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts the ioctls of a VMM while its guest takes 64 MSI-X vectors of a function and gives them
back. Needs root, tracefs, and a function with 64 vectors.

  ./lab run --qemu -device --qemu pcie-root-port,id=rpv,chassis=9,addr=0x9 \\
    --qemu -device --qemu nvme,serial=v,bus=rpv,max_ioqpairs=63,msix_qsize=64 \\
    -- /src/tools/bench/vectors.py --device 0000:03:00.0
"""
import argparse
import collections
import os
import re
import subprocess
import sys

VECTORS = 64
TRACING = "/sys/kernel/tracing"
EVENT = f"{TRACING}/events/syscalls/sys_enter_ioctl"
TYPES = (0xae, 0x3b)  # of KVM's and VFIO's commands (linux/kvm.h, linux/vfio.h)
NAMES = {
    0xae03: "KVM_CHECK_EXTENSION", 0xae67: "KVM_IRQ_LINE_STATUS",
    0xae46: "KVM_SET_USER_MEMORY_REGION",
    0xae49: "KVM_SET_USER_MEMORY_REGION2", 0xae6a: "KVM_SET_GSI_ROUTING", 0xae76: "KVM_IRQFD",
    0xae79: "KVM_IOEVENTFD", 0xae80: "KVM_RUN", 0xaea5: "KVM_SIGNAL_MSI",
    0x3b6e: "VFIO_DEVICE_SET_IRQS", 0x3b6f: "VFIO_DEVICE_RESET", 0x3b71: "VFIO_IOMMU_MAP_DMA",
    0x3b72: "VFIO_IOMMU_UNMAP_DMA",
}
# What the guest does between the lines it prints; a rest tells the phases apart.
SCRIPT = """
for d in /sys/bus/pci/devices/*; do [ $(cut -c3-6 $d/class) != 0108 ] || break; done;
modprobe vectors; [ ! -e $d/driver ] || echo ${d##*/} > $d/driver/unbind;
echo vectors > $d/driver_override; sleep 2; echo guest: begin; sleep 2;
echo ${d##*/} > /sys/bus/pci/drivers_probe; sleep 2; echo guest: up;
n=$(ls $d/msi_irqs | wc -l); sleep 2; echo ${d##*/} > $d/driver/unbind; sleep 2;
echo guest: down; echo guest: vectors $n
"""
MARKS = ("begin", "up", "down")
PHASES = {"up": "64 vectors brought up", "down": "64 vectors given back"}


def command(vmm, options):
    append = "console=ttyS0 quiet panic=-1 via.do=run via.run=\"%s\"" % " ".join(SCRIPT.split())
    if vmm == "viaduct":
        return [
            "viaduct", "run", "--kernel", options.kernel, "--initrd", options.initrd,
            "--append", append, "--cpus", "1", "--memory", "1G", "--device", options.device,
            "--on-reset", "stop",
        ]
    return [
        "qemu-system-x86_64", "-M", "q35,sata=off,smbus=off", "-accel", "kvm", "-cpu", "host", "-smp", "1",
        "-m", "1G", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
        "-serial", "stdio", "-kernel", options.kernel, "-initrd", options.initrd,
        "-append", append, "-device", f"vfio-pci,host={options.device}",
    ]


def prepare_tracing():
    """Has the kernel count ioctls by command: strace would stop QEMU at each of its many exits."""
    if not os.path.isdir(EVENT):
        subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING], check=True)
    with open(f"{EVENT}/trigger", "w", encoding="ascii") as file:
        file.write("hist:keys=cmd")


def read_ioctls():
    counts = collections.Counter()
    with open(f"{EVENT}/hist", encoding="ascii") as file:
        for line in file:
            match = re.match(r"\{ cmd:\s*(\d+) \} hitcount:\s*(\d+)", line)
            if match and int(match.group(1)) >> 8 & 0xff in TYPES:
                number = int(match.group(1)) & 0xffff
                counts[NAMES.get(number, hex(number))] += int(match.group(2))
    del counts["KVM_RUN"]
    return counts


def run(vmm, options):
    """By phase: how often each ioctl was made."""
    guest = subprocess.Popen(
        command(vmm, options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", bufsize=1,
    )
    seen, lines = {}, []
    for line in guest.stdout:
        lines.append(line)
        for mark in MARKS:
            if line.strip().endswith(f"guest: {mark}"):
                seen[mark] = read_ioctls()
    status = guest.wait()
    console = "".join(lines)
    if status or len(seen) != len(MARKS) or f"guest: vectors {VECTORS}" not in console:
        sys.exit(f"vectors.py: the guest did not do its work in {vmm} (status {status}):\n{console}")
    return {end: seen[end] - seen[begin] for begin, end in zip(MARKS, MARKS[1:])}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--kernel", default=os.environ.get("VIADUCT_GUEST_KERNEL"))
    parser.add_argument("--initrd", default=os.environ.get("VIADUCT_GUEST_INITRD_TOOLS"))
    parser.add_argument("--device", required=True, help="BDF of a function with 64 MSI-X vectors")
    parser.add_argument("--vmm", default="viaduct,qemu", help="which to compare (viaduct,qemu)")
    options = parser.parse_args()
    if not options.kernel or not options.initrd:
        parser.error("name a guest with tools with --kernel and --initrd")
    subprocess.run(["viaduct", "bind", options.device, "--force"], check=True,
                   stdout=subprocess.DEVNULL)
    prepare_tracing()
    vmms = options.vmm.split(",")
    results = {}
    for vmm in vmms:
        print(f"counting ioctls: {vmm}", file=sys.stderr)
        results[vmm] = run(vmm, options)
    subprocess.run(["viaduct", "unbind", options.device], check=True, stdout=subprocess.DEVNULL)
    print("| ioctls, but for KVM_RUN | %s |" % " | ".join(vmms))
    print("|---|" + "---|" * len(vmms))
    for phase, title in PHASES.items():
        names = sorted({name for vmm in vmms for name in results[vmm][phase]})
        totals = [f"{sum(results[vmm][phase].values()):,}" for vmm in vmms]
        print(f"| **{title}** | {' | '.join(totals)} |")
        for name in names:
            cells = [f"{results[vmm][phase][name]:,}" for vmm in vmms]
            print(f"| `{name}` | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
