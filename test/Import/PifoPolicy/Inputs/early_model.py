# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Early detection, RED, PIE and thresholds for marks, of queues that are longer and fuller than those of random_policies.py.

usage: early_model.py --tool NM_PIFO [--count N] [--seed S]

Traffic with bursts, silences and overload; packets that can be marked and others. Departures, codepoints, drops by rule
and what each class lost are those of the model of policy_model.py, which counts on fractions.
"""

import random
from fractions import Fraction

from policy_model import simulate
from policy_seeds import run_seeds, run_tool


def red(r):
    rule = {"bytes": r.random() < 0.3, "gentle": r.random() < 0.5, "over": 2**r.randint(1, 9),
            "idle": r.choice([100, 1200, 100000]), "seed": r.randrange(1000), "per": r.choice([None, "flow"]),
            "ecn": r.choice([None, "ecn"])}
    unit = 1000 if rule["bytes"] else 1
    rule["min"] = r.choice([1, 3, 5]) * unit
    rule["max"] = rule["min"] * r.choice([2, 3, 4])
    chance = r.choice([Fraction(1), Fraction(1, 10), Fraction(1, 50)])
    rule["probability"] = int(chance * 2**24)
    return rule, (f"red min {rule['min']} max {rule['max']} {'bytes' if rule['bytes'] else 'packets'} probability "
                  f"{float(chance)} over {rule['over']}{' gentle' if rule['gentle'] else ''} idle {rule['idle']} ns")


def pie(r):
    rule = {"target": r.choice([1000, 10**5, 10**6]), "update": r.choice([1000, 10**5, 10**6]),
            "burst": r.choice([1, 10**5]), "seed": r.randrange(1000), "per": r.choice([None, "flow"]),
            "ecn": r.choice([None, "ecn"])}
    return rule, f"pie target {rule['target']} ns update {rule['update']} ns burst {rule['burst']} ns"


def step(r):
    rule = {"bytes": r.random() < 0.5, "per": r.choice([None, "flow"]), "ecn": "ecn"}
    rule["most"] = r.choice([1, 5, 12]) * (r.choice([1, 900]) if rule["bytes"] else 1)
    return rule, f"mark above {rule['most']} {'bytes' if rule['bytes'] else 'packets'}"


def traffic(r, rate):
    load, time, packets = r.choice([0.8, 1.1, 2]), 0, []
    for _ in range(r.choice([200, 600])):
        length = r.choice([64, 1500, r.randint(1, 1500)])
        packets.append({"time": time, "length": length, "flow": r.choice([0, 0, 1]), "ecn": r.choice([0, 0, 1, 2, 3])})
        time += int(length * 8e9 / rate / load * r.choice([0, 1, 2]))
        if r.random() < 0.01:
            time += int(1e12 / rate * r.choice([1, 100]))
    return packets


def check(seed, tool, folder):
    r = random.Random(seed)
    name = r.choice(["red", "pie", "step"])
    rule, text = {"red": red, "pie": pie, "step": step}[name](r)
    text += ((f" seed {rule['seed']}" if "seed" in rule else "") + (f" per {rule['per']}" if rule["per"] else "")
             + (f" ecn {rule['ecn']}" if rule["ecn"] else ""))
    kind = r.choice(["fifo", "wfq by flow"])
    leaf = {"kind": kind.split()[0], "per_packet": False, "field": "flow", "flows": 2, name: rule, "name": "managed"}
    rest = {"kind": "fifo", "per_packet": False, "when": lambda p: p["flow"] == 1, "name": "other"}
    tree = r.random() < 0.5
    policy = {"kind": "strict", "per_packet": False, "classes": [rest, leaf]} if tree else leaf
    body = f"strict {{ other: fifo when flow == 1\n managed: {kind} {text} }}" if tree else f"{kind} {text}"
    capacity, refuses = r.choice([20, 1000]), r.random() < 0.3
    rate = r.choice([10**6, 10**8, 10**9])
    packets = traffic(r, rate)
    cells, report = run_tool(
        tool, folder, f"scheduler s capacity {capacity}{' full refuse' if refuses else ''}\nfield ecn bits 2\n"
        f"field flow below 2\n{body}\n", ("time", "length", "flow", "ecn"), packets, rate)
    found = [tuple(map(int, row[:3] + row[-1:])) for row in cells]
    program = {"policy": policy, "capacity": capacity, "fields": {"length": 65535}, "push_out": not refuses}
    expected, causes, _, scheduler = simulate(program, packets, rate)
    for i, (one, other) in enumerate(zip(found, expected)):
        if one != other:
            raise ValueError(f"departure {i} (time, arrival, number, codepoint) is {one}, expected {other}")
    marks = sum(1 for _, _, number, codepoint in expected if codepoint != packets[number]["ecn"])
    if len(found) != len(expected) or report["refused"]["rule"] != causes["rule"] or report["marked"] != marks:
        raise ValueError(f"{len(found)} departures, {report['refused']}, {report['marked']} marks; expected "
                         f"{len(expected)}, {causes}, {marks}")
    classes(report["classes"], scheduler.counts)
    return causes["rule"], marks


def classes(found, expected):
    """Counters by class: those of the leaves, in their order."""
    rows = [dict(row["refused"], **row["dropped"], arrived=row["arrived"], departed=row["departed"],
                 bytes=row["bytes"], marked=row["marked"]) for row in found]
    for row, counts in zip(rows, expected, strict=True):
        for name, number in row.items():
            if number != counts.get(name, 0):
                raise ValueError(f"counters by class {rows}, expected {expected}")


if __name__ == "__main__":
    run_seeds(check)
