# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""STEP (arXiv 2302.01172), the decaying masks (2209.07617) and their rivals on small real tasks.

Makes the runs that are missing (step_runs.py), gathers their figures, and writes the page, its charts
and the figures (step_page.py).
"""

import argparse
import filecmp
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
import step_page  # noqa: E402 (it needs the package there)

COMMITTED = ROOT / "docs" / "reproduction"


def rounded(value, digits=6):
    """Numbers as they are kept: few digits, whole ones as such."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {key: rounded(entry, digits) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry, digits) for entry in value]
    return value


def gather(results, plans):
    """What the page needs of the runs that are there."""
    import step_runs
    import torch

    used = set()

    def get(task, case, steps):
        found = results.found(task, case, steps)
        if found is None:
            raise step_runs.Missing
        used.add(results.key(task, case, steps))
        return found

    def of(cell):
        try:
            return True, cell.result(get)
        except step_runs.Missing:
            return False, None

    tasks = {}
    for plan in plans:
        task = plan.task
        entry = {"title": task.title, "about": " ".join(task.__doc__.split()), "score_name": task.score_name,
                 "better": task.better, "digits": task.digits, "steps": plan.steps, "patterns": plan.patterns,
                 "optimizers": plan.optimizers, "recipes": list(plan.recipes()), "products": task.products,
                 "excluded": {}, "cells": {}, "sweeps": {}, "moments": {}}
        for optimizer in plan.optimizers:
            for recipe in plan.recipes():
                for pattern in plan.patterns:
                    why = step_runs.fits(recipe, pattern, optimizer)
                    if why:
                        entry["excluded"][f"{optimizer} | {recipe} | {pattern}"] = why
            for (recipe, pattern), cell in step_runs.cells(plan, optimizer).items():
                made, result = of(cell)
                if made:
                    entry["cells"][f"{optimizer} | {recipe} | {pattern or '-'}"] = result
        for kind, name in ((step_runs.Sweep, "sweeps"), (step_runs.Moments, "moments")):
            for cell in step_runs.extras(plan, kind):
                made, result = of(cell)
                entry[name][cell.pattern] = result if made else None
        tasks[task.name] = rounded(entry)
    return {"torch": torch.__version__, "tuning": list(plans[0].tuning), "testing": list(plans[0].testing),
            "runs": len(used), "seconds": round(sum(results.seconds[key] for key in used)), "tasks": tasks}


def written(value, depth=0):
    """JSON with a line for each cell."""
    if isinstance(value, dict) and depth < 4 and value:
        inner = ",\n".join(f"{' ' * (depth + 1)}{json.dumps(key)}: {written(entry, depth + 1)}"
                           for key, entry in value.items())
        return "{\n" + inner + "\n" + " " * depth + "}"
    return json.dumps(value)


def write(data, folder, quick):
    """The page, its charts and its figures."""
    data = json.loads(written(data))  # what is read back is what is written
    text, pictures = step_page.page(step_page.Figures(data), quick)
    charts = folder / "step"
    shutil.rmtree(charts, ignore_errors=True)
    charts.mkdir(parents=True)
    (charts / "figures.json").write_text(written(data) + "\n", encoding="utf-8")
    for name, picture in pictures.items():
        (charts / name).write_text(picture, encoding="utf-8")
    (folder / "step.md").write_text(text, encoding="utf-8")


def differences(made):
    """Names that differ between `made` and the committed page."""
    def names(folder):
        return {str(path.relative_to(folder)) for path in [folder / "step.md", *(folder / "step").glob("*")]
                if path.exists()}
    ours, theirs = names(made), names(COMMITTED)
    return sorted((ours ^ theirs) | {name for name in ours & theirs
                                     if not filecmp.cmp(made / name, COMMITTED / name, shallow=False)})


def check():
    """The committed page is what its committed figures say."""
    data = json.loads((COMMITTED / "step" / "figures.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        write(data, Path(folder), False)
        changed = differences(Path(folder))
    if changed:
        sys.exit("error: docs/reproduction is not what step/figures.json says: " + ", ".join(changed)
                 + "; run scripts/reproduce step and commit it")
    print("the page is what its figures say")


def positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found '{text}', expected a positive number")
    return int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few recipes, patterns, seeds and steps")
    parser.add_argument("--check", action="store_true", help="only compares the committed page with its figures")
    parser.add_argument("--page", action="store_true", help="writes the page of the runs that are there")
    parser.add_argument("--jobs", type=positive, help="runs at a time (default: all processors)")
    parser.add_argument("--output", type=Path, help="default: docs/reproduction")
    parser.add_argument("--results", type=Path, help="default: build/reproduction/step.jsonl")
    arguments = parser.parse_args()
    if arguments.check:
        if len(sys.argv) > 2:
            parser.error("--check compares what is committed and takes no other option")
        return check()
    if arguments.page and arguments.jobs:
        parser.error("--page makes no runs, of which --jobs could do several at a time")
    quick = arguments.quick
    if quick and not arguments.output:
        sys.exit("error: --quick gives no figures for the page; name another folder with --output")

    import step_runs
    import step_tasks
    output = arguments.output or COMMITTED
    path = arguments.results or (output / "step.jsonl" if quick else Path("build/reproduction/step.jsonl"))
    for folder in (path.parent, output):
        folder.mkdir(parents=True, exist_ok=True)
    plans = [step_runs.Plan(task, quick) for task in step_tasks.TASKS]
    if not arguments.page:
        step_runs.make_all(path, plans, arguments.jobs or len(os.sched_getaffinity(0)))
    write(gather(step_runs.Results(path), plans), output, quick)
    print(f"{output / 'step.md'} written")


if __name__ == "__main__":
    main()
