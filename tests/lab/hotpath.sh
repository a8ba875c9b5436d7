# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# limit: 300
# While a guest sends and receives, nobody in userspace works for its VF.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

# written FILE: the statistics as they are now.
written() {
    rm -f "$1"
    kill -USR1 "$pid"
    until [ -s "$1" ]; do
        kill -0 "$pid" || flunk "viaduct ended instead of writing its statistics"
        sleep 0.05
    done
}

# quiet BEFORE AFTER VECTORS: nothing but interrupts, by that many vectors, happened to the device.
quiet() {
    python3 - "$@" <<'P'
import json
import sys

before, after = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:3])


def grown(group):
    return {name: value - before[group].get(name, 0) for name, value in after[group].items()
            if value != before[group].get(name, 0)}


device, was = after["devices"][0], before["devices"][0]
interrupts = [a - b for a, b in zip(device["interrupts"], was["interrupts"])]
print("interrupts", interrupts, "user exits", grown("user_exits"), "accesses", grown("accesses"),
      "ioctls", grown("ioctls"))
print("exits of the device", device["exits"], "before", was["exits"])
wrong = []
if device["exits"] != was["exits"]:
    wrong.append("the VF's registers or configuration space were emulated")
if device["vfio"] != was["vfio"]:
    wrong.append(f"VFIO was called: {device['vfio']}, before {was['vfio']}")
if grown("user_exits").get("mmio", 0):
    wrong.append("MMIO exits to userspace")
if grown("user_exits").get("io", 0) != grown("accesses").get("serial", 0):
    wrong.append("PIO exits to userspace that are not the console's")
if set(grown("ioctls")) - {"KVM_RUN"}:
    wrong.append("ioctls beside KVM_RUN")
# 1,000 requests and 1,000 answers; a busy emulated host handles several at an interrupt.
if sum(count >= 100 for count in interrupts) < int(sys.argv[3]):
    wrong.append("too few interrupts for so many packets")
print("\n".join(f"FAILED: {each}" for each in wrong))
sys.exit(bool(wrong))
P
}

check_1000_pings() {
    vfs 1
    viaduct bind "$PF/vf0"
    start /tmp/console via.do=pings:1000:0.01,idle --memory 256M --device "$PF/vf0" --stats /tmp/stats
    awaits /tmp/console '^guest: ready'
    written /tmp/stats
    mv /tmp/stats /tmp/before
    no_match "$(cat /tmp/console)" '^guest: pings'
    awaits /tmp/console '^guest: pings'
    written /tmp/stats
    mv /tmp/stats /tmp/after
    match "$(tr -d '\r' </tmp/console)" '^guest: pings 1000/1000 through eth0$'
    quiet /tmp/before /tmp/after 2
    kill -TERM "$pid"
    reap 0
}
