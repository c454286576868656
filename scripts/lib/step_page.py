# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes step.md and its charts from the figures of the runs, and nothing else: see reproduce_step.py."""

import math
import statistics

from nm.plot import Series, chart

#: 97.5 % points of Student's t by degrees of freedom.
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
RIVALS = ("ASP", "SR-STE")


def interval(values):
    """Mean and half of its 95 % confidence interval."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, math.inf
    return mean, STUDENT[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))


def shown(values, digits):
    mean, half = interval(values)
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def signed(values, digits):
    """A difference, positive where the first is better, and what may be said of it."""
    mean, half = interval(values)
    verdict = "**better**" if mean > half else "**worse**" if mean < -half else "not shown"
    return f"{mean:+.{digits}f} ± {half:.{digits}f}: {verdict}"


def markdown(header, rows):
    return ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header),
            *("| " + " | ".join(map(str, row)) + " |" for row in rows), ""]


class Figures:
    """What the runs gave. A cell that was not run is absent, one that diverges is None."""

    def __init__(self, data):
        self.data = data
        self.tasks = data["tasks"]

    def cell(self, task, optimizer, recipe, pattern):
        return self.tasks[task]["cells"].get(f"{optimizer} | {recipe} | {pattern or '-'}", "not run")

    def scores(self, task, optimizer, recipe, pattern):
        """Scores by seed, None where there are none."""
        cell = self.cell(task, optimizer, recipe, pattern)
        return cell["scores"] if isinstance(cell, dict) else None

    def gains(self, task, one, other):
        """By seed, how much better `one` (optimizer, recipe, pattern) is than `other`; None without runs."""
        first, second = self.scores(task, *one), self.scores(task, *other)
        if first is None or second is None:
            return None
        better = self.tasks[task]["better"]
        return [better * (a - b) for a, b in zip(first, second)]

    def difference(self, task, one, other):
        gains = self.gains(task, one, other)
        return "no scores" if gains is None else signed(gains, self.tasks[task]["digits"])


def score_tables(figures):
    lines = ["## Scores", "",
             "In brackets the tuned rate, and the multiplications of the masked layers in training against dense "
             "training: forward pass and gradient of the inputs at the mask's density, gradient of the "
             "weights dense.", ""]
    for name, task in figures.tasks.items():
        for optimizer in task["optimizers"]:
            dense = figures.cell(name, optimizer, "dense", None)
            lines += [f"### {task['title']}, {optimizer}", ""]
            if not any(key.startswith(f"{optimizer} | ") for key in task["cells"]):
                lines += ["Not run.", ""]
                continue
            if isinstance(dense, dict):
                lines += [f"Dense: {shown(dense['scores'], task['digits'])} {task['score_name']}, rate "
                          f"{dense['rate']:g}.", ""]
            else:
                lines += [f"Dense: {dense or 'diverges'}.", ""]
            rows = []
            for recipe in task["recipes"]:
                if recipe == "dense":
                    continue
                row = [recipe]
                for pattern in task["patterns"]:
                    cell = figures.cell(name, optimizer, recipe, pattern)
                    if cell == "not run":
                        row.append(task["excluded"].get(f"{optimizer} | {recipe} | {pattern}", "not run"))
                    elif cell is None:
                        row.append("diverges")
                    else:
                        edge = ", end of the range" if cell["edge"] else ""
                        row.append(f"{shown(cell['scores'], task['digits'])} ({cell['rate']:g}{edge}; "
                                   f"{cell['work']:.2f})")
                if any(entry != "needs a second moment" for entry in row[1:]):
                    rows.append(row)
            lines += markdown(["recipe", *task["patterns"]], rows)
    return lines


def premise(figures):
    """(a): SR-STE under both optimizers, and the second moment."""
    lines = ["## Does Adam suffer from masks?", "",
             "What SR-STE is better than the dense run of the same seed, under each optimizer; the last column is "
             "the difference of these two, Adam's minus momentum's. The papers' premise is that it is negative: masks "
             "cost more under Adam.", ""]
    rows, verdicts = [], []
    for name, task in figures.tasks.items():
        for pattern in task["patterns"]:
            gains = {optimizer: figures.gains(name, (optimizer, "SR-STE", pattern), (optimizer, "dense", None))
                     for optimizer in ("adam", "momentum")}
            cells = ["no scores" if gains[o] is None else signed(gains[o], task["digits"]) for o in gains]
            both = None if None in gains.values() else [a - b for a, b in zip(*gains.values())]
            if any(gains.values()):
                rows.append([f"{task['title']}, {pattern}", *cells,
                             "no scores" if both is None else signed(both, task["digits"])])
            verdicts.append((f"{name} {pattern}", both))
    lines += markdown(["where", "Adam", "momentum", "Adam less momentum"], rows)
    return lines, verdicts


MOMENTS = (("mean", "mean of all"), ("kept", "mean of kept weights"), ("dropped", "mean of dropped weights"))


def moments(figures, pictures):
    """The second moment under masks against the dense run's."""
    lines = ["### The second moment under masks", "",
             "Adam's second moment of the masked layers under SR-STE against that of the dense run of the same seed, "
             "network and batches, at the dense run's tuned rate, at the end of training: the ratio of the means over "
             "all weights, over those that the mask keeps and over those that it drops; the relative distance of "
             "the two vectors; and the factor, up or down, by which the middle weight's differs. *Other batches* is what "
             "the same measures say of two dense runs that differ in their batches alone.", ""]
    rows = []
    for name, task in figures.tasks.items():
        for pattern, found in task["moments"].items():
            if found is None:
                continue
            last = [run[-1] for run in found["runs"]]

            def value(key):
                values = [entry[key] for entry in last]
                return "-" if None in values else shown(values, 2)

            rows.append([f"{task['title']}, {pattern}", *(value(key) for key, _ in MOMENTS), value("distance"),
                         value("factor"), value("mean_batches"), value("distance_batches"), value("factor_batches")])
        drawn = [pattern for pattern, found in task["moments"].items() if found]
        if drawn:
            series = [Series(f"SR-STE, {pattern}", points_of(task["moments"][pattern]["runs"], "distance"))
                      for pattern in drawn]
            series.append(Series("dense, other batches",
                                 points_of(task["moments"][drawn[0]]["runs"], "distance_batches")))
            pictures[f"moments-{name}.svg"] = chart(
                f"{task['title']}: second moment against the dense run's", "step", "relative distance", series)
    if not rows:
        return lines + ["Not run.", ""]
    lines += markdown(["where", *(text for _, text in MOMENTS), "distance", "factor", "mean, other batches",
                       "distance, other batches", "factor, other batches"], rows)
    return lines + [f"![{name}](step/{name})" for name in pictures if name.startswith("moments-")] + [""]


