# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random models: chains and graphs of what transformers are made of, and beside that.

Sizes are odd, 1, or larger than a small scratchpad; weights lie [in, out] or [out, in], dense or N:M, as
parameters, arguments or constants; tensors are moved, cut and joined anywhere.
"""

import numpy as np

from model_program import OutOfRange, Program
from model_tosa import Tosa

PATTERNS = [None, None, None, "1:4", "2:4", "2:8", "4:8", "3:5", "1:2"]


def prune(weight, pattern):
    """[out, in] with at most N of M kept along the last dimension."""
    n, m = map(int, pattern.split(":"))
    groups = weight.reshape(weight.shape[0], -1, m)
    keep = np.argsort(-np.abs(groups), axis=-1, kind="stable")[..., :n]
    mask = np.zeros(groups.shape, bool)
    np.put_along_axis(mask, keep, True, axis=-1)
    return np.where(mask, groups, 0).reshape(weight.shape).astype(np.float32)


class ModelCase:
    """`dtype` is the element type that the program is to have."""

    def __init__(self, rng, dtype):
        limit = {"f32": 1e5, "bf16": 1e5, "f16": 2e4}[dtype]
        self.p = Program(rng, dtype, limit, {"f32": 1e-3, "f16": 0.1, "bf16": 0.3}[dtype])
        self.rng, self.notes, self.pool = rng, [], []
        pick, p = self.p.pick, self.p
        self.sizes = [int(pick([1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 24, 32, 40])) for _ in range(4)]
        for _ in range(pick([1, 1, 2, 3])):
            self.pool.append(p.argument(self.shape()))
        for _ in range(pick([1, 2, 3, 4, 6, 9])):
            self.step()
        self.finish()

    # Choices.
    def size(self):
        p = self.p
        return p.pick(self.sizes) if p.chance(0.8) else int(p.pick([1, 2, 3, 6, 9, 20, 33, 64, 96, 130, 257]))

    def shape(self):
        while True:
            shape = tuple(self.size() for _ in range(self.p.pick([1, 2, 2, 2, 3, 3, 4])))
            if np.prod(shape) <= 6000:
                return shape

    def any(self, least=0):
        """A tensor of the pool, a late one most often."""
        fits = [t for t in self.pool if len(t.shape) >= least]
        if not fits:
            return self.expanded(self.pool[-1], least)
        return fits[-1] if self.p.chance(0.6) else self.p.pick(fits)

    def expanded(self, a, rank):
        shape = list(a.shape)
        while len(shape) < rank:
            shape.insert(int(self.rng.integers(len(shape) + 1)), 1)
        return self.p.reshape(a, shape)

    def step(self):
        p = self.p
        steps = [self.linear] * 5 + [self.activation, self.arithmetic, self.arithmetic, self.residual, self.norm, self.softmax,
                 self.reduction, self.reduction, self.transpose, self.broadcast, self.reshape, self.slice, self.insert, self.concat,
                 self.pad, self.product, self.attention, self.fused_qkv, self.fused_qkv, self.named, self.gate, self.tosa, self.tosa, self.tosa]
        step = p.pick(steps)
        mark = p.mark()
        try:
            with np.errstate(all="ignore"):
                result = step()
            if result is None or np.prod(result.shape) > 16000:
                raise OutOfRange
        except OutOfRange:
            p.rollback(mark)
            return
        self.notes.append("%s %s" % (step.__name__, "x".join(map(str, result.shape))))
        self.pool.append(result)

    def finish(self):
        """Several results; one may be an argument, or there twice."""
        p = self.p
        results = [self.pool[-1]]
        while p.chance(0.3):
            results.append(p.pick(self.pool))
        p.results = [t if t.shape else p.expand(t, [1], []) for t in p.shuffled(results)]

    def describe(self):
        return "; ".join(self.notes)

    def mlir(self):
        return self.p.mlir()

    def tosa(self):
        return Tosa(self.p).step(self)

    # Scalars.
    def activate(self, b, x):
        p = self.p
        kind = p.pick(["relu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh", "erf", "softplus", "leaky", "none"])
        one = lambda: b.constant(1.0)
        if kind == "relu":
            return b.binary("max", x, b.constant(0.0))
        if kind in ("tanh", "erf"):
            return b.unary(kind, x)
        if kind == "gelu":
            root = b.constant(np.sqrt(2.0))
            inner = b.binary("div", x, root) if p.chance(0.5) else b.binary("mul", x, b.constant(np.sqrt(0.5)))
            outer = b.binary("add", b.unary("erf", inner), one())
            half = b.constant(0.5)
            if p.chance(0.5):
                return b.binary("mul", x, b.binary("mul", outer, half))
            return b.binary("mul", b.binary("mul", x, half), outer)
        if kind == "gelu_tanh":
            cube = b.binary("mul", b.binary("mul", x, x), x)
            inner = b.binary("mul", b.binary("add", x, b.binary("mul", cube, b.constant(0.044715))), b.constant(np.sqrt(2 / np.pi)))
            outer = b.binary("add", b.unary("tanh", inner), one())
            return b.binary("mul", b.binary("mul", x, b.constant(0.5)), outer)
        if kind in ("silu", "sigmoid"):
            gate = b.binary("div", one(), b.binary("add", one(), b.unary("exp", b.unary("neg", x))))
            if kind == "sigmoid":
                return gate
            if p.chance(0.5):
                return b.binary("mul", x, gate)
            return b.binary("div", x, b.binary("add", b.unary("exp", b.unary("neg", x)), one()))
        if kind == "softplus":
            return b.unary("log", b.binary("add", one(), b.unary("exp", x)))
        if kind == "leaky":
            return b.binary("max", x, b.binary("mul", x, b.constant(0.125)))
        return x

    def mix(self, b, values, depth):
        """A random expression that uses the values."""
        p = self.p
        if depth == 0:
            return p.pick(values) if p.chance(0.8) else b.constant(p.pick([0.0, 1.0, -1.0, 0.5, 2.0, 0.1, -3.0, 1 / 3]))
        kind = p.pick(["add", "add", "sub", "mul", "mul", "max", "min", "div", "neg", "abs", "exp", "tanh", "erf", "sqrt",
                       "rsqrt", "log", "square", "activate"])
        x = self.mix(b, values, depth - 1)
        if kind == "activate":
            return self.activate(b, x)
        if kind in ("neg", "abs", "tanh", "erf", "square"):
            return b.unary(kind, x)
        if kind == "exp":
            return b.unary("exp", b.binary("min", x, b.constant(3.0)) if p.chance(0.7) else x)
        if kind in ("sqrt", "rsqrt", "log"):
            positive = b.unary("square", x) if p.chance(0.5) else b.unary("abs", x)
            return b.unary(kind, b.binary("add", positive, b.constant(p.pick([1.0, 0.25]))))
        y = self.mix(b, values, depth - 1) if p.chance(0.7) else p.pick(values)
        if kind == "div":
            y = b.binary("add", b.unary("abs", y), b.constant(p.pick([0.5, 1.0])))
        return b.binary(kind, x, y)

    # Steps.
    def partner(self, shape):
        """A tensor and the dimensions of `shape` that its own are: one of the pool if it fits."""
        p = self.p
        for t in p.shuffled(self.pool):
            axes, free = [], list(range(len(shape)))
            for size in t.shape:
                fits = [axis for axis in free if shape[axis] == size]
                if fits:
                    axes.append(p.pick(fits))
                    free.remove(axes[-1])
                elif size == 1:
                    axes.append(None)
                else:
                    break
            else:
                if p.chance(0.7):
                    return t, axes
        axes = [axis for axis in range(len(shape)) if p.chance(0.5)] if shape else []
        if p.chance(0.3):
            axes = p.shuffled(axes)
        spread = list(axes)
        if not spread or p.chance(0.2):
            spread.insert(int(self.rng.integers(len(spread) + 1)), None)
        t = p.weights(p.numbers([1 if axis is None else shape[axis] for axis in spread]))
        return t, spread

    def arithmetic(self):
        p = self.p
        a = self.any()
        shape = a.shape
        operands, axes = [a], [list(range(len(shape)))]
        for _ in range(p.pick([0, 1, 1, 2, 3])):
            t, own = self.partner(shape)
            operands.append(t)
            axes.append(own)
        return p.elementwise(shape, operands, axes, lambda b, *values: self.mix(b, list(values), p.pick([1, 2, 2, 3])))

    def activation(self):
        return self.p.same([self.any()], lambda b, x: self.activate(b, x))

    def gate(self):
        a = self.any()
        others = [t for t in self.pool if t.shape == a.shape]
        other = self.p.pick(others)
        return self.p.same([a, other], lambda b, x, y: b.binary("mul", self.activate(b, x), y))

    def residual(self):
        a = self.any()
        others = [t for t in self.pool if t.shape == a.shape]
        return self.p.named("add", a, self.p.pick(others))

    def named(self):
        p = self.p
        a = self.any()
        if p.chance(0.5):
            return p.named(p.pick(["neg", "abs", "exp", "tanh", "erf"]), a)
        others = [t for t in self.pool if t.shape == a.shape]
        return p.named(p.pick(["add", "sub", "mul", "max", "min"]), a, p.pick(others))

    def weight(self, outs, ins, pattern):
        """[outs, ins] of the pattern, as something of the program; `pattern` is dropped where it does not fit."""
        array = self.p.numbers([outs, ins], 1 / np.sqrt(ins))
        if pattern and ins % int(pattern.split(":")[1]) == 0:
            array = prune(array, pattern)
            self.notes.append(pattern)
        return array

    def linear(self):
        """Activations by a weight, with what follows."""
        p = self.p
        a = self.any(1)
        if len(a.shape) == 1:
            a = self.expanded(a, 2)
        shape, ins = a.shape, a.shape[-1]
        outs = self.size()
        array = self.weight(outs, ins, p.pick(PATTERNS))
        is_out_first = p.chance(0.6)
        w = p.weights(array if is_out_first else np.ascontiguousarray(array.T))
        letters = "abcd"[:len(shape) - 1]
        form = p.pick(["rows", "rows", "direct", "batch"])
        if form == "batch" and len(shape) == 3:
            if is_out_first:
                w = p.transpose(w, [1, 0])
            w = p.broadcast(w, (shape[0], ins, outs), [1, 2])
            y = p.contract("bmk,bkn->bmn", a, w)
        elif form == "direct" and len(shape) != 2:
            y = p.contract("%sk,%s->%sn" % (letters, "nk" if is_out_first else "kn", letters), a, w)
        else:
            rows = a if len(shape) == 2 else p.collapse(a, [list(range(len(shape) - 1)), [len(shape) - 1]])
            if is_out_first and p.chance(0.6):
                w, is_out_first = p.transpose(w, [1, 0]), False
            y = p.contract("mk,nk->mn" if is_out_first else "mk,kn->mn", rows, w)
            if len(shape) != 2:
                y = p.expand(y, [*shape[:-1], outs], [list(range(len(shape) - 1)), [len(shape) - 1]])
        rank = len(y.shape)
        if p.chance(0.6):
            bias = p.weights(p.numbers([outs]))
            y = p.elementwise(y.shape, [y, bias], [list(range(rank)), [rank - 1]], lambda b, x, c: b.binary("add", x, c))
        if p.chance(0.5):
            y = p.same([y], lambda b, x: self.activate(b, x))
        others = [t for t in self.pool if t.shape == y.shape]
        if others and p.chance(0.5):
            y = p.same([y, p.pick(others)], lambda b, x, r: b.binary("add", x, r))
        return y

    def product(self):
        """Activations by activations."""
        p = self.p
        a = self.any(2)
        rank = len(a.shape)
        batch = "abcd"[:rank - 2]
        others = [t for t in self.pool if len(t.shape) == rank and t.shape[:-2] == a.shape[:-2]]
        pairs = [(t, axis, own) for t in others for axis in (-1, -2) for own in (-1, -2) if t.shape[axis] == a.shape[own]]
        if not pairs:
            b = p.argument((*a.shape[:-2], a.shape[-1], self.size()))
            pairs = [(b, -2, -1)]
        b, axis, own = p.pick(pairs)
        if p.chance(0.2) and batch:  # one right side for all
            b = p.argument((a.shape[own], self.size()))
            right = "kn"
            left = batch + ("mk" if own == -1 else "km")
            scaled = p.same([b], lambda body, x: body.binary("mul", x, body.constant(0.25)))
            return p.contract("%s,%s->%smn" % (left, right, batch), a, scaled)
        left = batch + ("mk" if own == -1 else "km")
        right = batch + ("nk" if axis == -1 else "kn")
        out = batch + p.pick(["mn", "mn", "nm"])
        scale = 1 / np.sqrt(a.shape[own])
        b = p.same([b], lambda body, x: body.binary("mul", x, body.constant(scale)))
        if rank == 3 and left == "amk" and right == "akn" and out == "amn":
            return p.contract("bmk,bkn->bmn", a, b)
        return p.contract("%s,%s->%s" % (left, right, out), a, b)

    def norm(self):
        p = self.p
        a = self.any(1)
        rank, cols = len(a.shape), a.shape[-1]
        keeps = p.chance(0.4)
        kind = p.pick(["layer", "layer", "moments", "rms"])
        rows = list(range(rank - 1)) + ([None] if keeps else [])
        wide = list(range(rank))
        total = p.reduce("sum", a, [rank - 1], keeps)
        narrow = list(range(len(total.shape)))
        mean = p.elementwise(total.shape, [total], [narrow], lambda b, x: b.binary("div", x, b.constant(cols)))
        if kind == "layer":
            centred = p.elementwise(a.shape, [a, mean], [wide, rows], lambda b, x, m: b.binary("sub", x, m))
            squares = p.reduce("sum", centred, [rank - 1], keeps, body=lambda b, x: b.unary("square", x))
        else:
            squares = p.reduce("sum", a, [rank - 1], keeps, body=lambda b, x: b.unary("square", x))
        def deviation(b, s, m):
            v = b.binary("div", s, b.constant(cols))
            if kind == "moments":
                v = b.binary("sub", v, b.unary("square", m))
            return b.unary("sqrt", b.binary("add", v, b.constant(p.pick([1e-5, 1e-2, 0.5]))))
        root = p.elementwise(total.shape, [squares, mean], [narrow, narrow], deviation)
        gamma = p.weights(p.numbers([cols]))
        beta = p.weights(p.numbers([cols]))
        shifts = p.chance(0.7)
        def normal(b, x, m, r, g, c):
            y = x if kind == "rms" else b.binary("sub", x, m)
            y = b.binary("mul", b.binary("div", y, r), g)
            return b.binary("add", y, c) if shifts else y
        return p.elementwise(a.shape, [a, mean, root, gamma, beta], [wide, rows, rows, [rank - 1], [rank - 1]], normal)

    def spelled_softmax(self, a, axis):
        p = self.p
        rank = len(a.shape)
        keeps = p.chance(0.5)
        rows = [None if i == axis else i for i in range(rank) if keeps or i != axis]
        wide = list(range(rank))
        most = p.reduce("max", a, [axis], keeps)
        exp = p.elementwise(a.shape, [a, most], [wide, rows], lambda b, x, m: b.unary("exp", b.binary("sub", x, m)))
        total = p.reduce("sum", exp, [axis], keeps)
        return p.elementwise(a.shape, [exp, total], [wide, rows], lambda b, x, s: b.binary("div", x, s))

    def softmax(self):
        a = self.any(1)
        axis = int(self.rng.integers(len(a.shape))) if self.p.chance(0.4) else len(a.shape) - 1
        return self.p.softmax(a, axis) if self.p.chance(0.5) else self.spelled_softmax(a, axis)

    def reduction(self):
        p = self.p
        a = self.any(1)
        rank = len(a.shape)
        axes = [axis for axis in range(rank) if p.chance(0.4)] or [int(self.rng.integers(rank))]
        kind = p.pick(["sum", "sum", "max", "max", "min"])
        start = p.pick([None, None, None, 0.5, -2.0])
        body = None
        if p.chance(0.3):
            body = p.pick([lambda b, x: b.unary("square", x), lambda b, x: b.unary("abs", x),
                           lambda b, x: b.binary("mul", x, b.constant(0.125)), lambda b, x: self.mix(b, [x], 2)])
        y = p.reduce(kind, a, axes, p.chance(0.3), start, body)
        if kind == "sum" and p.chance(0.5):
            count = float(np.prod([a.shape[axis] for axis in axes]))
            y = p.elementwise(y.shape, [y], [list(range(len(y.shape)))], lambda b, x: b.binary(
                *p.pick([("div", x, b.constant(count)), ("mul", x, b.constant(1 / count))])))
        return y

    def transpose(self):
        a = self.any(2)
        return self.p.transpose(a, self.p.shuffled(range(len(a.shape))))

    def broadcast(self):
        p = self.p
        a = self.any()
        if len(a.shape) > 3:
            return None
        axes = list(range(len(a.shape)))
        shape = list(a.shape)
        for _ in range(p.pick([1, 1, 2])):
            at = int(self.rng.integers(len(shape) + 1))
            shape.insert(at, self.size())
            axes = [axis + (axis >= at) for axis in axes]
        return p.broadcast(a, shape, axes) if len(shape) <= 4 and np.prod(shape) <= 8000 else None

    def reshape(self):
        p = self.p
        a = self.any()
        rank = len(a.shape)
        if rank > 1 and p.chance(0.5):
            at = int(self.rng.integers(rank - 1))
            groups = [[i] for i in range(at)] + [[at, at + 1]] + [[i] for i in range(at + 2, rank)]
            return p.collapse(a, groups)
        if not rank or rank > 3:
            return p.reshape(a, [int(np.prod(a.shape))])
        at = int(self.rng.integers(rank))
        size = a.shape[at]
        factors = [f for f in range(1, size + 1) if size % f == 0]
        f = p.pick(factors)
        shape = [*a.shape[:at], f, size // f, *a.shape[at + 1:]]
        groups = [[i] for i in range(at)] + [[at, at + 1]] + [[i + 1] for i in range(at + 1, rank)]
        y = p.expand(a, shape, groups)
        return p.reshape(y, p.shuffled(y.shape)) if p.chance(0.3) else y

    def window(self, shape):
        """Offsets, sizes and strides of a box within `shape`."""
        offsets, sizes, strides = [], [], []
        for size in shape:
            stride = self.p.pick([1, 1, 1, 2, 3])
            n = int(self.rng.integers(1, (size - 1) // stride + 2)) if self.p.chance(0.6) else (size - 1) // stride + 1
            offsets.append(int(self.rng.integers(0, size - (n - 1) * stride)))
            sizes.append(n)
            strides.append(stride)
        return offsets, sizes, strides

    def slice(self):
        a = self.any(1)
        offsets, sizes, strides = self.window(a.shape)
        dropped = [i for i, n in enumerate(sizes) if n == 1 and self.p.chance(0.3)]
        return self.p.extract(a, offsets, sizes, strides, dropped)

    def insert(self):
        p = self.p
        dest = self.any(1)
        offsets, sizes, strides = self.window(dest.shape)
        fits = [t for t in self.pool if len(t.shape) == len(sizes) and all(m <= n for m, n in zip(t.shape, dest.shape))]
        if fits and p.chance(0.6):
            source = p.pick(fits)
            sizes, strides = list(source.shape), [1] * len(sizes)
            offsets = [int(self.rng.integers(0, n - m + 1)) for m, n in zip(sizes, dest.shape)]
        else:
            kept = [n for n in sizes if n != 1 or p.chance(0.6)]
            source = p.weights(p.numbers(kept)) if kept else p.weights(p.numbers(sizes))
        if p.chance(0.3):
            dest = p.filled(dest.shape, p.pick([0.0, 1.5]))
        return p.insert(source, dest, offsets, sizes, strides)

    def concat(self):
        p = self.p
        a = self.any(1)
        axis = int(self.rng.integers(len(a.shape)))
        parts = [a]
        for _ in range(p.pick([1, 1, 2])):
            fits = [t for t in self.pool if len(t.shape) == len(a.shape)
                    and all(m == n for i, (m, n) in enumerate(zip(t.shape, a.shape)) if i != axis)]
            shape = [self.size() if i == axis else n for i, n in enumerate(a.shape)]
            parts.append(p.pick(fits) if p.chance(0.6) else p.weights(p.numbers(shape)))
        return p.concat(p.shuffled(parts), axis)

    def pad(self):
        a = self.any(1)
        widths = lambda: [int(self.p.pick([0, 0, 1, 2, 5])) for _ in a.shape]
        return self.p.pad(a, widths(), widths(), self.p.pick([0.0, 0.0, 1.0, -2.5]))

    def heads_of(self, a, batch, length, heads, width):
        """[batch * length, heads * width] as [batch, heads, length, width]."""
        p = self.p
        y = p.expand(a, [batch, length, heads, width], [[0, 1], [2, 3]])
        return p.transpose(y, [0, 2, 1, 3])

    def attend(self, q, k, v):
        """[batch, heads, length, width] each."""
        p = self.p
        scale = 1 / np.sqrt(q.shape[-1])
        if p.chance(0.5):
            q = p.same([q], lambda b, x: b.binary("mul", x, b.constant(scale)))
            scores = p.contract("bhmk,bhnk->bhmn", q, k)
        else:
            scores = p.contract("bhmk,bhnk->bhmn", q, k)
            scores = p.same([scores], lambda b, x: b.binary("mul", x, b.constant(scale)))
        queries, keys = scores.shape[2:]
        if queries <= keys and p.chance(0.25):
            return p.contract("bhmk,bhkn->bhmn", p.causal_softmax(scores, keys - queries), v)
        if queries <= keys and p.chance(0.4):
            shift = keys - queries
            mask = np.where(np.arange(keys)[None] <= np.arange(queries)[:, None] + shift, 0.0, -1e4)
            buffer = p.constant(mask)
            scores = p.elementwise(scores.shape, [scores, buffer], [[0, 1, 2, 3], [2, 3]], lambda b, x, m: b.binary("add", x, m))
        weights = p.softmax(scores, 3) if p.chance(0.5) else self.spelled_softmax(scores, 3)
        return p.contract("bhmk,bhkn->bhmn", weights, v)

    def attention(self):
        p = self.p
        batch, heads, width = p.pick([1, 1, 2]), p.pick([1, 2, 3]), p.pick([1, 4, 8, 16])
        queries, keys = p.pick([1, 5, 8, 13]), p.pick([1, 5, 8, 13])
        q = p.argument((batch, heads, queries, width))
        k = p.argument((batch, heads, keys, width))
        v = p.argument((batch, heads, keys, p.pick([width, 4])))
        return self.attend(q, k, v)

    def fused_qkv(self):
        """One product for Q, K and V, cut apart."""
        p = self.p
        a = self.any(2)
        a = a if len(a.shape) == 2 else p.collapse(a, [list(range(len(a.shape) - 1)), [len(a.shape) - 1]])
        rows, ins = a.shape
        batches = [n for n in (1, 2, 3) if rows % n == 0]
        batch, heads, width = p.pick(batches), p.pick([1, 2, 3]), p.pick([2, 4, 8])
        hidden = heads * width
        if rows // batch > 64:
            return None
        array = self.weight(3 * hidden, ins, p.pick(PATTERNS))
        w = p.param(np.ascontiguousarray(array.T))
        y = p.contract("mk,kn->mn", a, w)
        bias = p.weights(p.numbers([3 * hidden]))
        y = p.elementwise(y.shape, [y, bias], [[0, 1], [1]], lambda b, x, c: b.binary("add", x, c))
        parts = [p.extract(y, [0, i * hidden], [rows, hidden], [1, 1]) for i in range(3)]
        q, k, v = (self.heads_of(t, batch, rows // batch, heads, width) for t in parts)
        out = self.attend(q, k, v)
        out = p.collapse(p.transpose(out, [0, 2, 1, 3]), [[0, 1], [2, 3]])
        if p.chance(0.5):
            w = p.weights(self.weight(ins, hidden, p.pick(PATTERNS)))
            out = p.contract("mk,nk->mn", out, w)
            out = p.named("add", out, a)
        return out
