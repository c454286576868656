# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A FIFO with controlled delay, after the procedures of RFC 8289, section 5, against nm-pifo.

usage: codel_model.py --tool NM_PIFO [--count N] [--seed S]

Random traffic with bursts, silences, packets at one time, random targets, intervals, sizes and rates; drops and marks.
Integers are Python's. Departures, drops and marks are equal.
"""

import math
import random
from fractions import Fraction

from policy_seeds import run_seeds, run_tool


class CoDelQueue:
    def __init__(self, target, interval, maxpacket, ecn):
        self.target, self.interval, self.maxpacket, self.ecn = target, interval, maxpacket, ecn
        self.queue, self.dropped = [], []
        self.first_above_time = self.drop_next = self.count = self.lastcount = 0
        self.dropping = False

    def control_law(self, t, count):
        # The integer part of interval / sqrt(count).
        return t + math.isqrt(self.interval * self.interval // count)

    def dodequeue(self, now):
        """(packet, ok_to_drop)"""
        if not self.queue:
            self.first_above_time = 0
            return None, False
        packet = self.queue.pop(0)
        sojourn_time = now - packet["time"]
        if sojourn_time < self.target or sum(p["length"] for p in self.queue) <= self.maxpacket:
            self.first_above_time = 0
        elif self.first_above_time == 0:
            self.first_above_time = now + self.interval
        elif now >= self.first_above_time:
            return packet, True
        return packet, False

    def mark(self, packet):
        if not self.ecn or packet["ecn"] == 0:
            return False
        packet["ecn"] = 3
        return True

    def deque(self, now):
        packet, ok_to_drop = self.dodequeue(now)
        if self.dropping:
            if not ok_to_drop:
                self.dropping = False
            while now >= self.drop_next and self.dropping:
                self.count += 1
                if self.mark(packet):
                    self.drop_next = self.control_law(self.drop_next, self.count)
                    break
                self.dropped.append(packet)
                packet, ok_to_drop = self.dodequeue(now)
                if not ok_to_drop:
                    self.dropping = False
                else:
                    self.drop_next = self.control_law(self.drop_next, self.count)
        elif ok_to_drop:
            if not self.mark(packet):
                self.dropped.append(packet)
                packet, _ = self.dodequeue(now)
            self.dropping = True
            delta = self.count - self.lastcount
            self.count = delta if delta > 1 and now - self.drop_next < 16 * self.interval else 1
            self.drop_next = self.control_law(now, self.count)
            self.lastcount = self.count
        return packet


def simulate(queue, packets, rate):
    """Departures as (time, number, ecn)."""
    free, at, departures = Fraction(0), 0, []
    while at < len(packets) or queue.queue:
        now = max(-(-free.numerator // free.denominator),
                  0 if queue.queue else packets[at]["time"])
        while at < len(packets) and packets[at]["time"] <= now:
            queue.queue.append(packets[at])
            at += 1
        packet = queue.deque(now)
        departures.append((now, packet["number"], packet["ecn"]))
        begin = free if free > now - 1 else Fraction(now)
        free = begin + Fraction(packet["length"] * 8 * 10**9, rate)
    return departures


def check(seed, tool, folder):
    r = random.Random(seed)
    target, interval = r.choice([1, 1000, 50000, 5000000]), r.choice([1, 7, 10000, 1000000, 2**31 - 1])
    mtu, ecn = r.choice([1, 1500, 9000]), r.random() < 0.5
    rate = r.choice([10**6, 10**9, 10**10, r.randint(10**6, 10**10)])
    time, packets = 0, []
    for number in range(r.choice([50, 400, 1500])):
        length = r.choice([64, 1500, r.randint(1, 9000)])
        packets.append({"time": time, "length": length, "number": number, "ecn": r.choice([0, 1, 2, 2, 3])})
        if r.random() < 0.7:
            time += int(length * 8e9 / rate * r.choice([0, 0.3, 0.8, 1.1]))
        if r.random() < 0.01:
            time += r.choice([interval, 20 * interval, int(1e12 / rate)])
    rows, report = run_tool(
        tool, folder, f"scheduler s capacity 100k\nfield ecn bits 2\nfifo codel target {target} ns interval "
        f"{interval} ns mtu {mtu}{' ecn ecn' if ecn else ''}\n", ("time", "length", "ecn"), packets, rate)
    found = []
    for row in rows:
        departure, _, number, _, codepoint = map(int, row)
        found.append((departure, number, codepoint))
    queue = CoDelQueue(target, interval, mtu, ecn)
    expected = simulate(queue, packets, rate)
    for i, (one, other) in enumerate(zip(found, expected)):
        if one != other:
            raise ValueError(f"departure {i} (time, number, ecn) is {one}, expected {other}")
    dropped = report["dropped"]["leaving"]
    if len(found) != len(expected) or dropped != len(queue.dropped):
        raise ValueError(f"{len(found)} departures and {dropped} drops, expected {len(expected)} and "
                         f"{len(queue.dropped)}")
    return len(queue.dropped), sum(1 for *_, codepoint in expected if codepoint == 3)


run_seeds(check)