def points_of(runs, key):
    return [(entries[0]["step"], *interval([entry[key] for entry in entries])) for entries in zip(*runs)]


def switches(figures, pictures):
    lines = ["## AutoSwitch against fixed switches", "",
             "STEP under Adam at the rate that was tuned for AutoSwitch, switched after a fixed share of the steps or "
             "by AutoSwitch. The last column is AutoSwitch, option 1, against that row, by seed.", ""]
    for name, task in figures.tasks.items():
        for pattern, sweep in task["sweeps"].items():
            if sweep is None:
                continue
            lines += [f"### {task['title']}, {pattern}, rate {sweep['rate']:g}", ""]
            auto = sweep["rows"]["AutoSwitch, option 1"]
            rows, fixed = [], []
            for label, row in sweep["rows"].items():
                where = f"{min(row['at'])}" + (f" to {max(row['at'])}" if max(row["at"]) > min(row["at"]) else "")
                if row["scores"] is None:
                    rows.append([label, where, "diverges", "-"])
                    continue
                versus = "-"
                if row is not auto and auto["scores"]:
                    versus = signed([task["better"] * (a - b) for a, b in zip(auto["scores"], row["scores"])],
                                    task["digits"])
                rows.append([label, where, shown(row["scores"], task["digits"]), versus])
                if label.endswith("%"):
                    fixed.append((row["at"][0], *interval(row["scores"])))
            lines += markdown(["switch", "last dense step", task["score_name"], "AutoSwitch against it"], rows)
            dots = [Series("fixed switches", fixed)]
            for label, row in sweep["rows"].items():
                if not label.endswith("%") and row["scores"]:
                    dots.append(Series(label, [(statistics.fmean(row["at"]), *interval(row["scores"]))], line=False))
            picture = f"switch-{name}.svg"
            pictures[picture] = chart(f"{task['title']}, {pattern}: when STEP switches", "last dense step",
                                      task["score_name"], dots)
            lines += [f"![{picture}](step/{picture})", ""]
    if not any(sweep for task in figures.tasks.values() for sweep in task["sweeps"].values()):
        lines += ["Not run.", ""]
    return lines


def decays(figures):
    lines = ["## Decays against SR-STE", "",
             "The second paper's claim is that decays are better at high sparsity.", ""]
    rows = []
    for name, task in figures.tasks.items():
        for optimizer in task["optimizers"]:
            for recipe in task["recipes"]:
                if "decay" not in recipe:
                    continue
                found = [figures.difference(name, (optimizer, recipe, pattern), (optimizer, "SR-STE", pattern))
                         for pattern in task["patterns"]]
                if set(found) != {"no scores"}:
                    rows.append([f"{task['title']}, {optimizer}", recipe, *found])
    patterns = next(iter(figures.tasks.values()))["patterns"]
    return lines + markdown(["where", "recipe", *patterns], rows)


