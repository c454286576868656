# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""STEP (arXiv 2302.01172), the decaying masks (2209.07617) and their rivals on small real tasks.

Every recipe is tuned by itself: the learning rate with the best mean score on a validation split, over
seeds of its own, is the one whose test score is reported, over other seeds, once. Seeds are paired:
the same seed is the same initial network and the same batches for every recipe. Runs are kept in a
file of results as they end; a run that is there is not made again. Writes the page step.md.
"""

import argparse
import hashlib
import json
import math
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

import nm
import nm.torch

#: 97.5 % points of Student's t by degrees of freedom.
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def recipes(steps):
    """Name: fields of the recipe. A fifth of the steps is dense, a fifth fine-tuning, where a recipe has
    such phases. AutoSwitch's window is a fifteenth of them: the 1000 samples of beta2 = 0.999 would not
    be full before it must switch."""
    switch = {"window": max(10, steps // 15)}
    phases = {"dense_steps": steps // 5, "fine_tune_steps": steps // 5, "steps": steps}
    fade = 3 / (steps * 3 // 5)  # to 5 % at the end of the decay
    return {
        "asp": {"method": "asp", "dense_steps": steps * 4 // 5, "steps": steps},
        "sr-ste": {"method": "sr-ste", "steps": steps},
        "step": {"method": "step", "steps": steps, "switch": switch},
        "step + lambda": {"method": "step", "steps": steps, "switch": switch, "lambda": 2e-4},
        "mask decay, linear": {"method": "mask-decay", **phases,
                               "decay": {"shape": "linear", "rate": fade / 3}},
        "mask decay, exponential": {"method": "mask-decay", **phases,
                                    "decay": {"shape": "exponential", "rate": fade}},
        "structure decay, stepwise": {"method": "structure-decay", **phases},
        "structure decay, geometric": {"method": "structure-decay", **phases,
                                       "structure": {"shape": "geometric"}},
    }


class Digits:
    """8x8 digits of scikit-learn: an MLP, accuracy in percent."""
    name, score_name, better = "digits", "accuracy %", 1
    patterns = ("2:4", "1:4", "1:8", "1:16")
    rates = {"adam": (3e-4, 1e-3, 3e-3, 1e-2), "momentum": (0.01, 0.03, 0.1, 0.3)}

    def __init__(self):
        from sklearn.datasets import load_digits
        digits = load_digits()
        order = np.random.default_rng(0).permutation(len(digits.target))
        x = torch.from_numpy((digits.data[order] / 16).astype(np.float32))
        y = torch.from_numpy(digits.target[order].astype(np.int64))
        first, second = len(y) * 3 // 5, len(y) * 4 // 5
        self.train = (x[:first], y[:first])
        self.splits = {"validation": (x[first:second], y[first:second]),
                       "test": (x[second:], y[second:])}

    def network(self):
        return torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(),
                                   torch.nn.Linear(128, 128), torch.nn.ReLU(),
                                   torch.nn.Linear(128, 10))

    def loss(self, network, generator):
        x, y = self.train
        chosen = torch.randint(0, len(y), (64,), generator=generator)
        return torch.nn.functional.cross_entropy(network(x[chosen]), y[chosen])

    def score(self, network, split):
        x, y = self.splits[split]
        return 100 * (network(x).argmax(1) == y).double().mean().item()


class Text:
    """The licences that Debian ships, byte by byte: the next byte from 16, by a gated MLP over their
    embeddings; loss in nats."""
    name, score_name, better = "text", "loss", -1
    patterns = ("1:4", "1:8")
    rates = {"adam": (1e-3, 3e-3, 6e-3), "momentum": (0.03, 0.1, 0.3)}
    context = 16

    def __init__(self):
        files = sorted(Path("/usr/share/common-licenses").glob("*"))
        text = b"".join(file.read_bytes() for file in files if not file.is_symlink())
        if len(text) < 50000:
            sys.exit("error: /usr/share/common-licenses holds too little text; expected Debian's")
        data = torch.from_numpy(np.frombuffer(text, np.uint8).astype(np.int64))
        blocks = data[:len(data) // 512 * 512].view(-1, 512)
        kind = torch.arange(len(blocks)) % 10
        self.parts = {"train": blocks[kind < 8].reshape(-1),
                      "validation": blocks[kind == 8].reshape(-1),
                      "test": blocks[kind == 9].reshape(-1)}

    def network(self):
        return torch.nn.Sequential(torch.nn.Embedding(256, 16), torch.nn.Flatten(),
                                   torch.nn.Linear(256, 512), torch.nn.GELU(),
                                   torch.nn.Linear(512, 256), torch.nn.GELU(),
                                   torch.nn.Linear(256, 256))

    def batch(self, split, starts):
        data = self.parts[split]
        return data[starts[:, None] + torch.arange(self.context)], data[starts + self.context]

    def loss(self, network, generator):
        last = len(self.parts["train"]) - self.context - 1
        x, y = self.batch("train", torch.randint(0, last, (128,), generator=generator))
        return torch.nn.functional.cross_entropy(network(x), y)

    def score(self, network, split):
        x, y = self.batch(split, torch.arange(0, len(self.parts[split]) - self.context - 1, 7))
        return torch.nn.functional.cross_entropy(network(x), y).item()


def masked_weights(network):
    """What gets a pattern: matrices of linear layers but the last."""
    linear = [module for module in network if isinstance(module, torch.nn.Linear)]
    return [module.weight for module in linear[:-1]]


def run(task, case, steps):
    """One training. `case`: recipe (None is dense), pattern, optimizer, rate, seed, split."""
    torch.manual_seed(case["seed"])
    network = task.network()
    weights = masked_weights(network)
    others = [p for p in network.parameters() if all(p is not w for w in weights)]
    groups = [{"params": weights, "pattern": case["pattern"] or "dense"},
              {"params": others, "pattern": "dense"}]
    recipe = case["recipe"] or {"method": "dense"}
    if case["optimizer"] == "adam":
        optimizer = nm.torch.StepAdam(groups, lr=case["rate"], recipe=recipe)
    else:
        optimizer = nm.torch.MaskedSGD(groups, lr=case["rate"], momentum=0.9, recipe=recipe)
    generator = torch.Generator().manual_seed(1000 + case["seed"])
    work = 0.0
    for _ in range(steps):
        optimizer.zero_grad()
        task.loss(network, generator).backward()
        work += step_work(optimizer, weights)
        optimizer.step()
    with torch.no_grad():
        score = task.score(network, case["split"])
    result = {"score": score if math.isfinite(score) else None, "work": work / steps,
              "switched_at": optimizer.switched_at}
    if case["optimizer"] == "adam" and not case["recipe"] is None:
        moments = optimizer.state_dict()["state"]
        result["second_moment"] = statistics.fmean(
            moments[i]["exp_avg_sq"].mean().item() for i in range(len(weights)))
    return result


def step_work(optimizer, weights):
    """Multiplications of a step's masked layers, against a dense step's: forward pass and gradient of
    the inputs at the mask's density, gradient of the weights dense (straight through)."""
    total = share = 0
    for weight in weights:
        info = optimizer.info(weight)
        sparse = info.masked and info.decay == 0
        density = info.n_now / info.m_now if sparse else 1
        share += weight.numel() * (2 * density + 1) / 3
        total += weight.numel()
    return share / total


