#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints what the demo shows of `viaduct run --stats`, beside the guest's own counts."""
import json
import re
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    stats = json.load(file)
with open(sys.argv[2], encoding="utf-8", errors="replace") as file:
    console = file.read()


def counts(of):
    """'name 3, other 2' of a dictionary, largest first."""
    some = sorted(((count, name) for name, count in of.items() if count), reverse=True)
    return ", ".join(f"{name} {count:,}" for count, name in some) or "none"


def line(title, text):
    print(f"  {title:<22} {text}")


phases = list(stats["phases_ns"].items())
line("time until each phase", ", ".join(f"{name} {ns / 1e9:.2f} s" for name, ns in phases))

dma = stats["dma"]
ranges = ", ".join(f"{one['first']} to {one['last']}" for one in dma["ranges"])
line("mapped in the IOMMU", f"{ranges}: {dma['map_bytes']:,} bytes in {dma['map_calls']} call, {dma['map_ns'] / 1e6:.1f} ms")

# KVM counts more than exits; these are its reasons for one.
reasons = ("io_exits", "mmio_exits", "halt_exits", "irq_exits", "irq_window_exits", "hypercalls",
           "insn_emulation", "pf_taken", "nmi_window_exits", "request_irq_exits")
exits = stats["exits"]
line("VM exits", f"{exits.get('exits', 0):,}, of them " + counts({name: exits.get(name, 0) for name in reasons}))
line("of them to Viaduct", counts(stats["user_exits"]) + " (" + counts(stats["accesses"]) + ")")
line("ioctls", f"{sum(stats['ioctls'].values()):,}, of them KVM_RUN {stats['ioctls'].get('KVM_RUN', 0):,}")
line("private memory", f"{stats['memory']['private_bytes'] / 1024:,.0f} KiB beyond the guest's own {stats['memory']['guest_bytes'] >> 20} MiB")

guest = re.findall(r"^guest: irq (\S+) (\d+)", console, re.M)
for device in stats["devices"]:
    line("the function", f"{device['device']} is {device['guest']} in the guest, {device['vfio']['resets']} reset")
    line("its trapped accesses", counts(device["exits"]))
    for vector, sent in enumerate(device["interrupts"]):
        name, seen = guest[vector] if vector < len(guest) else ("-", "-")
        line(f"interrupt vector {vector}", f"{sent} from the device, {seen} handled by {name} when the guest looked")
