# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random attentions in linalg, in the forms of exporters and beside them.

Most are attention; some only look like it: a softmax over another dimension, a guard that depends on the key,
an intermediate that somebody else reads. `is_attention` says of which raising is expected.
"""

import numpy as np

from dtypes import NUMPY
from tensor_program import F32_LOWEST, TensorProgram

INF = float("inf")


class RaiseCase:
    def __init__(self, rng, name):
        self.name, self.is_attention, self.notes = name, True, []
        pick = lambda choices: choices[int(rng.integers(len(choices)))]
        groups = pick([1, 1, 1, 2, 3])
        sizes = {"b": pick([1, 1, 2, 3]), "g": pick([1, 1, 2, 3]), "r": groups, "n": pick([1, 2, 3, 5, 8]),
                 "s": pick([1, 2, 4, 7, 9]), "d": pick([1, 2, 4, 8]), "e": pick([1, 3, 4, 8])}
        self.p = p = TensorProgram(rng, name, sizes)
        self.rng = rng
        # Choices that came later: those above stay what they were for each seed.
        self.later = np.random.default_rng([1, *rng.bit_generator._seed_seq.entropy])
        # Batch axes that the operands have by name; query heads that share keys are an axis of their own.
        self.batch = [axis for axis in "bg" if p.chance(0.8)]
        self.shared = ["r"] if groups > 1 else []
        self.note("sizes", " ".join("%s=%d" % item for item in sizes.items() if item[0] in self.axes("ns") + ["d", "e"]))
        with np.errstate(all="ignore"):
            self.build()
        self.inputs = [t.data.astype(NUMPY[t.dtype]) for t in p.arguments]
        self.results = [(t.data.shape, t.dtype) for t in p.results]

    def axes(self, last):
        return self.batch + self.shared + list(last)

    def note(self, *words):
        self.notes.append(" ".join(map(str, words)))

    def describe(self):
        return "%s: %s" % (self.name, "; ".join(self.notes))

    def mlir(self):
        return self.p.mlir()

    # The parts.
    def operand(self, axes, scale=1.0):
        """An argument of these axes in some order, and what the program makes of it."""
        p = self.p
        order = p.shuffled(axes) if p.chance(0.5) else list(axes)
        spread = list(order)
        if p.chance(0.2):
            spread.insert(int(self.rng.integers(len(spread) + 1)), None)
        data = self.rng.standard_normal(p.shape(spread)).astype(np.float32).astype(np.float64) * scale
        tensor = p.argument(spread, "f32", data.astype(np.float32).astype(np.float64))
        return tensor if None not in spread else p.elementwise(order, [tensor], lambda b, x: x)

    def scaled(self, tensor, factor):
        p = self.p
        op = p.pick(["arith.mulf", "arith.divf"])
        if p.chance(0.3):
            filled = p.filled([axis for axis in tensor.axes if p.chance(0.5)], factor)
            return p.elementwise(tensor.axes, [tensor, filled], lambda b, x, y: b.binary(op, x, y))
        return p.elementwise(tensor.axes, [tensor], lambda b, x: b.binary(op, x, b.constant(factor)))

    def merged(self, tensor, last):
        """Batch axes first and in one dimension."""
        p = self.p
        batch = [axis for axis in self.batch + self.shared if axis in tensor.axes]
        tensor = p.transpose(tensor, batch + list(last))
        return p.reshape(tensor, ["*".join(batch)] + list(last)) if len(batch) > 1 else tensor

    def product(self, a, a_last, b, b_last, out_last):
        p = self.p
        batch = [axis for axis in self.batch + self.shared if axis in a.axes + b.axes]
        if len(batch) > 1 and all(axis in t.axes for axis in batch for t in (a, b)) and p.chance(0.5):
            out = p.contract(self.merged(a, a_last), self.merged(b, b_last), ["*".join(batch)] + list(out_last))
            return p.reshape(out, batch + list(out_last))
        order = p.shuffled(batch + list(out_last)) if p.chance(0.15) else batch + list(out_last)
        out = p.contract(a, b, order)
        return p.transpose(out, batch + list(out_last))

    def repeated(self, tensor):
        """Keys and values for every query head, where that is written out."""
        if not self.shared or self.p.chance(0.4):
            return tensor
        axes = self.batch + self.shared + [axis for axis in tensor.axes if axis not in self.batch]
        return self.p.elementwise(axes, [tensor], lambda b, x: x)

    def some_axes(self, axes):
        """A subset as masks have it: dropped, or a dimension of size 1."""
        kept = []
        for axis in axes:
            if axis == "s" or self.p.chance(0.6):
                kept.append(axis)
            elif self.p.chance(0.6):
                kept.append(None)
        return kept

    def mask(self, score):
        p, rng = self.p, self.rng
        kind = p.pick(["float", "bool", "bool", "integer", "causal", "causal", "buffer", "cap", "alibi", "position", "float"])
        axes, all_axes = self.some_axes(score.axes), score.axes
        hidden = p.pick([-INF, F32_LOWEST, -INF])
        self.note("mask", kind, "of", axes, "hidden", hidden)
        shape = p.shape(axes)
        seen = rng.random(shape) < p.pick([0.4, 0.8, 1.0])
        if kind == "float":
            values = np.where(seen, np.float64(0), p.pick([-INF, -20.0]))
            if p.chance(0.15):
                values = np.where(rng.random(shape) < 0.1, p.pick([INF, np.nan]), values)
                self.note("with NaN or infinities")
            mask = p.argument(axes, "f32", values)
            return p.elementwise(all_axes, [score, mask], lambda b, x, m: b.binary("arith.addf", *p.shuffled([x, m])))
        if kind == "bool":
            mask = p.argument(axes, "i1", seen)
            if p.chance(0.3):
                mask = p.elementwise(axes, [mask], lambda b, m: b.binary("arith.xori", m, b.constant(True, "i1")), "i1")
                return p.elementwise(all_axes, [mask, score], lambda b, m, x: b.select(m, b.constant(hidden), x))
            return p.elementwise(all_axes, [mask, score], lambda b, m, x: b.select(m, x, b.constant(hidden)))
        if kind == "integer":
            dtype = p.pick(["i8", "i16", "i32", "i64", "f32"])
            self.note(dtype)
            mask = p.argument(axes, dtype, seen.astype(np.float64 if dtype == "f32" else NUMPY[dtype]))
            test = lambda b, m: b.compare("oeq" if dtype == "f32" else "eq", m, b.constant(0, dtype))
            if p.chance(0.4):
                hide = p.elementwise(axes, [mask], test, "i1")
                return p.elementwise(all_axes, [hide, score], lambda b, h, x: b.select(h, b.constant(hidden), x))
            return p.elementwise(all_axes, [mask, score], lambda b, m, x: b.select(test(b, m), b.constant(hidden), x))
        if kind == "causal":
            shift = int(rng.integers(-2, 3))
            window = p.chance(0.3)

            def causal(b, x):
                i = b.binary("arith.addi", b.index("n"), b.constant(shift, "index"))
                condition = b.compare(p.pick(["sle", "slt"]), b.index("s"), i)
                if window:
                    low = b.binary("arith.subi", b.index("n"), b.constant(2, "index"))
                    condition = b.binary("arith.andi", condition, b.compare("sgt", b.index("s"), low))
                return b.select(condition, x, b.constant(hidden))
            return p.elementwise(all_axes, [score], causal)
        if kind == "buffer":
            shift = int(rng.integers(-1, 3))
            lower = np.arange(p.size("s"))[None, :] <= np.arange(p.size("n"))[:, None] + shift
            where = p.pick([["n", "s"], [None, "n", "s"], [None, None, "n", "s"]])
            dtype = p.pick(["i1", "i1", "i8", "f32"])
            self.note(dtype)
            if self.later.random() < 0.7:
                return self.buffer(score, where, shift, hidden)
            if dtype == "f32":
                buffer = p.constant(where, "f32", np.where(lower, 0.0, p.pick([-INF, -20.0])))
                return p.elementwise(all_axes, [score, buffer], lambda b, x, m: b.binary("arith.addf", x, m))
            buffer = p.constant(where, dtype, lower if dtype == "i1" else lower.astype(np.int64))

            def choose(b, m, x):
                if dtype == "i8":
                    m = b.compare("ne", m, b.constant(0, "i8"))
                return b.select(m, x, b.constant(hidden))
            return p.elementwise(all_axes, [buffer, score], choose)
        if kind == "cap":
            def cap(b, x):
                c = b.constant(2.0)
                return b.binary("arith.mulf", b.unary("math.tanh", b.binary("arith.divf", x, c)), c)
            return p.elementwise(all_axes, [score], cap)
        if kind == "alibi":
            slopes = p.argument([axis for axis in all_axes if axis in "gr"], "f32",
                                rng.random(p.shape([axis for axis in all_axes if axis in "gr"])).astype(np.float32).astype(np.float64))

            def alibi(b, x, slope):
                distance = b.binary("arith.subi", b.index("s"), b.index("n"))
                number = b.cast("arith.sitofp", b.cast("arith.index_cast", distance, "i32"), "f32")
                return b.binary("arith.addf", x, b.binary("arith.mulf", slope, number))
            return p.elementwise(all_axes, [score, slopes], alibi)
        # A cache of which only the first keys are there.
        bound = p.argument([], "i64", np.asarray(int(rng.integers(0, p.size("s") + 1)), np.int64))

        def cached(b, limit, x):
            key = b.cast("arith.index_cast", b.index("s"), "i64")
            return b.select(b.compare(p.pick(["slt", "sle"]), key, limit), x, b.constant(hidden))
        return p.elementwise(all_axes, [bound, score], cached)

    def buffer(self, score, where, shift, hidden):
        """A constant that shows each query a window of keys, or that but for one element; whole, or part of a
        longer one."""
        p, later = self.p, self.later
        pick = lambda choices: choices[int(later.integers(len(choices)))]
        n, s = p.size("n"), p.size("s")
        before, after = (later.integers(0, 3, 2) if later.random() < 0.5 else [0, 0] for _ in range(2))
        i, j = np.ogrid[-before[0] : n + after[0], -before[1] : s + after[1]]
        seen = j <= i + shift
        if later.random() < 0.3:
            seen &= j > i + shift - 2
        if later.random() < 0.3:
            seen[int(before[0] + later.integers(n)), int(before[1] + later.integers(s))] ^= True
            self.note("but for an element")
        dtype, form = pick(["i1", "i8", "i32", "i64", "f32"]), pick(["seen", "hidden", "number"])
        if form == "hidden":
            seen = ~seen
        self.note(dtype, form, "from", [int(x) for x in before])
        long = {"n": "long n", "s": "long s"} if seen.shape != (n, s) else {"n": "n", "s": "s"}
        p.sizes.update({"long n": n + before[0] + after[0], "long s": s + before[1] + after[1]})
        values = seen if dtype == "i1" else seen.astype(np.float64 if dtype == "f32" else NUMPY[dtype])
        tensor = p.constant([long.get(a) for a in where], dtype, values)
        if long["n"] != "n":
            starts = {"n": int(before[0]), "s": int(before[1])}
            tensor = p.slice(tensor, where, [starts.get(a, 0) for a in where])

        def truth(b, m):
            if dtype == "i1":
                return m
            return b.compare("une" if dtype == "f32" else "ne", m, b.constant(0, dtype))

        def number(b, m):
            if dtype != "f32":
                m = b.cast("arith.uitofp" if dtype == "i1" else "arith.sitofp", m, "f32")
            # 0 where a key is seen; elsewhere the lowest number, as infinity times zero is NaN.
            return b.binary("arith.mulf", b.binary("arith.subf", b.constant(1.0), m), b.constant(F32_LOWEST))

        if form == "number":
            if later.random() < 0.5:
                tensor = p.elementwise(where, [tensor], number)
                return p.elementwise(score.axes, [score, tensor], lambda b, x, m: b.binary("arith.addf", x, m))
            return p.elementwise(score.axes, [tensor, score], lambda b, m, x: b.binary("arith.addf", number(b, m), x))
        if later.random() < 0.3:
            tensor = p.elementwise(where, [tensor], truth, "i1")
            truth = lambda b, m: m
        if form == "hidden":
            return p.elementwise(score.axes, [tensor, score], lambda b, m, x: b.select(truth(b, m), b.constant(hidden), x))
        return p.elementwise(score.axes, [tensor, score], lambda b, m, x: b.select(truth(b, m), x, b.constant(hidden)))

    def shift_guard(self, score, maximum, wide, axis):
        """What stands for the maximum."""
        p = self.p
        kind = p.pick(["finite", "infinite", "row", "key", "position", "logit"])
        self.note("guard of the maximum", kind)
        if kind == "finite":
            def finite(b, m):
                test = b.compare(p.pick(["olt", "one"]), b.unary("math.absf", m), b.constant(INF))
                return b.select(test, m, b.constant(0.0))
            return p.elementwise(maximum.axes, [maximum], finite)
        if kind == "infinite":
            return p.elementwise(maximum.axes, [maximum], lambda b, m: b.select(
                b.compare("oeq", m, b.constant(-INF)), b.constant(0.0), m))
        if kind == "row":
            rows = [a for a in score.axes if a != axis]
            condition = p.argument(rows, "i1", self.rng.random(p.shape(rows)) < 0.5)
            return p.elementwise(wide, [condition, maximum], lambda b, c, m: b.select(c, m, b.constant(0.0)))
        self.is_attention = False
        if kind == "key":
            keys = p.argument([axis], "i1", self.rng.random(p.shape([axis])) < 0.5)
            return p.elementwise(wide, [keys, maximum], lambda b, c, m: b.select(c, m, b.constant(0.0)))
        if kind == "position":
            return p.elementwise(wide, [maximum], lambda b, m: b.select(
                b.compare("slt", b.index(axis), b.constant(2, "index")), m, b.constant(0.0)))
        return p.elementwise(wide, [score, maximum], lambda b, x, m: b.select(
            b.compare("ogt", x, b.constant(0.0)), m, b.constant(0.0)))

    def weights(self, score, axis):
        p = self.p
        form = p.pick(["op", "steps", "steps", "steps", "reciprocal", "lse", "logsoftmax", "bare"])
        self.note("softmax", form, "over", axis)
        wide = score.axes
        if form == "op":
            return self.weight_guard(score, p.softmax(score, axis), axis)
        keeps, shift = p.chance(0.5), None
        x = score
        if form != "bare":
            shift = p.reduce(score, axis, p.pick(["maximumf", "maximumf", "maxnumf", "greater"]),
                             p.pick([-INF, -INF, F32_LOWEST]), keeps)
            if p.chance(0.25):
                shift = self.shift_guard(score, shift, wide, axis)
        if shift is not None and p.chance(0.5):
            e = p.elementwise(wide, [score, shift], lambda b, s, m: b.unary("math.exp", b.binary("arith.subf", s, m)))
            x = None
        else:
            if shift is not None:
                x = p.elementwise(wide, [score, shift], lambda b, s, m: b.binary("arith.subf", s, m))
            e = p.elementwise(wide, [x], lambda b, s: b.unary("math.exp", s))
        total = p.reduce(e, axis, "addf", 0.0, p.chance(0.5))
        if p.chance(0.2):
            kind = p.pick(["one", "limit", "add"])
            self.note("guard of the sum", kind)
            if kind == "one":
                total = p.elementwise(total.axes, [total], lambda b, t: b.select(
                    b.compare("oeq", t, b.constant(0.0)), b.constant(1.0), t))
            elif kind == "limit":
                total = p.elementwise(total.axes, [total], lambda b, t: b.binary("arith.maximumf", t, b.constant(1e-6)))
            else:
                total = p.elementwise(total.axes, [total], lambda b, t: b.binary("arith.addf", t, b.constant(1e-9)))
            # An epsilon matters where nothing was subtracted.
            if kind != "one" and form == "bare":
                self.is_attention = False
        if form in ("steps", "bare"):
            w = p.elementwise(wide, [e, total], lambda b, x, t: b.binary("arith.divf", x, t))
        elif form == "reciprocal":
            inverse = p.elementwise(total.axes, [total], lambda b, t: b.binary("arith.divf", b.constant(1.0), t))
            w = p.elementwise(wide, [e, inverse], lambda b, x, t: b.binary("arith.mulf", *p.shuffled([x, t])))
        else:
            row = [a for a in wide if a != axis] if wide == shift.axes else shift.axes
            log = p.elementwise(total.axes, [total], lambda b, t: b.unary("math.log", t))
            if form == "lse" and shift.axes != wide:
                lse = p.elementwise([a for a in wide if a != axis], [self.aligned(shift, wide, axis), self.aligned(log, wide, axis)],
                                    lambda b, m, t: b.binary("arith.addf", m, t))
                y = p.elementwise(wide, [score, lse], lambda b, s, t: b.binary("arith.subf", s, t))
            else:
                if x is None:
                    x = p.elementwise(wide, [score, shift], lambda b, s, m: b.binary("arith.subf", s, m))
                y = p.elementwise(wide, [x, log], lambda b, s, t: b.binary("arith.subf", s, t))
            w = p.elementwise(wide, [y], lambda b, s: b.unary("math.exp", s))
        return self.weight_guard(score, w, axis)

    def aligned(self, tensor, wide, axis):
        return tensor

    def weight_guard(self, score, w, axis):
        p = self.p
        if p.chance(0.75):
            return w
        kind = p.pick(["nan", "nan", "hidden"])
        self.note("guard of the weights", kind)
        if kind == "nan":
            return p.elementwise(w.axes, [w], lambda b, x: b.select(
                b.compare(p.pick(["uno", "une"]), x, x), b.constant(0.0), x))
        dead = p.elementwise(score.axes, [score], lambda b, x: b.compare("oeq", x, b.constant(-INF)), "i1")
        dead = p.reduce(dead, axis, "andi", True, p.chance(0.5))
        if p.chance(0.3):
            live = p.elementwise(dead.axes, [dead], lambda b, x: b.binary("arith.xori", x, b.constant(True, "i1")), "i1")
            return p.elementwise(w.axes, [live, w], lambda b, c, x: b.select(c, x, b.constant(0.0)))
        return p.elementwise(w.axes, [dead, w], lambda b, c, x: b.select(c, b.constant(0.0), x))

    def build(self):
        p = self.p
        keys = self.batch
        q = self.operand(self.axes("nd"))
        k = self.repeated(self.operand(keys + ["s", "d"]))
        v = self.repeated(self.operand(keys + ["s", "e"]))
        where = p.pick(["q", "k", "logit", "none", "logit"])
        if where == "q":
            q = self.scaled(q, 0.5)
        if where == "k":
            k = self.scaled(k, 0.5)
        logit = self.product(q, "nd", p.transpose(k, [a for a in k.axes if a not in "sd"] + ["d", "s"])
                             if p.chance(0.6) else k, "ds", "ns")
        score = self.scaled(logit, 0.5) if where == "logit" else logit
        for _ in range(p.pick([0, 1, 1, 1, 2])):
            score = self.mask(score)
        axis = "s"
        if p.chance(0.1):
            axis = p.pick(list(score.axes))
            self.is_attention &= axis == "s" or (p.size("s") == 1 == p.size(axis))
        w = self.weights(score, axis)
        out = self.product(w, "ns", v if v.axes[-1] == "e" else p.transpose(v, [a for a in v.axes if a not in "se"] + ["s", "e"]),
                           "se", "ne")
        if p.chance(0.5):
            out = p.transpose(out, p.shuffled(out.axes))
        p.result(out)
        if p.chance(0.08):
            self.note("an intermediate is returned")
            p.result(p.pick([logit, score, w]))
            self.is_attention = False
        if p.size("s") == 1 or p.size("d") == 1 or 1 in (p.size("n"), p.size("e")):
            # Products over one element, and rows of one key, may be folded away.
            self.is_attention = None if self.is_attention else False
