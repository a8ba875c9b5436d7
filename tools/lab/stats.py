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


def number(value):
    return f"{value:,}" if isinstance(value, int) else str(value)


def show(value, indent):
    """Any JSON as indented lines: the shape is the writer's to choose."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, (dict, list)) and inner:
                print(f"{indent}{name}:")
                show(inner, indent + "  ")
            elif inner not in (0, {}, []):
                print(f"{indent}{name} {number(inner)}")
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict):
                print(indent + ", ".join(f"{name} {number(of)}" for name, of in inner.items()))
            else:
                print(f"{indent}{number(inner)}")


show(stats, "  ")
print("  interrupts as the guest counted them:")
for name, count in re.findall(r"^guest: irq (\S+) (\d+)", console, re.M):
    print(f"    {name} {count}")
