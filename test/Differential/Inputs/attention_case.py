# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random attentions: the function in MLIR, and its result in float64."""

import math

import numpy as np

from dtypes import EPSILON, random, round_to, tensor, to_float

ORDERS = ["bhnd", "bhnd", "bhnd", "bnhd", "bnhd", "hbdn", "bhdn", "ndbh"]
SCORES = ["none", "none", "none", "causal", "causal", "window", "alibi", "alibi-causal", "softcap", "even", "bias",
          "modulo"]
DATAFLOWS = ["", "", "row, rows = 6", "row, rows = 24", "row, rows = 48, key_tile = 32, staged = [logits]",
             "row, rows = 13, key_tile = 16, staged = [logits]", "head", "row, rows = 7, key_tile = 50, staged = [logits]"]

# What a region's body does to the logit %s at query %i and key %j, and the same in NumPy.
TEXT = {
    "none": [],
    "causal": ["%inf = arith.constant 0xFF800000 : f32", "%c = arith.cmpi sle, %j, %i : index",
               "%y = arith.select %c, %s, %inf : f32"],
    "window": ["%inf = arith.constant 0xFF800000 : f32", "%w = arith.constant WINDOW : index",
               "%d = arith.subi %i, %j : index", "%c0 = arith.cmpi slt, %d, %w : index",
               "%c1 = arith.cmpi sle, %j, %i : index", "%c = arith.andi %c0, %c1 : i1",
               "%y = arith.select %c, %s, %inf : f32"],
    "alibi": ["%d = arith.subi %j, %i : index", "%n = arith.index_cast %d : index to i64",
              "%f = arith.sitofp %n : i64 to f32", "%mul = arith.mulf %e, %f : f32", "%y = arith.addf %s, %mul : f32"],
    "alibi-causal": ["%inf = arith.constant 0xFF800000 : f32", "%d = arith.subi %j, %i : index",
                     "%n = arith.index_cast %d : index to i32", "%f = arith.sitofp %n : i32 to f32",
                     "%mul = arith.mulf %e, %f : f32", "%t = arith.addf %s, %mul : f32",
                     "%c = arith.cmpi sge, %i, %j : index", "%y = arith.select %c, %t, %inf : f32"],
    "softcap": ["%cap = arith.constant 3.0 : f32", "%d = arith.divf %s, %cap : f32", "%t = math.tanh %d : f32",
                "%y = arith.mulf %t, %cap : f32"],
    "even": ["%inf = arith.constant 0xFF800000 : f32", "%two = arith.constant 2 : index", "%z = arith.constant 0 : index",
             "%d = arith.remsi %j, %two : index", "%c = arith.cmpi eq, %d, %z : index",
             "%y = arith.select %c, %s, %inf : f32"],
    "bias": ["%y = arith.addf %s, %e : f32"],
    "modulo": ["%cap = arith.constant 7 : index", "%d = arith.muli %i, %j : index", "%mul = arith.remsi %d, %cap : index",
               "%n = arith.index_cast %mul : index to i32", "%f = arith.sitofp %n : i32 to f32",
               "%t = arith.constant 0.25 : f32", "%u = arith.mulf %f, %t : f32", "%y = arith.subf %s, %u : f32"],
}


