# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a function of linalg on tensors, and computes it beside in float64.

A tensor's dimensions are named axes; None is a dimension of size 1 without a name. Every method writes
operations and interprets them: what the function returns is known without any compiler.
"""

import numpy as np

from dtypes import NUMPY

F32_LOWEST = float(np.finfo(np.float32).min)


def literal(value, dtype):
    if dtype == "i1":
        return "true" if value else "false"
    if dtype.startswith("i"):
        return str(int(value))
    if np.isnan(value):
        return "0x7FC00000"
    if np.isinf(value):
        return "0xFF800000" if value < 0 else "0x7F800000"
    return "0x%08X" % int(np.float32(value).view(np.uint32))


class Tensor:
    def __init__(self, name, axes, dtype, data):
        self.name, self.axes, self.dtype, self.data = name, tuple(axes), dtype, data

    @property
    def type(self):
        return "tensor<%s%s>" % ("".join("%dx" % size for size in self.data.shape), self.dtype)


class Scalar:
    """A value in a body: its elements over the loops."""

    def __init__(self, name, dtype, data):
        self.name, self.dtype, self.data = name, dtype, data


class Body:
    def __init__(self, program, loops):
        self.program, self.loops, self.lines = program, loops, []

    def _emit(self, text, dtype, data):
        name = self.program.fresh("s")
        self.lines.append("      %s = %s" % (name, text))
        return Scalar(name, dtype, data)

    def constant(self, value, dtype="f32"):
        value = np.float64(np.float32(value)) if dtype == "f32" else value
        typed = "arith.constant " + literal(value, dtype) + ("" if dtype == "i1" else " : " + dtype)
        return self._emit(typed, dtype, np.asarray(value))

    def index(self, axis):
        at = self.loops.index(axis)
        size = self.program.size(axis)
        shape = [1] * len(self.loops)
        shape[at] = size
        return self._emit("linalg.index %d : index" % at, "index", np.arange(size).reshape(shape))

    def binary(self, op, a, b):
        function = {
            "arith.addf": np.add, "arith.subf": np.subtract, "arith.mulf": np.multiply, "arith.divf": np.divide,
            "math.powf": np.power,
            "arith.maximumf": np.maximum, "arith.addi": np.add, "arith.subi": np.subtract, "arith.muli": np.multiply,
            "arith.minsi": np.minimum, "arith.maxsi": np.maximum,
            "arith.andi": np.logical_and, "arith.ori": np.logical_or, "arith.xori": np.logical_xor}[op]
        with np.errstate(all="ignore"):
            return self._emit("%s %s, %s : %s" % (op, a.name, b.name, a.dtype), a.dtype, function(a.data, b.data))

    def unary(self, op, a):
        function = {"math.exp": np.exp, "math.exp2": np.exp2, "math.log": np.log, "math.absf": np.abs, "math.tanh": np.tanh,
                    "arith.negf": np.negative}[op]
        with np.errstate(all="ignore"):
            return self._emit("%s %s : %s" % (op, a.name, a.dtype), a.dtype, function(a.data))

    def cast(self, op, a, dtype):
        data = a.data.astype(np.float64 if dtype == "f32" else NUMPY.get(dtype, a.data.dtype))
        return self._emit("%s %s : %s to %s" % (op, a.name, a.dtype, dtype), dtype, data)

    def compare(self, predicate, a, b):
        is_float = a.dtype == "f32"
        nan = np.isnan(a.data) | np.isnan(b.data) if is_float else False
        test = predicate[1:] if predicate[0] in "osu" and predicate not in ("ord", "uno") else predicate
        with np.errstate(all="ignore"):
            if test == "uno":
                data = nan
            elif test == "ord":
                data = ~nan
            else:
                data = {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
                        "gt": np.greater, "ge": np.greater_equal}[test](a.data, b.data)
                if is_float:
                    data = data | nan if predicate[0] == "u" else data & ~nan
        op = "arith.cmpf" if is_float else "arith.cmpi"
        return self._emit("%s %s, %s, %s : %s" % (op, predicate, a.name, b.name, a.dtype), "i1", np.asarray(data))

    def select(self, condition, a, b):
        text = "arith.select %s, %s, %s : %s" % (condition.name, a.name, b.name, a.dtype)
        return self._emit(text, a.dtype, np.where(condition.data, a.data, b.data))


class TensorProgram:
    def __init__(self, rng, name, sizes):
        self.rng, self.name, self.sizes = rng, name, dict(sizes)
        self.lines, self.arguments, self.results, self.counter = [], [], [], 0

    # Names and sizes.
    def fresh(self, prefix="v"):
        self.counter += 1
        return "%%%s%d" % (prefix, self.counter)

    def size(self, axis):
        if axis is None:
            return 1
        return int(np.prod([self.sizes[part] for part in axis.split("*")]))

    def shape(self, axes):
        return tuple(self.size(axis) for axis in axes)

    def chance(self, probability):
        return bool(self.rng.random() < probability)

    def pick(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def shuffled(self, items):
        return [items[i] for i in self.rng.permutation(len(items))]

    # Sources.
    def argument(self, axes, dtype, data):
        tensor = Tensor("%%arg%d" % len(self.arguments), axes, dtype, data.reshape(self.shape(axes)))
        self.arguments.append(tensor)
        return tensor

    def constant(self, axes, dtype, data):
        name, data = self.fresh("c"), data.reshape(self.shape(axes))
        if data.size and (data == data.flat[0]).all():
            text = literal(data.flat[0], dtype)
        else:
            text = nested(data, dtype)
        tensor = Tensor(name, axes, dtype, data)
        self.lines.append("    %s = arith.constant dense<%s> : %s" % (name, text, tensor.type))
        return tensor

    def scalar_constant(self, value, dtype="f32"):
        name = self.fresh("c")
        self.lines.append("    %s = arith.constant %s%s" % (
            name, literal(value, dtype), "" if dtype == "i1" else " : " + dtype))
        return name

    def empty(self, axes, dtype):
        tensor = Tensor(self.fresh("e"), axes, dtype, np.zeros(self.shape(axes)))
        self.lines.append("    %s = tensor.empty() : %s" % (tensor.name, tensor.type))
        return tensor

    def filled(self, axes, value, dtype="f32"):
        if dtype == "f32" and self.chance(0.2):
            return self.constant(axes, dtype, np.full(self.shape(axes), np.float64(np.float32(value))))
        scalar, empty = self.scalar_constant(value, dtype), self.empty(axes, dtype)
        name = self.fresh("f")
        self.lines.append("    %s = linalg.fill ins(%s : %s) outs(%s : %s) -> %s" % (
            name, scalar, dtype, empty.name, empty.type, empty.type))
        data = np.full(self.shape(axes), np.float64(np.float32(value)) if dtype == "f32" else value)
        return Tensor(name, axes, dtype, data)

    # Operations.
    def map_of(self, axes, loops, may_drop_units=True):
        results = []
        for axis in axes:
            if axis is None or (may_drop_units and self.size(axis) == 1 and self.chance(0.4)):
                results.append("0")
            else:
                results.append("d%d" % loops.index(axis))
        return "affine_map<(%s) -> (%s)>" % (", ".join("d%d" % i for i in range(len(loops))), ", ".join(results))

    def over(self, tensor, loops):
        """The tensor's elements over the loops."""
        named = [axis for axis in tensor.axes if axis is not None]
        data = tensor.data.reshape(self.shape(named))
        order = [axis for axis in loops if axis in named]
        data = data.transpose([named.index(axis) for axis in order])
        return data.reshape([self.size(axis) if axis in named else 1 for axis in loops])

    def elementwise(self, out_axes, inputs, body, dtype="f32"):
        loops = [axis for axis in out_axes if axis is not None]
        if self.chance(0.3):
            loops = self.shuffled(loops)
        units = [axis for axis in out_axes if axis is None]
        out = self.empty(out_axes, dtype)
        # The result is written by every loop once: a loop for each dimension without a name.
        names = loops + ["unit%d" % i for i in range(len(units))]
        for name in names[len(loops):]:
            self.sizes.setdefault(name, 1)
        own = iter(names[len(loops):])
        out_names = [next(own) if axis is None else axis for axis in out_axes]
        b = Body(self, names)
        scalars = [Scalar(self.fresh("a"), t.dtype, self.over(t, names)) for t in inputs]
        result = body(b, *scalars)
        name = self.fresh()
        maps = [self.map_of(t.axes, names) for t in inputs] + [self.map_of(out_names, names, False)]
        blocks = ["%s: %s" % (s.name, s.dtype) for s in scalars] + ["%s: %s" % (self.fresh("o"), dtype)]
        ins = "ins(%s : %s) " % (", ".join(t.name for t in inputs), ", ".join(t.type for t in inputs)) if inputs else ""
        self.lines += [
            "    %s = linalg.generic {indexing_maps = [%s], iterator_types = [%s]} %souts(%s : %s) {" % (
                name, ", ".join(maps), ", ".join(['"parallel"'] * len(names)), ins, out.name, out.type),
            "    ^bb0(%s):" % ", ".join(blocks), *b.lines,
            "      linalg.yield %s : %s" % (result.name, dtype), "    } -> " + out.type]
        data = np.broadcast_to(result.data, [self.size(axis) for axis in names])
        data = data.transpose([names.index(axis) for axis in out_names])
        return Tensor(name, out_axes, dtype, np.array(data).reshape(self.shape(out_axes)))

    def transpose(self, tensor, axes):
        """The same elements with these axes, which may differ in dimensions without a name."""
        if tensor.axes == tuple(axes):
            return tensor
        if sorted(map(str, tensor.axes)) == sorted(map(str, axes)) and None not in axes and self.chance(0.4):
            permutation = [tensor.axes.index(axis) for axis in axes]
            out, name = self.empty(axes, tensor.dtype), self.fresh()
            self.lines.append("    %s = linalg.transpose ins(%s : %s) outs(%s : %s) permutation = %s" % (
                name, tensor.name, tensor.type, out.name, out.type, permutation))
            return Tensor(name, axes, tensor.dtype, tensor.data.transpose(permutation))
        return self.elementwise(axes, [tensor], lambda b, x: x, tensor.dtype)

    def reshape(self, tensor, axes):
        """Merges or splits neighbours: the flattened names stay in order."""
        if tensor.axes == tuple(axes):
            return tensor
        is_merge = len(axes) < len(tensor.axes)
        longer, shorter = (tensor.axes, axes) if is_merge else (axes, tensor.axes)
        groups, at = [], 0
        for axis in shorter:
            parts = axis.split("*") if axis else [None]
            group = []
            while parts:
                own = longer[at].split("*") if longer[at] else [None]
                assert parts[:len(own)] == own, (tensor.axes, axes)
                parts = parts[len(own):]
                group.append(at)
                at += 1
            groups.append(group)
        result = Tensor(self.fresh(), axes, tensor.dtype, tensor.data.reshape(self.shape(axes)))
        text = str(groups)
        if is_merge:
            self.lines.append("    %s = tensor.collapse_shape %s %s : %s into %s" % (
                result.name, tensor.name, text, tensor.type, result.type))
        else:
            self.lines.append("    %s = tensor.expand_shape %s %s output_shape %s : %s into %s" % (
                result.name, tensor.name, text, list(result.data.shape), tensor.type, result.type))
        return result

    def slice(self, tensor, axes, offsets):
        """As many elements as `axes` have, from `offsets` on."""
        sizes = self.shape(axes)
        data = tensor.data[tuple(slice(o, o + n) for o, n in zip(offsets, sizes))]
        result = Tensor(self.fresh(), axes, tensor.dtype, data)
        self.lines.append("    %s = tensor.extract_slice %s%s %s %s : %s to %s" % (
            result.name, tensor.name, list(offsets), list(sizes), [1] * len(sizes), tensor.type, result.type))
        return result

    def contract(self, a, b, out_axes, start=0.0):
        """The sum of products over the axis that both have and the result has not, and of what it starts at."""
        shared = [axis for axis in a.axes if axis in b.axes and axis not in out_axes]
        assert len(shared) == 1, (a.axes, b.axes, out_axes)
        k = shared[0]
        init = self.filled(out_axes, start)
        loops = [axis for axis in out_axes] + [k]
        letters = {axis: chr(97 + i) for i, axis in enumerate(loops)}
        spell = lambda axes: "".join(letters[axis] for axis in axes)
        with np.errstate(all="ignore"):
            data = np.einsum("%s,%s->%s" % (spell(a.axes), spell(b.axes), spell(out_axes)), a.data, b.data) + start
        name = self.fresh()
        matrix = (len(out_axes) in (2, 3) and a.axes == (*out_axes[:-1], k)
                  and b.axes == (*out_axes[:-2], k, out_axes[-1]))
        if matrix and self.chance(0.7):
            op = "linalg.batch_matmul" if len(out_axes) == 3 else "linalg.matmul"
            self.lines.append("    %s = %s ins(%s, %s : %s, %s) outs(%s : %s) -> %s" % (
                name, op, a.name, b.name, a.type, b.type, init.name, init.type, init.type))
            return Tensor(name, out_axes, "f32", data)
        loops = self.shuffled(loops)
        kinds = ['"reduction"' if axis == k else '"parallel"' for axis in loops]
        if self.chance(0.3):
            a, b = b, a
        x, y, o, p, t = (self.fresh("a") for _ in range(5))
        factors = (x, y) if self.chance(0.7) else (y, x)
        terms = (o, p) if self.chance(0.7) else (p, o)
        maps = [self.map_of(tensor.axes, loops, False) for tensor in (a, b)] + [self.map_of(out_axes, loops, False)]
        self.lines += [
            "    %s = linalg.generic {indexing_maps = [%s], iterator_types = [%s]} ins(%s, %s : %s, %s) outs(%s : %s) {" % (
                name, ", ".join(maps), ", ".join(kinds), a.name, b.name, a.type, b.type, init.name, init.type),
            "    ^bb0(%s: f32, %s: f32, %s: f32):" % (x, y, o),
            "      %s = arith.mulf %s, %s : f32" % ((p,) + factors),
            "      %s = arith.addf %s, %s : f32" % ((t,) + terms),
            "      linalg.yield %s : f32" % t, "    } -> " + init.type]
        return Tensor(name, out_axes, "f32", data)

    def reduce(self, tensor, axis, kind, start, keeps):
        """`kind` is maximumf, maxnumf, greater (a comparison and a choice), addf, andi or ori."""
        out_axes = [None if a == axis and keeps else a for a in tensor.axes if a != axis or keeps]
        function = {"maximumf": np.maximum, "maxnumf": np.fmax, "greater": np.fmax, "addf": np.add,
                    "andi": np.logical_and, "ori": np.logical_or}[kind]
        at = tensor.axes.index(axis)
        with np.errstate(all="ignore"):
            initial = start if tensor.dtype == "i1" else np.float64(np.float32(start))
            data = function.reduce(tensor.data, axis=at, keepdims=keeps, initial=initial)
        init, name = self.filled(out_axes, start, tensor.dtype), self.fresh()
        result = Tensor(name, out_axes, tensor.dtype, np.asarray(data).reshape(self.shape(out_axes)))
        if kind not in ("greater",) and not keeps and self.chance(0.5):
            self.lines.append("    %s = linalg.reduce { arith.%s } ins(%s : %s) outs(%s : %s) dimensions = [%d]" % (
                name, kind, tensor.name, tensor.type, init.name, init.type, at))
            return result
        kinds = ['"reduction"' if a == axis else '"parallel"' for a in tensor.axes]
        results = ["0" if keeps and i == at else "d%d" % i for i in range(len(kinds)) if keeps or i != at]
        dims = ", ".join("d%d" % i for i in range(len(kinds)))
        identity = "affine_map<(%s) -> (%s)>" % (dims, dims)
        outer = "affine_map<(%s) -> (%s)>" % (dims, ", ".join(results))
        x, o, r, c = (self.fresh("a") for _ in range(4))
        dtype = tensor.dtype
        pair = (x, o) if self.chance(0.6) else (o, x)
        if kind == "greater":
            lines = ["      %s = arith.cmpf ogt, %s, %s : f32" % (c, x, o),
                     "      %s = arith.select %s, %s, %s : f32" % (r, c, x, o)]
        else:
            lines = ["      %s = arith.%s %s, %s : %s" % ((r, kind) + pair + (dtype,))]
        self.lines += [
            "    %s = linalg.generic {indexing_maps = [%s, %s], iterator_types = [%s]} ins(%s : %s) outs(%s : %s) {" % (
                name, identity, outer, ", ".join(kinds), tensor.name, tensor.type, init.name, init.type),
            "    ^bb0(%s: %s, %s: %s):" % (x, dtype, o, dtype), *lines,
            "      linalg.yield %s : %s" % (r, dtype), "    } -> " + result.type]
        return result

    def softmax(self, tensor, axis):
        at = tensor.axes.index(axis)
        out, name = self.empty(tensor.axes, "f32"), self.fresh()
        self.lines.append("    %s = linalg.softmax dimension(%d) ins(%s : %s) outs(%s : %s) -> %s" % (
            name, at, tensor.name, tensor.type, out.name, out.type, out.type))
        with np.errstate(all="ignore"):
            e = np.exp(tensor.data - tensor.data.max(axis=at, keepdims=True))
            data = e / e.sum(axis=at, keepdims=True)
        return Tensor(name, tensor.axes, "f32", data)

    # The function.
    def result(self, tensor):
        self.results.append(tensor)

    def mlir(self):
        types = ", ".join(t.type for t in self.results)
        return "\n".join([
            "  func.func @%s(%s) -> (%s) attributes {llvm.emit_c_interface} {" % (
                self.name, ", ".join("%s: %s" % (t.name, t.type) for t in self.arguments), types),
            *self.lines,
            "    return %s : %s" % (", ".join(t.name for t in self.results), types), "  }"])


def nested(data, dtype):
    if data.ndim == 0:
        return literal(data[()], dtype)
    return "[" + ", ".join(nested(part, dtype) for part in data) + "]"
