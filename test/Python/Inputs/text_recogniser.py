# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The parts of examples/text-recogniser, on a small network in place of the one it fetches."""

import itertools
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.join(os.environ["NM_SOURCE"], "examples", "text-recogniser"))
import lines
import network
import train

CLASSES, WIDTH = 98, 120


def small(path):
    """A network of the recogniser's operators: convolutions, hard swish, a pooled gate, attention's shapes."""
    rng = np.random.default_rng(3)
    nodes, made = [], itertools.count()

    def constant(array, name=None):
        name = name or f"c{next(made)}"
        nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(array), name)))
        return name

    def weight(*shape):
        return constant((rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 1)).astype(np.float32),
                        f"w.{next(made)}")

    def op(kind, *operands, **attributes):
        result = f"v{next(made)}"
        nodes.append(helper.make_node(kind, list(operands), [result], **attributes))
        return result

    def swish(x):
        """Hard swish as the file writes it."""
        three, six = constant(np.float32(3)), constant(np.float32(6))
        return op("Div", op("Mul", x, op("Clip", op("Add", x, three), min=0.0, max=6.0)), six)

    def conv(x, out, given, size=1, strides=(1, 1), group=1, bias=True):
        operands = [x, weight(out, given // group, size, size)] + ([weight(out)] if bias else [])
        return op("Conv", *operands, kernel_shape=[size, size], strides=list(strides), group=group,
                  pads=[size // 2] * 4, dilations=[1, 1])

    x = conv("x", 16, 3, 3, (2, 2), bias=False)
    variance = constant(np.full(16, 0.5, np.float32), "variance")
    x = op("BatchNormalization", x, weight(16), weight(16), constant(np.zeros(16, np.float32), "mean"), variance,
           epsilon=1e-5)
    x = swish(conv(x, 16, 16, 3, (1, 1), 16))
    x = swish(conv(x, 32, 16))
    gate = op("Relu", conv(op("GlobalAveragePool", x), 8, 32))
    x = op("Mul", x, op("HardSigmoid", conv(gate, 32, 8), alpha=0.2, beta=0.5))
    x = swish(conv(x, WIDTH, 32, bias=False))
    x = op("AveragePool", x, kernel_shape=[24, 2], strides=[24, 2], pads=[0, 0, 0, 0])
    x = op("Transpose", op("Squeeze", x, axes=[2]), perm=[0, 2, 1])
    mean = op("ReduceMean", x, axes=[-1], keepdims=1)
    x = op("Sub", x, mean)
    x = op("Div", x, op("Sqrt", op("Add", op("ReduceMean", op("Pow", x, constant(np.float32(2))), axes=[-1],
                                              keepdims=1), constant(np.float32(1e-5)))))
    x = op("Mul", x, op("Sigmoid", x))
    x = op("Add", op("MatMul", x, weight(WIDTH, WIDTH)), weight(WIDTH))
    x = op("Add", op("MatMul", x, weight(WIDTH, CLASSES)), weight(CLASSES))
    op("Softmax", x, axis=2)
    graph = helper.make_graph(nodes, "small", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 48, "w"])],
                              [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=8)
    onnx.save(model, str(path))


def nm_run(*arguments):
    return subprocess.run(["nm-run", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


class Network(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        small(self.folder / "small.onnx")
        self.network = network.Recogniser(self.folder / "small.onnx")
        self.x = np.random.default_rng(0).standard_normal((2, 3, 48, 32)).astype(np.float32)
        np.save(self.folder / "x.npy", self.x)

    def test_torch_and_nm_say_the_same(self):
        self.network.save(self.folder / "saved.onnx")
        with torch.no_grad():
            expected = self.network(torch.from_numpy(self.x))[2].softmax(2).numpy()
        self.assertEqual(expected.shape, (2, 8, CLASSES))
        nm_run(self.folder / "saved.onnx", "--input", self.folder / "x.npy", "--output", self.folder / "y.npy")
        np.testing.assert_allclose(np.load(self.folder / "y.npy"), expected, rtol=1e-4, atol=1e-6)
        again = network.Recogniser(self.folder / "saved.onnx")
        with torch.no_grad():
            np.testing.assert_allclose(again(torch.from_numpy(self.x))[2].softmax(2).numpy(), expected, rtol=1e-4,
                                       atol=1e-6)

    def test_what_is_pruned(self):
        shapes = [(tuple(weight.shape), axis) for _, weight, axis in self.network.prunable()]
        self.assertEqual(shapes, [((32, 16, 1, 1), 1), ((8, 32, 1, 1), 1), ((32, 8, 1, 1), 1),
                                  ((WIDTH, 32, 1, 1), 1), ((WIDTH, WIDTH), 0), ((WIDTH, CLASSES), 0)])

    def test_tuned_weights_run_sparse(self):
        for method in ("step", "sr-ste"):
            torch.manual_seed(0)
            steps = 10
            optimizer = train.optimizer_of(self.network, method, "2:4", 1e-3, steps)
            for _ in range(steps):
                optimizer.zero_grad()
                self.network(torch.from_numpy(self.x))[2].square().mean().backward()
                optimizer.step()
            self.network.save(self.folder / "tuned.onnx")
            table = json.loads(self.inspected())["tensors"]
            patterns = {entry["name"]: entry["pattern"] for entry in table if "pattern" in entry}
            for name, weight, axis in self.network.prunable():
                groups = weight.detach().movedim(axis, -1).reshape(-1, 4)
                self.assertLessEqual(int((groups != 0).sum(1).max()), 2)
                self.assertEqual((patterns[name]["n"], patterns[name]["m"]), (2, 4), name)
            report = nm_run(self.folder / "tuned.onnx", "--input", self.folder / "x.npy", "--report")
            self.assertEqual(len(re.findall(r"\b2:4 axis \d", report)), len(self.network.prunable()))

    def inspected(self):
        subprocess.run(["nm-inspect", self.folder / "tuned.onnx", "--json", self.folder / "tuned.json"], check=True,
                       capture_output=True)
        return (self.folder / "tuned.json").read_text(encoding="utf-8")

    def test_pruned_in_one_shot_keeps_the_largest(self):
        before = {name: weight.detach().clone() for name, weight, _ in self.network.prunable()}
        for blocks in (False, True):
            after = train.pruned(self.folder / "small.onnx", "2:4", blocks)
            for name, weight, axis in after.prunable():
                old = before[name].movedim(axis, -1).reshape(-1, 4)
                new = weight.detach().movedim(axis, -1).reshape(-1, 4)
                kept = torch.zeros_like(old).scatter_(1, old.abs().topk(2, 1).indices, 1)
                if blocks and tuple(weight.shape) != (WIDTH, WIDTH):
                    kept.fill_(1)
                self.assertTrue(torch.equal(new, old * kept), name)

    def test_foreign_models_are_refused(self):
        model = onnx.load(str(self.folder / "small.onnx"))
        model.graph.node[-1].op_type = "LogSoftmax"
        onnx.save(model, str(self.folder / "other.onnx"))
        with self.assertRaisesRegex(ValueError, "ends in LogSoftmax, expected PP-OCRv4's recogniser"):
            network.Recogniser(self.folder / "other.onnx")


class Texts(unittest.TestCase):
    def test_distance(self):
        """Against the definition: the shortest of all ways."""
        def slow(a, b):
            if not a or not b:
                return len(a) + len(b)
            return min(slow(a[1:], b) + 1, slow(a, b[1:]) + 1, slow(a[1:], b[1:]) + (a[0] != b[0]))
        source = random.Random(5)
        for _ in range(200):
            a, b = ("".join(source.choice("abc") for _ in range(source.randrange(6))) for _ in range(2))
            self.assertEqual(lines.distance(a, b), slow(a, b), (a, b))

    def test_ctc(self):
        with tempfile.TemporaryDirectory() as folder:
            keys = Path(folder) / "keys.txt"
            keys.write_text("a\nb\nc", encoding="utf-8")
            alphabet = lines.Alphabet(keys)
        self.assertEqual(alphabet.read([0, 1, 1, 0, 1, 2, 2, 4, 3, 0]), "aab c")
        self.assertEqual(alphabet.read([0, 0]), "")
        self.assertEqual(lines.errors(["a b", "xy"], ["ab", "x"]), [(0, 2), (1, 1)])

    def test_parts_share_no_font_and_no_text(self):
        for one, other in itertools.combinations(lines.PARTS.values(), 2):
            self.assertFalse(set(one[0]) & set(other[0]))
            self.assertFalse(set(one[1]) & set(other[1]))

    def test_lines_repeat_by_seed_and_fit(self):
        one, other = lines.Lines("validation", 4), lines.Lines("validation", 4)
        clean, soiled, texts = one.batch(5)
        again = other.batch(5)
        np.testing.assert_array_equal(soiled, again[1])
        self.assertEqual(texts, again[2])
        self.assertNotEqual(texts, lines.Lines("validation", 5).batch(5)[2])
        self.assertEqual(clean.shape, (5, 3, lines.HEIGHT, lines.WIDTH))
        # Nothing is cut: the last columns are paper.
        self.assertTrue((clean[:, :, :, -1] == 1).all())


if __name__ == "__main__":
    unittest.main()
