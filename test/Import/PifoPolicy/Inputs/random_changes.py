# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Policies of random_policies.py that change while packets are inside: nm-pifo --changes against the model.

usage: random_changes.py --tool NM_PIFO [--classes] [--count N] [--seed S] [--jobs N]

A seed gives policies with the same tree and other weights, rates, bursts, ceilings, priorities, curves and limits, which take each other's
place at random times: between packets, at those of packets, several in one tick, before the first and behind the last. With --classes,
classes at all levels come and go too, also the last ones, come back, and have other conditions.
"""

import os

import policy_seeds
from early_model import classes
from policy_model import simulate
from random_policies import Maker, compare, effort, run


def leaves(policy, path=()):
    """The names of the classes that hold packets."""
    for part in policy.get("classes", []):
        yield from leaves(part, path + (part["name"],))
    if "classes" not in policy:
        yield ".".join(path)


def times_of(name, policies):
    """When a class comes and goes, by the policies and their times."""
    has = [(time, name in leaves(policy)) for time, policy in policies]
    pairs = [(time, there) for (_, before), (time, there) in zip(has, has[1:]) if there != before]
    return [time for time, there in pairs if there], [time for time, there in pairs if not there]


def check_classes(found, program, changes, scheduler):
    """Counters and times by class; a change behind the last packet may bring some of which the model does not hear."""
    known = {scheduler.name_of(leaf): counts for leaf, counts in zip(scheduler.below(scheduler.root), scheduler.counts)}
    names = [row["class"] for row in found]
    classes(found, [known.pop(name, {}) for name in names])
    if known:
        raise ValueError(f"classes {names}, expected {known} too")
    for row in found if len(found) > 1 else []:
        times = times_of(row["class"], [(0, program["policy"])] + changes)
        if (row.get("came_ns", []), row.get("went_ns", [])) != times:
            raise ValueError(f"{row['class']} comes and goes {row.get('came_ns')}, {row.get('went_ns')}; expected {times}")


def check(seed, tool, folder):
    moves = policy_seeds.options.classes
    maker = Maker(seed, 0, moves)
    program = maker.program()
    packets = maker.packets()
    r = maker.r
    times = sorted(r.choice([r.choice(packets)["time"], r.randint(0, packets[-1]["time"] + 10)]) for _ in range(r.choice([1, 2, 5])))
    changes, lines = [], []
    for i, time in enumerate(times, 1):
        other = Maker(seed, i, moves)
        changes.append((time, other.program()["policy"]))
        lines.append(f"{time}ns  p{i}.policy")
        with open(os.path.join(folder, f"p{i}.policy"), "w") as file:
            file.write(other.text)
    for name, text in (("p.policy", maker.text), ("changes", "\n".join(lines) + "\n")):
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)
    rate = r.choice([0, 10**6, 10**9, 25 * 10**8, 10**11, 3])
    columns = ["time", "length", "flow", "class", "deadline", "tiny", "due", "ecn"]
    with open(os.path.join(folder, "t.csv"), "w") as file:
        file.write(",".join(columns) + "\n")
        for packet in packets:
            file.write(",".join(str(packet[c]) for c in columns) + "\n")
    rows, refused, error = run(tool, folder, rate, "--changes", os.path.join(folder, "changes"), *effort(seed))
    departures, causes, dropped, scheduler = simulate(program, packets, rate, changes)
    if departures is None and "beyond 2^62 ns" in error:
        return "too late"
    compare(rows, departures, error)
    if any(refused[cause] != number for cause, number in causes.items()):
        raise ValueError(f"refused {refused}, expected {causes}: {error}")
    if (refused["pushed_out"], refused["leaving"]) != dropped:
        raise ValueError(f"pushed out and dropped {refused['pushed_out'], refused['leaving']}, expected {dropped}")
    check_classes(refused["classes"], program, changes, scheduler)
    # Whether the changes made a difference.
    return "equal" if simulate(program, packets, rate)[0] == departures else "equal and changed"


if __name__ == "__main__":
    policy_seeds.count_words(check, extend=lambda parser: parser.add_argument("--classes", action="store_true"))
