# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""If whose condition only the call knows against NumPy: random ones, and forms by hand, each with both conditions.

Models are translated once, so that the code is made before anybody knows the condition, and run with each of them.

usage: branches.py FOLDER [REGEX]
"""

import os
import re
import subprocess
import sys

import numpy

from loopgraphs import Body, Drawer, evaluate
from oneop import difference
from onnxfile import graph, model, node, value

F = numpy.float32


def written(attributes):
    return {k: {"graph": v.proto()} if isinstance(v, Body) else v for k, v in attributes.items()}


class Case:
    """Nodes as (op, inputs, outputs, attributes) over named inputs; `yes` is the condition."""

    def __init__(self, inputs, nodes, outputs, shapes=None):
        self.inputs, self.nodes, self.outputs, self.shapes = inputs, nodes, outputs, shapes or {}

    def reference(self, arrays):
        names = dict(arrays)
        for op, inputs, outputs, attributes in self.nodes:
            names.update(zip(outputs, evaluate(op, [names[i] for i in inputs], attributes, names, len(outputs))))
        return [names[n] for n in self.outputs]

    def proto(self, wanted):
        return graph(
            [node(op, i, o, o[0], **written(a)) for op, i, o, a in self.nodes],
            [value(n, str(x.dtype), self.shapes.get(n, x.shape)) for n, x in self.inputs.items()],
            [value(n, str(x.dtype), [None] * x.ndim) for n, x in zip(self.outputs, wanted)])


def run(name, case):
    inputs = {n: numpy.asarray(x) for n, x in case.inputs.items()}
    with open(f"{name}.onnx", "wb") as out:
        out.write(model(case.proto(case.reference(inputs)), opset=17))
    done = subprocess.run(["nm-translate", "--import-onnx", f"{name}.onnx", "-o", f"{name}.mlir"], capture_output=True, text=True)
    if done.returncode:
        return f"{name}: {done.stderr[-500:]}"
    for options in ([], ["--reference"]):
        for yes in (True, False):
            inputs["yes"] = numpy.full(inputs["yes"].shape, yes)
            wanted = case.reference(inputs)
            command = ["nm-run", f"{name}.mlir", "--threads=1", *options]
            for n, x in inputs.items():
                numpy.save(f"{name}_{n}.npy", x)
                command.append(f"--input={n}={name}_{n}.npy")
            command += [f"--output={name}_out{i}.npy" for i in range(len(wanted))]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                return f"{name}, {yes}: {done.stderr[-500:]}"
            for i, x in enumerate(wanted):
                if wrong := difference(numpy.load(f"{name}_out{i}.npy"), x):
                    return f"{name}, {yes}: result {i}: {wrong}"
    return None


def branch(build, outputs, prefix):
    """`build` gives the names of the outputs, which are (dtype, shape)."""
    made = Body(prefix)
    names = build(made)
    made.outputs = [(n, d, s) for n, (d, s) in zip(names, outputs)]
    return made


def choice(inputs, yes, no, outputs, shapes=None, behind=()):
    """One If over `inputs`, and nodes behind it that read r0, r1 and so on."""
    results = [f"r{i}" for i in range(len(outputs))]
    both = {"then_branch": branch(yes, outputs, "t"), "else_branch": branch(no, outputs, "e")}
    nodes = [("If", ["yes"], results, both), *behind]
    return Case({"yes": numpy.array([True]), **inputs}, nodes, results + [o for n in behind for o in n[2]], shapes)


def floats(*shape, seed=3):
    return numpy.random.default_rng(seed).uniform(-1, 1, shape).astype(F)


def random_case(seed):
    drawer = Drawer(seed)
    shapes = [tuple(int(k) for k in drawer.n.integers(1, 6, drawer.n.integers(3))) for _ in range(3)]
    inputs = {f"x{i}": drawer.floats(s) for i, s in enumerate(shapes)}
    known = [(n, x.shape) for n, x in inputs.items()]
    outputs = [("float32", drawer.pick(shapes)) for _ in range(drawer.n.integers(1, 4))]

    def build(body):
        body.step = None
        own = list(known)
        if drawer.chance(0.4):
            drawer.nested(body, own, shapes, 1)
        return [body.add("Identity", [drawer.term(body, own, s, 3)]) for _, s in outputs]

    return choice(inputs, build, build, outputs)


def open_sizes():
    """Branches of two lengths, one of which the call tells; what reads the result reads its size, too."""
    inputs = {"x": floats(3, 4), "y": floats(2, 4)}
    return choice(
        inputs, lambda b: [b.add("Concat", ["x", "y"], axis=0)], lambda b: [b.add("Neg", ["y"])], [("float32", (None, 4))],
        {"x": ["n", 4], "y": ["m", 4]}, [("Add", ["r0", "r0"], ["s"], {}), ("Concat", ["r0", "x"], ["c"], {"axis": 0})])


def fixed_sizes():
    """Branches of two lengths that the model tells."""
    return choice({"x": floats(3, 4), "w": floats(4, 5)}, lambda b: [b.add("Concat", ["x", "x"], axis=0)], lambda b: [b.add("Neg", ["x"])],
                  [("float32", (None, 4))], behind=[("MatMul", ["r0", "w"], ["p"], {})])


def from_data():
    """One length is computed from data: how many elements are not zero."""
    return choice({"x": numpy.array([0, 2, 0, 3, 4], F)}, lambda b: [b.add("NonZero", ["x"])],
                  lambda b: [b.constant(numpy.array([[7, 8]]))], [("int64", (1, None))],
                  behind=[("Add", ["r0", "r0"], ["s"], {})])


def outside():
    """A branch hands on what is there, or does not read anything."""
    return choice({"x": floats(3), "y": floats(3)}, lambda b: [b.add("Identity", ["x"]), b.add("Identity", ["y"])],
                  lambda b: [b.add("Add", ["x", "y"]), b.constant(F([5, 6, 7]))], [("float32", (3,))] * 2)


def shapes():
    """Whole numbers that are a shape: the result of a Reshape behind has open sizes."""
    return choice({"x": floats(2, 6)}, lambda b: [b.constant(numpy.array([3, 4]))], lambda b: [b.constant(numpy.array([4, 3]))],
                  [("int64", (2,))], behind=[("Reshape", ["x", "r0"], ["s"], {})])


def deep():
    """An If in each branch of an If, whose results go through both."""
    def inner(build, sign):
        def make(b):
            test = b.add("Less", [b.add("ReduceSum", ["x"], keepdims=0), b.constant(F(sign))])
            return [b.add("If", [test], then_branch=branch(lambda c: [c.add("Neg", ["x"])], [("float32", (4,))], "i" + build),
                          else_branch=branch(lambda c: [c.add("Tanh", ["y"])], [("float32", (4,))], "j" + build))]
        return make

    return choice({"x": floats(4), "y": floats(4, seed=4)}, inner("a", 9), inner("b", -9), [("float32", (4,))],
                  behind=[("Mul", ["r0", "x"], ["s"], {})])


def alike():
    """Branches that compute the same."""
    return choice({"x": floats(4)}, lambda b: [b.add("Neg", ["x"])], lambda b: [b.add("Neg", ["x"])], [("float32", (4,))])


def negative():
    """A size of the branch that is not taken would be negative."""
    def slice_of(rows):
        return lambda b: [b.add("Slice", ["x", b.constant(numpy.array([rows])), b.constant(numpy.array([99])), b.constant(numpy.array([0]))])]

    return choice({"x": floats(2, 3)}, slice_of(1), slice_of(7), [("float32", (None, 3))], {"x": ["n", 3]})


CASES = {f"random_{seed}": lambda seed=seed: random_case(seed) for seed in range(24)} | {
    f.__name__: f for f in (open_sizes, fixed_sizes, from_data, outside, shapes, deep, alike, negative)}

if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    if len(sys.argv) > 2:
        CASES = {n: f for n, f in CASES.items() if re.search(sys.argv[2], n)}
    failures = [why for why in (run(n, f()) for n, f in CASES.items()) if why]
    for why in failures:
        print(why)
    print(f"{len(CASES)} cases, {len(failures)} failures")
