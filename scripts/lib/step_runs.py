# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Trainings of the reproduction of STEP, and the file in which they are kept.

A run is described by task, case and steps, and never made twice. A cell is one entry of the page's
tables: its rate is tuned on the validation split, over seeds of its own, and tested over others.
"""

import fcntl
import hashlib
import json
import math
import multiprocessing
import os
import statistics
import sys
import time

import step_tasks

TUNING, TESTING = (0, 1), (10, 11, 12, 13, 14)


def recipes(steps):
    """Name: the forms of the recipe among which tuning chooses. A fifth of the steps is dense, a fifth
    fine-tuning, where a recipe has such phases. AutoSwitch's window is a fifteenth of them: the 1000
    samples of beta2 = 0.999 would not be full before it must switch. ASP prunes after half or four
    fifths of the steps."""
    switch = {"window": max(10, steps // 15)}
    phases = {"dense_steps": steps // 5, "fine_tune_steps": steps // 5, "steps": steps}
    fade = 3 / (steps * 3 // 5)  # to 5 % at the end of the decay
    return {
        "dense": [None],
        "ASP": [{"method": "asp", "dense_steps": dense, "steps": steps}
                for dense in (steps * 4 // 5, steps // 2)],
        "SR-STE": [{"method": "sr-ste", "steps": steps}],
        "STEP": [{"method": "step", "steps": steps, "switch": switch}],
        "STEP + lambda": [{"method": "step", "steps": steps, "switch": switch, "lambda": 2e-4}],
        "mask decay, linear": [{"method": "mask-decay", **phases,
                                "decay": {"shape": "linear", "rate": fade / 3}}],
        "mask decay, exponential": [{"method": "mask-decay", **phases,
                                     "decay": {"shape": "exponential", "rate": fade}}],
        "structure decay, stepwise": [{"method": "structure-decay", **phases}],
        "structure decay, geometric": [{"method": "structure-decay", **phases,
                                        "structure": {"shape": "geometric"}}],
    }


def fits(name, pattern, optimizer):
    """Why a recipe has no such cell, None if it has one."""
    if name.startswith("STEP") and optimizer != "adam":
        return "needs a second moment"
    if "geometric" in name and 8 * int(pattern.split(":")[1]) > 64:
        return "groups of 128 do not fit"
    return None


def step_work(optimizer, weights):
    """Multiplications of a step's masked layers, against a dense step's: forward pass and gradient of
    the inputs at the mask's density, gradient of the weights dense (straight through). One pattern
    and one schedule hold for all weights."""
    info = optimizer.info(weights[0])
    density = info.n_now / info.m_now if info.masked and info.decay == 0 else 1
    return (2 * density + 1) / 3


def prepared(task, case):
    """Network, optimizer and masked weights of a case; `pattern` of None is a dense one."""
    import nm.torch
    import torch
    torch.manual_seed(case["seed"])
    network = task.network()
    weights = task.masked(network)
    masked = {id(weight) for weight in weights}
    groups = [{"params": weights, "pattern": case["pattern"] or "dense"},
              {"params": [p for p in network.parameters() if id(p) not in masked], "pattern": "dense"}]
    recipe = case["recipe"] or {"method": "dense"}
    if case["optimizer"] == "adam":
        return network, nm.torch.StepAdam(groups, lr=case["rate"], recipe=recipe), weights
    return network, nm.torch.MaskedSGD(groups, lr=case["rate"], momentum=0.9, recipe=recipe), weights


def batches(seed):
    import torch
    return torch.Generator().manual_seed(1000 + seed)


def train(task, case, steps):
    """One training. `case`: recipe (None is dense), pattern, optimizer, rate, seed, split."""
    import torch
    network, optimizer, weights = prepared(task, case)
    generator = batches(case["seed"])
    work = 0.0
    for _ in range(steps):
        optimizer.zero_grad()
        task.loss(network, generator).backward()
        work += step_work(optimizer, weights)
        optimizer.step()
    with torch.no_grad():
        score = task.score(network, case["split"])
    return {"score": score if math.isfinite(score) else None, "work": work / steps,
            "switched_at": optimizer.switched_at}


def second_moments(task, case, steps):
    """The second moments of masked weights against those of a dense run of the same seed, at tenths of
    the training, and against what other batches alone change in the dense run."""
    import torch
    dense = {**case, "recipe": None, "pattern": None}
    runs = [(*prepared(task, given), batches(case["seed"] + shift))
            for given, shift in ((dense, 0), (case, 0), (dense, 500))]
    found = []
    for step in range(1, steps + 1):
        for network, optimizer, _, generator in runs:
            optimizer.zero_grad()
            task.loss(network, generator).backward()
            optimizer.step()
        if step % (steps // 10):
            continue
        base, masked, other = (torch.cat([optimizer.state_dict()["state"][i]["exp_avg_sq"].flatten()
                                          for i in range(len(weights))]).double()
                               for _, optimizer, weights, _ in runs)
        kept = torch.cat([runs[1][1].mask(weight).flatten() for weight in runs[1][2]])
        found.append({"step": step, "mean": (masked.mean() / base.mean()).item(),
                      "kept": (masked[kept].mean() / base[kept].mean()).item(),
                      "dropped": (masked[~kept].mean() / base[~kept].mean()).item() if (~kept).any() else None,
                      "distance": ((masked - base).norm() / base.norm()).item(),
                      "factor": factor(masked, base),
                      "mean_batches": (other.mean() / base.mean()).item(),
                      "distance_batches": ((other - base).norm() / base.norm()).item(),
                      "factor_batches": factor(other, base)})
    return {"moments": found}


def factor(one, other):
    """By what factor, up or down, the middle element differs."""
    both = (one > 0) & (other > 0)
    return (one[both] / other[both]).log2().abs().median().exp2().item()


def make(task, case, steps):
    return (second_moments if case.get("kind") == "moments" else train)(task, case, steps)


class Results:
    """Runs by what they are. A file is appended to as they end, by any number of processes of one
    program; `writable` keeps other programs out."""

    def __init__(self, path, writable=False):
        self.path, self.known, self.seconds = path, {}, {}
        self.lock = None
        if writable:
            self.lock = open(f"{path}.lock", "w", encoding="utf-8")
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                sys.exit(f"error: {path} is being written by another run of this program; wait for it, name another file with "
                         "--results, or write the page of what is there with --page")
            if path.exists() and not path.read_bytes().endswith(b"\n"):
                self.append("\n")  # after the line in which a run was killed
        self.read = 0
        self.refresh()

    def refresh(self):
        """Takes what the file has got since it was read last."""
        if not self.path.exists():
            return
        with open(self.path, "rb") as file:
            file.seek(self.read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self.read += len(line)
                try:
                    entry = json.loads(line)
                except json.JSONDecodeError:
                    continue
                self.known[entry["key"]] = entry["result"]
                self.seconds[entry["key"]] = entry["seconds"]

    def append(self, text):
        """One write in append mode: lines of several processes do not mix."""
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(file, text.encode())
        finally:
            os.close(file)

    @staticmethod
    def key(task, case, steps):
        text = json.dumps([task.name, case, steps], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def found(self, task, case, steps):
        """A run's result, None if it was not made."""
        return self.known.get(self.key(task, case, steps))

    def made(self, task, case, steps):
        """A run's result; it is made if it is not there."""
        key = self.key(task, case, steps)
        if key not in self.known:
            self.refresh()
        if key not in self.known:
            start = time.process_time()
            result = make(trainer(task), case, steps)
            entry = {"key": key, "task": task.name, "case": case, "steps": steps,
                     "seconds": round(time.process_time() - start, 2), "result": result}
            self.append(json.dumps(entry) + "\n")
            self.known[key] = result
        return self.known[key]


