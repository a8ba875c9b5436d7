#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""assault.py NAME SECONDS SEED SILENCE COMMAND...: a hostile guest, and with another seed the next,
until they have attacked for so many seconds; what they and viaduct did is told at the end.

COMMAND has {seed}, {seconds} and {odd} (1 for each second seed) replaced. A guest begins when it says
"NAME: begins", and ends by itself when it says "NAME: ends"; one that has stopped itself says nothing
for SILENCE seconds, and is ended.

While guests attack nothing is run here and nothing is said: the emulated host may lose a virtio
device's doorbell then. What waits on its file systems for that is woken by the next request.
"""
import os
import re
import signal
import subprocess
import sys
import threading
import time

GUEST_SECONDS = 120  # one guest's; then a fresh one
GUEST_SECONDS_MIN = 15
BOOT_SECONDS = 180  # without a word until it begins
LEAVE_SECONDS = 20  # likewise, to switch itself off; and for viaduct to end when it is asked to
WARM_UP_SECONDS = 60  # until a guest has been everywhere
SHORT_GUESTS_MAX = 3
FILE_SYSTEMS = "/", "/src", "/share"
GROWTH = ("descriptors", 48, 48), ("private KiB", 8192, 1024)  # at most: while warming up, then


def stir():
    """Asks the file systems for something, twice each: one of the two may wait for the other."""

    def ask(path):
        while True:
            try:
                os.statvfs(path)
            except OSError:
                return
            time.sleep(1)

    for path in FILE_SYSTEMS * 2:
        threading.Thread(target=ask, args=(path,), daemon=True).start()


def sample(pid):
    """Descriptors and private memory in KiB of a process, none of one that has ended."""
    try:
        fds = len(os.listdir(f"/proc/{pid}/fd"))
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            found = re.search(r"^RssAnon:\s*(\d+) kB", file.read(), re.M)
    except OSError:
        return None
    return (fds, int(found[1])) if found else None


class Guest:
    """One run of a hostile guest."""

    def __init__(self, name, silence, command):
        self.name, self.silence, self.command = name, silence, command
        self.samples, self.attacked = [], 0.0
        self.said = self.errors = ""
        self.status = None
        self.itself = False

    def path(self, what):
        return f"/tmp/{self.name}.{what}"

    def read(self, what):
        with open(self.path(what), encoding="utf-8", errors="replace") as file:
            return file.read().replace("\0", "").replace("\r", "")

    def run(self):
        """Runs it to its end, and takes a sample a second while it attacks."""
        with open(self.path("out"), "wb") as out, open(self.path("err"), "wb") as err:
            process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        began, ended, asked, size, heard = None, None, None, 0, time.monotonic()
        while process.poll() is None:
            now = time.monotonic()
            grown = os.path.getsize(self.path("out"))
            if grown != size:
                size, heard = grown, now
                if began is None and self.has_said("begins"):
                    began = now
                if not ended and self.has_said("ends"):
                    ended = now
            if began is None:
                patience = BOOT_SECONDS
            else:
                patience = LEAVE_SECONDS if ended else self.silence
                # Not of one that ends: it looks for leaks.
                if not ended and not asked:
                    self.samples += filter(None, [sample(process.pid)])
            # One that has ended may have devices that its kernel complains of for ever.
            if now - (ended or heard) > patience:
                if not asked:
                    asked = now
                    process.terminate()
                elif now - asked > LEAVE_SECONDS:
                    process.kill()
            time.sleep(1)
        self.attacked = (ended or heard) - began if began is not None else 0.0
        self.status = process.returncode
        self.errors = self.read("err")
        self.itself = self.has_said("ends")
        lines = self.read("out").splitlines()
        self.said = "\n".join(line for line in lines if re.match(r"(hostile|raw|guest): ", line))

    def has_said(self, word):
        return f"\n{self.name}: {word}" in "\n" + self.read("out")

    def wrong(self):
        """What must not have happened, or None."""
        # A processor that went where KVM cannot follow is the guest's own end, and so is a machine KVM gave up.
        own = re.search("hit something KVM cannot emulate|KVM has given the guest up", self.errors)
        if self.status and not (self.status == 1 and own):
            return f"viaduct ended with status {self.status}"
        if "WRONG" in self.said:
            return "the guest saw what it must not"
        if len(self.samples) < 15:
            return None
        for index, (what, cold, growth) in enumerate(GROWTH):
            series = [each[index] for each in self.samples]
            print(f"  {what}: {' '.join(map(str, series[:: len(series) // 10]))}, at most {max(series)}")
            begin = int(len(series) * WARM_UP_SECONDS / max(self.attacked, 1))
            if len(series) - begin < 20:
                begin, growth = len(series) // 3, cold
            middle = (begin + len(series)) // 2
            before, after = max(series[begin:middle]), max(series[middle:])
            print(f"  {what}: warm at most {before}, then {after}")
            if after > before + growth:
                return f"{what} grow"
        return None

    def tell(self):
        print("  " + "\n  ".join(self.said.splitlines()[-12:]))
        for line in sorted(set(self.errors.splitlines()))[:12]:
            print(f"  {line}")


def main():
    name, seconds, seed, silence = sys.argv[1], *map(int, sys.argv[2:5])
    guests, attacked = [], 0.0
    sys.stdout.reconfigure(line_buffering=True)
    stir()
    while seconds - attacked > GUEST_SECONDS_MIN:
        left = min(max(int(seconds - attacked), GUEST_SECONDS_MIN), GUEST_SECONDS)
        words = {"seed": seed, "seconds": left, "odd": seed % 2}
        guest = Guest(name, silence, [each.format(**words) for each in sys.argv[5:]])
        guest.run()
        guests.append(guest)
        attacked += guest.attacked
        print(f"{name}: seed {seed}: {guest.attacked:.0f} s, status {guest.status}, "
              f"{'ended by itself' if guest.itself else 'had stopped itself'}")
        guest.tell()
        problem = guest.wrong()
        if problem:
            print(guest.errors)
            sys.exit(f"{name}: seed {seed}: {problem}")
        if sum(each.attacked < GUEST_SECONDS_MIN for each in guests) > SHORT_GUESTS_MAX:
            sys.exit("too many guests stopped themselves at once")
        seed += 1
    itself = sum(each.itself for each in guests)
    print(f"{name}: {attacked:.0f} s of attack, {len(guests)} guests, {itself} of them ended by themselves")


# A signal ends what it runs.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
main()
