#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares what a guest with one VF costs in Viaduct and in QEMU: the same kernel, initrd,
memory and function, one after the other, several times. Needs root, debugfs, strace, and a VF
bound to vfio-pci. Prints a table; --json FILE keeps every run.

  ./lab run -- /src/tools/bench/boot.py
"""
import argparse
import glob
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

PINGS = 100
# The guest's lines at which counters are read (tools/lab/guest-init).
INIT, READY, PINGED, DONE = "guest: init", "guest: ready", "guest: pings", "guest: done"


COUNTERS = ("exits", "mmio_exits", "io_exits", "halt_exits", "irq_exits", "irq_window_exits",
            "irq_injections")


def read_exits():
    """KVM's counters, summed over all guests that run now."""
    total = dict.fromkeys(COUNTERS, 0)
    for name in total:
        for path in glob.glob(f"/sys/kernel/debug/kvm/*-*/vcpu*/{name}") or glob.glob(
            f"/sys/kernel/debug/kvm/*-*/{name}"
        ):
            try:
                with open(path, encoding="ascii") as file:
                    total[name] += int(file.read())
            except OSError:
                pass
    return total


def anonymous_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"^RssAnon:\s+(\d+)", file.read(), re.M).group(1)) << 10


def command(vmm, options):
    append = f"console=ttyS0 quiet via.quiet=1 via.do=pings:{PINGS}:0.02"
    if vmm == "viaduct":
        return [
            "viaduct", "run", "--kernel", options.kernel, "--initrd", options.initrd,
            "--append", append, "--cpus", "1", "--memory", "512M", "--device", options.device,
        ]
    return [
        "qemu-system-x86_64", "-M", "q35", "-accel", "kvm", "-cpu", "host", "-smp", "1",
        "-m", "512M", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
        "-kernel", options.kernel, "-initrd", options.initrd, "-append", append,
        "-device", f"vfio-pci,host={options.device}",
    ]


def run_once(vmm, options):
    """One guest, undisturbed: exits and time."""
    began = time.monotonic()
    guest = subprocess.Popen(
        command(vmm, options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", bufsize=1,
    )
    seen, lines = {}, []
    for line in guest.stdout:
        lines.append(line)
        for mark in (INIT, READY, PINGED, DONE):
            if mark in line and mark not in seen:
                seen[mark] = {"s": time.monotonic() - began, **read_exits()}
                if mark == PINGED:
                    seen[mark]["anonymous"] = anonymous_bytes(guest.pid)
    status = guest.wait()
    console = "".join(lines)
    if status or PINGED not in seen or f"guest: pings {PINGS}/{PINGS}" not in console:
        sys.exit(f"boot.py: the guest did not do its work in {vmm} (status {status}):\n{console}")
    ram = 512 << 20 if vmm == "qemu" else 0  # a memfd in Viaduct, anonymous in QEMU
    return {
        "exits until init": seen[INIT]["exits"],
        f"exits, boot and {PINGS} pings": seen[PINGED]["exits"],
        "seconds from exec to init": seen[INIT]["s"],
        "private memory beyond guest RAM, MiB": (seen[PINGED]["anonymous"] - ram) / (1 << 20),
        f"MMIO exits during {PINGS} pings": seen[PINGED]["mmio_exits"] - seen[READY]["mmio_exits"],
        "exits per ping": (seen[PINGED]["exits"] - seen[READY]["exits"]) / PINGS,
        **{
            f"of them {name}": (seen[PINGED][counter] - seen[READY][counter]) / PINGS
            for counter, name in (
                ("halt_exits", "halts"), ("irq_exits", "host interrupts"),
                ("irq_window_exits", "interrupt windows"),
            )
        },
        "interrupts injected per ping":
            (seen[PINGED]["irq_injections"] - seen[READY]["irq_injections"]) / PINGS,
    }


def count_syscalls(vmm, options):
    """One guest under strace: how often the kernel was called from exec to exit."""
    with tempfile.NamedTemporaryFile("r") as file:
        subprocess.run(
            ["strace", "-f", "-c", "-o", file.name, *command(vmm, options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            check=True,
        )
        calls = {}
        for line in file.read().splitlines():
            match = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
            if match and match.group(2) != "total":
                calls[match.group(2)] = int(match.group(1))
    return {"ioctls": calls.get("ioctl", 0), "all system calls": sum(calls.values())}, calls


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--kernel", default=os.environ.get("VIADUCT_GUEST_KERNEL_FULL"))
    parser.add_argument("--initrd", default=os.environ.get("VIADUCT_GUEST_INITRD"))
    parser.add_argument("--device", help="BDF of a VF bound to vfio-pci (default: makes one)")
    parser.add_argument("--vmm", default="viaduct,qemu", help="which to compare (viaduct,qemu)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", help="write every run to this file")
    options = parser.parse_args()
    if not options.kernel or not options.initrd:
        parser.error("name a guest with --kernel and --initrd")

    made = not options.device
    if made:
        subprocess.run(["viaduct", "vf", "create", "eth0", "1"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["viaduct", "vf", "set", "eth0/vf0", "--mac", "02:00:00:00:00:01"], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["viaduct", "bind", "eth0/vf0"], check=True, stdout=subprocess.DEVNULL)
        options.device = os.path.basename(os.readlink("/sys/class/net/eth0/device/virtfn0"))
    vmms = options.vmm.split(",")
    runs = {vmm: [] for vmm in vmms}
    calls = {}
    for number in range(options.runs):
        for vmm in vmms:  # A B A B: a noisy minute hits both
            print(f"run {number + 1} of {options.runs}: {vmm}", file=sys.stderr)
            runs[vmm].append(run_once(vmm, options))
    for vmm in vmms:
        print(f"counting system calls: {vmm}", file=sys.stderr)
        counts, calls[vmm] = count_syscalls(vmm, options)
        for run in runs[vmm]:
            run.update(counts)
    if made:
        subprocess.run(["viaduct", "unbind", options.device], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["viaduct", "vf", "destroy", "eth0"], check=True, stdout=subprocess.DEVNULL)

    print("| median of %d runs | %s |" % (options.runs, " | ".join(vmms)))
    print("|---|" + "---|" * len(vmms))
    for measure in runs[vmms[0]][0]:
        cells = []
        for vmm in vmms:
            values = sorted(run[measure] for run in runs[vmm])
            form = "{:,.2f}" if isinstance(values[0], float) else "{:,}"
            cells.append(form.format(statistics.median(values)))
            if values[0] != values[-1]:
                cells[-1] += f" ({form.format(values[0])} to {form.format(values[-1])})"
        print(f"| {measure} | {' | '.join(cells)} |")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"runs": runs, "system_calls": calls}, file, indent=2)


if __name__ == "__main__":
    main()