_tasks = {}


def trainer(kind):
    """The task of a class with its data, which a process reads once."""
    if kind not in _tasks:
        _tasks[kind] = kind()
    return _tasks[kind]


class Plan:
    """What the page needs of one task: steps, patterns, seeds, recipes."""

    def __init__(self, task, quick):
        self.task, self.quick = task, quick
        self.steps = task.quick_steps if quick else task.steps
        self.patterns = ("2:4", "1:8") if quick else task.patterns
        self.tuning = TUNING[:1] if quick else TUNING
        self.testing = TESTING[:2] if quick else TESTING
        self.optimizers = ("adam",) if quick else ("adam", "momentum")

    def recipes(self):
        names = recipes(self.steps)
        if self.quick:
            names = {name: names[name] for name in ("dense", "ASP", "SR-STE", "STEP", "mask decay, exponential")}
        return names


class Missing(Exception):
    """A run that is needed was not made."""


class Cell:
    """One recipe at one pattern under one optimizer."""

    def __init__(self, plan, optimizer, name, pattern):
        self.plan, self.optimizer, self.name, self.pattern = plan, optimizer, name, pattern

    def case(self, form, rate, seed, split):
        return {"optimizer": self.optimizer, "recipe": form, "pattern": self.pattern, "rate": rate, "seed": seed,
                "split": split}

    def tuned(self, get):
        """The best form and rate on the validation split: the start's rates, then on from the best
        one until both its neighbours are worse. None if all diverge."""
        task, plan = self.plan.task, self.plan
        rates = task.rates[self.optimizer]
        best = None
        for form in recipes(plan.steps)[self.name]:
            scores = {}

            def at(place):
                if place not in scores:
                    runs = [get(task, self.case(form, rates[place], seed, "validation"), plan.steps)["score"]
                            for seed in plan.tuning]
                    scores[place] = (-math.inf if None in runs
                                     else task.better * statistics.fmean(runs))
                return scores[place]

            for place in task.start[self.optimizer]:
                at(place)
            while not plan.quick:
                top = max(scores, key=scores.get)
                near = [p for p in (top - 1, top + 1) if 0 <= p < len(rates) and p not in scores]
                if not near:
                    break
                at(near[0])
            top = max(scores, key=scores.get)
            if scores[top] > -math.inf and (best is None or scores[top] > best[0]):
                best = (scores[top], form, rates[top], top in (0, len(rates) - 1))
        return best

    def result(self, get):
        """Test scores by seed at the tuned rate; None if they diverge."""
        best = self.tuned(get)
        if best is None:
            return None
        score, form, rate, edge = best
        runs = [get(self.plan.task, self.case(form, rate, seed, "test"), self.plan.steps)
                for seed in self.plan.testing]
        if any(run["score"] is None for run in runs):
            return None
        return {"form": form, "rate": rate, "edge": edge, "validation": self.plan.task.better * score,
                "scores": [run["score"] for run in runs],
                "work": statistics.fmean(run["work"] for run in runs),
                "switched_at": [run["switched_at"] for run in runs]}


