# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random spellings of norms, softmax and activations in linalg, against float64.

A form is written as a graph of scalar operations and row reductions, in one of the ways in which exporters and
papers write it. Each node becomes an operation of its own or a part of the bodies that read it, at random.
Some forms are changed so that they are something else; those must keep their spelling, or get the name of
what they are. Values of all of them are compared with float64, by the graph for what has no name and by the
papers' formulas for what has one.
"""

import argparse
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

_erf = np.vectorize(math.erf, otypes=[np.float64])
BINARY = {"addf": np.add, "subf": np.subtract, "mulf": np.multiply, "divf": np.divide}
UNARY = {"math.exp": np.exp, "math.erf": _erf, "math.tanh": np.tanh, "math.sqrt": np.sqrt,
         "math.rsqrt": lambda x: 1 / np.sqrt(x), "arith.negf": np.negative}
NAMES = re.compile(r"layer\.\w+|linalg\.softmax")


class Node:
    def __init__(self, kind, operands, space, value):
        self.kind, self.operands, self.space, self.value = kind, operands, space, value
        self.whole = False  # an operation of its own


class Graph:
    """Spaces: 'full' is [rows, cols], 'row' one number a row, 'vector' one a column, 'one' a constant."""

    def __init__(self, rng):
        self.rng = rng
        self.rows = [int(n) for n in rng.choice([1, 2, 3, 5], size=int(rng.integers(1, 3)))]
        self.cols = int(rng.choice([2, 3, 8, 17, 40]))
        self.arguments = []

    def chance(self, p):
        return self.rng.random() < p

    def pick(self, options):
        return options[int(self.rng.integers(len(options)))]

    def leaf(self, space="full", spread=1.0, middle=0.0):
        shape = [*self.rows, self.cols] if space == "full" else [self.cols]
        node = Node("leaf", [], space, (middle + spread * self.rng.standard_normal(shape)).astype(np.float32))
        node.argument = node.value
        node.value = node.value.astype(np.float64)
        node.whole = True
        self.arguments.append(node)
        return node

    def constant(self, value):
        return Node("constant", [], "one", float(np.float32(value)))

    def spread(self, node):
        return node.value[..., None] if node.space == "row" else node.value

    def apply(self, kind, *operands):
        operands = [o if isinstance(o, Node) else self.constant(o) for o in operands]
        if kind in ("addf", "mulf") and self.chance(0.5):
            operands.reverse()
        spaces = {o.space for o in operands} - {"one"}
        space = spaces.pop() if len(spaces) == 1 else "full"
        values = [self.spread(o) if space == "full" else o.value for o in operands]
        function = {**BINARY, **UNARY, "powf": np.power}[kind]
        node = Node(kind, operands, space, function(*values))
        node.whole = self.chance(0.4)
        return node

    def reduce(self, kind, node):
        result = Node(kind, [node], "row", (np.sum if kind == "sum" else np.max)(node.value, axis=-1))
        result.whole = True
        return result

    # Spellings of steps.
    def mean(self, x):
        way = self.pick(["after", "times", "before"])
        if way == "before":
            return self.reduce("sum", self.apply("mulf", x, 1 / self.cols))
        total = self.reduce("sum", x)
        return self.apply("divf", total, self.cols) if way == "after" else self.apply("mulf", total, 1 / self.cols)

    def square(self, x):
        return self.apply("powf", x, self.constant(2)) if self.chance(0.3) else self.apply("mulf", x, x)

    def over_root(self, x, spread, epsilon):
        inside = self.apply("addf", spread, epsilon)
        way = self.pick(["rsqrt", "sqrt", "inverse", "power"])
        if way == "rsqrt":
            return lambda y: self.apply("mulf", y, self.apply("math.rsqrt", inside))
        if way == "power":
            return lambda y: self.apply("mulf", y, self.apply("powf", inside, self.constant(-0.5)))
        root = self.apply("math.sqrt", inside)
        if way == "sqrt":
            return lambda y: self.apply("divf", y, root)
        inverse = self.apply("divf", self.constant(1), root)
        return lambda y: self.apply("mulf", y, inverse)

    def sigmoid(self, x):
        down = self.apply("math.exp", self.apply("arith.negf", x) if self.chance(0.5) else self.apply("mulf", x, -1.0))
        return self.apply("divf", self.constant(1), self.apply("addf", down, 1.0))

    # Forms: (name or None, node, what it should be).
    def layer_norm(self, broken):
        x = self.leaf(spread=self.pick([0.5, 2.0]), middle=self.pick([0.0, 1.0]))
        epsilon = self.pick([1e-5, 1e-3])
        mean = self.mean(x)
        centred = self.apply("subf", x, mean)
        if self.chance(0.6):
            variance = self.mean(self.square(centred))
        else:
            variance = self.apply("subf", self.mean(self.square(x)), self.square(mean))
        if broken:  # the deviation of Bessel, another tensor's mean, or a factor
            way = self.pick(["count", "other", "factor"])
            if way == "count":
                variance = self.apply("mulf", variance, self.cols / (self.cols - 0.5))
            elif way == "other":
                centred = self.apply("subf", x, self.mean(self.leaf()))
        divide = self.over_root(x, variance, epsilon)
        gamma = self.leaf("vector") if self.chance(0.6) else None
        beta = self.leaf("vector") if self.chance(0.6) else None
        y = centred
        if gamma and self.chance(0.5):
            y, gamma_left = divide(self.apply("mulf", y, gamma)), None
        else:
            y, gamma_left = divide(y), gamma
        if gamma_left:
            y = self.apply("mulf", y, gamma_left)
        if broken and way == "factor":
            y = self.apply("mulf", y, 1.5)
        if beta:
            y = self.apply("addf", y, beta)
        if broken:  # before a factor it is still a norm
            return "layer.norm?" if way == "factor" else None, y, y.value
        m = x.value.mean(-1, keepdims=True)
        want = (x.value - m) / np.sqrt(((x.value - m)**2).mean(-1, keepdims=True) + epsilon)
        want = want * (gamma.value if gamma else 1) + (beta.value if beta else 0)
        return "layer.norm", y, want

    def rms_norm(self, broken):
        x, epsilon = self.leaf(), self.pick([1e-6, 1e-3])
        of = self.leaf() if broken else x
        y = self.over_root(x, self.mean(self.square(of)), epsilon)(x)
        want = x.value / np.sqrt((of.value**2).mean(-1, keepdims=True) + epsilon)
        if self.chance(0.7):
            gamma = self.leaf("vector")
            y, want = self.apply("mulf", y, gamma), want * gamma.value
        return None if broken else "layer.rms_norm", y, want

    def softmax(self, broken):
        x = self.leaf(spread=3)
        factor = self.pick([1.0, 1.0, 0.125, 2.0])
        logits = x if factor == 1 else self.apply("mulf", x, factor)
        largest = self.reduce("max", logits)
        if factor != 1 and self.chance(0.3):
            largest = self.apply("mulf", self.reduce("max", x), factor)
        if broken:
            largest = self.apply("mulf", largest, 0.5)
        power = self.apply("math.exp", self.apply("subf", logits, largest))
        total = self.reduce("sum", power)
        y = (self.apply("divf", power, total) if self.chance(0.6)
             else self.apply("mulf", power, self.apply("divf", self.constant(1), total)))
        e = np.exp(factor * x.value - (factor * x.value).max(-1, keepdims=True))
        # Another shift makes the same numbers, but not for large logits: it has no name.
        return None if broken else "linalg.softmax", y, e / e.sum(-1, keepdims=True)

    def gelu(self, broken):
        x = self.leaf(spread=2)
        factor = math.sqrt(0.5) * (1.01 if broken else 1)
        inner = self.apply("mulf", x, factor) if self.chance(0.5) else self.apply("divf", x, 1 / factor)
        up = self.apply("addf", self.apply("math.erf", inner), 1.0)
        return None if broken else "layer.gelu", self.halves(x, up), x.value * (1 + _erf(x.value * factor)) / 2

    def halves(self, x, up):
        """x up / 2."""
        way = self.pick([0, 1, 2])
        if way == 0:
            return self.apply("mulf", self.apply("mulf", x, 0.5), up)
        if way == 1:
            return self.apply("mulf", x, self.apply("mulf", up, 0.5))
        return self.apply("mulf", self.apply("mulf", x, up), 0.5)

    def gelu_tanh(self, broken):
        x = self.leaf(spread=2)
        c, k = 0.044715, math.sqrt(2 / math.pi) * (1.01 if broken else 1)
        if self.chance(0.5):
            cube = (self.apply("powf", x, self.constant(3)) if self.chance(0.5)
                    else self.apply("mulf", self.square(x), x))
            inner = self.apply("addf", x, self.apply("mulf", cube, c))
        else:
            inner = self.apply("mulf", x, self.apply("addf", self.apply("mulf", self.square(x), c), 1.0))
        up = self.apply("addf", self.apply("math.tanh", self.apply("mulf", inner, k)), 1.0)
        want = x.value * (1 + np.tanh(k * (x.value + c * x.value**3))) / 2
        return None if broken else "layer.gelu_tanh", self.halves(x, up), want

    def swish(self, broken):
        x = self.leaf(spread=2)
        alpha = self.pick([1.0, 1.702, 0.5])
        inner = x if alpha == 1 else self.apply("mulf", x, alpha)
        other = self.leaf() if broken else x
        y = self.apply("mulf", other, self.sigmoid(inner))
        want = other.value / (1 + np.exp(-alpha * x.value))
        return None if broken else "layer.swish", y, want

    # Text.
    def emit(self, root):
        self.lines, self.done = [], {}
        root.whole = True
        self.emit_whole(root)
        return self.lines

    def tensor(self, space):
        sizes = {"full": [*self.rows, self.cols], "row": self.rows, "vector": [self.cols]}[space]
        return "tensor<" + "".join(f"{n}x" for n in sizes) + "f32>"

    def map(self, space, loops):
        names = [f"d{i}" for i in range(loops)]
        last = len(self.rows)
        reads = {"full": names, "row": names[:last], "vector": names[last:]}[space]
        return f"affine_map<({', '.join(names)}) -> ({', '.join(reads)})>"

    def emit_whole(self, node):
        if id(node) in self.done:
            return self.done[id(node)]
        if node.kind == "leaf":
            name = f"%a{self.arguments.index(node)}"
            self.done[id(node)] = name
            return name
        inputs, body = [], []
        reduces = node.kind in ("sum", "max")
        value = self.emit_scalar(node.operands[0] if reduces else node, inputs, body, {}, is_root=not reduces)
        number = len(self.done)
        loops = len(self.rows) + (1 if node.space != "row" or reduces else 0)
        if node.space == "vector":
            loops = 1
        maps = [self.map(o.space, loops) if node.space != "vector" else "affine_map<(d0) -> (d0)>" for o, _ in inputs]
        maps.append(self.map(node.space, loops) if node.space != "vector" else "affine_map<(d0) -> (d0)>")
        kinds = ['"parallel"'] * loops
        out = f"%e{number}"
        if reduces:
            kinds[-1] = '"reduction"'
            start = "0.0" if node.kind == "sum" else "0xFF800000"
            combine = "arith.addf" if node.kind == "sum" else "arith.maximumf"
            body.append(f"%total = {combine} {value}, %out : f32")
            value = "%total"
            self.lines.append(f"%s{number} = arith.constant {start} : f32")
        type = self.tensor(node.space)
        self.lines.append(f"%e{number} = tensor.empty() : {type}")
        if reduces:
            self.lines.append(f"%f{number} = linalg.fill ins(%s{number} : f32) outs(%e{number} : {type}) -> {type}")
            out = f"%f{number}"
        result = f"%v{number}"
        ins = (f" ins({', '.join(n for _, n in inputs)} : {', '.join(self.tensor(o.space) for o, _ in inputs)})"
               if inputs else "")
        arguments = ", ".join(f"%in{i}: f32" for i in range(len(inputs)))
        self.lines.append(
            f"{result} = linalg.generic {{indexing_maps = [{', '.join(maps)}], iterator_types = [{', '.join(kinds)}]}}"
            f"{ins} outs({out} : {type}) {{\n  ^bb0({arguments}{', ' if arguments else ''}%out: f32):\n    "
            + "\n    ".join(body) + f"\n    linalg.yield {value} : f32\n  }} -> {type}")
        self.done[id(node)] = result
        return result

    def emit_scalar(self, node, inputs, body, seen, is_root=False):
        if id(node) in seen:
            return seen[id(node)]
        if node.whole and not is_root:
            name = self.emit_whole(node)
            inputs.append((node, name))
            seen[id(node)] = f"%in{len(inputs) - 1}"
            return seen[id(node)]
        if node.kind == "constant":
            text = f"arith.constant {node.value:.9e} : f32"
        else:
            operands = [self.emit_scalar(o, inputs, body, seen) for o in node.operands]
            kind = {"powf": "math.powf"}.get(node.kind, node.kind)
            text = f"{kind if '.' in kind else 'arith.' + kind} {', '.join(operands)} : f32"
        name = f"%t{len(body)}"
        body.append(f"{name} = {text}")
        seen[id(node)] = name
        return name


FORMS = ["layer_norm", "rms_norm", "softmax", "gelu", "gelu_tanh", "swish"]


def generate(rng, number):
    graph = Graph(rng)
    form = FORMS[number % len(FORMS)]
    broken = graph.chance(0.25)
    name, root, want = getattr(graph, form)(broken)
    lines = graph.emit(root)
    arguments = ", ".join(f"%a{i}: {graph.tensor(a.space)}" for i, a in enumerate(graph.arguments))
    type = graph.tensor("full")
    body = "\n".join(f"  {line}" for line in lines)
    text = (f"func.func @f{number}({arguments}) -> {type} {{\n{body}\n"
            f"  return {graph.done[id(root)]} : {type}\n}}\n")
    return name, text, [a.argument for a in graph.arguments], want, form


def raised(module, folder):
    path = folder / "raise.mlir"
    path.write_text(module)
    done = subprocess.run(["nm-opt", str(path), "--pass-pipeline=builtin.module(func.func(layer-raise))"],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{done.stderr}\n{module}")
    return {match[1]: match[2] for match in
            re.finditer(r"func\.func @(f\d+)(.*?)\n  }\n", done.stdout, re.S)}


def check_values(cases, options, folder):
    """Arguments and results of all functions as those of one, which calls them."""
    calls, arguments, results, types, values = [], [], [], [], []
    for number, (_, text, inputs, _, _) in enumerate(cases):
        signature = re.match(r"func\.func @\w+\((.*?)\) -> (\S+) {", text)
        kinds = re.findall(r": (tensor<\S+?>)", signature[1])
        names = [f"%c{len(arguments) + i}" for i in range(len(kinds))]
        arguments += [f"{name}: {kind}" for name, kind in zip(names, kinds)]
        values += inputs
        calls.append(f"  %r{number} = func.call @f{number}({', '.join(names)}) : ({', '.join(kinds)}) -> {signature[2]}")
        results.append(f"%r{number}")
        types.append(signature[2])
    module = "".join(text.replace("func.func @", "func.func private @") for _, text, _, _, _ in cases)
    newline = "\n"
    module += (f"func.func @all({', '.join(arguments)}) -> ({', '.join(types)}) {{\n{newline.join(calls)}\n"
               f"  return {', '.join(results)} : {', '.join(types)}\n}}\n")
    path = folder / "all.mlir"
    path.write_text(module)
    command = ["nm-run", str(path), *options]
    for i, value in enumerate(values):
        np.save(folder / f"a{i}.npy", value)
        command += ["--input", str(folder / f"a{i}.npy")]
    for i in range(len(results)):
        command += ["--output", str(folder / f"r{i}.npy")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{done.stderr}\n{module}")
    for i, (_, text, _, want, form) in enumerate(cases):
        found = np.load(folder / f"r{i}.npy")
        # Spellings that subtract squares lose digits where they keep their spelling.
        if not np.allclose(found, want, rtol=2e-4, atol=2e-4):
            sys.exit(f"{form}: differs by {np.abs(found - want).max()}\n{text}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--count", type=int, default=60)
    args = parser.parse_args()
    for seed in map(int, args.seeds.split(",")):
        print(f"seed {seed}")
        rng = np.random.default_rng(seed)
        cases = [generate(rng, i) for i in range(args.count)]
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work)
            found = raised("".join(text for _, text, _, _, _ in cases), folder)
            for i, (name, text, _, _, form) in enumerate(cases):
                names = NAMES.findall(found[f"f{i}"])
                left = re.findall(r"math\.\w+", found[f"f{i}"])
                if name == "layer.norm?":
                    name = names[0] if names == ["layer.norm"] else None
                if names != ([name] if name else []) or (name and left):
                    sys.exit(f"{form}: found {names} beside {left}, expected {name}\n{text}\n{found[f'f{i}']}")
            check_values(cases, [], folder)


if __name__ == "__main__":
    main()
