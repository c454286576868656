# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a function of linalg and tensor operations, and computes it beside in float64 with bounds.

Every method writes one operation, in one of the ways in which exporters spell it, and gives its result.
"""

import numpy as np

from model_values import Arithmetic, Bounded
from tensor_program import literal, nested

INF = float("inf")


class OutOfRange(Exception):
    """What was written goes beyond the range or the precision that the comparison is made in."""


class Tensor:
    def __init__(self, name, data):
        self.name, self.data = name, data

    @property
    def shape(self):
        return self.data.shape

    @property
    def type(self):
        return type_of(self.shape)


def type_of(shape):
    return "tensor<%sf32>" % "".join("%dx" % size for size in shape)


class Scalar:
    """A value in a body: its elements over the loops."""

    def __init__(self, name, data):
        self.name, self.data = name, data


class Body:
    OPS = {"add": "arith.addf", "sub": "arith.subf", "mul": "arith.mulf", "div": "arith.divf", "max": "arith.maximumf",
           "min": "arith.minimumf", "neg": "arith.negf", "abs": "math.absf", "exp": "math.exp", "tanh": "math.tanh",
           "erf": "math.erf", "sqrt": "math.sqrt", "rsqrt": "math.rsqrt", "log": "math.log"}

    def __init__(self, program):
        self.program, self.lines = program, []

    def _emit(self, text, data):
        name = self.program.fresh("s")
        self.lines.append("      %s = %s" % (name, text))
        return Scalar(name, self.program.checked(data))

    def constant(self, value):
        value = float(np.float32(value))
        p = self.program
        return self._emit("arith.constant %s : f32" % literal(value, "f32"), p.arithmetic.source(value))

    def unary(self, kind, a):
        p = self.program
        data = p.arithmetic.unary(kind, a.data)
        if kind == "square":
            if p.chance(0.5):
                return self._emit("arith.mulf %s, %s : f32" % (a.name, a.name), data)
            two = self.constant(2.0)
            return self._emit("math.powf %s, %s : f32" % (a.name, two.name), data)
        return self._emit("%s %s : f32" % (self.OPS[kind], a.name), data)

    def binary(self, kind, a, b):
        p = self.program
        data = p.arithmetic.binary(kind, a.data, b.data)
        op = self.OPS[kind]
        if kind in ("max", "min"):
            form = p.pick(["imum", "num", "select"])
            if form == "num":
                op = {"max": "arith.maxnumf", "min": "arith.minnumf"}[kind]
            elif form == "select" and kind == "max":
                test, name = p.fresh("s"), p.fresh("s")
                predicate, pair = p.pick([("ogt", (a, b)), ("uge", (a, b)), ("olt", (b, a)), ("ult", (b, a))])
                self.lines += ["      %s = arith.cmpf %s, %s, %s : f32" % (test, predicate, pair[0].name, pair[1].name),
                               "      %s = arith.select %s, %s, %s : f32" % (name, test, a.name, b.name)]
                return Scalar(name, p.checked(data))
        if kind in ("add", "mul", "max", "min") and p.chance(0.4):
            a, b = b, a
        return self._emit("%s %s, %s : f32" % (op, a.name, b.name), data)


class Program:
    """`limit`: what no value goes beyond; `loss`: the share of a tensor's largest value that its error may be."""

    def __init__(self, rng, dtype, limit, loss):
        self.rng, self.arithmetic, self.limit, self.loss = rng, Arithmetic(dtype), limit, loss
        self.lines, self.arguments, self.params, self.results, self.counter = [], [], {}, [], 0

    # Choices and names.
    def fresh(self, prefix="v"):
        self.counter += 1
        return "%%%s%d" % (prefix, self.counter)

    def chance(self, probability):
        return bool(self.rng.random() < probability)

    def pick(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def shuffled(self, items):
        items = list(items)
        return [items[int(i)] for i in self.rng.permutation(len(items))]

    def checked(self, data):
        if not np.isfinite(data.value).all() or not data.largest() < self.limit:
            raise OutOfRange
        if data.error.max(initial=0.0) > self.loss * max(1e-3, float(np.abs(data.value).max(initial=0.0))):
            raise OutOfRange
        return data

    def mark(self):
        return len(self.lines), len(self.arguments), dict(self.params)

    def rollback(self, mark):
        del self.lines[mark[0]:], self.arguments[mark[1]:]
        self.params = mark[2]

    def emit(self, text, data):
        """`text` with $ for the type of the result."""
        tensor = Tensor(self.fresh(), self.checked(data))
        self.lines.append("    %s = %s" % (tensor.name, text.replace("$", tensor.type)))
        return tensor

    # Sources.
    def numbers(self, shape, scale=1.0):
        return (self.rng.standard_normal(shape) * scale).astype(np.float32)

    def argument(self, shape, array=None):
        array = self.numbers(shape) if array is None else array
        tensor = Tensor("%%arg%d" % len(self.arguments), self.arithmetic.source(array))
        self.arguments.append((tensor, array))
        return tensor

    def param(self, array):
        key = "p%d" % len(self.params)
        self.params[key] = array
        return self.emit('nm.param "%s" : $' % key, self.arithmetic.source(array))

    def constant(self, array):
        array = np.asarray(array, np.float32)
        flat = array.reshape(-1)
        text = literal(flat[0], "f32") if (flat == flat[0]).all() else nested(array, "f32")
        return self.emit("arith.constant dense<%s> : $" % text, self.arithmetic.source(array))

    def weights(self, array):
        """An argument, a parameter or a constant."""
        kind = self.pick(["argument", "param", "param", "constant"])
        if kind == "param":
            return self.param(array)
        return self.constant(array) if kind == "constant" and array.size <= 4096 else self.argument(array.shape, array)

    def empty(self, shape):
        name = self.fresh("e")
        self.lines.append("    %s = tensor.empty() : %s" % (name, type_of(shape)))
        return name

    def filled(self, shape, value):
        number = self.fresh("c")
        self.lines.append("    %s = arith.constant %s : f32" % (number, literal(np.float32(value), "f32")))
        data = Bounded(np.full(shape, float(np.float32(value))))
        name = self.fresh("f")
        self.lines.append("    %s = linalg.fill ins(%s : f32) outs(%s : %s) -> %s" % (
            name, number, self.empty(shape), type_of(shape), type_of(shape)))
        return Tensor(name, data)

    # Elementwise.
    @staticmethod
    def affine(count, results):
        dims = ", ".join("d%d" % i for i in range(count))
        return "affine_map<(%s) -> (%s)>" % (
            dims, ", ".join("0" if at is None else "d%d" % at for at in results))

    def generic(self, kinds, operands, maps, out, out_map, lines, yielded, names, result):
        ins = "ins(%s : %s) " % (", ".join(t.name for t in operands), ", ".join(t.type for t in operands)) if operands else ""
        tensor = Tensor(self.fresh(), self.checked(result))
        texts = [self.affine(len(kinds), m) for m in [*maps, out_map]]
        self.lines += [
            "    %s = linalg.generic {indexing_maps = [%s], iterator_types = [%s]} %souts(%s : %s) {" % (
                tensor.name, ", ".join(texts), ", ".join('"%s"' % kind for kind in kinds), ins, out, tensor.type),
            "    ^bb0(%s):" % ", ".join("%s: f32" % name for name in names), *lines,
            "      linalg.yield %s : f32" % yielded, "    } -> " + tensor.type]
        return tensor

    def over(self, data, axes, rank):
        """Elements over loops, of which `axes` says the one for each dimension; None is a dimension of size 1."""
        kept = [i for i, axis in enumerate(axes) if axis is not None]
        order = sorted(kept, key=lambda i: axes[i])
        used = {axes[i] for i in kept}

        def spread(array):
            array = array.reshape([array.shape[i] for i in kept]).transpose([kept.index(i) for i in order])
            sizes = iter(array.shape)
            return array.reshape([next(sizes) if axis in used else 1 for axis in range(rank)])
        return data.map(spread)

    def elementwise(self, shape, operands, axes, body):
        """`axes` of each operand: the dimension of the result that each of its dimensions is, or None."""
        rank = len(shape)
        b = Body(self)
        scalars = [Scalar(self.fresh("a"), self.over(t.data, a, rank)) for t, a in zip(operands, axes)]
        result = body(b, *scalars)
        data = result.data.map(lambda array: np.array(np.broadcast_to(array, shape)))
        # Loops in another order than the result's dimensions.
        loops = self.shuffled(range(rank)) if self.chance(0.2) else list(range(rank))
        place = [loops.index(axis) for axis in range(rank)]
        maps = [[None if axis is None or (shape[axis] == 1 and self.chance(0.2)) else place[axis] for axis in a] for a in axes]
        names = [s.name for s in scalars] + [self.fresh("o")]
        return self.generic(["parallel"] * rank, operands, maps, self.empty(shape), place, b.lines, result.name, names, data)

    def same(self, operands, body):
        shape = operands[0].shape
        return self.elementwise(shape, operands, [list(range(len(shape)))] * len(operands), body)

    def named(self, kind, a, b=None):
        """An operation with a name, of linalg or on tensors."""
        data = self.arithmetic.unary(kind, a.data) if b is None else self.arithmetic.binary(kind, a.data, b.data)
        if self.chance(0.5) and kind != "square":
            names = a.name if b is None else "%s, %s" % (a.name, b.name)
            return self.emit("%s %s : $" % (Body.OPS[kind], names), data)
        op = {"neg": "negf"}.get(kind, kind)
        operands = [a] if b is None else [a, b]
        return self.emit("linalg.%s ins(%s : %s) outs(%s : $) -> $" % (
            op, ", ".join(t.name for t in operands), ", ".join(t.type for t in operands), self.empty(a.shape)), data)

    # Movement.
    def transpose(self, a, order):
        data = a.data.map(lambda array: array.transpose(order))
        if self.chance(0.6):
            shape = data.shape
            name = self.empty(shape)
            return self.emit("linalg.transpose ins(%s : %s) outs(%s : $) permutation = %s" % (
                a.name, a.type, name, list(order)), data)
        axes = [list(order).index(axis) for axis in range(len(order))]
        return self.elementwise(data.shape, [a], [axes], lambda b, x: x)

    def broadcast(self, a, shape, axes):
        """Every dimension of `a` in order is the one of `axes`."""
        added = [axis for axis in range(len(shape)) if axis not in axes]
        if list(axes) == sorted(axes) and self.chance(0.5):
            data = self.over(a.data, axes, len(shape)).map(lambda array: np.array(np.broadcast_to(array, shape)))
            return self.emit("linalg.broadcast ins(%s : %s) outs(%s : $) dimensions = %s" % (
                a.name, a.type, self.empty(shape), added), data)
        return self.elementwise(shape, [a], [list(axes)], lambda b, x: x)

    def collapse(self, a, groups):
        shape = [int(np.prod([a.shape[i] for i in group])) for group in groups]
        return self.emit("tensor.collapse_shape %s %s : %s into $" % (a.name, groups, a.type),
                         a.data.map(lambda array: array.reshape(shape)))

    def expand(self, a, shape, groups):
        return self.emit("tensor.expand_shape %s %s output_shape %s : %s into $" % (a.name, groups, list(shape), a.type),
                         a.data.map(lambda array: array.reshape(shape)))

    def reshape(self, a, shape):
        """Through one dimension where the shapes have no groups in common."""
        if tuple(shape) == a.shape:
            return a
        if len(a.shape) != 1:
            a = self.collapse(a, [list(range(len(a.shape)))] if a.shape else [])
        if not a.shape:
            return self.expand(a, shape, [])
        return a if tuple(shape) == a.shape else self.expand(a, shape, [list(range(len(shape)))])

    @staticmethod
    def box(offsets, sizes, strides):
        return tuple(slice(o, o + (n - 1) * s + 1, s) for o, n, s in zip(offsets, sizes, strides))

    def extract(self, a, offsets, sizes, strides, dropped=()):
        shape = [n for i, n in enumerate(sizes) if i not in dropped]
        return self.emit("tensor.extract_slice %s%s %s %s : %s to $" % (a.name, offsets, sizes, strides, a.type),
                         a.data.map(lambda array: array[self.box(offsets, sizes, strides)].reshape(shape)))

    def insert(self, source, dest, offsets, sizes, strides):
        def write(into, array):
            into = into.copy()
            into[self.box(offsets, sizes, strides)] = array.reshape(sizes)
            return into
        data = Bounded(write(dest.data.value, source.data.value), write(dest.data.error, source.data.error))
        return self.emit("tensor.insert_slice %s into %s%s %s %s : %s into $" % (
            source.name, dest.name, offsets, sizes, strides, source.type), data)

    def concat(self, parts, axis):
        data = Bounded(np.concatenate([t.data.value for t in parts], axis), np.concatenate([t.data.error for t in parts], axis))
        return self.emit("tensor.concat dim(%d) %s : (%s) -> $" % (
            axis, ", ".join(t.name for t in parts), ", ".join(t.type for t in parts)), data)

    def pad(self, a, low, high, value):
        number = self.fresh("c")
        self.lines.append("    %s = arith.constant %s : f32" % (number, literal(np.float32(value), "f32")))
        widths = list(zip(low, high))
        data = Bounded(np.pad(a.data.value, widths, constant_values=float(np.float32(value))), np.pad(a.data.error, widths))
        data = self.arithmetic.rounded(data.value, data.error)
        tensor = Tensor(self.fresh(), self.checked(data))
        indices = ", ".join("%s: index" % self.fresh("i") for _ in low)
        self.lines += ["    %s = tensor.pad %s low%s high%s {" % (tensor.name, a.name, list(low), list(high)),
                       "    ^bb0(%s):" % indices, "      tensor.yield %s : f32" % number,
                       "    } : %s to %s" % (a.type, tensor.type)]
        return tensor

    # Sums.
    def contract(self, spelling, a, b):
        """As numpy.einsum has it; named where there is a name."""
        left, right, out = spelling.replace("->", ",").split(",")
        data = self.arithmetic.contract(spelling, a.data, b.data)
        init = self.filled(data.shape, 0.0)
        names = {"mk,kn->mn": "linalg.matmul", "bmk,bkn->bmn": "linalg.batch_matmul"}
        if spelling in names and self.chance(0.75):
            return self.emit("%s ins(%s, %s : %s, %s) outs(%s : $) -> $" % (
                names[spelling], a.name, b.name, a.type, b.type, init.name), data)
        sums = [letter for letter in dict.fromkeys(left + right) if letter not in out]
        loops = list(out) + sums
        if self.chance(0.2):
            loops = self.shuffled(loops)
        kinds = ["reduction" if letter in sums else "parallel" for letter in loops]
        maps = [[loops.index(letter) for letter in part] for part in (left, right, out)]
        x, y, o, product, total = (self.fresh("a") for _ in range(5))
        lines = ["      %s = arith.mulf %s, %s : f32" % (product, *self.shuffled([x, y])),
                 "      %s = arith.addf %s, %s : f32" % (total, *self.shuffled([o, product]))]
        return self.generic(kinds, [a, b], maps[:2], init.name, maps[2], lines, total, [x, y, o], data)

    def reduce(self, kind, a, axes, keeps=False, start=None, body=None):
        """`body` is done to each element first. Kept dimensions have size 1."""
        axes = sorted(axes)
        rank = len(a.shape)
        neutral = {"sum": 0.0, "max": -INF, "min": INF}[kind]
        start = neutral if start is None else float(np.float32(start))
        b = Body(self)
        scalar = Scalar(self.fresh("a"), a.data)
        value = body(b, scalar) if body else scalar
        whole = value.data.map(lambda array: np.broadcast_to(array, a.shape))
        data = self.arithmetic.reduce(kind, whole, tuple(axes), start)
        shape = [1 if axis in axes else size for axis, size in enumerate(a.shape) if keeps or axis not in axes]
        data = data.map(lambda array: array.reshape(shape))
        init = self.filled(shape, start)
        op = {"sum": "arith.addf", "max": self.pick(["arith.maximumf", "arith.maxnumf"]),
              "min": self.pick(["arith.minimumf", "arith.minnumf"])}[kind]
        if not body and not keeps and self.chance(0.5):
            return self.emit("linalg.reduce { %s } ins(%s : %s) outs(%s : $) dimensions = %s" % (
                op, a.name, a.type, init.name, axes), data)
        loops = self.shuffled(range(rank)) if self.chance(0.3) else list(range(rank))
        place = [loops.index(axis) for axis in range(rank)]
        kinds = ["reduction" if axis in axes else "parallel" for axis in loops]
        out_map = [None if axis in axes else place[axis] for axis in range(rank) if keeps or axis not in axes]
        o, total = self.fresh("o"), self.fresh("a")
        lines = b.lines + ["      %s = %s %s, %s : f32" % (total, op, *self.shuffled([o, value.name]))]
        return self.generic(kinds, [a], [place], init.name, out_map, lines, total, [scalar.name, o], data)

    def softmax(self, a, axis):
        return self.emit("linalg.softmax dimension(%d) ins(%s : %s) outs(%s : $) -> $" % (
            axis, a.name, a.type, self.empty(a.shape)), self.arithmetic.softmax(a.data, axis))

    def causal_softmax(self, a, shift):
        """Over the last dimension, without the keys behind the query's own, which the first `shift` are before."""
        rank = len(a.shape)
        queries, keys = a.shape[-2:]
        seen = np.arange(keys)[None] <= np.arange(queries)[:, None] + shift
        i, j, c, k, test, low, result, x, o, name = (self.fresh("s") for _ in range(10))
        dims = ", ".join("d%d" % axis for axis in range(rank))
        identity = "affine_map<(%s) -> (%s)>" % (dims, dims)
        self.lines += [
            "    %s = linalg.generic {indexing_maps = [%s, %s], iterator_types = [%s]} ins(%s : %s) outs(%s : %s) {" % (
                name, identity, identity, ", ".join(['"parallel"'] * rank), a.name, a.type, self.empty(a.shape), a.type),
            "    ^bb0(%s: f32, %s: f32):" % (x, o),
            "      %s = linalg.index %d : index" % (i, rank - 2), "      %s = linalg.index %d : index" % (j, rank - 1),
            "      %s = arith.constant %d : index" % (c, shift), "      %s = arith.addi %s, %s : index" % (k, i, c),
            "      %s = arith.cmpi sle, %s, %s : index" % (test, j, k),
            "      %s = arith.constant 0xFF800000 : f32" % low,
            "      %s = arith.select %s, %s, %s : f32" % (result, test, x, low),
            "      linalg.yield %s : f32" % result, "    } -> " + a.type]
        # What is hidden is as good as far below.
        shown = Bounded(np.where(seen, a.data.value, a.data.value.min() - 60.0), np.where(seen, a.data.error, 0.0))
        data = self.arithmetic.softmax(shown, rank - 1)
        data = Bounded(np.where(seen, data.value, 0.0), np.where(seen, data.error, self.arithmetic.step))
        return self.emit("linalg.softmax dimension(%d) ins(%s : %s) outs(%s : $) -> $" % (
            rank - 1, name, a.type, self.empty(a.shape)), data)

    # The function.
    def mlir(self):
        types = ", ".join(t.type for t in self.results)
        return "\n".join([
            "func.func @main(%s) -> (%s) {" % (", ".join("%s: %s" % (t.name, t.type) for t, _ in self.arguments), types),
            *self.lines, "    return %s : %s" % (", ".join(t.name for t in self.results), types), "}", ""])
