# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The NumPy form of the recipes, and recipe files."""

import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

import numpy as np

import nm
import nm.numpy
import nm.trace


def setting(rng):
    return {"a.weight": rng.standard_normal((8, 16), dtype=np.float32),
            "a.bias": rng.standard_normal(8, dtype=np.float32)}


class NumpyOptimizer(unittest.TestCase):
    def test_arrays_hold_the_effective_weights(self):
        arrays = setting(np.random.default_rng(1))
        before = arrays["a.weight"].copy()
        optimizer = nm.numpy.Optimizer(arrays, "sr-ste", pattern="2:4")
        mask = optimizer.mask("a.weight")
        self.assertTrue((mask.reshape(-1, 4).sum(axis=1) == 2).all())
        np.testing.assert_array_equal(arrays["a.weight"], before * mask)
        np.testing.assert_array_equal(optimizer.weights("a.weight"), before)
        self.assertTrue(optimizer.mask("a.bias").all())
        report = optimizer.step({"a.weight": arrays["a.weight"].copy()}, lr=0.5)
        self.assertEqual((report.step, report.phase), (1, "sparse"))
        # Adam's first step is the rate times g / (|g| + eps), where g of a dropped weight is lambda w.
        gradient = np.where(mask, before, 2e-4 * before)
        np.testing.assert_allclose(optimizer.weights("a.weight"),
                                   before - 0.5 * gradient / (np.abs(gradient) + 1e-8), atol=1e-6)
        self.assertEqual(optimizer.info("a.bias").steps, 0)

    def test_state_goes_on(self):
        def run(stop):
            arrays = setting(np.random.default_rng(1))
            make = lambda: nm.numpy.Optimizer(
                arrays, {"method": "step", "switch": {"at": 3}, "patterns":
                         {"*.weight": "1:4"}})
            optimizer = make()
            with tempfile.TemporaryDirectory() as folder:
                for t in range(8):
                    if t == stop:
                        optimizer.save(os.path.join(folder, "state"))
                        optimizer = make()
                        optimizer.load(os.path.join(folder, "state"))
                    optimizer.step({name: np.sin(array + t) for name, array in arrays.items()})
            return b"".join(array.tobytes() for array in arrays.values())

        whole = run(None)
        for stop in (0, 2, 3, 5):
            self.assertEqual(run(stop), whole, stop)

    def test_trace(self):
        arrays = setting(np.random.default_rng(1))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "trace.csv")
            optimizer = nm.numpy.Optimizer(
                arrays, {"method": "step", "steps": 20, "switch": {"threshold": 1, "window": 4},
                         "patterns": {"a.weight": "2:4"}}, trace=path)
            for _ in range(6):
                optimizer.step({name: array.copy() for name, array in arrays.items()})
            with open(path, newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            picture = xml.etree.ElementTree.fromstring(nm.trace.draw(*nm.trace.read(path)))
            with open(path, "w", encoding="utf-8") as file:
                file.write("step,phase\n1,dense\n")
            with self.assertRaisesRegex(ValueError, "trace.csv: no column 'observed'"):
                nm.trace.read(path)
        lines = [path.get("d") for path in picture.findall("{http://www.w3.org/2000/svg}path")
                 if path.get("class") is None and path.get("d").count("L") > 1]
        self.assertEqual([line.count("L") + 1 for line in lines], [4, 4, 4])
        texts = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
        self.assertIn("switch after step 4: the mean is below the threshold", texts)
        self.assertEqual([row["step"] for row in rows], list("123456"))
        self.assertEqual([row["phase"] for row in rows], ["dense"] * 4 + ["sparse"] * 2)
        self.assertEqual([row["switched"] for row in rows], list("000100"))
        self.assertEqual(rows[2]["reason"], "the window is not full")
        self.assertEqual(rows[3]["reason"], "the mean is below the threshold")
        self.assertEqual(optimizer.switched_at, 4)

    def test_bad_input(self):
        rng = np.random.default_rng(1)
        with self.assertRaisesRegex(nm.Error, "'a.weight' is float64, expected an array of float32"):
            nm.numpy.Optimizer({"a.weight": np.zeros((4, 4))}, "sr-ste", pattern="2:4")
        with self.assertRaisesRegex(nm.Error, "not row-major"):
            nm.numpy.Optimizer({"a": np.zeros((4, 8), np.float32)[:, ::2]}, "sr-ste")
        with self.assertRaisesRegex(nm.Error, "dimension 1 is 16, expected a multiple of 5"):
            nm.numpy.Optimizer(setting(rng), "sr-ste", pattern="2:5")
        with self.assertRaisesRegex(nm.Error, "both `pattern` and the recipe's patterns"):
            nm.numpy.Optimizer(setting(rng), {"method": "asp", "patterns": {"*": "2:4"}},
                               pattern="2:4")
        optimizer = nm.numpy.Optimizer(setting(rng), "sr-ste", pattern="2:4")
        with self.assertRaisesRegex(nm.Error, "a gradient of 'b', which is no parameter"):
            optimizer.step({"b": np.zeros(3)})
        with self.assertRaisesRegex(nm.Error, "has shape"):
            optimizer.step({"a.bias": np.zeros(7)})
        with self.assertRaisesRegex(TypeError, "unexpected rate 'rl'"):
            optimizer.step({}, rl=1)


#: Saves the state of one step and of two in turn, until it is killed.
SAVER = """
import sys
import numpy as np
import nm.numpy
path = sys.argv[1]
optimizers = []
for steps in (1, 2):
    arrays = {"w": np.arange(1 << 18, dtype=np.float32).reshape(512, 512)}
    optimizers.append(nm.numpy.Optimizer(arrays, "sr-ste", pattern="2:4"))
    for _ in range(steps):
        optimizers[-1].step({"w": np.ones((512, 512), np.float32)})
while True:
    for optimizer in optimizers:
        optimizer.save(path)
        print("saved", flush=True)
"""


class Killed(unittest.TestCase):
    def test_a_killed_save_leaves_a_whole_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "state")
            for delay in range(6):
                saver = subprocess.Popen([sys.executable, "-c", SAVER, path], text=True,
                                         stdout=subprocess.PIPE)
                with saver:
                    for _ in range(2 + delay):
                        self.assertEqual(saver.stdout.readline(), "saved\n")
                    time.sleep(delay * 0.0007)
                    saver.send_signal(signal.SIGKILL)
                arrays = {"w": np.zeros((512, 512), np.float32)}
                loaded = nm.numpy.Optimizer(arrays, "sr-ste", pattern="2:4")
                loaded.load(path)
                self.assertIn(loaded._training.steps_done, (1, 2))


class Recipes(unittest.TestCase):
    def test_files(self):
        recipe = nm.Recipe("step", steps=100, lambda_=2e-4, patterns={"*.weight": "2:4"})
        self.assertEqual(recipe["lambda"], 2e-4)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "r.json")
            recipe.save(path)
            self.assertEqual(nm.Recipe.load(path), recipe)
            with open(path, "w", encoding="utf-8") as file:
                file.write('{"version": 1, "method": "dense", "method": "asp"}')
            with self.assertRaisesRegex(nm.Error, "r.json: recipe: duplicate key 'method'"):
                nm.Recipe.load(path)
        with self.assertRaisesRegex(nm.Error, "field 'lamda': found an unknown field"):
            nm.Recipe("sr-ste", lamda=1)
        with self.assertRaisesRegex(nm.Error, "version 2, expected 1"):
            nm.Recipe.of({"version": 2, "method": "dense"})


if __name__ == "__main__":
    unittest.main()
