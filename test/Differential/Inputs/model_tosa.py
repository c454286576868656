# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Steps of random models in TOSA, by its specification: ranks agree, dimensions of size 1 are repeated."""

import numpy as np

from model_values import Bounded
from tensor_program import literal


class Tosa:
    """Writes into a Program."""

    def __init__(self, program):
        self.p = program

    def apply(self, op, operands, data, attributes=""):
        """`operands`: tensors, or pairs of a name and a type."""
        p = self.p
        pairs = [operand if isinstance(operand, tuple) else (operand.name, operand.type) for operand in operands]
        return p.emit('"tosa.%s"(%s) %s : (%s) -> $' % (
            op, ", ".join(name for name, _ in pairs), attributes, ", ".join(kind for _, kind in pairs)), data)

    def constant(self, value, dtype="f32"):
        name = self.p.fresh("c")
        text = literal(np.float32(value), "f32") if dtype == "f32" else str(value)
        self.p.lines.append('    %s = "tosa.const"() <{values = dense<%s> : tensor<1x%s>}> : () -> tensor<1x%s>' % (
            name, text, dtype, dtype))
        return name, "tensor<1x%s>" % dtype

    def shape(self, sizes):
        name = self.p.fresh("c")
        self.p.lines.append("    %s = tosa.const_shape {values = dense<%s> : tensor<%dxindex>} : () -> !tosa.shape<%d>" % (
            name, list(sizes), len(sizes), len(sizes)))
        return name, "!tosa.shape<%d>" % len(sizes)

    def step(self, case):
        p = self.p
        a = case.any(1)
        kind = p.pick(["unary", "binary", "binary", "clamp", "reduce", "transpose", "reshape", "concat", "pad", "slice", "tile", "matmul"])
        return getattr(self, kind)(case, a)

    def unary(self, case, a):
        arithmetic = self.p.arithmetic
        op = self.p.pick(["abs", "exp", "tanh", "erf", "sigmoid", "negate"])
        if op == "sigmoid":
            one = Bounded(np.float64(1))
            data = arithmetic.binary("div", one, arithmetic.binary("add", one, arithmetic.unary("exp", arithmetic.unary("neg", a.data))))
            return self.apply(op, [a], data)
        if op == "negate":
            return self.apply(op, [a, self.constant(0.0), self.constant(0.0)], arithmetic.unary("neg", a.data))
        return self.apply(op, [a], arithmetic.unary(op, a.data))

    def binary(self, case, a):
        p = self.p
        op = p.pick(["add", "sub", "mul", "maximum", "minimum"])
        others = [t for t in case.pool if len(t.shape) == len(a.shape)
                  and all(m == n or 1 in (m, n) for m, n in zip(a.shape, t.shape))]
        if others and p.chance(0.6):
            b = p.pick(others)
        else:
            b = p.weights(p.numbers([1 if p.chance(0.5) else n for n in a.shape]))
        if p.chance(0.3):
            a, b = b, a
        data = p.arithmetic.binary({"maximum": "max", "minimum": "min"}.get(op, op), a.data, b.data)
        return self.apply(op, [a, b] + ([self.constant(0, "i8")] if op == "mul" else []), data)

    def clamp(self, case, a):
        low, high = self.p.pick([(-0.5, 1.0), (0.0, 6.0), (-1.0, 0.25)])
        data = self.p.arithmetic.binary("min", self.p.arithmetic.binary("max", a.data, Bounded(low)), Bounded(high))
        return self.apply("clamp", [a], data, "{min_val = %s : f32, max_val = %s : f32}" % (low, high))

    def reduce(self, case, a):
        op = self.p.pick(["sum", "max", "min"])
        axis = int(self.p.rng.integers(len(a.shape)))
        start = {"sum": 0.0, "max": -np.inf, "min": np.inf}[op]
        data = self.p.arithmetic.reduce(op, a.data, (axis,), start)
        return self.apply("reduce_" + op, [a], data.map(lambda array: np.expand_dims(array, axis)), "{axis = %d : i32}" % axis)

    def transpose(self, case, a):
        order = self.p.shuffled(range(len(a.shape)))
        return self.apply("transpose", [a], a.data.map(lambda array: array.transpose(order)),
                          "{perms = array<i32: %s>}" % ", ".join(map(str, order)))

    def reshape(self, case, a):
        count = int(np.prod(a.shape))
        first = self.p.pick([f for f in range(1, count + 1) if count % f == 0])
        sizes = self.p.pick([[count], [first, count // first], [count // first, 1, first]])
        return self.apply("reshape", [a, self.shape(sizes)], a.data.map(lambda array: array.reshape(sizes)))

    def concat(self, case, a):
        p = self.p
        axis = int(p.rng.integers(len(a.shape)))
        b = p.weights(p.numbers([case.size() if i == axis else n for i, n in enumerate(a.shape)]))
        parts = p.shuffled([a, b, a] if p.chance(0.3) else [a, b])
        data = Bounded(np.concatenate([t.data.value for t in parts], axis), np.concatenate([t.data.error for t in parts], axis))
        return self.apply("concat", parts, data, "{axis = %d : i32}" % axis)

    def pad(self, case, a):
        p = self.p
        widths = [(int(p.pick([0, 1, 2])), int(p.pick([0, 0, 3]))) for _ in a.shape]
        value = p.pick([0.0, 0.5])
        data = Bounded(np.pad(a.data.value, widths, constant_values=value), np.pad(a.data.error, widths))
        return self.apply("pad", [a, self.shape([n for pair in widths for n in pair]), self.constant(value)], data)

    def slice(self, case, a):
        begin = [int(self.p.rng.integers(0, n)) for n in a.shape]
        size = [int(self.p.rng.integers(1, n - at + 1)) for n, at in zip(a.shape, begin)]
        box = tuple(slice(at, at + n) for at, n in zip(begin, size))
        return self.apply("slice", [a, self.shape(begin), self.shape(size)], a.data.map(lambda array: array[box]))

    def tile(self, case, a):
        times = [int(self.p.pick([1, 1, 2, 3])) for _ in a.shape]
        return self.apply("tile", [a, self.shape(times)], a.data.map(lambda array: np.tile(array, times)))

    def matmul(self, case, a):
        p = self.p
        if len(a.shape) != 3:
            flat = a if len(a.shape) == 2 else p.reshape(a, (a.shape[0], int(np.prod(a.shape[1:]))))
            a = self.apply("reshape", [flat, self.shape((1, *flat.shape))], flat.data.map(lambda array: array.reshape((1, *flat.shape))))
        batch, _, inner = a.shape
        b = p.weights(p.numbers((batch, inner, case.size()), 1 / np.sqrt(inner)))
        return self.apply("matmul", [a, b, self.constant(0.0), self.constant(0.0)],
                          p.arithmetic.contract("bmk,bkn->bmn", a.data, b.data))
