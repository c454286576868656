# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How the reproduction of STEP tunes, keeps its runs, and what its page may say."""

import json
import math
import os
import statistics
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, os.path.join(os.environ["NM_SOURCE"], "scripts", "lib"))
import reproduce_step
import step_page
import step_runs
import step_tasks


class Tuning(unittest.TestCase):
    def tuned(self, score, kind=step_tasks.Digits, name="SR-STE"):
        """What tuning finds where a training scores score(recipe, place of the rate), and the trainings."""
        seen = []

        def get(task, case, steps):
            self.assertEqual(case["split"], "validation")
            self.assertIn(case["seed"], step_runs.TUNING)
            place = task.rates["adam"].index(case["rate"])
            key = (json.dumps(case["recipe"]), place, case["seed"])
            self.assertNotIn(key, seen, "a run was asked for twice")
            seen.append(key)
            return {"score": score(case["recipe"], place)}

        found = step_runs.Cell(step_runs.Plan(kind, False), "adam", name, "1:4").tuned(get)
        return found, {(recipe, place) for recipe, place, _ in seen}

    def test_goes_on_until_both_neighbours_are_worse(self):
        for kind in (step_tasks.Digits, step_tasks.Language):
            rates = kind.rates["adam"]
            for top in range(len(rates)):
                found, seen = self.tuned(lambda recipe, place: -kind.better * abs(place - top), kind)
                self.assertEqual(found[2], rates[top])
                self.assertEqual(found[3], top in (0, len(rates) - 1))
                places = {place for _, place in seen}
                self.assertLessEqual({top - 1, top + 1} & set(range(len(rates))), places)

    def test_rates_that_diverge_are_worst(self):
        found, _ = self.tuned(lambda recipe, place: None if place > 3 else 50 + place)
        self.assertEqual(found[2], step_tasks.Digits.rates["adam"][3])
        self.assertIsNone(self.tuned(lambda recipe, place: None)[0])

    def test_chooses_among_the_forms_of_a_recipe(self):
        late, early = step_runs.recipes(step_tasks.Digits.steps)["ASP"]
        for best in (late, early):
            found, seen = self.tuned(lambda recipe, place: (recipe == best) - abs(place - 3), name="ASP")
            self.assertEqual(found[1], best)
            self.assertEqual(len({recipe for recipe, _ in seen}), 2)