def rivals(figures):
    """STEP and the decays against ASP and SR-STE under Adam."""
    lines = ["## STEP and the decays against ASP and SR-STE under Adam", ""]
    for name, task in figures.tasks.items():
        rows = []
        for pattern in task["patterns"]:
            for recipe in task["recipes"]:
                if recipe in ("dense", *RIVALS):
                    continue
                found = [figures.difference(name, ("adam", recipe, pattern), ("adam", rival, pattern))
                         for rival in RIVALS]
                if set(found) != {"no scores"}:
                    rows.append([pattern, recipe, *found])
        if rows:
            lines += [f"### {task['title']}", ""]
            lines += markdown(["pattern", "recipe", *(f"against {rival}" for rival in RIVALS)], rows)
    return lines


def contender(figures, task, pattern):
    """Of STEP and the decays the recipe with the best score on the validation split."""
    found = [(figures.tasks[task]["better"] * cell["validation"], recipe)
             for recipe in figures.tasks[task]["recipes"] if recipe not in ("dense", *RIVALS)
             for cell in [figures.cell(task, "adam", recipe, pattern)] if isinstance(cell, dict)]
    return max(found)[1] if found else None


def flops(task, work):
    """Training's floating-point operations: three products a matrix, two operations a multiply-add."""
    masked, rest = task["products"]
    return 6 * task["steps"] * (masked * work + rest)


def compute(figures, pictures):
    lines = ["## Scores against compute", "",
             "Floating-point operations of the whole training under Adam, the dense layers and attention included, if "
             "the masked products cost what their density says. On processors without sparse units they cost what the "
             "dense ones do in this training; nm's kernels take the density in inference.", ""]
    for name, task in figures.tasks.items():
        dense = figures.cell(name, "adam", "dense", None)
        series = []
        for recipe in task["recipes"]:
            points, titles = [], []
            for pattern in task["patterns"]:
                cell = figures.cell(name, "adam", recipe, pattern)
                if isinstance(cell, dict) and recipe != "dense":
                    points.append((flops(task, cell["work"]) / 1e9, *interval(cell["scores"])))
                    titles.append(pattern)
            if points:
                order = sorted(range(len(points)), key=points.__getitem__)
                series.append(Series(recipe, [points[i] for i in order], titles=[titles[i] for i in order]))
        if not series:
            continue
        if isinstance(dense, dict):
            series.append(Series("dense", [(flops(task, 1) / 1e9, *interval(dense["scores"]))]))
        picture = f"compute-{name}.svg"
        pictures[picture] = chart(f"{task['title']}: {task['score_name']} against training", "GFLOP of training",
                                  task["score_name"], series)
        lines += [f"![{picture}](step/{picture})", ""]
    return lines


def tally(entries):
    """Where a claim holds: of (where, differences or None) the places above and below zero by name."""
    found = [(where, *interval(values)) for where, values in entries if values is not None]
    better = [where for where, mean, half in found if mean > half]
    worse = [where for where, mean, half in found if mean < -half]
    parts = [f"{len(found) - len(better) - len(worse)} neither"]
    if len(found) < len(entries):
        parts.append(f"{len(entries) - len(found)} without scores")
    return (f"shown in {len(better)} of {len(entries)}" + (f" ({'; '.join(better)})" if better else "")
            + f", the contrary in {len(worse)}" + (f" ({'; '.join(worse)})" if worse else "")
            + ", " + ", ".join(parts))