class AttentionCase:
    def __init__(self, rng, name):
        self.name = name
        pick = lambda options: options[int(rng.integers(len(options)))]
        chance = lambda p: rng.random() < p
        self.B = 0 if chance(0.03) else pick([1, 1, 2])
        self.G = pick([1, 1, 2])
        self.H = self.G * pick([1, 1, 2, 3, 4])
        length = lambda: 0 if chance(0.04) else pick([1, 1, 2, 5, 8, 15, 16, 17, 33, 48, 70, 97])
        self.N, self.S = length(), length()
        width = lambda: 0 if chance(0.02) else pick([1, 3, 8, 16, 20, 33, 64])
        self.D, self.E = width(), width()
        types = lambda: pick(["f32", "f32", "bf16", "f16"])
        self.types = [types()] * 3 if chance(0.7) else [types() for _ in range(3)]
        self.types.append(self.types[0] if chance(0.5) else "f32")
        self.orders = ["bhnd"] * 4 if chance(0.5) else [pick(ORDERS) for _ in range(4)]
        self.dynamic = chance(0.3)
        self.score = pick(SCORES)
        self.window = pick([1, 3, 16, 40])
        self.dataflow = pick(DATAFLOWS)
        self.scale = pick(["default", "default", "attribute", "negative", "operand"])
        if self.D == 0 and self.scale == "default":  # 1 / sqrt(0)
            self.scale = "attribute"
        self.offset = pick([None, None, 0, 1, 20, self.S - self.N])
        self.length = pick([None, None, None, self.S, self.S // 2, 0, self.S + 3])
        self.nan_init = chance(0.5)

        shapes = [(self.B, self.H, self.N, self.D), (self.B, self.G, self.S, self.D), (self.B, self.G, self.S, self.E)]
        # The logical arrays; the function takes them in their orders.
        self.q, self.k, self.v = (random(rng, s, t) for s, t in zip(shapes, self.types))
        self.scale_value = {"default": 1 / math.sqrt(self.D) if self.D else 1.0, "attribute": 0.25, "negative": -0.125,
                            "operand": 0.375}[self.scale]
        self.choose_mask(rng, pick, chance)
        self.choose_operand(rng, pick)

    def choose_mask(self, rng, pick, chance):
        self.mask = None
        kind = pick([None, None, "i1", "f32", "bf16"])
        if not kind:
            return
        dims = pick([(0, 3), (0, 1, 2, 3), (2, 3), (3,), (3, 0), (3, 2), (1,), (0, None, 2, 3)])
        sizes = [self.B, self.H, self.N, self.S]
        shape = [1 if d is None else sizes[d] for d in dims]
        if kind == "i1":
            array = rng.random(shape) < pick([0.2, 0.8, 0.0])
        else:
            hidden = pick([-np.inf, -1e30, np.finfo(np.float32).min, -2.0])
            array = np.where(rng.random(shape) < 0.4, hidden, rng.standard_normal(shape))
            if hidden != -np.inf:  # the smallest f32 is minus infinity in bf16
                array = np.maximum(array, -3e38)
            array = round_to(array, kind)
        self.mask = (kind, dims, array)

    def choose_operand(self, rng, pick):
        """The operand %e of the score function."""
        self.operand = None
        if self.score.startswith("alibi"):
            dims = pick([(1,), (0, 1)])
        elif self.score == "bias":
            dims = pick([(1, 2, 3), (2, 3), (3,), (0, 1, 2, 3), (3, 2)])
        else:
            return
        sizes = [self.B, self.H, self.N, self.S]
        self.operand = (dims, random(rng, [sizes[d] for d in dims], "f32"))

    def describe(self):
        return ("%s: B %d, H %d / %d, N %d, S %d, D %d, E %d, %s, orders %s%s, score %s, mask %s, scale %s, offset %s, "
                "length %s, dataflow <%s>" % (
                    self.name, self.B, self.H, self.G, self.N, self.S, self.D, self.E, self.types, self.orders,
                    ", dynamic" if self.dynamic else "", self.score, self.mask and self.mask[:2], self.scale,
                    self.offset, self.length, self.dataflow))

    #===------------------------------------------------------------------===#
    # The function
    #===------------------------------------------------------------------===#

    @staticmethod
    def ordered(array, order):
        return np.transpose(array, ["bhnd".index(letter) for letter in order])

    def out_shape(self):
        sizes = dict(zip("bhnd", (self.B, self.H, self.N, self.E)))
        return [sizes[letter] for letter in self.orders[3]]

    def mlir(self):
        dynamic = lambda shape: [None] * len(shape) if self.dynamic else list(shape)
        args, self.inputs, body = [], [], []

        def argument(name, array, dtype, shape=None):
            kind = tensor(dynamic(array.shape) if shape is None else shape, dtype)
            args.append("%s: %s" % (name, kind))
            self.inputs.append(array)
            return kind

        types = [argument("%" + n, self.ordered(a, o), t)
                 for n, a, o, t in zip("qkv", (self.q, self.k, self.v), self.orders, self.types)]
        dims = ["b", "h", "i", "j"]
        affine = lambda where: "affine_map<(b, h, i, j) -> (%s)>" % ", ".join(
            "0" if d is None else dims[d] for d in where)
        line = ["%%r = flat.attention ins(%%q, %%k, %%v : %s)" % ", ".join(types)]
        if self.mask:
            kind, where, array = self.mask
            shape = [1 if d is None else s for d, s in zip(where, dynamic(array.shape))]
            line.append("mask(%%m : %s) map %s" % (argument("%m", array, kind, shape), affine(where)))
        if self.scale in ("attribute", "negative"):
            line.append("scale(%r)" % self.scale_value)
        elif self.scale == "operand":
            argument("%ts", np.array([self.scale_value], np.float32), "f32", [1])
            body += ["%zero = arith.constant 0 : index", "%sc = tensor.extract %ts[%zero] : tensor<1xf32>"]
            line.append("scale(%sc)")
        for name, value in (("offset", self.offset), ("length", self.length)):
            if value is not None:
                body.append("%%%s = arith.constant %d : index" % (name, value))
                line.append("%s(%%%s)" % (name, name))
        operand = ""
        if self.operand:
            where, array = self.operand
            operand = " operands(%%op : %s) maps [%s]" % (argument("%op", array, "f32"), affine(where))
        # What the destination held does not matter.
        shape = self.out_shape()
        result = argument("%init", round_to(np.full(shape, np.nan if self.nan_init else 0), self.types[3]),
                          self.types[3])
        line.append("outs(%%init : %s)" % result)
        if self.orders != ["bhnd"] * 4:
            line.append("orders(%s)" % ", ".join("%s = %s" % pair for pair in zip("qkvo", self.orders)))
        if self.dataflow:
            line.append("dataflow #flat.dataflow<%s>" % self.dataflow)
        text = " ".join(line)
        if self.score == "none":
            body.append(text + " -> " + result)
        else:
            arguments = "%s: f32, %b: index, %h: index, %i: index, %j: index" + (", %e: f32" if operand else "")
            body += [text + " score" + operand + " {", "^bb0(%s):" % arguments]
            body += [line.replace("WINDOW", str(self.window)) for line in TEXT[self.score]]
            body += ["flat.yield %s : f32" % "%y", "} -> " + result]
        header = "func.func @%s(%s) -> %s attributes {llvm.emit_c_interface} {" % (self.name, ", ".join(args), result)
        return "\n".join([header, *("  " + l for l in body), "  return %%r : %s" % result, "}"])

    @property
    def results(self):
        return [(tuple(self.out_shape()), self.types[3])]

    #===------------------------------------------------------------------===#
    # Its result
    #===------------------------------------------------------------------===#

    @staticmethod
    def spread(array, where):
        """An operand over (b, h, i, j), by its map."""
        kept = [d for d in where if d is not None]
        array = array[tuple(0 if d is None else slice(None) for d in where)]
        array = np.transpose(array, np.argsort(kept))
        return array[tuple(slice(None) if d in kept else None for d in range(4))]

    def scores(self, logits):
        i = np.arange(self.N)[None, None, :, None] + (self.offset or 0)
        j = np.arange(self.S)[None, None, None, :]
        e = self.spread(to_float(self.operand[1], "f32"), self.operand[0]) if self.operand else 0
        return {
            "none": lambda: logits,
            "causal": lambda: np.where(j <= i, logits, -np.inf),
            "window": lambda: np.where((j <= i) & (i - j < self.window), logits, -np.inf),
            "alibi": lambda: logits + e * (j - i),
            "alibi-causal": lambda: np.where(j <= i, logits + e * (j - i), -np.inf),
            "softcap": lambda: 3 * np.tanh(logits / 3),
            "even": lambda: np.where(j % 2 == 0, logits, -np.inf),
            "bias": lambda: logits + e,
            "modulo": lambda: logits - 0.25 * np.fmod(i * j, 7),
        }[self.score]()

    def expected(self):
        """(float64 result, tolerance)."""
        q, k, v = (to_float(a, t) for a, t in zip((self.q, self.k, self.v), self.types))
        k, v = (np.repeat(a, self.H // self.G, axis=1) for a in (k, v))
        scale = float(np.float32(self.scale_value))
        logits = scale * np.einsum("bhnd,bhsd->bhns", q, k)
        sizes = abs(scale) * np.einsum("bhnd,bhsd->bhns", np.abs(q), np.abs(k))
        scores = self.scores(logits)
        if self.mask:
            kind, where, array = self.mask
            if kind == "i1":
                scores = np.where(self.spread(array, where), scores, -np.inf)
            else:
                scores = scores + self.spread(to_float(array, kind), where)
        if self.length is not None:
            scores = np.where(np.arange(self.S) < self.length, scores, -np.inf)
        # Additive masks are finite in f32 where float64 would go on.
        scores = np.maximum(scores, np.where(np.isinf(scores), -np.inf, np.finfo(np.float32).min))
        if self.S == 0:
            y = np.zeros((self.B, self.H, self.N, self.E))
            return [(self.ordered(y, self.orders[3]), np.zeros(self.out_shape()))]
        maxima = scores.max(axis=-1, keepdims=True)
        weights = np.exp(scores - np.where(np.isinf(maxima), 0, maxima))
        sums = weights.sum(axis=-1, keepdims=True)
        weights = np.where(sums > 0, weights / np.where(sums > 0, sums, 1), 0)
        y = np.einsum("bhns,bhse->bhne", weights, v)
        # A logit's error is relative to the sum of magnitudes, a weight's is the logit's.
        live = np.where(weights > 0, sizes + np.where(np.isinf(scores), 0, np.abs(scores)), 0).max(axis=-1, keepdims=True)
        size = np.einsum("bhns,bhse->bhne", weights, np.abs(v))
        tolerance = (4e-7 * (4 + np.minimum(live, 1e4))) * (1e-3 + size) * 4 + 2 * EPSILON[self.types[3]] * np.abs(y)
        return [(self.ordered(y, self.orders[3]), self.ordered(tolerance, self.orders[3]))]