class Runs(unittest.TestCase):
    def test_recipes_are_recipes(self):
        import nm
        for steps in (15, 60, 600, 1500):
            for name, forms in step_runs.recipes(steps).items():
                for form in forms:
                    if form is not None:
                        nm.Recipe(**form)

    def test_file_with_cut_and_foreign_lines(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "runs.jsonl"
            case = {"recipe": None}
            key = step_runs.Results.key(step_tasks.Digits, case, 10)
            entry = json.dumps({"key": key, "seconds": 1.0, "result": {"score": 2.0}})
            path.write_text("no JSON\n" + entry + '\n{"key": "cut', encoding="utf-8")
            results = step_runs.Results(path, writable=True)
            self.assertEqual(results.found(step_tasks.Digits, case, 10), {"score": 2.0})
            self.assertIsNone(results.found(step_tasks.Digits, case, 11))
            results.append(entry.replace(key, "other") + "\n")
            results.refresh()
            self.assertEqual(results.known["other"], {"score": 2.0})
            with self.assertRaises(SystemExit):
                step_runs.Results(path, writable=True)

    def test_products_are_those_of_the_network(self):
        """Multiply-adds of matrices, counted where they run."""
        import torch
        for kind in step_tasks.TASKS:
            task = kind() if kind is not step_tasks.Lines else kind((40, 2, 2))
            torch.manual_seed(0)
            network = task.network()
            masked = {id(weight) for weight in task.masked(network)}
            counts = [0, 0]

            def count(module, given, _):
                rows = given[0].numel() // module.in_features
                counts[id(module.weight) not in masked] += rows * module.weight.numel()

            for module in network.modules():
                if isinstance(module, torch.nn.Linear):
                    module.register_forward_hook(count)
            task.loss(network, torch.Generator().manual_seed(0))
            attention = 0
            for block in getattr(network, "blocks", []):
                attention += task.lines * 2 * task.tokens ** 2 * block.out.in_features
            self.assertEqual(task.products, (counts[0], counts[1] + attention))

    def test_second_moments(self):
        """A run is like itself; masks change more than nothing, and both runs see the same batches."""
        task = step_tasks.Digits()
        case = {"kind": "moments", "optimizer": "adam", "recipe": None, "pattern": None, "rate": 1e-3, "seed": 3}
        for entry in step_runs.second_moments(task, case, 20)["moments"]:
            self.assertEqual([entry[key] for key in ("mean", "kept", "dropped", "distance", "factor")],
                             [1, 1, None, 0, 1])
            self.assertGreater(entry["distance_batches"], 0)
        masked = {**case, "recipe": {"method": "sr-ste"}, "pattern": "1:4"}
        found = step_runs.second_moments(task, masked, 20)["moments"]
        self.assertEqual([entry["step"] for entry in found], list(range(2, 21, 2)))
        for entry in found:
            self.assertGreater(entry["distance"], 0)
            self.assertGreaterEqual(entry["factor"], 1)
            # One weight of four is kept: the mean of all is that of both kinds, weighted by the dense run's.
            low, high = sorted((entry["kept"], entry["dropped"]))
            self.assertTrue(low <= entry["mean"] <= high)

    def test_sweep_asks_for_each_switch_at_the_tuned_rate(self):
        plan = step_runs.Plan(step_tasks.Digits, False)
        asked = []

        def get(task, case, steps):
            if case["split"] == "validation":
                return {"score": 50 - abs(task.rates["adam"].index(case["rate"]) - 4)}
            asked.append(case)
            return {"score": 90, "switched_at": case["recipe"]["switch"].get("at", 77)}

        found = step_runs.Sweep(plan, "1:8").result(get)
        self.assertEqual({case["rate"] for case in asked}, {step_tasks.Digits.rates["adam"][4]})
        self.assertEqual([row["at"][0] for row in found["rows"].values()], [75, 150, 300, 450, 750, 1200, 77, 77])
        self.assertEqual(len(asked), 8 * len(step_runs.TESTING))

    def test_everything_is_planned_once(self):
        plans = [step_runs.Plan(task, False) for task in step_tasks.TASKS]
        places = [(type(cell).__name__, cell.plan.task.name, getattr(cell, "optimizer", ""), getattr(cell, "name", ""),
                   cell.pattern) for cell in step_runs.everything(plans)]
        self.assertEqual(len(places), len(set(places)))
        cells = [place for place in places if place[0] == "Cell"]
        # Dense, then eight recipes at four patterns under Adam and six under momentum, of which the geometric decay
        # has no groups at 1:16.
        self.assertEqual(len(cells), 3 * ((1 + 8 * 4 - 1) + (1 + 6 * 4 - 1)))

    def test_parts_share_nothing(self):
        text = bytes(range(256)) * 40
        parts = step_tasks.in_parts(text, 512)
        self.assertEqual([len(parts[name]) for name in ("train", "validation", "test")], [16, 2, 2])
        self.assertEqual(sum(map(len, parts.values())), len(text) // 512)


class Page(unittest.TestCase):
    def test_intervals(self):
        random = np.random.default_rng(0)
        for count in range(2, 11):
            values = random.normal(3, 2, count).tolist()
            low, high = stats.t.interval(0.95, count - 1, statistics.fmean(values), stats.sem(values))
            mean, half = step_page.interval(values)
            self.assertAlmostEqual(mean - half, low, places=3)
            self.assertAlmostEqual(mean + half, high, places=3)
        self.assertEqual(step_page.interval([1.0]), (1.0, math.inf))

    def test_words_follow_the_interval(self):
        for values, word in (([1, 1.1, 0.9], "**better**"), ([-1, -1.1, -0.9], "**worse**"),
                             ([1, -1, 0.5], "not shown"), ([1], "not shown")):
            self.assertTrue(step_page.signed(values, 2).endswith(": " + word), values)
        self.assertEqual(step_page.tally([("a", [1, 1.01, 1.02]), ("b", [-1, 1]), ("c", None), ("d", [-1, -1.01, -1.02])]),
                         "shown in 1 of 4 (a), the contrary in 1 (d), 1 neither, 1 without scores")

    def test_a_lower_loss_is_better(self):
        data = {"tasks": {"t": {"better": -1, "digits": 1, "cells": {
            "adam | STEP | 1:4": {"scores": [1.0, 1.1, 1.2]},
            "adam | SR-STE | 1:4": {"scores": [2.0, 2.0, 2.2]}, "adam | ASP | 1:4": None}}}}
        figures = step_page.Figures(data)
        self.assertTrue(figures.difference("t", ("adam", "STEP", "1:4"), ("adam", "SR-STE", "1:4"))
                        .startswith("+1.0 ± "))
        self.assertEqual(figures.difference("t", ("adam", "STEP", "1:4"), ("adam", "ASP", "1:4")), "no scores")
        self.assertEqual(figures.cell("t", "adam", "STEP", "1:8"), "not run")

    def test_figures_survive_their_file(self):
        data = {"tasks": {"t": {"cells": {"a": {"scores": [1.5, None], "form": {"x": {"y": 1}}}}}}}
        self.assertEqual(json.loads(reproduce_step.written(data)), data)
        self.assertEqual(reproduce_step.rounded({"a": [1.23456789, 2, None, "x"]}), {"a": [1.23457, 2, None, "x"]})


if __name__ == "__main__":
    unittest.main()
