# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Queues that come near a PIFO, as their papers describe them, against nm-pifo --container.

usage: near_model.py [--tool NM_PIFO] [--count N] [--seed S] [--jobs N]

SP-PIFO: Alcoz, Dietmueller, Vanbever, NSDI 2020. AIFO: Yu et al., SIGCOMM 2021. PACKS: Alcoz et al.,
arXiv 2308.00797. RIFO: Mostafaei et al., arXiv 2308.07442. Everything is lists and fractions; departures, refusals and
inversions are equal, packet by packet. The link takes one packet a tick.
"""

import json
import os
import random
import subprocess
from fractions import Fraction

from seeds import run


class Near:
    def __init__(self, capacity, queues):
        self.capacity, self.queues = capacity, [[] for _ in range(queues)]

    def inside(self):
        return [item for queue in self.queues for item in queue]

    def push(self, rank, element):
        """Whether it is taken."""
        queue = self.choose(rank)
        if queue is not None:
            self.queues[queue].append((rank, element))
        return queue is not None

    def pop(self):
        return next(queue for queue in self.queues if queue).pop(0)


class SpPifo(Near):
    def __init__(self, capacity, queues):
        super().__init__(capacity, queues)
        self.bounds = [0] * queues

    def choose(self, rank):
        for queue in reversed(range(len(self.bounds))):
            if self.bounds[queue] <= rank:
                self.bounds[queue] = rank
                return queue
        cost = self.bounds[0] - rank
        self.bounds = [bound - cost for bound in self.bounds]
        return 0


class Looking(Near):
    """Those with a window of ranks, the arriving one included."""

    def __init__(self, capacity, queues, window, k):
        super().__init__(capacity, queues)
        self.window, self.k, self.ranks = window, k, []
        self.sizes = [capacity // queues + (i < capacity % queues) for i in range(queues)]

    def quantile(self, rank):
        self.ranks = (self.ranks + [rank])[-self.window:]
        return Fraction(sum(other < rank for other in self.ranks), len(self.ranks))

    def choose(self, rank):
        quantile = self.quantile(rank)
        free = 0
        for number, queue in enumerate(self.queues):
            free += self.sizes[number] - len(queue)
            if quantile <= Fraction(free, self.capacity) / (1 - self.k) and len(queue) < self.sizes[number]:
                return number
        return None


class Rifo(Looking):
    def quantile(self, rank):
        self.ranks.append(rank)
        low, high = min(self.ranks), max(self.ranks)
        if len(self.ranks) == self.window:
            self.ranks = []
        return Fraction(rank - low, high - low) if high > low else Fraction(0)


def make(text, capacity):
    name, _, numbers = text.partition(":")
    values = dict(item.split("=") for item in numbers.split(",")) if numbers else {}
    queues, window = int(values.get("queues", 8)), int(values.get("window", 20))
    k = Fraction(values.get("k", "0.1"))
    if name == "sp-pifo":
        return SpPifo(capacity, queues)
    if name == "packs":
        return Looking(capacity, queues, window, k)
    return (Looking if name == "aifo" else Rifo)(capacity, 1, window, k)


class Tree:
    """Strict priority of two leaves; every node is such a queue."""

    def __init__(self, make):
        self.root, self.leaves = make(), [make(), make()]

    def push(self, rank, element, flow):
        child = int(flow >= 2)
        self.leaves[child].push(rank, element)
        self.root.push(child, child)
        return True

    def inside(self):
        return self.root.inside()

    def pop(self, count):
        leaf = self.leaves[count(self.root)[1]]
        return count(leaf)


class Alone:
    def __init__(self, near):
        self.near = near

    def push(self, rank, element, flow):
        return self.near.push(rank, element)

    def inside(self):
        return self.near.inside()

    def pop(self, count):
        return count(self.near)


def simulate(scheduler, packets, capacity, fair):
    """Departures (time, number), refused by cause, and the three counts."""
    virtual, finish = 0, {}
    departures, full, rule, counts = [], 0, 0, [0, 0, 0]
    now, at, free = 0, 0, 0

    def count(near):
        rank, element = near.pop()
        smaller = sum(other < rank for other, _ in near.inside())
        counts[:] = counts[0] + 1, counts[1] + (smaller > 0), counts[2] + smaller
        return rank, element

    while at < len(packets) or scheduler.inside():
        now = max(free, now) if scheduler.inside() else max(free, packets[at]["time"])
        while at < len(packets) and packets[at]["time"] <= now:
            packet = packets[at]
            rank = max(virtual, finish.get(packet["flow"], 0)) if fair else packet["rank"]
            if len(scheduler.inside()) == capacity:
                full += 1
            elif scheduler.push(rank, at, packet["flow"]):
                if fair:
                    finish[packet["flow"]] = rank + packet["length"]
            else:
                rule += 1
            at += 1
        if not scheduler.inside():
            continue
        virtual, number = scheduler.pop(count)
        departures.append((now, number))
        free = now + 1
    return departures, full, rule, tuple(counts)


def container(r):
    k = r.choice(["0", "0.1", "0.25", "0.5", "0.999"])
    window = r.choice([1, 2, 7, 20, 100])
    queues = r.choice([1, 2, 3, 8, 64])
    return r.choice([f"sp-pifo:queues={queues}", "sp-pifo", f"aifo:window={window},k={k}", f"rifo:window={window},k={k}",
                     f"packs:queues={queues},window={window},k={k}", f"packs:queues={queues}"])


def check(tool, seed, folder):
    r = random.Random(seed)
    fair, near = r.random() < 0.4, container(r)
    is_tree = not fair and near.startswith("sp-pifo") and r.random() < 0.6
    bits = r.choice([1, 3, 8, 16, 40, 63])
    capacity = r.choice([1, 2, 5, 30, 100])
    order = "wfq by flow" if fair else "priority by rank"
    if is_tree:
        order = "strict { a: priority by rank when flow < 2 b: priority by rank }"
    policy = f"scheduler s capacity {capacity} full refuse\nfield rank bits {bits}\nfield flow below 4\n{order}\n"
    packets, time = [], 0
    for _ in range(r.choice([200, 1500])):
        time += r.choice([0, 0, 0, 1, 1, 2, r.randint(0, 40)])
        rank = r.choice([r.randrange(2**bits), min(2**bits - 1, time), r.randrange(min(2**bits, 10))])
        packets.append({"time": time, "length": r.choice([64, 100, 1500]), "flow": r.randrange(4), "rank": rank})
    with open(os.path.join(folder, "p.policy"), "w") as file:
        file.write(policy)
    with open(os.path.join(folder, "t.csv"), "w") as file:
        file.write("time,length,flow,rank\n")
        file.writelines(",".join(map(str, packet.values())) + "\n" for packet in packets)
    report = os.path.join(folder, "r.json")
    run = subprocess.run([tool, os.path.join(folder, "p.policy"), os.path.join(folder, "t.csv"), "--rate=0", "--quiet",
                          "--container", near, "--departures=-", "--json", report], capture_output=True, text=True)
    if run.returncode:
        return f"{near}: {run.stderr}"
    rows = [line.split(",") for line in run.stdout.splitlines()[1:]]
    with open(report) as file:
        found = json.load(file)
    got = ([(int(row[0]), int(row[2])) for row in rows], found["refused"]["full"], found["refused"]["rule"],
           (found["pops"], found["pops_out_of_order"], found["inversions"]))
    scheduler = Tree(lambda: make(near, capacity)) if is_tree else Alone(make(near, capacity))
    want = simulate(scheduler, packets, capacity, fair)
    if got == want:
        return None
    if got[0] != want[0]:
        place = next((i for i, pair in enumerate(zip(got[0], want[0])) if pair[0] != pair[1]), min(len(got[0]), len(want[0])))
        return f"{near}, {order}, capacity {capacity}: departure {place} of {len(got[0])} ({len(want[0])} in the model)"
    return f"{near}, {order}, capacity {capacity}: {got[1:]}, in the model {want[1:]}"


if __name__ == "__main__":
    run(check, 60)
