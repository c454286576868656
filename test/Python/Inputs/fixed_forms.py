# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decoders whose caches have their full size: a model of one operator or two each, inputs of a call, and what float64
computes from the operators' specifications."""

import math

import numpy

from onnxfile import node, value

B, H, G, D, ROOM, PROMPT, WORDS = 2, 4, 2, 8, 61, 3, 20
WIDTH = 5
SOURCE = numpy.random.default_rng(29)


def floats(*shape):
    return SOURCE.standard_normal(shape).astype(numpy.float32)


def heads(x, count):
    return x.reshape(x.shape[0], x.shape[1], count, -1).transpose(0, 2, 1, 3)


def attend(q, k, v, seen):
    """q [B, H, N, D], k and v [B, G, S, D], seen [B, 1, N, S]; in float64, [B, N, H * D]."""
    k, v = (x.astype(float).repeat(q.shape[1] // x.shape[1], 1) for x in (k, v))
    k, v = (numpy.where(seen.any((1, 2))[:, None, :, None], x, 0) for x in (k, v))
    scores = numpy.where(seen, q.astype(float) @ k.transpose(0, 1, 3, 2) / math.sqrt(q.shape[-1]), -numpy.inf)
    weights = numpy.exp(scores - scores.max(-1, keepdims=True))
    out = (weights / weights.sum(-1, keepdims=True)) @ v
    return out.transpose(0, 2, 1, 3).reshape(q.shape[0], q.shape[2], -1)


def causal(starts, n, size):
    """Query i of batch b sees keys up to starts[b] + i."""
    last = numpy.asarray(starts)[:, None] + numpy.arange(n)
    return (numpy.arange(size) <= last[..., None])[:, None]


def put(cache, rows, starts, circular=False):
    """Rows [B, G, N, D] into [B, G, M, D] as ONNX's TensorScatter says."""
    for b, start in enumerate(starts):
        for i in range(rows.shape[2]):
            cache[b, :, (start + i) % cache.shape[2] if circular else start + i] = rows[b, :, i]


class Case:
    """A model of one operator or two: graph(), a call's inputs, and what it gives."""
    opset, domain, caches = 17, "com.microsoft", ["pk", "pv"]
    room = ROOM
    exact = True  # rows are moved, not computed

    def fresh(self):
        return [numpy.full((B, G, self.room, D), numpy.float32(numpy.nan)) for _ in range(2)]

    def starts(self, step):
        first = 0 if step == 0 else PROMPT + step - 1
        return [first] * B


class MicrosoftCase(Case):
    """Operators of ONNX Runtime, whose operands have rank 3."""

    def draw(self, step, caches, groups):
        """Rows of a call and where they begin; queries, keys and values, which go to the caches too."""
        n, starts = (PROMPT if step == 0 else 1), self.starts(step)
        q, k, v = floats(B, n, H * D), floats(B, n, groups * D), floats(B, n, groups * D)
        for cache, rows in zip(caches, (k, v)):
            put(cache, heads(rows, groups), starts)
        return n, starts, q, k, v


class Scatter(Case):
    """TensorScatter of keys and values, and attention over what is there; batches of other lengths."""
    opset, domain = 24, ""
    mode = "linear"

    def starts(self, step):
        return [0, 0] if step == 0 else [PROMPT + step - 1, PROMPT + step - 2]

    def graph(self):
        last = ["lengths"] if self.mode == "linear" else []
        nodes = [node("TensorScatter", ["pk", "k", "at"], ["nk"], axis=-2, mode=self.mode),
                 node("TensorScatter", ["pv", "v", "at"], ["nv"], axis=2, mode=self.mode),
                 node("Attention", ["q", "nk", "nv"] + (["", "", ""] + last if last else []), ["y"])]
        inputs = [value("q", "float32", [B, H, "n", D]), value("k", "float32", [B, G, "n", D]),
                  value("v", "float32", [B, G, "n", D]), value("at", "int64", [B])]
        if last:
            inputs.append(value("lengths", "int64", [B]))
        return nodes, inputs + [value(p, "float32", [B, G, self.room, D]) for p in self.caches], [
            value("y", "float32", [B, H, "n", D]), *(value(p, "float32", [B, G, self.room, D]) for p in ("nk", "nv"))]

    def call(self, step, caches):
        n, starts = (PROMPT if step == 0 else 1), self.starts(step)
        q, k, v = floats(B, H, n, D), floats(B, G, n, D), floats(B, G, n, D)
        for cache, rows in zip(caches, (k, v)):
            put(cache, rows, starts, self.mode == "circular")
        lengths = numpy.asarray(starts) + n
        seen = (numpy.arange(self.room) < lengths[:, None, None, None]) & numpy.ones((B, 1, n, 1), bool)
        y = attend(q, *caches, seen).reshape(B, n, H, D).transpose(0, 2, 1, 3)
        return dict(q=q, k=k, v=v, at=numpy.int64(starts), lengths=numpy.int64(lengths)), y


class Circular(Scatter):
    """The same in a ring that is full, and goes round more than twice."""
    mode, room = "circular", 7

    def fresh(self):
        return [floats(B, G, self.room, D) for _ in range(2)]

    def call(self, step, caches):
        inputs, _ = super().call(step, caches)
        inputs.pop("lengths")
        n = inputs["q"].shape[2]
        y = attend(inputs["q"], *caches, numpy.ones((B, 1, n, self.room), bool))
        return inputs, y.reshape(B, n, H, D).transpose(0, 2, 1, 3)


class GroupQuery(MicrosoftCase):
    """ONNX Runtime's grouped queries, batches of other lengths after the prompt."""

    def starts(self, step):
        return [0, 0] if step == 0 else [PROMPT + step - 1, PROMPT + step - 2]

    def graph(self):
        nodes = [node("GroupQueryAttention", ["q", "k", "v", "pk", "pv", "last", "total"], ["y", "nk", "nv"],
                      domain=self.domain, num_heads=H, kv_num_heads=G)]
        inputs = [value("q", "float32", [B, "n", H * D]), value("k", "float32", [B, "n", G * D]),
                  value("v", "float32", [B, "n", G * D]), value("last", "int32", [B]), value("total", "int32", [1])]
        return nodes, inputs + [value(p, "float32", [B, G, ROOM, D]) for p in self.caches], [
            value("y", "float32", [B, "n", H * D]), *(value(p, "float32", [B, G, ROOM, D]) for p in ("nk", "nv"))]

    def call(self, step, caches):
        n, starts, q, k, v = self.draw(step, caches, G)
        last = numpy.int32(starts) + numpy.int32(n - 1)
        y = attend(heads(q, H), *caches, causal(starts, n, ROOM))
        return dict(q=q, k=k, v=v, last=last, total=numpy.int32([last.max() + 1])), y


class GroupIntegers(GroupQuery):
    """The same with caches of int8, of which attention reads a copy in floats: one scale for keys, one a channel for values."""
    widens = True

    def __init__(self):
        self.scales = [numpy.float32([0.03]), SOURCE.uniform(0.01, 0.05, (1, G, 1, D)).astype(numpy.float32)]

    def fresh(self):
        return [numpy.full((B, G, ROOM, D), 77, numpy.int8) for _ in range(2)]

    def graph(self):
        nodes = [node("GroupQueryAttention", ["q", "k", "v", "pk", "pv", "last", "total", *[""] * 5, "ks", "vs"], ["y", "nk", "nv"],
                      domain=self.domain, num_heads=H, kv_num_heads=G, k_quant_type="PER_TENSOR",
                      v_quant_type="PER_CHANNEL", kv_cache_bit_width=8)]
        inputs = [x for x in super().graph()[1] if x[0][1] not in self.caches]
        inputs += [value(p, "float32", x.shape) for p, x in zip(("ks", "vs"), self.scales)]
        caches = [value(p, "int8", [B, G, ROOM, D]) for p in (*self.caches, "nk", "nv")]
        return nodes, inputs + caches[:2], [value("y", "float32", [B, "n", H * D]), *caches[2:]]

    def call(self, step, caches):
        n, starts, q, k, v = self.draw(step, [], G)
        for cache, rows, scale in zip(caches, (k, v), self.scales):
            whole = numpy.rint(heads(rows, G) * (numpy.float32(1) / scale))
            put(cache, numpy.clip(whole, -128, 127).astype(numpy.int8), starts)
        last = numpy.int32(starts) + numpy.int32(n - 1)
        y = attend(heads(q, H), *(c * s for c, s in zip(caches, self.scales)), causal(starts, n, ROOM))
        return dict(q=q, k=k, v=v, last=last, total=numpy.int32([last.max() + 1]), ks=self.scales[0], vs=self.scales[1]), y


class MultiHead(MicrosoftCase):
    """ONNX Runtime's heads with past_sequence_length, which shares the cache with the result."""

    def fresh(self):
        return [numpy.full((B, H, ROOM, D), numpy.float32(numpy.nan)) for _ in range(2)]

    def graph(self):
        names = ["q", "k", "v", "", "", "", "pk", "pv", "past"]
        nodes = [node("MultiHeadAttention", names, ["y", "nk", "nv"], domain=self.domain, num_heads=H, unidirectional=1)]
        inputs = [*(value(x, "float32", [B, "n", H * D]) for x in "qkv"), value("past", "int32", [1])]
        return nodes, inputs + [value(p, "float32", [B, H, ROOM, D]) for p in self.caches], [
            value("y", "float32", [B, "n", H * D]), *(value(p, "float32", [B, H, ROOM, D]) for p in ("nk", "nv"))]

    def call(self, step, caches):
        n, starts, q, k, v = self.draw(step, caches, H)
        return (dict(q=q, k=k, v=v, past=numpy.int32(starts[:1])),
                attend(heads(q, H), *caches, causal(starts, n, ROOM)))


class Packed(Case):
    """ONNX Runtime's attention with its projection; keys and values in one cache."""
    caches, exact = ["pkv"], False

    def __init__(self):
        self.w, self.b = floats(WIDTH, 3 * H * D), floats(3 * H * D)

    def fresh(self):
        return [numpy.full((2, B, H, ROOM, D), numpy.float32(numpy.nan))]

    def graph(self):
        nodes = [node("Attention", ["x", "w", "b", "", "pkv", "", "past"], ["y", "nkv"], domain=self.domain, num_heads=H,
                      unidirectional=1, past_present_share_buffer=1)]
        shape = [2, B, H, ROOM, D]
        return nodes, [value("x", "float32", [B, "n", WIDTH]), value("w", "float32", self.w.shape),
                       value("b", "float32", self.b.shape), value("past", "int32", [1]), value("pkv", "float32", shape)], [
            value("y", "float32", [B, "n", H * D]), value("nkv", "float32", shape)]

    def call(self, step, caches):
        n, starts = (PROMPT if step == 0 else 1), self.starts(step)
        x = floats(B, n, WIDTH)
        q, k, v = (heads(t, H) for t in numpy.split(x.astype(float) @ self.w + self.b, 3, -1))
        put(caches[0][0], k, starts)
        put(caches[0][1], v, starts)
        return dict(x=x, w=self.w, b=self.b, past=numpy.int32(starts[:1])), attend(q, *caches[0], causal(starts, n, ROOM))


class Numbered(GroupQuery):
    """The pairs in one pattern, as exporters number them."""
    pairs = ["present.*=past.*"]
    caches = ["past.key", "past.value"]

    def graph(self):
        nodes, inputs, outputs = super().graph()
        nodes = [node("GroupQueryAttention", ["q", "k", "v", *self.caches, "last", "total"],
                      ["y", "present.key", "present.value"], domain=self.domain, num_heads=H, kv_num_heads=G)]
        return nodes, inputs, [outputs[0], *(value(f"present.{p}", "float32", [B, G, ROOM, D]) for p in ("key", "value"))]
