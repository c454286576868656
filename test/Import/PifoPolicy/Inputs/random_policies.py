# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random policies on random traffic: nm-pifo against the model of policy_model.py.

usage: random_policies.py --tool NM_PIFO [--count N] [--seed S] [--jobs N]

Every construct of the language, trees, weights, rates and shapers, lengths, weights and capacities
from the smallest to the largest. Departures and counts of refused packets are equal, or the policy
is refused with a bound, which is checked against the formulas of docs/pifo-language.md and by
running the policy at the capacity that the message offers.
"""

import json
import math
import os
import random
import re
import subprocess
from fractions import Fraction

from early_model import classes
from policy_model import simulate
from policy_seeds import count_words


def spell(value, r):
    """A number of the language: a plain one, or with a fraction and a suffix."""
    value = Fraction(value)
    for suffix, factor in r.sample([("k", 10**3), ("M", 10**6), ("G", 10**9)], 3):
        scaled = value / factor
        if r.random() < 0.3 and 10**6 % scaled.denominator == 0:
            digits = f"{scaled.numerator * 10**6 // scaled.denominator:07d}"
            text = f"{digits[:-6]}.{digits[-6:]}".rstrip("0").rstrip(".")
            return text + suffix
    if value.denominator == 1:
        return str(value)
    return f"{float(value):.9f}".rstrip("0")


class Maker:
    def __init__(self, seed, variant=None, moves=False):
        """With a variant, a policy that differs from others of the seed in its numbers only; if it moves, in classes and
        conditions too."""
        self.r = random.Random(seed)
        # What came to the language later, so that seeds mean what they meant.
        self.later = random.Random(f"{seed} later")
        self.living = variant is not None
        # Where numbers come from that may change.
        self.n = random.Random(f"{seed} {variant}") if self.living else self.r
        self.moves = random.Random(f"{seed} {variant} moves") if moves else None
        self.names, self.paces = 0, False
        self.fields = {}  # name: number of values
        self.steps, self.multiples, self.buckets, self.averages = [], [], [], []

    def weight(self):
        r = self.r
        return r.choice([lambda: Fraction(r.randint(1, 8)), lambda: Fraction(r.randint(1, 65536)),
                         lambda: Fraction(r.randint(1, 40), 10), lambda: Fraction(1, 2**r.randint(0, 9)),
                         lambda: Fraction(2**r.randint(0, 16))])()

    def weights(self, count):
        if self.living:
            return [Fraction(self.n.randint(1, 12), self.n.choice([1, 2])) for _ in range(count)]
        kind = self.r.random()
        if kind < 0.4:
            return [Fraction(2**self.r.randint(0, 16)) for _ in range(count)]
        if kind < 0.7:
            return [Fraction(self.r.randint(1, 6)) for _ in range(count)]
        return [self.weight() for _ in range(count)]

    def declare(self, short):
        r = self.r
        lines = []
        for name in ["flow", "class", "deadline", "tiny"]:
            kind = r.random()
            if name == "deadline":
                bits = r.choice([1, 8, 18, 19, 20, 32, 48, 62, 63])
                values, text = 2**bits, f" bits {bits}"
            elif kind < 0.5:
                values = r.choice([1, 2, 3, 5, 7, 16, 100, 65535])
                text = f" below {values}"
            else:
                bits = r.choice([1, 2, 3, 4, 16])
                values, text = 2**bits, f" bits {bits}"
            self.fields[name] = values
            lines.append(f"field {name}{text}")
        lines.append("field ecn bits 2")
        self.fields["ecn"] = 4
        lines.append("field due bits 62")
        self.length = 16
        if r.random() < 0.7:
            self.length = r.choice([1, 4, 8, 11, 14, 16] if short else [1, 4, 8, 11, 14, 16, 20, 32])
            lines.append(f"field length bits {self.length}")
        r.shuffle(lines)
        return lines

    def kept(self, count):
        """Which of the classes are there."""
        some = [i for i in range(count) if not self.moves or self.moves.random() < 0.7]
        return some or [self.moves.randrange(count)]

    def when(self):
        """The condition of a class, now and then another one than in other policies."""
        found = self.condition(0, self.r)
        return self.condition(0, self.moves) if self.moves and self.moves.random() < 0.2 else found

    @staticmethod
    def braced(text, policy, lines, kept):
        """The classes that are there; the last one takes the rest."""
        policy["classes"] = [policy["classes"][i] for i in kept]
        if policy.get("weights"):
            policy["weights"] = [policy["weights"][i] for i in kept]
        policy["classes"][-1].pop("when", None)
        whole = [line + (f" when {when}" if when and i != kept[-1] else "") for i, (line, when) in enumerate(lines)]
        return text + " {\n" + "\n".join(whole[i] for i in kept) + "\n}", policy

    def condition(self, depth, r):
        """The text and a predicate over packets."""
        kind = r.random() if depth < 3 else 1
        if kind < 0.15:
            text, inner = self.condition(depth + 1, r)
            return f"not ({text})", lambda p: not inner(p)
        if kind < 0.45:
            parts = [self.condition(depth + 1, r) for _ in range(r.randint(2, 3))]
            word, fold = r.choice([("and", all), ("or", any)])
            return (f" {word} ".join(f"({text})" for text, _ in parts),
                    lambda p: fold(inner(p) for _, inner in parts))
        name = r.choice(["flow", "class", "tiny"])
        most = self.fields[name] - 1
        value = r.randint(0, min(most, 20))
        sign = r.choice(["==", "!=", "<", "<=", ">", ">=", "in", "in.."])
        if sign == "<" and value == 0 or sign == ">" and value == most:
            sign = "=="
        if sign == "in..":
            high = r.randint(value, most)
            return f"{name} in {value}..{high}", lambda p: value <= p[name] <= high
        compare = {"==": lambda a: a == value, "!=": lambda a: a != value, "<": lambda a: a < value,
                   "<=": lambda a: a <= value, ">": lambda a: a > value, ">=": lambda a: a >= value,
                   "in": lambda a: a == value}[sign]
        return f"{name} {sign} {value}", lambda p: compare(p[name])

    def fair(self, policy, count, weights):
        """Notes how far a packet advances the virtual time, as the language's page says."""
        scale = 1
        for weight in weights or []:
            scale = math.lcm(scale, weight.denominator)
        whole = [int(weight * scale) for weight in weights or [1]]
        unit = math.gcd(*whole)
        whole = [weight // unit for weight in whole]
        self.multiples.append(math.lcm(*whole))
        longest = 1 if policy["per_packet"] else 2**self.length - 1
        self.steps.append(longest * math.lcm(*whole) // min(whole))

    def policy(self, depth, late=None):
        text, policy = self.core(depth, late)
        limits, policy["limits"] = [], []
        while len(limits) < 8 and self.r.random() < (0.3 if self.living else 0.15):
            limit, meaning = self.limit()
            limits.append(limit)
            policy["limits"].append(meaning)
        if "classes" not in policy and self.r.random() < 0.3:
            limits.append(self.r.choice([self.codel, self.red, self.pie])(policy))
        return " ".join([text] + limits), policy

    def codel(self, policy):
        r = self.r
        target, interval = r.choice([1, 100, 10**6]), r.choice([1, 50, 10**4, 10**8, 2**31 - 1])
        mtu, field = r.choice([1, 1500, 2**32]), r.choice([None, "flow", "tiny"])
        ecn = r.choice([None, "ecn"])
        policy["codel"], policy["codel_per"] = (target, interval, mtu, ecn), field
        return (f"codel target {target} ns interval {interval} ns mtu {mtu}" + (f" per {field}" if field else "")
                + (f" ecn {ecn}" if ecn else ""))

    def red(self, policy):
        r = self.r
        rule = {"bytes": r.random() < 0.5, "gentle": r.random() < 0.5, "over": 2**r.randint(1, r.choice([3, 9, 16])),
                "idle": r.choice([1, 1000, 10**6, 2**31 - 1]), "seed": r.choice([0, 1, 2**56]),
                "per": r.choice([None, "flow", "tiny"]), "ecn": r.choice([None, "ecn"])}
        rule["min"] = r.choice([1, 2, 5, 10]) * (r.choice([1, 64, 1500]) if rule["bytes"] else 1)
        rule["max"] = rule["min"] + r.choice([1, 3, 10, rule["min"], 2**38 // rule["over"] - rule["min"]])
        chance = r.choice([Fraction(1), Fraction(1, 10), Fraction(1, 2), Fraction(1, 50), Fraction(2, 10**7)])
        rule["probability"] = int(chance * 2**24)
        policy["red"] = rule
        self.averages.append((rule["over"], rule["bytes"]))
        return (f"red min {rule['min']} max {rule['max']} {'bytes' if rule['bytes'] else 'packets'} probability "
                f"{float(chance):.7f} over {rule['over']}{' gentle' if rule['gentle'] else ''} idle {rule['idle']} ns"
                + self.early(rule))

    def pie(self, policy):
        r = self.r
        rule = {"target": r.choice([1, 100, 10**5, 15 * 10**6]), "update": r.choice([1, 1000, 10**6, 2**31 - 1]),
                "burst": r.choice([1, 10**4, 10**8]), "seed": r.choice([0, 1, 2**56]),
                "per": r.choice([None, "flow", "tiny"]), "ecn": r.choice([None, "ecn"])}
        policy["pie"] = rule
        return (f"pie target {rule['target']} ns update {rule['update']} ns burst {rule['burst']} ns"
                + self.early(rule))

    @staticmethod
    def early(rule):
        return (f" seed {rule['seed']}" + (f" per {rule['per']}" if rule["per"] else "")
                + (f" ecn {rule['ecn']}" if rule["ecn"] else ""))

    def limit(self):
        kind = self.r.choice(["packets", "bytes", "share"])
        field = self.r.choice([None, "flow", "class", "tiny"]) if self.living else 0
        r = self.n
        if kind == "packets":
            number = r.choice([1, 2, 5, 20, 10**6])
            text = f"limit {spell(number, r)} packets"
        elif kind == "bytes":
            number = r.choice([1, 100, 1500, 10000, 2**self.length, 2**40])
            text = f"limit {spell(number, r)} bytes"
        else:
            number = r.choice([Fraction(1), Fraction(2), Fraction(1, 2), Fraction(1, 100), Fraction(1000),
                               Fraction(r.randint(1, 5000), 1000)])
            text = f"limit share {float(number):.3f}"
        if not self.living:
            field = r.choice([None, "flow", "class", "tiny"])
        return text + (f" per {field}" if field else ""), (kind, number, field)

    def late(self, depth, kinds):
        """A policy that decides at dequeue, or None."""
        r = self.r
        kind = r.choice(kinds)
        if kind == "htb" and depth == 0 and self.later.random() < 0.4:
            kind = "hfsc"
        policy = {"kind": kind, "per_packet": kind in ("wf2q", "drr") and r.random() < 0.3, "classes": [], "quantum": 1500}
        text, lines, count = kind, [], r.choice([1, 2, 3, 4])
        if policy["per_packet"]:
            text, policy["quantum"] = text + " per packet", 1
        elif kind == "drr" and r.random() < 0.7:
            policy["quantum"] = r.choice([1, 64, 500, 9000])
            text += f" quantum {policy['quantum']}"
        # Turns do not change.
        numbers = r if kind == "drr" else self.n
        weights = [numbers.randint(1, 8) for _ in range(count)] if kind in ("htb", "hfsc") or r.random() < 0.7 else [1] * count
        policy["weights"], kept = weights, self.kept(count)
        for i in range(count):
            self.names += 1
            name = f"c{self.names}"
            line, given, shape = f"{name}: ", {}, None
            if kind == "htb":
                part, given = self.guarantee()
                line += part
            inner = depth < 3 and r.random() < 0.4
            if kind == "hfsc":
                if not inner and r.random() < 0.7:
                    part, given["real"] = self.curve("real", self.n)
                    line += part
                line += f"share {weights[i]} "
                if self.later.random() < 0.4:
                    part, given["upper"] = self.curve("upper", self.n if self.living else self.later)
                    line += part
            else:
                line += f"weight {weights[i]} " if kind == "htb" or any(w != 1 for w in weights) else ""
            self.paces = kind == "htb" and not inner
            if not inner and r.random() < 0.2:
                part, shape = self.shape()
                line += part
            # A class of htb may have to wait, which only htb knows.
            below = ["wf2q", "drr"] + ["htb"] * (2 if kind == "htb" else 0)
            below += ["hfsc"] * (2 if kind == "hfsc" else 0)
            text_of, child = self.policy(depth + 1, below if inner else None)
            self.paces = False
            line += text_of
            if shape:
                child["shape"] = shape
            child.update(given)
            child["name"], when = name, None
            if i + 1 < count:
                when, child["when"] = self.when()
            policy["classes"].append(child)
            lines.append((line, when))
        return self.braced(text, policy, lines, kept)

    def guarantee(self):
        r = self.n
        rate, burst = r.choice([1000, 10**6, 10**8, 10**9, 3 * 10**8, r.randint(1000, 10**11)]), r.choice([1, 1500, 9000, 2**28])
        ceil, more = rate, burst
        text = f"rate {spell(rate, r)} burst {burst} "
        if r.random() < 0.7:
            ceil = rate * r.choice([1, 2, 7]) + r.choice([0, r.randint(0, 10**9)])
            text += f"ceil {spell(ceil, r)} "
            if r.random() < 0.5:
                more = r.choice([1, 3000, 10**6])
                text += f"burst {more} "
        prio = r.choice([0, 0, 1, 7])
        text += f"prio {prio} " if prio or r.random() < 0.1 else ""
        return text, {"rate": (rate, burst), "ceil": (ceil, more), "prio": prio}

    def curve(self, kind, r):
        """A real-time curve or an upper limit; of policies that change, perhaps none."""
        if self.living and r.random() < 0.1:
            return "", None
        rest = r.choice([1000, 10**6, 10**8, 10**9, r.randint(1, 1000) * 10**6])
        if r.random() < 0.3:
            return f"{kind} {spell(rest, r)} ", (rest, 0, rest)
        first = r.choice([0, 1000, 2 * 10**6, 10**8, 10**9, r.randint(1, 1000) * 10**6])
        span = r.choice([1, 1000, 10**6, 5 * 10**6])
        return f"{kind} {spell(first, r)} for {span} ns then {spell(rest, r)} ", (first, span, rest)

    def shape(self):
        r = self.n
        if self.living:
            rate, burst = r.choice([10**6, 2 * 10**6, 10**8, 10**9, 15 * 10**8]), r.choice([1, 100, 3000, 10**5])
            return f"shape {spell(rate, r)} burst {spell(burst, r)} ", (rate, burst)
        rate = r.choice([1000, 10**6, 10**9, 10**12, 1500000, r.randint(1000, 10**12), 8 * r.randint(125, 10**9)])
        burst = r.choice([1, 100, 1500, 10**6, 2**30, r.randint(1, 2**30)])
        self.buckets.append((8 * 10**9 // math.gcd(rate, 8 * 10**9), burst))
        return f"shape {spell(rate, r)} burst {spell(burst, r)} ", (rate, burst)

    def paced(self):
        """A leaf in which packets wait for their time."""
        r = self.r
        policy = {"kind": r.choice(["fifo", "edf", "priority"]), "per_packet": False}
        text = policy["kind"]
        if text != "fifo":
            policy["field"] = r.choice(["deadline", "class", "tiny"])
            text += f" by {policy['field']}"
        if r.random() < 0.5:
            policy["not_before"] = "due"
            return text + " not before due", policy
        part, policy["pace"] = self.shape()
        policy["pace_per"] = r.choice([None, "flow", "tiny"])
        return f"{text} {part.replace('shape', 'pace')}" + (f"per {policy['pace_per']}" if policy["pace_per"] else ""), policy

    def core(self, depth, late=None):
        if late:
            return self.late(depth, late)
        r = self.r
        paces, self.paces = self.paces or depth == 0, False
        if paces and r.random() < 0.3:
            return self.paced()
        kind = r.choice(["fifo", "edf", "priority", "wfq", "rr"] if depth >= 3 or r.random() < 0.35
                        else ["strict", "wfq", "rr"])
        inner = kind == "strict" or kind in ("wfq", "rr") and depth < 3 and r.random() < 0.6
        policy = {"kind": kind, "per_packet": kind == "wfq" and r.random() < 0.3}
        text = kind + (" per packet" if policy["per_packet"] else "")
        if not inner:
            if kind == "fifo":
                return text, policy
            name = r.choice(["deadline", "flow", "class"] if kind in ("edf", "priority")
                            else ["flow", "class", "tiny"])
            policy["field"], policy["flows"] = name, self.fields[name]
            text += f" by {name}"
            if kind in ("edf", "priority") and self.later.random() < 0.3:
                policy["in_order"] = self.later.choice(["flow", "class", "tiny"])
                text += f" in order per {policy['in_order']}"
            if kind == "wfq":
                if self.fields[name] <= 100 and r.random() < 0.6:
                    policy["weights"] = self.weights(self.fields[name])
                    text += f" weights [{', '.join(spell(w, self.n) for w in policy['weights'])}]"
                self.fair(policy, self.fields[name], policy.get("weights"))
            return text, policy
        count = r.choice([1, 2, 2, 3, 4])
        weights = self.weights(count) if kind == "wfq" and r.random() < 0.7 else None
        # Bounds are checked where a policy ends, so those of the classes come first.
        policy["classes"], lines, kept = [], [], self.kept(count)
        for i in range(count):
            self.names += 1
            name = f"c{self.names}"
            line = f"{name}: "
            if weights:
                line += f"weight {spell(weights[i], self.n)} "
            shape = None
            if r.random() < 0.3:
                part, shape = self.shape()
                line += part
            text_of, child = self.policy(depth + 1)
            line += text_of
            if shape:
                child["shape"] = shape
            child["name"], when = name, None
            if i + 1 < count:
                when, child["when"] = self.when()
            policy["classes"].append(child)
            lines.append((line, when))
        if kind == "wfq":
            self.fair(policy, count, weights)
        if weights:
            policy["weights"] = weights
        return self.braced(text, policy, lines, kept)

    def program(self):
        r = self.r
        late = ["wf2q", "drr", "htb", "htb"] if r.random() < 0.35 else None
        lines = self.declare(late or self.living)
        text, policy = self.policy(0, late)
        self.capacity = r.choice([1, 2, 5, 16, 100, 100, 1000, 4096] + [65536, 2**20, 2**24] * (not self.living))
        head = f"scheduler s capacity {spell(self.capacity, self.n)}"
        if r.random() < 0.2 and not self.living:
            head, self.capacity = "scheduler s", 65536
        self.push_out = r.random() < 0.7
        head += r.choice(["", " full push out"]) if self.push_out else " full refuse"
        self.text = "\n".join([head] + lines + [text]) + "\n"
        fields = {name: values - 1 for name, values in self.fields.items()}
        fields["length"] = 2**self.length - 1
        return {"policy": policy, "capacity": self.capacity, "fields": fields, "push_out": self.push_out}

    def packets(self):
        r = self.r
        longest = 2**self.length - 1
        gap = r.choice([0, 0, 10, 1000, 10**6, 10**9])
        flows = r.choice([1, 2, 4, 8])
        time, packets = 0, []
        for _ in range(r.choice([10, 60, 150])):
            packet = {"time": time, "length": r.choice([1, longest, longest, r.randint(1, longest),
                                                        min(longest, 64), min(longest, 1500)])}
            for name, values in self.fields.items():
                packet[name] = r.randrange(min(values, flows)) if name != "deadline" else \
                    r.choice([r.randrange(values), values - 1, r.randrange(min(values, 4))])
            if r.random() < 0.02:
                packet[r.choice(["flow", "class", "tiny"])] = r.choice([65536, 2**40])
            packet["due"] = time + r.choice([0, r.randint(0, 10), r.randint(0, 5 * gap + 1)])
            packets.append(packet)
            if r.random() < 0.5:
                time += r.randint(0, gap)
        return packets

    def largest(self):
        """The largest capacity that docs/pifo-language.md promises."""
        most = 2**24
        for step in self.steps:
            most = min(most, (2**62 - 2**57 - 1) // step - self.push_out)
        for cost, burst in self.buckets:
            most = min(most, ((2**62 - 1) // cost - burst) // (2**self.length - 1) - self.push_out)
        for over, in_bytes in self.averages:
            most = min(most, 2**56 // (over * (2**self.length - 1 if in_bytes else 1)) - 1 - self.push_out)
        return max(most, 0)


def run(tool, folder, rate, *more):
    report = os.path.join(folder, "report.json")
    if os.path.exists(report):
        os.unlink(report)
    result = subprocess.run([tool, os.path.join(folder, "p.policy"), os.path.join(folder, "t.csv"), "--rate",
                             str(rate), "--quiet", "--no-times", "--departures", "-", "--json", report, *more],
                            capture_output=True, text=True, timeout=300)
    if result.returncode:
        return None, None, result.stderr
    cells = [line.split(",") for line in result.stdout.splitlines()[1:]]
    rows = [tuple(map(int, row[:3] + row[-1:])) for row in cells]
    with open(report) as file:
        report = json.load(file)
        return rows, dict(report["refused"], **report["dropped"], classes=report["classes"]), result.stderr


def effort(seed):
    """Most of the time goes to LLVM: it does its best for one policy of ten."""
    return ["--unoptimized"] if seed % 10 else []


def compare(rows, departures, error):
    """The departures of a run, None if it was refused, against those of the model."""
    if rows is None:
        raise ValueError(f"refused: {error}")
    for i, (found, expected) in enumerate(zip(rows, departures)):
        if found != expected:
            raise ValueError(f"departure {i} (time, arrival, number, codepoint) is {found}, expected {expected}")
    if len(rows) != len(departures):
        raise ValueError(f"{len(rows)} departures, expected {len(departures)}")


def check(seed, tool, folder):
    """A word on how the policy went; ValueError if it went wrong."""
    maker = Maker(seed)
    program = maker.program()
    packets = maker.packets()
    rate = maker.r.choice([0, 10**6, 10**9, 25 * 10**8, 10**11, 3, maker.r.randint(1000, 10**12)])
    with open(os.path.join(folder, "p.policy"), "w") as file:
        file.write(maker.text)
    columns = ["time", "length", "flow", "class", "deadline", "tiny", "due", "ecn"]
    with open(os.path.join(folder, "t.csv"), "w") as file:
        file.write(",".join(columns) + "\n")
        for packet in packets:
            file.write(",".join(str(packet[c]) for c in columns) + "\n")
    rows, refused, error = run(tool, folder, rate, *effort(seed))
    word = "equal"
    if rows is None and "least common multiple is above 2^62" in error:
        if max(maker.multiples) <= 2**62:
            raise ValueError(f"refused without need: {error}")
        return "refused"
    if rows is None and "beyond 2^62 ns" not in error:
        # Of several bounds a message names the first that the capacity exceeds.
        if maker.largest() >= maker.capacity:
            raise ValueError(f"refused although {maker.largest()} packets fit: {error}")
        offered = re.search(r"expected a capacity of at most (\d+)", error)
        if not offered and maker.largest() > 0:
            raise ValueError(f"no capacity offered, but {maker.largest()} is possible: {error}")
        if not offered:
            return "refused"
        word = "bounded"
        while offered:
            if not maker.largest() <= int(offered[1]) < program["capacity"]:
                raise ValueError(f"offers {offered[1]}; at most {maker.largest()} is possible")
            program["capacity"] = int(offered[1])
            rows, refused, error = run(tool, folder, rate, "--capacity", offered[1], *effort(seed))
            offered = rows is None and re.search(r"expected a capacity of at most (\d+)", error)
        if rows is None and "beyond 2^62 ns" not in error:
            if maker.largest() > 0:
                raise ValueError(error)
            return "refused"
        if program["capacity"] != maker.largest():
            raise ValueError(f"takes {program['capacity']}; at most {maker.largest()} is possible")
    elif maker.largest() < maker.capacity or max(maker.multiples, default=1) > 2**62:
        raise ValueError(f"taken, but at most {maker.largest()} packets keep the order")
    departures, causes, dropped, scheduler = simulate(program, packets, rate)
    if departures is None:
        if rows is not None:
            raise ValueError("ran beyond 2^62 ns")
        return word
    compare(rows, departures, error)
    for cause, number in causes.items():
        if refused[cause] != number or (number and f"refused    {number} packets" not in error):
            raise ValueError(f"refused {refused}, expected {causes}: {error}")
    if (refused["pushed_out"], refused["leaving"]) != dropped:
        raise ValueError(f"pushed out and dropped {refused['pushed_out'], refused['leaving']}, expected {dropped}")
    classes(refused["classes"], scheduler.counts)
    return word


if __name__ == "__main__":
    count_words(check)