class Sweep:
    """STEP at fixed switches and with AutoSwitch, at the rate that was tuned for AutoSwitch."""
    shares = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8)

    def __init__(self, plan, pattern):
        self.plan, self.pattern = plan, pattern

    def result(self, get):
        plan = self.plan
        tuned = Cell(plan, "adam", "STEP", self.pattern).tuned(get)
        if tuned is None:
            return None
        rate = tuned[2]
        switches = {f"{share:.0%}": {"at": max(1, int(share * plan.steps))} for share in self.shares}
        for option in (1, 2):
            switches[f"AutoSwitch, option {option}"] = {**recipes(plan.steps)["STEP"][0]["switch"],
                                                        "option": option}
        rows = {}
        for name, switch in switches.items():
            recipe = {"method": "step", "steps": plan.steps, "switch": switch}
            runs = [get(plan.task, {"optimizer": "adam", "pattern": self.pattern, "rate": rate, "seed": seed,
                                    "split": "test", "recipe": recipe}, plan.steps)
                    for seed in plan.testing]
            rows[name] = {"at": [run["switched_at"] for run in runs],
                          "scores": None if any(run["score"] is None for run in runs)
                          else [run["score"] for run in runs]}
        return {"rate": rate, "rows": rows}


class Moments:
    """The second moment under SR-STE's masks, at the rate that was tuned for the dense run."""

    def __init__(self, plan, pattern):
        self.plan, self.pattern = plan, pattern

    def result(self, get):
        plan = self.plan
        tuned = Cell(plan, "adam", "dense", None).tuned(get)
        if tuned is None:
            return None
        case = {"kind": "moments", "optimizer": "adam", "recipe": recipes(plan.steps)["SR-STE"][0],
                "pattern": self.pattern, "rate": tuned[2]}
        return {"rate": tuned[2], "runs": [get(plan.task, {**case, "seed": seed}, plan.steps)["moments"]
                                           for seed in plan.testing]}