class Results:
    """Runs by what they are; appended as they end."""

    def __init__(self, path):
        self.path = path
        self.known = {}
        if path.exists():
            text = path.read_text(encoding="utf-8")
            if text and not text.endswith("\n"):
                with open(path, "a", encoding="utf-8") as file:
                    file.write("\n")
            for line in text.splitlines():
                try:
                    entry = json.loads(line)
                except json.JSONDecodeError:
                    continue  # the line in which a run was killed
                self.known[entry["key"]] = entry["result"]

    def get(self, task, case, steps):
        text = json.dumps([task.name, case, steps], sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:24]
        if key not in self.known:
            start = time.monotonic()
            result = run(task, case, steps)
            self.known[key] = result
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "task": task.name, "case": case, "steps": steps,
                                       "seconds": round(time.monotonic() - start, 2),
                                       "result": result}) + "\n")
        return self.known[key]


def tuned(results, task, case, steps, tuning, testing):
    """Test scores by seed at the rate that is best on the validation split."""
    best = None
    for rate in task.rates[case["optimizer"]]:
        scores = [results.get(task, {**case, "rate": rate, "seed": seed, "split": "validation"},
                              steps)["score"] for seed in tuning]
        if None in scores:
            continue
        mean = task.better * statistics.fmean(scores)
        if best is None or mean > best[0]:
            best = (mean, rate)
    if best is None:
        return None
    runs = [results.get(task, {**case, "rate": best[1], "seed": seed, "split": "test"}, steps)
            for seed in testing]
    if any(run["score"] is None for run in runs):
        return None
    return {"rate": best[1], "scores": [run["score"] for run in runs],
            "work": statistics.fmean(run["work"] for run in runs),
            "switched_at": [run["switched_at"] for run in runs]}


