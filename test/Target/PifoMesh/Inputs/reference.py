# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Hierarchies with Shaping, written without the compiler.

usage: reference.py trace OUT.csv | reference.py check TRACE.csv DEPARTURES.csv
A queue holds the heads of flows in order and the rest of each flow as it came, as a block does;
that decides between equal ranks of different flows.
"""

import bisect
import csv
import random
import sys

BURST = 3000
FLOW_WEIGHT = [3, 7, 4, 6]
CLASS_WEIGHT = [1, 9]


class Queue:
    """Start-time fair queueing."""

    def __init__(self):
        self.virtual = 0
        self.finish = {}
        self.heads = []  # (rank, order, flow, value)
        self.rest = {}
        self.order = 0

    def insert(self, rank, flow, value):
        self.order += 1
        bisect.insort(self.heads, (rank, self.order, flow, value))

    def push(self, flow, length, weight, value):
        start = max(self.virtual, self.finish.get(flow, 0))
        self.finish[flow] = start + length // weight
        if any(head[2] == flow for head in self.heads):
            self.rest.setdefault(flow, []).append((start, value))
        else:
            self.insert(start, flow, value)

    def pop(self):
        if not self.heads:
            return None
        rank, _, flow, value = self.heads.pop(0)
        self.virtual = max(self.virtual, rank)
        if self.rest.get(flow):
            rank, following = self.rest[flow].pop(0)
            self.insert(rank, flow, following)
        return value


def simulate(rows):
    root, leaves = Queue(), [Queue(), Queue()]
    tokens, last = BURST, 0
    shaped = []  # (time, length), in order of arrival
    departures, number, releases = [], 0, 0
    for row in rows:
        now = int(row["now"])
        while shaped and shaped[0][0] <= now:
            root.push(1, shaped.pop(0)[1], CLASS_WEIGHT[1], 1)
            releases += 1
        if row["leaf"] == "-":
            child = root.pop()
            if child is not None:
                departures.append(leaves[child].pop())
            continue
        leaf, flow, length = int(row["leaf"] == "Right"), int(row["flow"]), int(row["length"])
        leaves[leaf].push(flow, length, FLOW_WEIGHT[flow], number)
        number += 1
        if leaf == 0:
            root.push(0, length, CLASS_WEIGHT[0], 0)
            continue
        have = min(tokens + now - last, BURST)
        time = now if length <= have else now + length - have
        tokens, last = have - length, now
        shaped.append((time, length))
        while shaped and shaped[0][0] <= now:
            root.push(1, shaped.pop(0)[1], CLASS_WEIGHT[1], 1)
            releases += 1
    return departures, releases


def main():
    if sys.argv[1] == "trace":
        random.seed(11)
        now, held = 0, 0
        with open(sys.argv[2], "w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["now", "leaf", "length", "class", "flow"])
            for step in range(12000):
                now += random.randrange(0, 1200)
                if random.random() < (0.6 if step // 600 % 2 == 0 else 0.4) and held < 240:
                    leaf = random.randrange(2)
                    writer.writerow([now, ["Left", "Right"][leaf], random.randrange(64, 1500), leaf,
                                     random.randrange(4)])
                    held += 1
                else:
                    writer.writerow([now, "-", 0, 0, 0])
                    held = max(0, held - 1)
        return
    with open(sys.argv[2], newline="") as trace:
        expected, releases = simulate(csv.DictReader(trace))
    with open(sys.argv[3], newline="") as departures:
        found = [int(row["packet"]) for row in csv.DictReader(departures)]
    for place, (want, have) in enumerate(zip(expected, found)):
        if want != have:
            sys.exit(f"departure {place} is packet {have}, expected {want}")
    if len(expected) != len(found):
        sys.exit(f"{len(found)} departures, expected {len(expected)}")
    print(f"{len(found)} departures equal, {releases} releases")


main()
