# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Numbers in float64 with a bound on what rounding may have made of them.

Each step of a model rounds to the machine's element type: docs/attacc-operators.md. `error` is how far a
machine that does so may be from `value`, carried through every operation (Higham, Accuracy and Stability of
Numerical Algorithms, chapter 3); products and sums add up in f32.
"""

import math

import numpy as np

UNITS = {"f32": (2.0**-24, 2.0**-149), "f16": (2.0**-11, 2.0**-24), "bf16": (2.0**-8, 2.0**-133)}
# Functions are right to a few units of f32 in the last place (docs/attacc-isa.md, docs/kernels.md).
FUNCTION = 2.0**-21

_erf = np.vectorize(math.erf, otypes=[np.float64])


class Bounded:
    def __init__(self, value, error=None):
        self.value = np.asarray(value, np.float64)
        self.error = np.zeros_like(self.value) if error is None else np.asarray(error, np.float64)

    def map(self, function):
        """The same elements elsewhere."""
        return Bounded(function(self.value), function(self.error))

    @property
    def shape(self):
        return self.value.shape

    def largest(self):
        return float(np.max(np.abs(self.value) + self.error, initial=0.0))


class Arithmetic:
    def __init__(self, dtype):
        self.unit, self.step = UNITS[dtype]

    def rounded(self, value, error):
        return Bounded(value, error + self.unit * (np.abs(value) + error) + self.step)

    def source(self, value):
        return self.rounded(np.asarray(value, np.float64), 0.0)

    def _function(self, function, a, least=-np.inf):
        """`function` rises or falls where it is used."""
        value = function(a.value)
        low, high = function(np.maximum(a.value - a.error, least)), function(a.value + a.error)
        error = np.maximum(np.abs(high - value), np.abs(low - value))
        return self.rounded(value, error + FUNCTION * np.abs(value))

    def unary(self, kind, a):
        if kind == "neg":
            return Bounded(-a.value, a.error)
        if kind == "abs":
            return Bounded(np.abs(a.value), a.error)
        if kind == "rsqrt":
            return self.binary("div", Bounded(1.0), self.unary("sqrt", a))
        if kind == "square":
            return self.binary("mul", a, a)
        function = {"exp": np.exp, "tanh": np.tanh, "erf": _erf, "sqrt": np.sqrt, "log": np.log}[kind]
        return self._function(function, a, {"sqrt": 0.0, "log": 0.0}.get(kind, -np.inf))

    def binary(self, kind, a, b):
        x, y, ex, ey = a.value, b.value, a.error, b.error
        if kind == "add":
            return self.rounded(x + y, ex + ey)
        if kind == "sub":
            return self.rounded(x - y, ex + ey)
        if kind == "mul":
            return self.rounded(x * y, np.abs(x) * ey + np.abs(y) * ex + ex * ey)
        if kind == "div":
            # Also as a product with the inverse, which rounds by itself.
            quotient = x / y
            left = np.abs(y) - ey
            error = np.where(left > 0, (ex + np.abs(quotient) * ey) / left, np.inf)
            return self.rounded(quotient, error + self.unit * np.abs(quotient))
        function = {"max": np.maximum, "min": np.minimum}[kind]
        return Bounded(function(x, y), np.maximum(ex, ey) + 0 * (x + y))

    def select_greater(self, a, b):
        """a > b ? a : b"""
        return self.binary("max", a, b)

    def contract(self, spelling, a, b):
        value = np.einsum(spelling, a.value, b.value)
        size = np.einsum(spelling, np.abs(a.value), np.abs(b.value))
        error = (np.einsum(spelling, np.abs(a.value), b.error) + np.einsum(spelling, a.error, np.abs(b.value))
                 + np.einsum(spelling, a.error, b.error))
        count = max(a.value.size, 1)
        return self.rounded(value, error + min(count, 4096) * UNITS["f32"][0] * size)

    def reduce(self, kind, a, axes, start):
        if kind == "sum":
            count = int(np.prod([a.shape[axis] for axis in axes])) + 1
            size = np.abs(a.value).sum(axis=axes) + abs(start)
            total = self.rounded(a.value.sum(axis=axes), a.error.sum(axis=axes) + count * UNITS["f32"][0] * size)
            return self.binary("add", total, Bounded(start)) if start else total
        function = {"max": np.max, "min": np.min}[kind]
        return Bounded(function(a.value, axis=axes, initial=start), a.error.max(axis=axes))

    def softmax(self, a, axis):
        exp = np.exp(a.value - a.value.max(axis=axis, keepdims=True))
        value = exp / exp.sum(axis=axis, keepdims=True)
        moved = np.expm1(2 * a.error.max(axis=axis, keepdims=True))
        # A machine that rounds between the steps: the difference, the exponential, sum and quotient.
        spread = np.abs(a.value - a.value.max(axis=axis, keepdims=True))
        steps = self.unit * (4 + spread) + value.shape[axis] * UNITS["f32"][0] * 4
        return self.rounded(value, value * (moved + steps) + self.step)