def interval(values):
    """Mean and half of its 95 % confidence interval."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, math.inf
    half = STUDENT.get(len(values) - 1, 1.96) * statistics.stdev(values) / math.sqrt(len(values))
    return mean, half


def shown(values, digits):
    mean, half = interval(values)
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def against(task, one, other):
    """How a paired difference reads; positive is better."""
    differences = [task.better * (a - b) for a, b in zip(one["scores"], other["scores"])]
    mean, half = interval(differences)
    verdict = "better" if mean > half else "worse" if mean < -half else "no difference shown"
    return f"{mean:+.3g} ± {half:.2g}: {verdict}"


def section(results, task, optimizer, arguments, claims):
    """The table of one task under one optimizer, and the claims that it speaks to."""
    base = {"optimizer": optimizer, "recipe": None, "pattern": None}
    dense = tuned(results, task, base, arguments.steps, arguments.tuning, arguments.testing)
    digits = 2 if task.better > 0 else 3
    lines = [f"### {task.name}, {optimizer}", "",
             f"Dense: {shown(dense['scores'], digits)} {task.score_name}, rate {dense['rate']:g}.", "",
             "| recipe | " + " | ".join(arguments.patterns(task)) + " |",
             "|---|" + "---|" * len(arguments.patterns(task))]
    table = {}
    for name, fields in recipes(arguments.steps).items():
        if fields["method"] == "step" and optimizer != "adam":
            continue
        if arguments.quick and name not in ("asp", "sr-ste", "step", "mask decay, exponential"):
            continue
        cells = []
        for pattern in arguments.patterns(task):
            m = int(pattern.split(":")[1])
            widest = 8 * m if "geometric" in name else m
            if widest > 64:
                cells.append("groups of 128 do not fit")
                continue
            row = tuned(results, task, {**base, "recipe": fields, "pattern": pattern},
                        arguments.steps, arguments.tuning, arguments.testing)
            table[name, pattern] = row
            cells.append("diverges" if row is None else
                         f"{shown(row['scores'], digits)} ({row['rate']:g}; {row['work']:.2f})")
            print(f"{task.name}, {optimizer}, {pattern}, {name}: {cells[-1]}", flush=True)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    claims_of(task, optimizer, arguments.patterns(task), dense, table, claims)
    return lines + [""]


def claims_of(task, optimizer, patterns, dense, table, claims):
    for pattern in patterns:
        rows = {name: table.get((name, pattern)) for name, _ in table}
        sr_ste = rows.get("sr-ste")
        if sr_ste:
            claims.append(f"| SR-STE against dense, {optimizer} | {task.name} {pattern} | "
                          f"{against(task, sr_ste, dense)} |")
        for name in ("step", "step + lambda", "mask decay, exponential",
                     "structure decay, stepwise"):
            for rival in ("sr-ste", "asp"):
                if optimizer == "adam" and rows.get(name) and rows.get(rival):
                    claims.append(f"| {name} against {rival}, {optimizer} | {task.name} {pattern} | "
                                  f"{against(task, rows[name], rows[rival])} |")


def sweep(results, task, arguments):
    """AutoSwitch against fixed steps, at one rate."""
    rate = task.rates["adam"][1]
    lines = ["## AutoSwitch against fixed switches", "",
             f"{task.name}, 1:8, Adam, rate {rate:g}, over the test seeds.", "",
             "| last dense step | " + task.score_name + " |", "|---|---|"]
    cases = {f"{step} ({share:.0%})": {"at": step} for share in (0.05, 0.1, 0.2, 0.3, 0.5, 0.8)
             for step in [max(1, int(share * arguments.steps))]}
    for option in (1, 2):
        cases[f"AutoSwitch, option {option}"] = {**recipes(arguments.steps)["step"]["switch"],
                                                 "option": option}
    for name, switch in cases.items():
        runs = [results.get(task, {
            "optimizer": "adam", "pattern": "1:8", "rate": rate, "seed": seed, "split": "test",
            "recipe": {"method": "step", "steps": arguments.steps, "switch": switch}},
            arguments.steps) for seed in arguments.testing]
        at = {run["switched_at"] for run in runs}
        label = name if "at" in switch else f"{name}: {min(at)} to {max(at)}"
        scores = [run["score"] for run in runs]
        cell = "diverges" if None in scores else shown(scores, 2)
        lines.append(f"| {label} | {cell} |")
        print(f"switch {label}: {cell}", flush=True)
    return lines + [""]


def page(results, arguments):
    tasks = [Digits()] if arguments.quick else [Digits(), Text()]
    lines = ["# STEP, decaying masks and their rivals, on small tasks", "",
             "Written by `scripts/reproduce step" + (" --quick" if arguments.quick else "")
             + "`; do not edit.", "",
             f"{arguments.steps} steps; rates tuned per recipe on validation seeds "
             f"{arguments.tuning}, tested once on seeds {arguments.testing}, which are paired. ± is half of a "
             "95 % confidence interval (Student's t). In brackets: the tuned rate, and the "
             "multiplications of the masked layers in training against dense training "
             "([how recipes work](../recipes.md)).", "", "## Scores", ""]
    claims = []
    for task in tasks:
        for optimizer in ("adam",) if arguments.quick else ("adam", "momentum"):
            lines += section(results, task, optimizer, arguments, claims)
    if not arguments.quick:
        lines += sweep(results, tasks[0], arguments)
    lines += ["## Paired differences", "", "Positive is better. No claim is made where the interval "
              "holds zero.", "", "| what | where | difference |", "|---|---|---|", *claims, ""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one task, few seeds and steps")
    parser.add_argument("--output", type=Path, default=Path("docs/reproduction"))
    parser.add_argument("--results", type=Path, help="default: build/reproduction/step.jsonl")
    arguments = parser.parse_args()
    if arguments.quick and arguments.output == Path("docs/reproduction"):
        sys.exit("error: --quick gives no figures for the page; name another folder with --output")
    torch.set_num_threads(1)
    nm.set_num_threads(1)
    quick = arguments.quick
    arguments.steps = 60 if quick else 1500
    arguments.tuning = (0,) if quick else (0, 1)
    arguments.testing = (10, 11) if quick else (10, 11, 12, 13, 14)
    arguments.patterns = lambda task: ("2:4", "1:8") if quick else task.patterns
    results = arguments.results or (arguments.output / "step.jsonl" if quick
                                    else Path("build/reproduction/step.jsonl"))
    for folder in (results.parent, arguments.output):
        folder.mkdir(parents=True, exist_ok=True)
    text = page(Results(results), arguments)
    (arguments.output / "step.md").write_text(text, encoding="utf-8")
    print(f"{arguments.output / 'step.md'} written")


if __name__ == "__main__":
    main()
