# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# limit: 480
# What 'viaduct bench' measures is complete, and what it took of the host is given back.
# shellcheck source=tests/lab/lib/words.sh
. "$tests/lib/words.sh"

RESULT=/tmp/result.json

# measured KIND ARG...: with the result in $RESULT, and the host as it was.
measured() {
    snapshot >/tmp/before
    expect 0 viaduct bench "$@" --runs 1 --json $RESULT
    snapshot | diff -u /tmp/before -
    same "$(leftovers)" ''
    ls -d /tmp/viaduct-bench.* /sys/kernel/tracing/instances/viaduct-bench 2>/dev/null &&
        flunk 'a folder was left behind'
    same "$(ip -oneline address show | grep -F 198.18. || :)" ''
}

# complete SUBJECT... -- METRIC...: each subject has been measured in each, by itself sensibly.
complete() {
    python3 - "$RESULT" "$@" <<'P'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    result = json.load(file)
split = sys.argv.index("--")
subjects, metrics = sys.argv[2:split], sys.argv[split + 1:]
guests = {s["name"] for s in result["subjects"] if s["vmm"]}
wrong = [f"{s['name']} was skipped: {s['reason']}" for s in result["subjects"]
         if s["name"] in subjects and s["status"] != "ok"]
if not result["machine"]["emulated"]:
    wrong.append("the emulated host does not say so")
by_name = {m["name"]: {s["subject"]: s for s in m["subjects"]} for m in result["metrics"]}
for metric in metrics:
    for subject in subjects:
        figures = by_name.get(metric, {}).get(subject)
        if not figures or len(figures["samples"]) != 1 or not figures["median"] > 0:
            wrong.append(f"{metric} of {subject}: {figures}")
            continue
        costs = figures["costs"] or {}
        print(metric, subject, figures["median"], json.dumps(
            {group: {name: round(cost["median"], 2) for name, cost in (by or {}).items()} for group, by in costs.items()}))
        # A page that has been read once costs nothing any more.
        if metric == "second-touch":
            continue
        # Of the same operations as another, whose costs are not told twice.
        if metric in ("read-latency-64", "write-latency-16", "fio-latency-1", "fio-latency-32", "fio-write-latency-32"):
            continue
        if subject in guests and figures["operations"] and not costs["exits"]["total"]["median"] > 0:
            wrong.append(f"{metric} of {subject}: no exits are counted")
print("\n".join(result["sentences"] + result["warnings"]))
print("\n".join(f"FAILED: {each}" for each in wrong))
sys.exit(bool(wrong))
P
}

check_boot() {
    measured boot --subjects passthrough --memory 256M
    complete passthrough -- exits-to-init time-to-init exits-to-end private-memory ioctls system-calls paced phase-run
}

check_net() {
    measured net --subjects passthrough,host --memory 256M --seconds 0.3 --tools all
    complete passthrough host -- latency packets-64 packets-1472 send receive ping iperf3-send iperf3-receive
    holds $RESULT 'any("without DPDK" in w for w in s["warnings"]) != any(m["name"] == "poll-64" for m in s["metrics"])'
}

check_virtio_net() {
    measured net --subjects virtio,vhost,user --memory 256M --seconds 0.3
    complete virtio vhost user -- latency packets-64 packets-1472 send receive
}

check_disk() {
    measured disk --subjects passthrough,host --memory 256M --seconds 0.3 --write /dev/nvme0n1 --tools fio
    complete passthrough host -- read-latency read-iops-4 read-iops-16 read-iops-64 read-latency-64 \
        read-sequential write-latency write-iops-16 write-latency-16 write-sequential fio-iops-1 fio-latency-1 \
        fio-iops-32 fio-latency-32 fio-sequential fio-write-iops-32 fio-write-latency-32 fio-write-sequential
}

check_virtio_disk() {
    measured disk --subjects virtio --memory 256M --seconds 0.3 --write /dev/nvme0n1
    complete virtio -- read-latency read-iops-4 read-iops-16 read-iops-64 read-latency-64 \
        read-sequential write-latency write-iops-16 write-latency-16 write-sequential
}

check_irq() {
    measured irq --memory 256M
    complete passthrough host -- interrupt mask
    # Two writes, and two reads behind them.
    python3 - $RESULT <<'P'
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    result = json.load(file)
(mask,) = (m for m in result["metrics"] if m["name"] == "mask")
(guest,) = (s for s in mask["subjects"] if s["subject"] == "passthrough")
exits = guest["costs"]["user_exits"]["total"]["median"]
assert 1.9 < exits < 4.1, exits
P
}

check_map() {
    measured map --subjects group
    complete group -- map-4k map-2m unmap-4k unmap-2m
}

check_bar() {
    measured bar --memory 256M
    complete passthrough host -- first-touch second-touch
}

# What cannot be is said, and the rest is measured.
check_impossible() {
    measured map --subjects group,passthrough
    holds $RESULT '[x["status"] for x in s["subjects"]] == ["ok", "skipped"]' \
        '"backends" in s["subjects"][1]["reason"]'
    # No other disk than the function's own is written to, and none that is in use.
    expect 1 env PATH=/usr/local/bin viaduct bench disk --write /dev/null --runs 1 --json $RESULT --tools fio
    holds $RESULT 'any("fio is not installed: apt install fio" in w for w in s["warnings"])'
    holds $RESULT 'all("nothing is written" in x["reason"] for x in s["subjects"])' 's["metrics"] == []'
    mkswap /dev/nvme0n1
    swapon /dev/nvme0n1
    expect 1 viaduct bench disk --write /dev/nvme0n1 --runs 1 --json $RESULT
    swapoff /dev/nvme0n1
    holds $RESULT 'all("in use" in x["reason"] for x in s["subjects"])' 's["metrics"] == []'
    echo 3 >"/sys/bus/pci/devices/$PF_BDF/sriov_numvfs"
    ip link set eth0 down
    expect 1 viaduct bench net --subjects passthrough --runs 1 --json $RESULT --kernel /nosuch
    holds $RESULT 's["subjects"][0]["status"] == "skipped"' 's["metrics"] == []'
    ip link set eth0 up
}

check_ctrl_c() {
    snapshot >/tmp/before
    viaduct bench net --subjects passthrough,host --memory 256M --runs 3 >/tmp/out 2>&1 &
    pid=$!
    # In the middle of it: a VF is made and bound, and a guest runs.
    until [ -n "$(find /dev/vfio -name '[0-9]*')" ] && pgrep -f 'run --kernel' >/dev/null; do
        kill -0 "$pid" || { cat /tmp/out; flunk 'it ended too early'; }
        sleep 0.2
    done
    sleep 2
    kill -INT "$pid"
    reap 130
    snapshot | diff -u /tmp/before -
    same "$(leftovers)" ''
    same "$(ip -oneline address show | grep -F 198.18. || :)" ''
}
