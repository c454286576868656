# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Service curves that meet their traffic, and flows kept in order, against the models of late_model.py and policy_model.py.

usage: curves_model.py --tool NM_PIFO [--count N] [--seed S]

Trees of hfsc with concave, convex and straight curves and upper limits of the size of the link, which change while packets are
inside, bursts, silences and ties; leaves of `priority ... in order per flow`. Departures, times and numbers are equal; so is who is pushed out.
"""

import os
import random

from policy_model import simulate
from policy_seeds import run_seeds, run_tool


class Maker:
    def __init__(self, seed, variant, rate):
        """Variants of a seed differ in curves and shares only."""
        self.r, self.n = random.Random(seed), random.Random(f"{seed} {variant}")
        r, self.rate, self.classes = self.r, rate, 0
        self.limited = r.choice([0, 0, 0.3, 0.8])

    def leaf(self):
        r = self.r
        kind = r.choice(["fifo", "priority"])
        policy = {"kind": kind, "per_packet": False}
        if kind == "fifo":
            return "fifo", policy
        policy["field"] = "rank"
        if r.random() < 0.7:
            policy["in_order"] = "flow"
            return "priority by rank in order per flow", policy
        return "priority by rank", policy

    def curve(self, kind):
        """Around the rate of the link, so that classes are now early, now late."""
        r = self.n
        rest = max(1000, int(self.rate * r.choice([1, 10, 30, 60, 120])) // 100)
        form = r.choice(["line", "concave", "convex"])
        if form == "line":
            return f"{kind} {rest} ", (rest, 0, rest)
        first = rest * r.choice([1, 2, 7]) if form == "concave" else r.choice([0, max(1000, rest // 3)])
        span = int(r.choice([1, 12_000, 100_000]) * 10**9 / self.rate) + r.randint(0, 1000)
        return f"{kind} {first} for {span} ns then {rest} ", (first, span, rest)

    def tree(self, low, high, depth):
        """Of the packets whose class is low to high - 1."""
        r = self.r
        cuts = sorted(r.sample(range(low + 1, high), min(high - low - 1, r.choice([1, 2, 3])))) + [high]
        text, policy, begin = "hfsc {\n", {"kind": "hfsc", "per_packet": False, "classes": [], "weights": []}, low
        for i, end in enumerate(cuts):
            self.classes += 1
            inner = depth < 3 and end - begin > 1 and r.random() < 0.7
            real, name = None, f"c{self.classes}"
            line = f"{name}: "
            if not inner and r.random() < 0.8:
                part, real = self.curve("real")
                line += part
            share = self.n.randint(1, 9)
            line += f"share {share} "
            upper = None
            if r.random() < self.limited:
                part, upper = self.curve("upper")
                line += part
            below, child = self.tree(begin, end, depth + 1) if inner else self.leaf()
            line += below
            child["name"] = name
            if real:
                child["real"] = real
            if upper:
                child["upper"] = upper
            if i + 1 < len(cuts):
                line += f" when class < {end}"
                child["when"] = lambda p, end=end: p["class"] < end
            policy["classes"].append(child)
            policy["weights"].append(share)
            text, begin = text + line + "\n", end
        return text + "}", policy


def traffic(r, rate):
    load, time, packets = r.choice([0.7, 1, 1.5]), 0, []
    for _ in range(r.choice([300, 700])):
        length = r.choice([64, 1500, 1500, r.randint(1, 1500)])
        packets.append({"time": time, "length": length, "class": r.choice([0, r.randrange(8)]), "flow": r.randrange(4),
                        "rank": r.randrange(6)})
        time += int(length * 8e9 / rate / load * r.choice([0, 0, 1, 3]))
        if r.random() < 0.02:
            time += int(1e13 / rate * r.choice([1, 10]))
    return packets


def check(seed, tool, folder):
    r = random.Random(seed)
    rate = r.choice([10**6, 10**8, 10**9, 10**10])
    capacity, refuses, is_tree = r.choice([5, 40, 1000]), r.random() < 0.3, r.random() < 0.8

    def variant(number):
        maker = Maker(seed, number, rate)
        text, policy = maker.tree(0, 8, 0) if is_tree else maker.leaf()
        return (f"scheduler s capacity {capacity}{' full refuse' if refuses else ''}\nfield class below 8\n"
                f"field flow below 4\nfield rank below 6\n{text}\n"), policy

    text, policy = variant(0)
    packets = traffic(r, rate)
    times = sorted(r.choice([r.choice(packets)["time"], r.randint(0, packets[-1]["time"])])
                   for _ in range(r.choice([0, 1, 3]) if is_tree else 0))
    changes, more = [], []
    for i, time in enumerate(times, 1):
        other, changed = variant(i)
        changes.append((time, changed))
        with open(os.path.join(folder, f"p{i}.policy"), "w") as file:
            file.write(other)
    if times:
        more = ["--changes", os.path.join(folder, "changes")]
        with open(more[1], "w") as file:
            file.writelines(f"{time}ns p{i}.policy\n" for i, time in enumerate(times, 1))
    cells, report = run_tool(tool, folder, text, ("time", "length", "class", "flow", "rank"), packets, rate, *more)
    found = [tuple(map(int, row[:3])) for row in cells]
    program = {"policy": policy, "capacity": capacity, "fields": {"length": 65535}, "push_out": not refuses}
    expected = [row[:3] for row in simulate(program, packets, rate, changes)[0]]
    for i, (one, other) in enumerate(zip(found, expected)):
        if one != other:
            raise ValueError(f"departure {i} (time, arrival, number) is {one}, expected {other}")
    if len(found) != len(expected):
        raise ValueError(f"{len(found)} departures, expected {len(expected)}")
    return len(packets) - len(found), 0


if __name__ == "__main__":
    run_seeds(check)