def summary(figures, premises):
    """What may be said, in one table."""
    rows = []
    language = "language" if "language" in figures.tasks else None
    if language:
        task = figures.tasks[language]
        best = contender(figures, language, "1:4")
        if best:
            found = [figures.difference(language, ("adam", best, "1:4"), ("adam", rival, "1:4")) for rival in RIVALS]
            rows.append(["At 1:4 on the language model STEP or a decay beats ASP and SR-STE under Adam",
                         f"{best}, the best of them on the validation split, on the test split: against ASP {found[0]}; "
                         f"against SR-STE {found[1]} ({task['score_name']})"])
        else:
            rows.append(["At 1:4 on the language model STEP or a decay beats ASP and SR-STE under Adam", "not run"])
    rows.append(["SR-STE loses more under Adam than under momentum",
                 tally([(where, None if both is None else [-v for v in both]) for where, both in premises])])
    for title, recipes, patterns in (
            ("STEP is better than SR-STE under Adam", ("STEP",), None),
            ("STEP with lambda is better than SR-STE under Adam", ("STEP + lambda",), None),
            ("Mask decays are better than SR-STE at 1:8 and 1:16 under Adam",
             ("mask decay, linear", "mask decay, exponential"), ("1:8", "1:16")),
            ("Structure decays are better than SR-STE at 1:8 and 1:16 under Adam",
             ("structure decay, stepwise", "structure decay, geometric"), ("1:8", "1:16"))):
        entries = [(f"{name} {pattern}" + (recipe.partition(", ")[2] and f", {recipe.partition(', ')[2]}"),
                    figures.gains(name, ("adam", recipe, pattern), ("adam", "SR-STE", pattern)))
                   for name, task in figures.tasks.items() for recipe in recipes if recipe in task["recipes"]
                   for pattern in task["patterns"] if patterns is None or pattern in patterns
                   if f"adam | {recipe} | {pattern}" not in task["excluded"]]
        rows.append([title, tally(entries)])
    entries, beaten = [], []
    for name, task in figures.tasks.items():
        for pattern, sweep in task["sweeps"].items():
            if sweep and sweep["rows"]["AutoSwitch, option 1"]["scores"]:
                auto = sweep["rows"]["AutoSwitch, option 1"]["scores"]
                fixed = {label: [task["better"] * (a - b) for a, b in zip(auto, row["scores"])]
                         for label, row in sweep["rows"].items() if label.endswith("%") and row["scores"]}
                entries += [(f"{name} {pattern}, at {label}", gains) for label, gains in fixed.items()]
                top = min(fixed.values(), key=statistics.fmean)
                beaten.append(f"{name} {signed(top, task['digits'])}")
    rows.append(["AutoSwitch is better than a fixed switch", tally(entries) + (
        "; against the fixed switch that the test split likes best, " + "; ".join(beaten) if beaten else "")
        if entries else "not run"])
    lines = ["## What holds here", "",
             "*Shown* means that the 95 % interval of the paired difference does not hold zero. Intervals are not "
             "corrected for the number of comparisons: of forty, one on each side is expected by chance. Five seeds "
             "and networks this small say nothing about large ones.", ""]
    return lines + markdown(["claim", "here"], rows)


def page(figures, quick):
    """The page's text, and its charts by name."""
    data, pictures = figures.data, {}
    steps = "; ".join(f"{task['title']} {task['steps']}" for task in figures.tasks.values())
    lines = ["# STEP, decaying masks and their rivals, on small tasks", "",
             "Generated by `scripts/reproduce step" + (" --quick" if quick else "") + "`; do not edit. The recipes are "
             "described in [recipes.md](../recipes.md); the papers are arXiv 2302.01172 (STEP) and 2209.07617 (decaying "
             "masks), with SR-STE (2102.04010) and NVIDIA's ASP as rivals.", "",
             "## How it was done", "",
             *(f"* {task['title'][0].upper()}{task['title'][1:]}: {task['about']}" for task in figures.tasks.values()),
             "* Patterns go to the matrices of the hidden layers; the first layer of the transformers, embeddings, "
             "norms, biases and the last layer stay dense.",
             f"* Steps: {steps}, at a constant rate. "
             "A fifth of them is dense and a fifth fine-tuning where a recipe has such phases; AutoSwitch's window is a "
             "fifteenth, clipped at 10 % and 50 %; lambda is 2e-4; ASP prunes after half or four fifths of the steps, which "
             "tuning chooses.",
             f"* Each recipe has its own rate at each pattern: the one with the best mean on the validation split over seeds "
             f"{', '.join(map(str, data['tuning']))}, where both neighbours on the ladder of rates are worse. "
             f"Its score on the test split is reported once, over seeds {', '.join(map(str, data['testing']))}. The same seed is the same "
             "initial network and the same batches for every recipe.",
             "* ± is half of a 95 % confidence interval (Student's t, over the seeds); differences are paired by seed, "
             "positive where the first is better. *Not shown* where the interval holds zero.",
             f"* {data['runs']} trainings, {data['seconds'] / 60:.0f} minutes of one core; PyTorch {data['torch']}. "
             "*No scores*: one of the seeds diverges (momentum at the rates that tuning likes best), or was not run; "
             "`scripts/reproduce step` goes on from its file of results.",
             "* The figures behind this page, by seed: [figures.json](step/figures.json).", ""]
    tables = score_tables(figures)
    first, premises = premise(figures)
    second = moments(figures, pictures)
    lines += summary(figures, premises) + tables + first + second
    lines += switches(figures, pictures) + decays(figures) + rivals(figures) + compute(figures, pictures)
    return "\n".join(lines).rstrip("\n") + "\n", pictures
