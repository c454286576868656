# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random operations of the dialect `layer`, and softmax, in one function a seed, against float64.

The oracle is written from the formulas of the papers. A norm's error is bounded by the rounding of f32 (of
sums, of the mean that is taken off, of the root) times the largest number that takes part, and one rounding
to the element type. On accelerators elements are f16: a layer norm and a softmax are one instruction, which
rounds once; what takes several instructions rounds after each.
"""

import argparse
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

NUMPY = {"f32": np.float32, "f16": np.float16}
UNIT = {"f32": 2.0**-24, "f16": 2.0**-11}
F32 = 2.0**-24
_erf = np.vectorize(math.erf, otypes=[np.float64])

FUNCTIONS = {
    "layer.gelu": lambda x, a: x * (1 + _erf(x / math.sqrt(2))) / 2,
    "layer.gelu_tanh": lambda x, a: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2,
    "layer.swish": lambda x, a: x / (1 + np.exp(-a * x)),
}


class Function:
    """One function of MLIR: operations are added, each with its result's number and error."""

    def __init__(self, rng, static, types):
        self.rng, self.static, self.types = rng, static, types
        # What an operation of several instructions rounds to between them.
        self.step = UNIT["f16"] if static else F32
        self.lines, self.arguments, self.results = [], [], []

    def pick(self, options):
        return options[int(self.rng.integers(len(options)))]

    def type(self, shape, element, dynamic=()):
        sizes = ["?" if i in dynamic else str(size) for i, size in enumerate(shape)]
        return "tensor<" + "".join(f"{size}x" for size in sizes) + element + ">"

    def argument(self, shape, element, dynamic=(), spread=1.0, middle=0.0):
        value = (middle + spread * self.rng.standard_normal(shape)).astype(NUMPY[element])
        name = f"%a{len(self.arguments)}"
        self.arguments.append((name, self.type(shape, element, dynamic), value))
        return name, value.astype(np.float64)

    def result(self, name, type, value, error):
        self.results.append((name, type, value, error))

    def name(self):
        return f"%v{len(self.lines)}"

    def add(self, line):
        self.lines.append(line)

    def add_norm(self, kind):
        element = self.pick(self.types)
        in_steps = self.static and kind == "rms_norm"
        shape = [self.pick([1, 2, 3, 7, 8, 16, 33, 40]) for _ in range(self.pick([1, 2, 2, 3, 3, 4]))]
        if in_steps:  # squares of numbers that are all small vanish in f16
            shape[-1] = max(shape[-1], 16)
        axis = self.pick([len(shape) - 1] * 3 + list(range(len(shape))))
        dynamic = () if self.static or self.rng.random() < 0.5 else tuple(
            i for i in range(len(shape)) if self.rng.random() < 0.5)
        epsilon = self.pick([1e-12, 1e-6, 1e-5, 1e-3, 0.5])
        middle = 0.0 if kind == "rms_norm" else self.pick([0.0, 0.5, 3.0])
        if in_steps:
            epsilon = max(epsilon, 1e-3)
        x, value = self.argument(shape, element, dynamic, 1.0 if in_steps else self.pick([0.1, 1.0, 4.0]), middle)
        row = shape[axis:]
        type, row_type = self.type(shape, element, dynamic), self.type(
            row, element, tuple(i - axis for i in dynamic if i >= axis))
        axes = tuple(range(axis, len(shape)))
        mean = value.mean(axes, keepdims=True) if kind == "norm" else 0.0
        root = np.sqrt(((value - mean)**2).mean(axes, keepdims=True) + epsilon)
        want, text, size = (value - mean) / root, "", np.abs(value).max() / root
        # Where a row's numbers are alike, what is left of them is rounding.
        size = np.maximum(size, np.abs(want) * (1 + np.abs(value).max()**2 / root**2))
        for word, present in (("scale", 0.7), ("bias", 0.7)):
            if self.rng.random() > present or (word == "bias" and kind == "rms_norm"):
                continue
            vector, numbers = self.argument(row, element, tuple(i - axis for i in dynamic if i >= axis))
            text += f" {word}({vector} : {row_type})"
            want = want * numbers if word == "scale" else want + numbers
            size = size * np.abs(numbers) if word == "scale" else size + np.abs(numbers)
        name = self.name()
        self.add(f"{name} = layer.{kind} axis({axis}) epsilon({epsilon:e}) ins({x} : {type}){text} "
                 f"outs({x} : {type}) -> {type}")
        terms = 8 + math.ceil(math.log2(1 + np.prod(row))) + np.prod(row) / 8
        unit = self.step if in_steps else F32
        self.result(name, type, want, unit * terms * size + UNIT[element] * np.abs(want) + 2.0**-24)

    def add_softmax(self):
        shape = [self.pick([1, 2, 3, 8, 17, 40]) for _ in range(self.pick([2, 3]))]
        axis = self.pick([len(shape) - 1, len(shape) - 1, 0])
        element = "f16" if self.static else "f32"
        x, value = self.argument(shape, element, (), self.pick([1.0, 8.0]))
        type = self.type(shape, element)
        power = np.exp(value - value.max(axis, keepdims=True))
        want = power / power.sum(axis, keepdims=True)
        name = self.name()
        self.add(f"{name} = linalg.softmax dimension({axis}) ins({x} : {type}) outs({x} : {type}) -> {type}")
        # The difference from the maximum is rounded before it is a power.
        error = want * F32 * (16 + shape[axis] / 8 + 2 * np.abs(value).max())
        self.result(name, type, want, error + UNIT[element] * want + (2.0**-24 if element == "f16" else 2.0**-40))

    def add_rotary(self):
        element = self.pick(self.types)
        half = self.pick([1, 2, 4, 8, 17])
        shape = [self.pick([1, 2, 3, 5]) for _ in range(self.pick([1, 2, 3]))]
        shape.append(2 * half + self.pick([0, 0, 0, 1, 6]))
        batched = len(shape) > 2 and self.rng.random() < 0.5
        axis = int(self.rng.integers(1 if batched else 0, len(shape) - 1))
        dynamic = () if self.static or self.rng.random() < 0.5 else tuple(
            i for i in range(len(shape)) if self.rng.random() < 0.5)
        x, value = self.argument(shape, element, dynamic)
        dims = ([0] if batched else []) + [axis]
        angle_dynamic = tuple(i for i, d in enumerate(dims) if d in dynamic)
        table = [shape[d] for d in dims] + [half]
        cosines, c = self.argument(table, element, angle_dynamic)
        sines, s = self.argument(table, element, angle_dynamic)
        spread = [shape[d] if d in dims else 1 for d in range(len(shape) - 1)] + [half]
        c, s = c.reshape(spread), s.reshape(spread)
        interleaved = self.rng.random() < 0.5
        first, second = ((np.s_[..., 0:2 * half:2], np.s_[..., 1:2 * half:2]) if interleaved
                         else (np.s_[..., :half], np.s_[..., half:2 * half]))
        want, error = value.copy(), np.zeros_like(value)
        want[first] = c * value[first] - s * value[second]
        want[second] = s * value[first] + c * value[second]
        size = np.abs(c * value[first]) + np.abs(s * value[second])
        error[first] = 4 * self.step * size
        error[second] = 4 * self.step * (np.abs(s * value[first]) + np.abs(c * value[second]))
        type, name = self.type(shape, element, dynamic), self.name()
        self.add(f"{name} = layer.rotary axis({axis}) {'interleaved ' if interleaved else ''}ins({x} : {type}) "
                 f"angles({cosines}, {sines} : {self.type(table, element, angle_dynamic)}) outs({x} : {type}) -> {type}")
        self.result(name, type, want, error + UNIT[element] * np.abs(want) + 2.0**-24)

    def add_function(self):
        kind = self.pick(list(FUNCTIONS))
        element = self.pick(self.types)
        alpha = self.pick([1.0, 1.0, 1.702, 0.5, -2.0, 0.0]) if kind == "layer.swish" else 1.0
        shape = [self.pick([1, 3, 8, 31])  for _ in range(self.pick([1, 2, 3]))]
        x, value = self.argument(shape, element, (), self.pick([0.5, 3.0]))
        type, name = self.type(shape, element), self.name()
        text = "" if alpha == 1 else f" {{alpha = {alpha:e} : f64}}"
        if self.rng.random() < 0.5:
            self.add(f"{name} = {kind} {x}{text} : {type}")
        else:  # in a body, times a gate
            gate, numbers = self.argument(shape, element)
            dims = ", ".join(f"i{d}" for d in range(len(shape)))
            loop = ", ".join(['"parallel"'] * len(shape))
            self.add(f"{name} = linalg.generic {{indexing_maps = [affine_map<({dims}) -> ({dims})>, "
                     f"affine_map<({dims}) -> ({dims})>, affine_map<({dims}) -> ({dims})>], "
                     f"iterator_types = [{loop}]}} ins({x}, {gate} : {type}, {type}) outs({x} : {type}) {{\n"
                     f"  ^bb0(%p: {element}, %q: {element}, %o: {element}):\n"
                     f"    %s = {kind} %p{text} : {element}\n    %t = arith.mulf %s, %q : {element}\n"
                     f"    linalg.yield %t : {element}\n  }} -> {type}")
            want = FUNCTIONS[kind](value, alpha) * numbers
            error = np.abs(numbers) * self.function_error(value, alpha, element) + UNIT[element] * np.abs(want)
            self.result(name, type, want, error + UNIT[element] * np.abs(want) + 2.0**-24)
            return
        want = FUNCTIONS[kind](value, alpha)
        self.result(name, type, want,
                    self.function_error(value, alpha, element) + UNIT[element] * np.abs(want) + 2.0**-24)

    def function_error(self, x, alpha, element):
        """1 + erf and 1 + tanh cancel for negative numbers; exponentials lose what their argument rounds."""
        steps = 3 * self.step if alpha != 1 else 0
        return (16 * F32 + steps) * np.abs(x) * (1 + np.abs(alpha * x)) + 2 * UNIT[element] * np.abs(x) * (element != "f32")

    def text(self):
        arguments = ", ".join(f"{name}: {type}" for name, type, _ in self.arguments)
        types = ", ".join(type for _, type, _, _ in self.results)
        names = ", ".join(name for name, _, _, _ in self.results)
        body = "\n".join(f"  {line}" for line in self.lines)
        return f"func.func @f({arguments}) -> ({types}) {{\n{body}\n  return {names} : {types}\n}}\n"