def cells(plan, optimizer):
    """The table's entries by recipe and pattern."""
    table = {("dense", None): Cell(plan, optimizer, "dense", None)}
    for name in plan.recipes():
        for pattern in plan.patterns:
            if name != "dense" and not fits(name, pattern, optimizer):
                table[name, pattern] = Cell(plan, optimizer, name, pattern)
    return table


def extras(plan, kind):
    """The sweeps or the moments of a task."""
    if plan.quick:
        return []
    if kind is Sweep:
        return [Sweep(plan, "1:8" if plan.task.name == "digits" else "1:4")]
    return [Moments(plan, pattern) for pattern in plan.patterns]


def everything(plans):
    """All that the page needs, what its claims rest on first."""
    first, later = [], []
    order = {"language": 0, "digits": 1, "lines": 2}
    for plan in sorted(plans, key=lambda plan: order[plan.task.name]):
        for optimizer in plan.optimizers:
            for (name, pattern), cell in cells(plan, optimizer).items():
                needed = optimizer == "adam" or name in ("dense", "SR-STE")
                turn = (optimizer != "adam", pattern not in (None, "1:4"))
                (first if needed else later).append((turn, cell))
        first += [((False, True), sweep) for sweep in extras(plan, Sweep)]
        first += [((True, False), moments) for moments in extras(plan, Moments)]
    for group in (first, later):
        group.sort(key=lambda entry: entry[0])
    return [cell for _, cell in first + later]


_results = None


def _start(path):
    global _results
    import nm
    import torch
    torch.set_num_threads(1)
    nm.set_num_threads(1)
    _results = Results(path)


def _work(cell):
    cell.result(_results.made)
    plan = cell.plan
    return " ".join([plan.task.name, getattr(cell, "optimizer", "adam"),
                     getattr(cell, "name", type(cell).__name__.lower()), cell.pattern or ""]).strip()


def make_all(path, plans, jobs):
    """Makes all runs that are missing, `jobs` at a time."""
    results = Results(path, writable=True)

    def missing(cell):
        def get(*case):
            found = results.found(*case)
            if found is None:
                raise Missing
            return found
        try:
            cell.result(get)
        except Missing:
            return True
        return False

    todo = [cell for cell in everything(plans) if missing(cell)]
    os.environ["OMP_NUM_THREADS"] = "1"  # of the workers' BLAS: they share the processors
    # Forked workers would inherit the lock; spawned ones do not.
    with multiprocessing.get_context("spawn").Pool(jobs, _start, (path,)) as pool:
        for done, name in enumerate(pool.imap_unordered(_work, todo), 1):
            print(f"{done} of {len(todo)}: {name}", flush=True)
