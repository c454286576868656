# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random nodes of every operator through nm-run, against ONNX Runtime.

Shapes from no element to a few thousand, unit sizes, every dtype an operator is defined for, attributes and their older
spellings, operands that broadcast, constants beside what only the call knows. Integers are equal, numbers near. What
ONNX Runtime has no kernel for is left out; what nm refuses is listed with its reason. $NM_ONNXRUNTIME names the
peer's library.
"""

import argparse
import collections
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "test/Import/Onnx/Inputs"))

import onnxruntime
from loopgraphs import Body, Drawer
from onnxfile import TYPES, graph, model, node, tensor, value

FLOATS = ["float32", "float32", "float32", "float64", "float16"]
INTEGERS = ["int32", "int64", "int8", "uint8"]
ALL = FLOATS + INTEGERS + ["bool", "uint32", "uint64", "int16", "uint16"]

# Operator, range of its operand, dtypes.
UNARY = [
    ("Abs", -4, 4, FLOATS + INTEGERS), ("Neg", -4, 4, FLOATS + INTEGERS[:3]), ("Ceil", -4, 4, FLOATS),
    ("Floor", -4, 4, FLOATS), ("Round", -4, 4, FLOATS), ("Sign", -4, 4, FLOATS + INTEGERS), ("Exp", -20, 20, FLOATS),
    ("Log", 0.01, 50, FLOATS), ("Sqrt", 0, 90, FLOATS), ("Reciprocal", 0.1, 9, FLOATS), ("Sin", -9, 9, FLOATS[:4]),
    ("Cos", -9, 9, FLOATS[:4]), ("Tan", -1.4, 1.4, ["float32"]), ("Asin", -1, 1, ["float32"]),
    ("Acos", -1, 1, ["float32"]), ("Atan", -9, 9, ["float32"]), ("Sinh", -5, 5, ["float32"]),
    ("Cosh", -5, 5, ["float32"]), ("Asinh", -9, 9, ["float32"]), ("Acosh", 1, 9, ["float32"]),
    ("Atanh", -0.9, 0.9, ["float32"]), ("Tanh", -9, 9, FLOATS), ("Erf", -5, 5, ["float32"]), ("Sigmoid", -30, 30, FLOATS),
    ("Softplus", -40, 40, ["float32"]), ("Softsign", -9, 9, ["float32"]), ("Relu", -4, 4, FLOATS + ["int32", "int8"]),
    ("HardSwish", -6, 6, ["float32"]), ("Mish", -9, 9, ["float32"]),
]
PARAMETERS = [
    ("Elu", {"alpha": 1.5}), ("Elu", {}), ("Celu", {"alpha": 0.7}), ("LeakyRelu", {"alpha": -0.3}), ("LeakyRelu", {}),
    ("Selu", {}), ("Selu", {"alpha": 2.0, "gamma": 0.5}), ("HardSigmoid", {}), ("HardSigmoid", {"alpha": 0.4, "beta": 0.1}),
    ("ThresholdedRelu", {"alpha": 0.5}), ("Shrink", {"lambd": 1.0, "bias": 0.5}), ("Shrink", {}), ("Gelu", {}),
    ("Gelu", {"approximate": "tanh"}),
]
# Operator, dtypes, dtype of the result if it is another.
BINARY = [
    ("Add", FLOATS + INTEGERS, None), ("Sub", FLOATS + INTEGERS, None), ("Mul", FLOATS + INTEGERS, None),
    ("Div", FLOATS + INTEGERS, None), ("Pow", ["float32", "float64", "int32", "int64"], None), ("Mod", INTEGERS, None),
    ("Equal", FLOATS[:4] + INTEGERS + ["bool"], "bool"), ("Greater", FLOATS[:4] + INTEGERS, "bool"),
    ("Less", FLOATS[:4] + INTEGERS, "bool"), ("GreaterOrEqual", FLOATS[:4] + INTEGERS, "bool"),
    ("LessOrEqual", FLOATS[:4] + INTEGERS, "bool"), ("And", ["bool"], None), ("Or", ["bool"], None), ("Xor", ["bool"], None),
    ("PRelu", ["float32"], None), ("BitwiseAnd", INTEGERS, None), ("BitwiseXor", INTEGERS, None),
    ("BitShift", ["uint8"], None), ("Fmod", ["float32", "int32", "int64"], None),
]

Case = collections.namedtuple("Case", "op inputs constant attributes outputs opset domain")


class Maker:
    """Draws nodes; `case()` is None where what was drawn makes no sense."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.n = numpy.random.default_rng(seed)

    def case(self):
        names = [n for n in dir(self) if n.startswith("op_")]
        return getattr(self, self.r.choice(names))()

    def size(self):
        return self.r.choice([1, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33])

    def shape(self, low=0, high=4):
        rank = self.r.randint(low, high)
        while True:
            shape = [self.size() for _ in range(rank)]
            if numpy.prod(shape, initial=1) <= 4000:
                break
        if rank and self.r.random() < 0.04:
            shape[self.r.randrange(rank)] = 0
        return shape

    def array(self, dtype, shape, low=-4, high=4):
        if dtype == "bool":
            return self.n.integers(0, 2, shape).astype(bool)
        if dtype.startswith("float"):
            x = self.n.uniform(low, high, shape)
            if self.r.random() < 0.3:
                x = numpy.round(x)  # ties
            return numpy.asarray(x).astype(dtype)
        if dtype.startswith("u"):
            low, high = max(low, 0), max(high, 9)
        return self.n.integers(int(low), int(high) + 1, shape).astype(dtype)

    def any(self, kinds, shape, *limits):
        return self.array(self.r.choice(kinds), shape, *limits)

    def chance(self, p):
        return self.r.random() < p

    def broadcast(self, shape):
        """A shape that broadcasts to this one."""
        shape = list(shape)[self.r.randint(0, len(shape)):] if self.chance(0.4) else list(shape)
        return [1 if self.chance(0.3) else n for n in shape]

    def axis(self, rank):
        return self.r.randrange(-rank, rank)

    def axes(self, rank):
        return [a - rank if self.chance(0.4) else a for a in self.r.sample(range(rank), self.r.randint(1, rank))]

    def made(self, op, inputs, attributes=None, outputs=None, opset=None, constant=(), domain=""):
        inputs = [None if x is None else numpy.asarray(x) for x in inputs]
        outputs = outputs or [str(inputs[0].dtype)]
        opset = opset or self.r.choice([13, 15, 17, 21])
        return Case(op, inputs, set(constant), attributes or {}, outputs, opset, domain)

    def maybe(self, *places):
        """Operands that are constants of the graph in half of the cases."""
        return [p for p in places if self.chance(0.5)]

    # Element by element --------------------------------------------------------------------------------------------

    def op_unary(self):
        op, low, high, kinds = self.r.choice(UNARY)
        opset = {"Mish": 18, "HardSwish": 14}.get(op)
        return self.made(op, [self.any(kinds, self.shape(), low, high)], opset=opset)

    def op_parameter(self):
        op, attributes = self.r.choice(PARAMETERS)
        return self.made(op, [self.array("float32", self.shape())], attributes, opset=20 if op == "Gelu" else None)

    def op_binary(self):
        op, kinds, result = self.r.choice(BINARY)
        dtype, shape = self.r.choice(kinds), self.shape()
        a, b = self.array(dtype, shape), self.array(dtype, self.broadcast(shape))
        if op in ("Div", "Mod", "Fmod"):
            b = numpy.where(b == 0, numpy.asarray(3, dtype), b)
        if op == "Pow":
            a, b = (abs(a), b) if dtype.startswith("f") else (a, abs(b) % 4)
        if self.chance(0.4) and op not in ("PRelu", "BitShift", "Pow", "Div", "Mod", "Fmod"):
            a, b = b, a
        attributes = {"BitShift": {"direction": self.r.choice(["LEFT", "RIGHT"])}, "Fmod": {"fmod": 1}}.get(op, {})
        opset = 18 if op.startswith("Bitwise") else 16 if op.endswith("OrEqual") else None
        return self.made("Mod" if op == "Fmod" else op, [a, b], attributes, [result or dtype], opset, self.maybe(1))

    def op_many(self):
        op, shape = self.r.choice(["Max", "Min", "Sum", "Mean"]), self.shape()
        dtype = self.r.choice(["float32", "float64"] + (INTEGERS if op in ("Max", "Min") else []))
        return self.made(op, [self.array(dtype, self.broadcast(shape) if i else shape) for i in range(self.r.randint(1, 4))])

    def op_where(self):
        shape, dtype = self.shape(), self.r.choice(["float32", "int32", "int64", "uint8"])
        return self.made("Where", [self.array("bool", self.broadcast(shape)), self.array(dtype, shape),
                                   self.array(dtype, self.broadcast(shape))], outputs=[dtype], constant=self.maybe(0, 2))

    def op_clip(self):
        dtype = self.r.choice(["float32", "float64", "int32", "int64", "int8", "uint8"])
        low, high = self.array(dtype, [], -3, 0), self.array(dtype, [], 0, 3)
        return self.made("Clip", [self.array(dtype, self.shape()), self.r.choice([low, None]), self.r.choice([high, low])],
                         constant=self.maybe(1, 2))

    def op_cast(self):
        to = self.r.choice(ALL)
        x = self.any(ALL, self.shape(), 0 if to.startswith("u") else -100, 100)
        return self.made("Cast", [x], {"to": TYPES[to]}, [to], constant=self.maybe(0))

    def op_nonfinite(self):
        x = self.array("float32", self.shape(1))
        draw = self.n.uniform(size=x.shape)
        for limit, number in ((0.4, "-inf"), (0.3, "inf"), (0.2, "nan")):
            x = numpy.where(draw < limit, numpy.float32(number), x)
        op = self.r.choice(["IsNaN", "IsInf", "Relu", "Sigmoid", "Tanh", "Exp", "Sqrt", "Abs", "Sign", "Max", "Min", "Clip",
                            "Less", "Greater", "Equal", "Neg", "Add", "Mul", "Erf", "Floor", "Round"])
        if op == "IsInf":
            return self.made(op, [x], self.r.choice([{}, {"detect_negative": 0}, {"detect_positive": 0}]), ["bool"])
        if op in ("Max", "Min", "Less", "Greater", "Equal", "Add", "Mul"):
            pair = [x, self.array("float32", self.broadcast(x.shape))]
            self.r.shuffle(pair)
            return self.made(op, pair, {}, ["bool" if op in ("Less", "Greater", "Equal") else "float32"])
        if op == "Clip":
            return self.made(op, [x, numpy.float32(-1), numpy.float32(1)])
        return self.made(op, [x], {}, ["bool" if op == "IsNaN" else "float32"])

    def op_loop(self):
        op, inputs, attributes, count = Drawer(self.r.randrange(1 << 30)).draw()
        attributes = {k: {"graph": v.proto()} if isinstance(v, Body) else v for k, v in attributes.items()}
        return self.made(op, inputs, attributes, ["float32"] * count, constant=[i for i in self.maybe(0, 1, 2, 3) if i < len(inputs)],
                         opset=self.r.choice([13, 17, 21]))

    # Reductions ----------------------------------------------------------------------------------------------------

    def op_reduce(self):
        kind = self.r.choice(["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare"])
        integers = ["int32", "int64"] if kind in ("Sum", "Max", "Min", "Prod", "L1", "SumSquare", "Mean") else []
        small = ["int8", "uint8"] if kind in ("Max", "Min") else []
        x = self.any(["float32", "float32", "float64"] + integers + small, self.shape(), 0.5 if kind == "LogSum" else -2, 2)
        attributes = {} if self.chance(0.3) else {"keepdims": self.r.randint(0, 1)}
        axes = self.axes(x.ndim) if x.ndim and self.chance(0.8) else None
        opset = self.r.choice([11, 13, 18, 20])
        if opset >= 18 or (kind == "Sum" and opset >= 13):
            if self.chance(0.3):
                attributes["noop_with_empty_axes"] = self.r.randint(0, 1)
            inputs = [x] + ([numpy.array(axes, "int64")] if axes else [])
            return self.made("Reduce" + kind, inputs, attributes, opset=opset, constant=[1])
        if axes:
            attributes["axes"] = axes
        return self.made("Reduce" + kind, [x], attributes, opset=opset)

    def op_arg(self):
        x = self.any(["float32", "float64", "int32", "int8", "uint8"], self.shape(1), -3, 3)
        attributes = {"axis": self.axis(x.ndim), "keepdims": self.r.randint(0, 1)}
        if self.chance(0.5):
            attributes["select_last_index"] = self.r.randint(0, 1)
        return self.made(self.r.choice(["ArgMax", "ArgMin"]), [x], attributes, ["int64"])

    def op_cumsum(self):
        x = self.any(["float32", "float64", "int32", "int64"], self.shape(1))
        axis = numpy.asarray(self.axis(x.ndim), self.r.choice(["int32", "int64"]))
        return self.made("CumSum", [x, axis], {"exclusive": self.r.randint(0, 1), "reverse": self.r.randint(0, 1)}, constant=[1])

    def op_softmax(self):
        x = self.any(["float32", "float32", "float64", "float16"], self.shape(1), -20, 20)
        attributes = {} if self.chance(0.2) else {"axis": self.axis(x.ndim)}
        return self.made(self.r.choice(["Softmax", "LogSoftmax"]), [x], attributes, opset=self.r.choice([11, 13, 17]))

    # Shapes --------------------------------------------------------------------------------------------------------

    def op_reshape(self):
        x = self.any(ALL[:10], self.shape(1))
        if not x.size:
            return None
        sizes = list(x.shape)
        self.r.shuffle(sizes)
        if self.chance(0.5) and len(sizes) > 1:
            sizes = [sizes[0] * sizes[1]] + sizes[2:]
        if self.chance(0.5):
            sizes[self.r.randrange(len(sizes))] = -1
        return self.made("Reshape", [x, numpy.array(sizes, "int64")], constant=[1] + self.maybe(0))

    def op_flatten(self):
        x = self.array("float32", self.shape(1))
        return self.made("Flatten", [x], {"axis": self.r.randint(-x.ndim, x.ndim)})

    def op_squeeze(self):
        shape = [self.r.choice([1, 1, self.size()]) for _ in range(self.r.randint(1, 4))]
        ones = [i - len(shape) if self.chance(0.5) else i for i, n in enumerate(shape) if n == 1]
        if not ones or self.chance(0.2):
            return self.made("Squeeze", [self.array("float32", shape)])
        axes = self.r.sample(ones, self.r.randint(1, len(ones)))
        return self.made("Squeeze", [self.array("float32", shape), numpy.array(axes, "int64")], constant=[1])

    def op_unsqueeze(self):
        x, count = self.array("float32", self.shape(0, 3)), self.r.randint(1, 3)
        rank = x.ndim + count
        axes = [a - rank if self.chance(0.5) else a for a in self.r.sample(range(rank), count)]
        return self.made("Unsqueeze", [x, numpy.array(axes, "int64")], constant=[1])

    def op_transpose(self):
        x = self.any(ALL[:10], self.shape(1, 5))
        return self.made("Transpose", [x], {} if self.chance(0.2) else {"perm": self.r.sample(range(x.ndim), x.ndim)})

    def op_concat(self):
        dtype, shape = self.r.choice(["float32", "int64", "uint8", "bool"]), self.shape(1)
        axis, pieces = self.axis(len(shape)), []
        for _ in range(self.r.randint(1, 4)):
            piece = list(shape)
            piece[axis] = self.r.choice([0, 1, 2, 5, shape[axis]])
            pieces.append(self.array(dtype, piece))
        return self.made("Concat", pieces, {"axis": axis}, constant=self.maybe(*range(len(pieces))))

    def op_split(self):
        x = self.array("float32", self.shape(1))
        axis = self.axis(x.ndim)
        size = x.shape[axis]
        if not size:
            return None
        if self.chance(0.4):
            count = self.r.randint(1, size)
            if -(-size // count) * (count - 1) >= size:
                return None
            return self.made("Split", [x], {"axis": axis, "num_outputs": count}, ["float32"] * count, 18)
        cuts = sorted(self.r.randint(0, size) for _ in range(self.r.randint(0, 3)))
        sizes = [b - a for a, b in zip([0] + cuts, cuts + [size])]
        return self.made("Split", [x, numpy.array(sizes, "int64")], {"axis": axis}, ["float32"] * len(sizes), constant=[1])

    def op_slice(self):
        x = self.any(["float32", "int64", "uint8", "bool"], self.shape(1))
        axes, starts, ends, steps = self.axes(x.ndim), [], [], []
        for a in axes:
            n, step = x.shape[a], self.r.choice([1, 1, 2, 3, -1, -2, -5, 100])
            low, high = self.r.choice([-(2**63), -(2**31)]), self.r.choice([2**63 - 1, 2**31 - 1])
            # ONNX Runtime takes the largest number as "to the end" even where the steps go down.
            starts.append(self.r.choice([self.r.randint(-n - 2, n + 2), low if step > 0 else high]))
            ends.append(self.r.choice([self.r.randint(-n - 2, n + 2), high if step > 0 else low]))
            steps.append(step)
        parts = [numpy.array(p, "int64") for p in (starts, ends, axes, steps)]
        return self.made("Slice", [x] + parts, constant=[1, 2, 3, 4])

    def op_pad(self):
        x = self.any(["float32", "int32", "float64"], self.shape(1, 4))
        mode = self.r.choice(["constant", "constant", "reflect", "edge", "wrap"])
        if not x.size:
            return None
        most = [max(n - 1, 0) if mode in ("reflect", "wrap") else 3 for n in x.shape]
        low = 0 if mode != "constant" else -1
        pads = [self.r.randint(max(low, -(n // 3)), min(m, 4)) for n, m in list(zip(x.shape, most)) * 2]
        fill = [self.array(str(x.dtype), [])] if mode == "constant" and self.chance(0.5) else []
        return self.made("Pad", [x, numpy.array(pads, "int64")] + fill, {"mode": mode}, constant=[1] + self.maybe(2),
                         opset=19 if mode == "wrap" else None)

    def op_tile(self):
        x = self.any(["float32", "int64", "bool"], self.shape(1, 3))
        return self.made("Tile", [x, self.n.integers(0 if self.chance(0.1) else 1, 4, x.ndim)], constant=[1])

    def op_expand(self):
        shape = self.shape()
        return self.made("Expand", [self.any(["float32", "int32", "bool"], self.broadcast(shape)), numpy.array(shape, "int64")],
                         constant=[1])

    def op_depth(self):
        b, block, r = self.r.randint(1, 2), self.r.randint(1, 3), self.r.randint
        if self.chance(0.5):
            x = self.array("float32", [b, block * block * r(1, 3), r(1, 4), r(1, 4)])
            return self.made("DepthToSpace", [x], {"blocksize": block, "mode": self.r.choice(["DCR", "CRD"])})
        x = self.array("float32", [b, r(1, 3), block * r(1, 3), block * r(1, 3)])
        return self.made("SpaceToDepth", [x], {"blocksize": block})

    def op_shape(self):
        x = self.array("float32", self.shape())
        if self.chance(0.3):
            return self.made("Size", [x], {}, ["int64"])
        attributes = {} if self.chance(0.5) else {"start": self.r.randint(-5, 5), "end": self.r.randint(-5, 5)}
        return self.made("Shape", [x], attributes, ["int64"], opset=15)

    # Gathers and scatters ------------------------------------------------------------------------------------------

    def indices(self, limit, shape):
        return self.n.integers(-limit, limit, shape).astype(self.r.choice(["int32", "int64"]))

    def filled(self, low=1, kinds=("float32", "int64")):
        """An array that has elements."""
        while True:
            x = self.any(kinds, self.shape(low))
            if x.size:
                return x

    def op_gather(self):
        x = self.filled(kinds=["float32", "int64", "uint8", "bool", "float16"])
        axis = self.axis(x.ndim)
        return self.made("Gather", [x, self.indices(x.shape[axis], self.shape(0, 2))], {"axis": axis}, constant=self.maybe(0, 1))

    def op_gather_elements(self):
        x = self.filled()
        axis, shape = self.axis(x.ndim), [self.r.randint(1, n) for n in x.shape]
        shape[axis] = self.size()
        return self.made("GatherElements", [x, self.indices(x.shape[axis], shape)], {"axis": axis})

    def tuples(self, x, batch):
        shape = list(x.shape[:batch]) + self.shape(0 if batch else 1, 2)
        depth = self.r.randint(1, x.ndim - batch)
        return numpy.stack([self.n.integers(-n, n, shape) for n in x.shape[batch:batch + depth]], -1)

    def op_gather_nd(self):
        x, batch = self.filled(), self.r.choice([0, 0, 1, 2])
        if batch >= x.ndim:
            return None
        return self.made("GatherND", [x, self.tuples(x, batch)], {"batch_dims": batch} if batch else {})

    def op_scatter_nd(self):
        x = self.filled()
        index, reduction = self.tuples(x, 0), self.r.choice(["none", "add", "mul", "max", "min"])
        depth = index.shape[-1]
        places = index.reshape(-1, depth) % numpy.array(x.shape[:depth])
        if reduction == "none" and len({tuple(i) for i in places}) < len(places):
            return None
        updates = self.array(str(x.dtype), list(index.shape[:-1]) + list(x.shape[depth:]))
        return self.made("ScatterND", [x, index, updates], {} if reduction == "none" else {"reduction": reduction}, opset=18)

    def op_scatter_elements(self):
        x = self.filled()
        axis, shape = self.axis(x.ndim), [self.r.randint(1, n) for n in x.shape]
        reduction = self.r.choice(["none", "add", "mul", "max", "min"])
        attributes = {"axis": axis}
        if reduction == "none":
            index = numpy.apply_along_axis(lambda _: self.n.permutation(x.shape[axis])[:shape[axis]], axis, numpy.zeros(shape))
        else:
            index, attributes["reduction"] = self.n.integers(-x.shape[axis], x.shape[axis], shape), reduction
        return self.made("ScatterElements", [x, index.astype("int64"), self.array(str(x.dtype), shape)], attributes, opset=18)

    def op_one_hot(self):
        depth, dtype = self.r.randint(1, 6), self.r.choice(["float32", "int64", "int32"])
        index = self.n.integers(-depth - 1, depth + 1, self.shape(0, 3))
        return self.made("OneHot", [index, numpy.asarray(depth, "int64"), self.array(dtype, [2])],
                         {"axis": self.r.randint(-index.ndim - 1, index.ndim)}, [dtype], constant=[1] + self.maybe(2))

    def op_topk(self):
        x = self.any(["float32", "float32", "float64", "int64", "int32"], self.shape(1))
        axis = self.axis(x.ndim)
        return self.made("TopK", [x, numpy.array([self.r.randint(0, x.shape[axis])], "int64")],
                         {"axis": axis, "largest": self.r.randint(0, 1), "sorted": 1}, [str(x.dtype), "int64"], constant=[1])

    def op_trilu(self):
        x = self.any(["float32", "int64", "bool", "float64"], self.shape(2))
        k = [numpy.asarray(self.r.randint(-9, 9), "int64")] if self.chance(0.7) else []
        return self.made("Trilu", [x] + k, {"upper": self.r.randint(0, 1)}, constant=[1], opset=15)

    def op_range(self):
        dtype = self.r.choice(["float32", "int32", "int64", "float64"])
        step = self.array(dtype, [], 1, 3) * self.r.choice([1, 1, -1])
        return self.made("Range", [self.array(dtype, []), self.array(dtype, [], -9, 9), step], constant=[0, 1, 2])

    def op_eye(self):
        return self.made("EyeLike", [self.any(["float32", "int64", "int32"], self.shape(2, 2))], {"k": self.r.randint(-4, 4)})

    # Products ------------------------------------------------------------------------------------------------------

    def op_matmul(self):
        m, n, k, batch = self.size(), self.size(), self.size(), self.shape(0, 2)
        dtype = self.r.choice(["float32", "float32", "float32", "float64", "int32", "int64"])
        a = self.array(dtype, [k] if self.chance(0.1) else self.broadcast(batch) + [m, k])
        b = self.array(dtype, [k] if self.chance(0.1) else (batch if self.chance(0.5) else []) + [k, n])
        return self.made("MatMul", [a, b], constant=self.maybe(0, 1))

    def op_gemm(self):
        m, n, k, ta, tb = self.size(), self.size(), self.size(), self.r.randint(0, 1), self.r.randint(0, 1)
        a, b = self.array("float32", [k, m] if ta else [m, k]), self.array("float32", [n, k] if tb else [k, n])
        c = self.r.choice([None, [n], [1, n], [m, 1], [m, n], [], [1]])
        attributes = {"transA": ta, "transB": tb}
        if self.chance(0.4):
            attributes.update(alpha=0.5, beta=2.0)
        return self.made("Gemm", [a, b] + ([] if c is None else [self.array("float32", c)]), attributes, constant=self.maybe(1, 2))

    def op_einsum(self):
        letters = "abcde"[:self.r.randint(2, 5)]
        sizes = {c: self.r.choice([1, 2, 3, 5, 8]) for c in letters}
        operands = ["".join(self.r.sample(letters, self.r.randint(1, len(letters)))) for _ in range(self.r.randint(1, 3))]
        used = sorted(set("".join(operands)))
        result = "".join(self.r.sample(used, self.r.randint(0, len(used))))
        equation = ",".join(operands) + (f"->{result}" if self.chance(0.8) else "")
        return self.made("Einsum", [self.array("float32", [sizes[c] for c in o]) for o in operands], {"equation": equation})

    def window(self):
        """Sizes, kernel and attributes of a convolution or pooling; None if the window does not fit."""
        rank = self.r.choice([1, 2, 2, 2, 3])
        sizes = [self.r.randint(1, 12) for _ in range(rank)]
        kernel, attributes, dilations = [self.r.randint(1, min(n, 4)) for n in sizes], {}, [1] * rank
        if self.chance(0.3):
            attributes["dilations"] = dilations = [self.r.choice([1, 1, 2]) for _ in range(rank)]
        if self.chance(0.6):
            attributes["strides"] = [self.r.randint(1, 3) for _ in range(rank)]
        if self.chance(0.2):
            attributes["auto_pad"] = self.r.choice(["SAME_UPPER", "SAME_LOWER", "VALID"])
        elif self.chance(0.6):
            attributes["pads"] = [self.r.randint(0, (k - 1) * d) for k, d in list(zip(kernel, dilations)) * 2]
        pads = attributes.get("pads", [0] * 2 * rank)
        if attributes.get("auto_pad", "").startswith("SAME"):
            attributes.pop("dilations", None)
        elif any((k - 1) * d + 1 > n + p + q for k, d, n, p, q in zip(kernel, dilations, sizes, pads, pads[rank:])):
            return None
        return sizes, kernel, attributes

    def op_conv(self):
        drawn, group = self.window(), self.r.choice([1, 1, 2, 3, 4])
        if drawn is None:
            return None
        sizes, kernel, attributes = drawn
        per_group, cout = self.r.choice([1, 2, 3, 8]), group * self.r.choice([1, 2, 5, 8])
        x, w = self.array("float32", [self.r.randint(1, 3), group * per_group] + sizes), self.array("float32", [cout, per_group] + kernel)
        if group > 1:
            attributes["group"] = group
        bias = [self.array("float32", [cout])] if self.chance(0.5) else []
        return self.made("Conv", [x, w] + bias, attributes, constant=self.maybe(1, 1, 2))

    def op_pool(self):
        drawn, op = self.window(), self.r.choice(["MaxPool", "AveragePool"])
        if drawn is None or any(p >= k for p, k in zip(drawn[2].get("pads", []), drawn[1] * 2)):
            return None
        sizes, kernel, attributes = drawn
        attributes["kernel_shape"] = kernel
        if self.chance(0.4):
            attributes["ceil_mode"] = 1
        if op == "AveragePool" and self.chance(0.5):
            attributes["count_include_pad"] = 1
        x = self.array("float32", [self.r.randint(1, 2), self.r.randint(1, 4)] + sizes)
        return self.made(op, [x], attributes, ["float32", "int64"] if op == "MaxPool" and self.chance(0.3) else ["float32"], opset=19)

    def op_global_pool(self):
        shape = [2, 3] + [self.r.randint(1, 7) for _ in range(self.r.randint(1, 3))]
        return self.made(self.r.choice(["GlobalMaxPool", "GlobalAveragePool"]), [self.array("float32", shape)])

    # Norms ---------------------------------------------------------------------------------------------------------

    def op_layer_norm(self):
        x = self.filled(kinds=["float32", "float32", "float64"])
        axis, dtype = self.axis(x.ndim), str(x.dtype)
        shape = x.shape[axis:]
        attributes = {"axis": axis}
        if self.chance(0.4):
            attributes["epsilon"] = 0.01
        if self.chance(0.3):
            return self.made("RMSNormalization", [x.astype("float32"), self.array("float32", shape)], attributes, opset=23)
        bias = [self.array(dtype, shape)] if self.chance(0.7) else []
        outputs = ["float32"] * 3 if dtype == "float32" and self.chance(0.3) else [dtype]
        return self.made("LayerNormalization", [x, self.array(dtype, shape)] + bias, attributes, outputs, 17, self.maybe(1, 2))

    def op_channel_norm(self):
        c, kind = self.r.choice([1, 2, 4, 6]), self.r.choice(["Instance", "Batch", "Group"])
        x = self.array("float32", [self.r.randint(1, 3), c] + [self.r.randint(1, 6) for _ in range(self.r.randint(1, 3))])
        scale, bias, mean = (self.array("float32", [c]) for _ in range(3))
        if kind == "Instance":
            return self.made("InstanceNormalization", [x, scale, bias])
        if kind == "Batch":
            return self.made("BatchNormalization", [x, scale, bias, mean, self.array("float32", [c], 0.5, 3)], opset=15,
                             constant=self.maybe(1, 2, 3, 4))
        groups = self.r.choice([g for g in (1, 2, 3, 6) if c % g == 0])
        return self.made("GroupNormalization", [x, scale, bias], {"num_groups": groups}, opset=21)

    def op_lp_norm(self):
        x = self.array("float32", self.shape(1))
        return self.made("LpNormalization", [x], {"axis": self.axis(x.ndim), "p": self.r.choice([1, 2])})

    # Attention -----------------------------------------------------------------------------------------------------

    def op_attention(self):
        batch, groups, share = self.r.randint(1, 3), self.r.choice([1, 2, 3]), self.r.choice([1, 2, 4])
        heads, queries, keys = groups * share, self.r.choice([1, 3, 8, 17]), self.r.choice([1, 5, 16, 33])
        width, values, past = self.r.choice([4, 8, 16, 20]), self.r.choice([4, 8, 16, 20]), self.r.choice([0, 0, 0, 4])
        is_flat, attributes = self.chance(0.4), {}

        def operand(count, rows, size):
            return self.array("float32", [batch, rows, count * size] if is_flat else [batch, count, rows, size], -2, 2)

        inputs = [operand(heads, queries, width), operand(groups, keys, width), operand(groups, keys, values), None]
        if is_flat:
            attributes.update(q_num_heads=heads, kv_num_heads=groups)
        # ONNX Runtime shows every key to a single query.
        if self.chance(0.4) and not (past and queries == 1):
            attributes["is_causal"] = 1
        if self.chance(0.3):
            attributes["softcap"] = 3.0
        if self.chance(0.4):
            attributes["scale"] = 0.25
        if self.chance(0.6):
            before = self.r.choice([[], [1, 1], [batch, 1], [batch, heads], [1, heads]])
            inputs[3] = mask = self.any(["float32", "bool"], before + [queries, keys + past])
            if mask.dtype == bool:
                mask[..., 0] = True
        if past:
            inputs += [self.array("float32", [batch, groups, past, width]), self.array("float32", [batch, groups, past, values])]
        while inputs[-1] is None:
            inputs.pop()
        return self.made("Attention", inputs, attributes, ["float32"] * (3 if past else 1), 23, self.maybe(3))

    def op_rotary(self):
        batch, heads, rows = self.r.randint(1, 3), self.r.choice([1, 2, 4]), self.r.choice([1, 4, 9])
        width, part, most = self.r.choice([4, 8, 16]), self.r.choice([0, 0, 4]), 20
        attributes = {"interleaved": self.r.randint(0, 1)}
        x = self.array("float32", [batch, heads, rows, width])
        if self.chance(0.4):
            x, attributes["num_heads"] = self.array("float32", [batch, rows, heads * width]), heads
        if part:
            attributes["rotary_embedding_dim"] = part
        waves = [self.array("float32", [most, (part or width) // 2]) for _ in range(2)]
        return self.made("RotaryEmbedding", [x] + waves + [self.n.integers(0, most, [batch, rows])], attributes, opset=23,
                         constant=self.maybe(1, 2))

    # Quantization --------------------------------------------------------------------------------------------------

    def op_quantize(self):
        x, dtype = self.array("float32", self.shape(1), -300, 300), self.r.choice(["int8", "uint8"])
        axis = self.axis(x.ndim)
        per_axis = self.chance(0.5)
        shape = [x.shape[axis]] if per_axis else []
        scale, zero = abs(self.array("float32", shape, 0.3, 3)) + numpy.float32(0.1), self.array(dtype, shape, -5, 5)
        attributes = {"axis": axis} if per_axis else {}
        if self.chance(0.5):
            return self.made("QuantizeLinear", [x, scale, zero], attributes, [dtype], constant=self.maybe(1, 2))
        return self.made("DequantizeLinear", [self.array(dtype, x.shape, -100, 100), scale, zero], attributes, ["float32"],
                         constant=self.maybe(0, 1, 2))

    def op_dynamic_quantize(self):
        x = self.array("float32", self.shape(1), -3, self.r.choice([9, 0]))
        return self.made("DynamicQuantizeLinear", [x], {}, ["uint8", "float32", "uint8"]) if x.size else None

    def op_integer_product(self):
        m, n, k, a, b = self.size(), self.size(), self.size(), self.r.choice(["uint8", "uint8", "int8"]), self.r.choice(["uint8", "int8"])
        zeros = [self.array(a, [], -3, 3), self.array(b, self.r.choice([[], [n]]), -3, 3)][:self.r.randint(0, 2)]
        return self.made("MatMulInteger", [self.array(a, [m, k], -100, 100), self.array(b, [k, n], -100, 100)] + zeros, {}, ["int32"],
                         constant=self.maybe(1, 2, 3))

    def op_quantized_product(self):
        m, n, k, kind = self.size(), self.size(), self.size(), self.r.choice(["uint8", "int8"])

        def operand(shape, *limits):
            """Values if it has some, scale and zero point."""
            values = [self.array(kind, shape, -100, 100)] if shape else []
            return values + [abs(self.array("float32", [], *limits)) + numpy.float32(0.013), self.array(kind, [], -3, 3)]

        inputs = operand([m, k], 0, 1) + operand([k, n], 0, 1) + operand(None, 5, 90)
        return self.made("QLinearMatMul", inputs, constant=self.maybe(3, 4, 5) + [1, 2, 6, 7])

    # Images, selections ------------------------------------------------------------------------------------------------

    def op_resize(self):
        mode = self.r.choice(["nearest", "linear", "cubic"])
        shape = [self.r.randint(1, 2), self.r.randint(1, 3), self.r.randint(1, 9), self.r.randint(1, 9)]
        attributes = {"mode": mode}
        if self.chance(0.7):
            # Of lengths that are no whole number the runtime takes the whole part in the others.
            attributes["coordinate_transformation_mode"] = self.r.choice(["half_pixel", "pytorch_half_pixel", "asymmetric"])
        if mode == "nearest" and self.chance(0.5):
            attributes["nearest_mode"] = self.r.choice(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
        if mode == "cubic":
            attributes.update({"cubic_coeff_a": self.r.choice([-0.75, -0.5]), "exclude_outside": self.r.randint(0, 1)})
        x = self.array("float32", shape)
        if self.chance(0.5):
            sizes = numpy.array(shape[:2] + [self.r.randint(1, 17), self.r.randint(1, 17)], "int64")
            if self.chance(0.3):
                attributes["coordinate_transformation_mode"] = "align_corners"
            return self.made("Resize", [x, None, None, sizes], attributes, constant=self.maybe(3))
        scales = numpy.array([1, 1] + [self.r.choice([0.5, 1, 2, 3, 1.5, 0.75]) for _ in range(2)], "float32")
        return self.made("Resize", [x, None, scales], attributes, constant=self.maybe(2))

    def op_transposed_convolution(self):
        groups, each, width, count = self.r.choice([1, 1, 2, 3]), self.r.randint(1, 4), self.r.randint(1, 3), self.r.randint(1, 2)
        x = self.array("float32", [self.r.randint(1, 2), groups * each] + [self.r.randint(1, 7) for _ in range(count)])
        w = self.array("float32", [groups * each, width] + [self.r.randint(1, 4) for _ in range(count)])
        attributes = {"group": groups, "strides": [self.r.randint(1, 3) for _ in range(count)],
                      "dilations": [self.r.randint(1, 2) for _ in range(count)]}
        if self.chance(0.4):
            attributes["pads"] = [self.r.randint(0, 1) for _ in range(2 * count)]
        if self.chance(0.3):
            attributes["output_padding"] = [self.r.randrange(s) for s in attributes["strides"]]
        bias = [self.array("float32", [groups * width])] if self.chance(0.5) else []
        return self.made("ConvTranspose", [x, w] + bias, attributes, constant=self.maybe(1, 2))

    def op_lp_pool(self):
        x = self.array("float32", [1, self.r.randint(1, 3), self.r.randint(3, 9), self.r.randint(3, 9)])
        attributes = {"p": self.r.choice([1, 2, 3])}
        if self.chance(0.3):
            return self.made("GlobalLpPool", [x], attributes)
        attributes.update({"kernel_shape": [self.r.randint(1, 3) for _ in range(2)],
                           "strides": [self.r.randint(1, 3) for _ in range(2)]})
        return self.made("LpPool", [x], attributes)

    def op_local_response(self):
        x = self.array("float32", [2, self.r.randint(1, 9), self.r.randint(1, 5), 3])
        return self.made("LRN", [x], {"size": self.r.choice([1, 3, 5]), "alpha": 0.3, "beta": 0.75, "bias": 1.5})

    def op_hardmax(self):
        x = self.array("float32", self.shape(1))
        return self.made("Hardmax", [x], {"axis": self.axis(x.ndim)})

    def op_selection(self):
        x = self.any(["float32", "int32", "int64", "bool"], self.shape(1), -1, 1)
        if self.chance(0.5):
            return self.made("NonZero", [x], outputs=["int64"])
        axis = self.axis(x.ndim)
        return self.made("Compress", [x, self.array("bool", [x.shape[axis]])], {"axis": axis})

    def op_suppression(self):
        batch, classes, count = self.r.randint(1, 2), self.r.randint(1, 3), self.r.choice([1, 7, 40])
        boxes = self.array("float32", [batch, count, 4], 0, 9)
        inputs = [boxes, self.array("float32", [batch, classes, count], 0, 1), numpy.int64([self.r.choice([1, 5, 100])]),
                  numpy.float32([self.r.choice([0, 0.3, 0.7])]), numpy.float32([self.r.choice([0, 0.4])])]
        return self.made("NonMaxSuppression", inputs, {"center_point_box": self.r.randint(0, 1)}, ["int64"],
                         constant=self.maybe(2, 3, 4))

    # ONNX Runtime's own -----------------------------------------------------------------------------------------------

    def microsoft(self, op, inputs, attributes=None, outputs=None, constant=()):
        while inputs[-1] is None:
            inputs.pop()
        return self.made(op, inputs, attributes, outputs, 17, constant, "com.microsoft")

    def op_gelus(self):
        op, x = self.r.choice(["FastGelu", "BiasGelu", "Gelu", "QuickGelu"]), self.array("float32", self.shape(1))
        bias = [self.array("float32", [x.shape[-1]])] if op == "BiasGelu" or (op == "FastGelu" and self.chance(0.5)) else []
        return self.microsoft(op, [x] + bias, {"alpha": 1.3} if op == "QuickGelu" else {}, constant=self.maybe(1))

    def op_skip_norm(self):
        shape = [self.r.randint(1, 3), self.r.randint(1, 9), self.size()]
        x, skip = self.array("float32", shape), self.array("float32", self.r.choice([shape, [1] + shape[1:], shape[1:]]))
        gamma, beta, bias = (self.array("float32", shape[2:]) for _ in range(3))
        attributes = {"epsilon": 0.001} if self.chance(0.5) else {}
        bias = bias if self.chance(0.5) else None
        if self.chance(0.4):
            return self.microsoft("SkipSimplifiedLayerNormalization", [x, skip, gamma, bias], attributes, constant=self.maybe(2, 3))
        return self.microsoft("SkipLayerNormalization", [x, skip, gamma, beta if self.chance(0.7) else None, bias], attributes,
                              constant=self.maybe(2, 3, 4))

    def op_embed_norm(self):
        batch, rows, width, words = self.r.randint(1, 3), self.r.randint(1, 9), self.r.choice([4, 8, 20]), 11
        ids = self.n.integers(0, words, [batch, rows]).astype("int32")
        kinds = self.n.integers(0, 2, [batch, rows]).astype("int32") if self.chance(0.6) else None
        tables = [self.array("float32", [count, width]) for count in (words, 12)]
        tables.append(self.array("float32", [2, width]) if kinds is not None else None)
        # Ones, then zeros: ONNX Runtime counts the former.
        mask = (numpy.arange(rows) < self.n.integers(1, rows + 1, [batch, 1])).astype("int32") if self.chance(0.5) else None
        inputs = [ids, kinds] + tables + [self.array("float32", [width]), self.array("float32", [width]), mask]
        outputs = ["float32", "int32"] + (["float32"] if self.chance(0.3) else [])
        return self.microsoft("EmbedLayerNormalization", inputs, {}, outputs, self.maybe(2, 3, 4, 5, 6))

    def op_fused_product(self):
        m, n, k, ta, tb = self.size(), self.size(), self.size(), self.r.randint(0, 1), self.r.randint(0, 1)
        batch = self.shape(0, 1)
        a, b = self.array("float32", batch + ([k, m] if ta else [m, k])), self.array("float32", batch + ([n, k] if tb else [k, n]))
        return self.microsoft("FusedMatMul", [a, b], {"transA": ta, "transB": tb, "alpha": 0.5}, constant=self.maybe(1))

    def op_bits_product(self):
        m, n, bits = self.r.choice([1, 2, 7]), self.r.choice([1, 8, 17]), self.r.choice([4, 4, 8])
        block, k = self.r.choice([16, 32, 64]), self.r.choice([16, 32, 48, 64, 96, 128])
        blocks = -(-k // block)
        weight = self.n.integers(0, 256, [n, blocks, block * bits // 8]).astype("uint8")
        scales = self.array("float32", [n, blocks], 0.1, 1)
        zeros = self.n.integers(0, 256, [n * (-(-blocks * bits // 8))]).astype("uint8") if self.chance(0.5) else None
        return self.microsoft("MatMulNBits", [self.array("float32", [self.r.randint(1, 2), m, k]), weight, scales, zeros],
                              {"K": k, "N": n, "bits": bits, "block_size": block}, constant=[1, 2, 3])

    def op_self_attention(self):
        batch, rows, heads, width = self.r.randint(1, 3), self.r.choice([1, 4, 9]), self.r.choice([1, 2, 3]), self.r.choice([4, 8, 16])
        inner, hidden, past = heads * width, self.r.choice([8, 12]), self.r.choice([0, 0, 3])
        attributes = {"num_heads": heads}
        if self.chance(0.4):
            attributes["unidirectional"] = 1
        if self.chance(0.3):
            attributes["scale"] = 0.3
        mask = self.r.choice([None, self.n.integers(1, rows + past + 1, [batch]).astype("int32"),
                              (self.n.uniform(size=[batch, rows + past]) < 0.7).astype("int32")])
        if mask is not None and mask.ndim == 2:
            mask[:, 0] = 1
        bias = self.array("float32", [self.r.choice([1, batch]), heads, rows, rows + past]) if self.chance(0.3) else None
        before = self.array("float32", [2, batch, heads, past, width]) if past else None
        inputs = [self.array("float32", [batch, rows, hidden]), self.array("float32", [hidden, 3 * inner]),
                  self.array("float32", [3 * inner]) if self.chance(0.8) else None, mask, before, bias]
        return self.microsoft("Attention", inputs, attributes, ["float32"] * (2 if past else 1), self.maybe(1, 1, 2))

    def op_multi_head(self):
        batch, heads, width = self.r.randint(1, 3), self.r.choice([1, 2, 3]), self.r.choice([4, 8, 16])
        rows, keys, inner = self.r.choice([1, 4, 9]), self.r.choice([1, 5, 12]), heads * width
        attributes = {"num_heads": heads}
        if self.chance(0.3):
            attributes["unidirectional"], keys = 1, rows
        if self.chance(0.3):
            attributes["scale"] = 0.3
        packed = self.r.choice(["", "", "kv", "qkv"])
        if packed == "qkv":
            keys = rows
            inputs = [self.array("float32", [batch, rows, heads, 3, width]), None, None]
        elif packed == "kv":
            inputs = [self.array("float32", [batch, rows, inner]), self.array("float32", [batch, keys, heads, 2, width]), None]
        else:
            inputs = [self.array("float32", [batch, n, inner]) for n in (rows, keys, keys)]
        bias = self.array("float32", [3 * inner]) if self.chance(0.5) else None
        mask = self.r.choice([None, self.n.integers(1, keys + 1, [batch]).astype("int32"),
                              (self.n.uniform(size=[batch, keys]) < 0.7).astype("int32")])
        if mask is not None and mask.ndim == 2:
            mask[:, 0] = 1
        score = self.array("float32", [self.r.choice([1, batch]), self.r.choice([1, heads]), rows, keys]) if self.chance(0.4) else None
        return self.microsoft("MultiHeadAttention", inputs + [bias, mask, score], attributes, constant=self.maybe(3))

    def op_grouped_query(self):
        batch, groups, share, width = self.r.randint(1, 3), self.r.choice([1, 2]), self.r.choice([1, 2, 4]), self.r.choice([16, 16, 32])
        heads, rows, most = groups * share, self.r.choice([1, 1, 4, 7]), 12
        # Prompts begin with an empty cache; one token goes on, in sequences of several lengths.
        past = self.n.integers(0, most - rows, [batch]) if rows == 1 else numpy.zeros(batch, "int64")
        attributes = {"num_heads": heads, "kv_num_heads": groups}
        for name, number, p in (("scale", 0.3, 0.3), ("softcap", 2.0, 0.2), ("local_window_size", 3, 0.2), ("do_rotary", 1, 0.5)):
            if self.chance(p):
                attributes[name] = number
        waves = [None, None]
        if "do_rotary" in attributes:
            waves = [self.array("float32", [most, width // 2]) for _ in range(2)]
            if self.chance(0.4):
                attributes["rotary_interleaved"] = 1
        q, k, v = (self.array("float32", [batch, rows, n * width]) for n in (heads, groups, groups))
        if self.chance(0.3):
            q, k, v = numpy.concatenate([q, k, v], 2), None, None
        caches = [self.array("float32", [batch, groups, int(past.max()) + (rows == 1), width]) if rows == 1 else None for _ in range(2)]
        if rows == 1:
            caches = [cache[:, :, :max(int(past.max()), 1)] for cache in caches]
        total = int(past.max()) + rows
        places = score = sink = None
        if "do_rotary" in attributes and self.chance(0.3):
            # ONNX Runtime takes the first one of a prompt and counts on.
            places = (self.n.integers(0, most - rows + 1, [batch if rows == 1 else 1, 1]) + numpy.arange(rows)).astype("int64")
            places = numpy.broadcast_to(places, [batch, rows]).copy()
        if self.chance(0.3):
            score = self.array("float32", [self.r.choice([1, batch]), self.r.choice([1, heads]), rows, total])
        if self.chance(0.2):
            attributes["smooth_softmax"] = 1
        elif self.chance(0.3):
            sink = self.array("float32", [heads], -9, 9)
        inputs = [q, k, v] + caches + [(past + rows - 1).astype("int32"), numpy.asarray(total, "int32")] + waves
        inputs += [places, score, sink]
        return self.microsoft("GroupQueryAttention", inputs, attributes, ["float32"] * 3, [6] + self.maybe(7, 8, 11))


def write(path, cases):
    """One model of independent nodes of one operator set, and its inputs in order."""
    nodes, inputs, outputs, constants, arrays = [], [], [], [], []
    for i, case in enumerate(cases):
        names = ["" if array is None else f"c{i}_{j}" for j, array in enumerate(case.inputs)]
        for j, (name, array) in enumerate(zip(names, case.inputs)):
            if array is None:
                continue
            if j in case.constant:
                constants.append(tensor(name, array))
            else:
                inputs.append(value(name, str(array.dtype), array.shape))
                arrays.append((name, array))
        results = [f"c{i}_out{j}" for j in range(len(case.outputs))]
        nodes.append(node(case.op, names, results, f"n{i}", case.domain, **case.attributes))
        outputs += [[(1, name), (2, [(1, [(1, TYPES[dtype])])])] for name, dtype in zip(results, case.outputs)]
    path.write_bytes(model(graph(nodes, inputs, outputs, constants), opset=cases[0].opset, domains=[("com.microsoft", 1)]))
    return arrays


def peer(path, arrays):
    session = onnxruntime.Session(path)
    try:
        return session.run([array for _, array in arrays])
    finally:
        session.close()


def run(tool, folder, arrays, count):
    """Exit code and results, or what nm-run said."""
    command = [tool, str(folder / "m.onnx"), "--threads=1"]
    for i, (name, array) in enumerate(arrays):
        numpy.save(folder / f"in{i}.npy", array)
        command.append(f"--input={name}={folder}/in{i}.npy")
    command += [f"--output={folder}/out{i}.npy" for i in range(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        return done.returncode, done.stderr
    return 0, [numpy.load(folder / f"out{i}.npy") for i in range(count)]


def differ(have, want):
    if have.shape != want.shape or have.dtype != want.dtype:
        return f"{have.dtype}{list(have.shape)}, expected {want.dtype}{list(want.shape)}"
    if want.dtype.kind != "f":
        places = numpy.flatnonzero(have != want)
        return f"{len(places)} differ, first {have.flat[places[0]]}, expected {want.flat[places[0]]}" if len(places) else None
    tolerance = 4e-3 if want.dtype == numpy.float16 else 1e-4
    a, b = have.astype("float64"), want.astype("float64")
    places = numpy.flatnonzero(~numpy.isclose(a, b, rtol=tolerance, atol=tolerance / 10, equal_nan=True))
    return f"{len(places)} differ, first {a.flat[places[0]]}, expected {b.flat[places[0]]}" if len(places) else None


def describe(case):
    def one(i, x):
        if x is None:
            return "none"
        numbers = f"={x.tolist()}" if x.size < 9 and x.dtype == numpy.int64 else ""
        return f"{'constant ' * (i in case.constant)}{x.dtype}{list(x.shape)}{numbers}"

    return f"{case.op} {case.opset} ({', '.join(one(i, x) for i, x in enumerate(case.inputs))}) {case.attributes}"


class Search:
    def __init__(self, tool, folder):
        self.tool, self.folder = tool, folder
        self.equal = self.absent = 0
        self.refused, self.wrong = [], []

    def check(self, cases):
        """All at once; one by one where that fails."""
        path = self.folder / "m.onnx"
        arrays = write(path, cases)
        try:
            want = peer(path, arrays)
        except onnxruntime.Error:
            if len(cases) == 1:
                self.absent += 1
            else:
                self.check_singly(cases)
            return
        code, have = run(self.tool, self.folder, arrays, len(want))
        if code and len(cases) > 1:
            self.check_singly(cases)
        elif code:
            lines = [line for line in have.splitlines() if line.strip()]
            if code == 1 and "error" in have:
                self.refused.append((cases[0], lines[0][:300]))
            else:
                self.wrong.append((cases[0], f"exit code {code}: {' | '.join(lines[-3:])[:400]}"))
        else:
            self.compare(cases, have, want)

    def check_singly(self, cases):
        for case in cases:
            self.check([case])

    def compare(self, cases, have, want):
        place = 0
        for case in cases:
            found = [differ(have[place + j], want[place + j]) for j in range(len(case.outputs))]
            place += len(found)
            wrong = [f"result {j}: {why}" for j, why in enumerate(found) if why]
            if wrong:
                self.wrong.append((case, "; ".join(wrong)))
            else:
                self.equal += 1


def search_all(options, search):
    """The seed after the last one."""
    waiting, seed, drawn = collections.defaultdict(list), options.seed, 0
    while drawn < options.count:
        case = Maker(seed).case()
        seed += 1
        if case is None or not re.search(options.only, case.op):
            continue
        drawn += 1
        group = waiting[case.opset]
        group.append(case)
        if len(group) == options.together:
            search.check(group)
            group.clear()
    for group in waiting.values():
        if group:
            search.check(group)
    return seed


def main():
    parser = argparse.ArgumentParser(prog="scripts/stress operators", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    build = os.environ.get("NM_BUILD", str(pathlib.Path(__file__).parents[2] / "build/release"))
    parser.add_argument("--tool", default=f"{build}/bin/nm-run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000, help="nodes")
    parser.add_argument("--only", default="", help="regular expression of operators")
    parser.add_argument("--together", type=int, default=12, help="nodes in one model")
    options = parser.parse_args()
    if onnxruntime.find() is None:
        parser.error("ONNX Runtime is not there; name its library in NM_ONNXRUNTIME")
    with tempfile.TemporaryDirectory() as folder:
        search = Search(options.tool, pathlib.Path(folder))
        last = search_all(options, search) - 1
    for what, cases in (("wrong", search.wrong), ("refused", search.refused)):
        for case, why in cases:
            print(f"{what}: {describe(case)}: {why}")
    print(f"seeds {options.seed} to {last}: {search.equal} equal, {len(search.wrong)} wrong, {len(search.refused)} refused by nm, "
          f"{search.absent} by ONNX Runtime")
    return 1 if search.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