def generate(seed, count, static, types):
    function = Function(np.random.default_rng(seed), static, types)
    for i in range(count):
        kind = ["norm", "rms_norm", "softmax", "function", "rotary", "norm", "function"][i % 7]
        if kind == "softmax":
            function.add_softmax()
        elif kind == "rotary":
            function.add_rotary()
        elif kind == "function":
            function.add_function()
        else:
            function.add_norm(kind)
    return function


def check(function, folder, options):
    model = folder / "m.mlir"
    model.write_text(function.text())
    command = ["nm-run", str(model), *options]
    for i, (_, _, value) in enumerate(function.arguments):
        np.save(folder / f"a{i}.npy", value)
        command += ["--input", str(folder / f"a{i}.npy")]
    for i in range(len(function.results)):
        command += ["--output", str(folder / f"r{i}.npy")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{function.text()}\n{done.stderr}")
    for i, (name, type, want, error) in enumerate(function.results):
        found = np.load(folder / f"r{i}.npy").astype(np.float64)
        far = np.abs(found - want) - error
        if found.shape != want.shape or not np.all(far <= 0):
            place = np.unravel_index(int(np.nanargmax(np.where(np.isnan(far), np.inf, far))), far.shape)
            sys.exit(f"{' '.join(options)}: result {i}, {name} of {type}, at {place} is {found[place]}, expected "
                     f"{want[place]} within {np.broadcast_to(error, want.shape)[place]}\n{function.text()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="1")
    parser.add_argument("--count", type=int, default=12)
    args = parser.parse_args()
    for seed in map(int, args.seeds.split(",")):
        print(f"seed {seed}")
        with tempfile.TemporaryDirectory() as work:
            for options in ([], ["--reference"]):
                check(generate(seed, args.count, False, ["f32", "f32", "f16"]), Path(work), options)
            for target in ("edge", "tpu-v5e"):
                check(generate(seed, args.count, True, ["f16"]), Path(work),
                      [f"--target={target}", "--element-type=f16"])


if __name__ == "__main__":
    main()
