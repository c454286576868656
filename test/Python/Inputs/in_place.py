# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decoding with caches of fixed size that nm.compile(in_place=...) updates in the caller's arrays.

Each model is called with a prompt and then word by word. Expected: results as float64 computes them from the operators'
specifications, new rows in the caller's arrays, every other byte of them as it was, and in the compiled module no buffer
of a cache's size and no copy of more than one batch's new rows.

usage: in_place.py FOLDER ONNXFILE_FOLDER
"""

import math
import os
import re
import subprocess
import sys

import numpy

import nm

sys.path.insert(0, sys.argv[2])
from onnxfile import graph, model, node, value  # noqa: E402

B, H, G, D, ROOM, PROMPT, WORDS = 2, 4, 2, 8, 61, 3, 20
WIDTH = 5
FAILURES, CALLS = [], 0
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


class GroupQuery(Case):
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
        n, starts = (PROMPT if step == 0 else 1), self.starts(step)
        q, k, v = floats(B, n, H * D), floats(B, n, G * D), floats(B, n, G * D)
        for cache, rows in zip(caches, (k, v)):
            put(cache, heads(rows, G), starts)
        last = numpy.int32(starts) + numpy.int32(n - 1)
        y = attend(heads(q, H), *caches, causal(starts, n, ROOM))
        return dict(q=q, k=k, v=v, last=last, total=numpy.int32([last.max() + 1])), y


class MultiHead(Case):
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
        n, starts = (PROMPT if step == 0 else 1), self.starts(step)
        q, k, v = floats(B, n, H * D), floats(B, n, H * D), floats(B, n, H * D)
        for cache, rows in zip(caches, (k, v)):
            put(cache, heads(rows, H), starts)
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


def buffers(path, pairs, unknown):
    """Elements of the largest allocation, and of the largest copy, for one word; sizes that only the call knows are
    `unknown`."""
    def count(text):
        return math.prod(int(s) if s.isdigit() else unknown for s in text.split("x")[:-1])

    options = [f"--in-place={pair}" for pair in pairs]
    tool = os.path.join(os.environ["NM_TOOLS"], "nm-compile")
    text = subprocess.run([tool, path, "--size=n=1", "--compile-to=buffers", *options], check=True, capture_output=True,
                          text=True).stdout
    copies = [count(t) for t in re.findall(r"memref\.copy .* : memref<([^,>]+)", text)]
    allocs = [count(t) for t in re.findall(r"memref\.alloc.* : memref<([^,>]+)", text)]
    return max(allocs, default=0), max(copies, default=0)


def fail(case, why):
    FAILURES.append(f"{type(case).__name__}: {why}")


def same(have, want, exact):
    """Bits where rows are moved: what was not written is NaN in both."""
    if exact:
        return numpy.array_equal(have.view(numpy.uint32), want.astype(numpy.float32).view(numpy.uint32))
    return numpy.allclose(have, want, rtol=1e-5, atol=1e-5, equal_nan=True)


def run(case):
    global CALLS
    nodes, inputs, outputs = case.graph()
    path = f"{type(case).__name__}.onnx"
    with open(path, "wb") as out:
        out.write(model(graph(nodes, inputs, outputs), opset=case.opset,
                        domains=[(case.domain, 1)] if case.domain else []))
    results = ["nkv"] if len(case.caches) == 1 else ["nk", "nv"]
    pairs = getattr(case, "pairs", [f"{r}={p}" for r, p in zip(results, case.caches)])
    start = case.fresh()
    most = start[0].shape[-3] * D  # one batch's new row in every head
    alloc, copy = buffers(path, pairs, 1)
    if alloc >= start[0].size or copy > most:
        fail(case, f"allocates {alloc} and copies {copy} elements")
    alloc, copy = buffers(path, [], ROOM)
    if alloc < start[0].size and case.caches != ["pkv"]:
        fail(case, "the count of elements finds nothing without --in-place either")
    compiled = nm.compile(path, in_place=pairs)
    have, want = [c.copy() for c in start], [c.copy() for c in start]
    for step in range(1 + WORDS):
        given, y = case.call(step, want)
        found = compiled(**given, **dict(zip(case.caches, have)))
        CALLS += 1
        if not numpy.allclose(found[0], y, rtol=1e-4, atol=1e-5):
            fail(case, f"step {step}: off by {numpy.abs(found[0] - y).max()}")
        if not all(a is b for a, b in zip(found[1:], have)):
            fail(case, f"step {step}: a cache came in other memory")
        if not all(same(a, b, case.exact) for a, b in zip(have, want)):
            fail(case, f"step {step}: the caches differ")


def refused(compiled, why, **given):
    try:
        compiled(**given)
    except nm.Error as error:
        if re.search(why, str(error)):
            return
        FAILURES.append(f"expected {why}, found {error}")
    else:
        FAILURES.append(f"not refused: {why}")


def check_refusals():
    case = MultiHead()
    compiled = nm.compile("MultiHead.onnx", in_place={"nk": "pk", "nv": "pv"})
    if compiled.only.in_place != {"nk": "pk", "nv": "pv"}:
        FAILURES.append(f"in_place is {compiled.only.in_place}")
    caches = case.fresh()
    given, _ = case.call(0, [c.copy() for c in caches])
    pk, pv = caches
    refused(compiled, "the data of 'pk', which the call writes, overlaps that of 'pv'", **given, pk=pk, pv=pk)
    refused(compiled, "input 'pk' of .* is written: it becomes output 'nk'", **given, pk=pk[::-1], pv=pv)
    frozen = pk.copy()
    frozen.flags.writeable = False
    refused(compiled, "expected a NumPy array that is writable and row-major", **given, pk=frozen, pv=pv)
    given["past"] = numpy.int32([ROOM - 2])
    refused(compiled, f"the cache, with the new keys, has size {ROOM + 1}, expected {ROOM}", **given, pk=pk, pv=pv)
    given["past"] = numpy.int32([0])
    out = [numpy.empty((B, PROMPT, H * D), numpy.float32), pk, pv]
    compiled(**given, pk=pk, pv=pv, out=out)
    refused(compiled, "memory for output 'nk' of .* is other memory than that of input 'pk'", **given, pk=pk, pv=pv,
            out=[out[0], pv.copy(), pv])


def main():
    os.chdir(sys.argv[1])
    cases = [Scatter(), Circular(), GroupQuery(), MultiHead(), Packed(), Numbered()]
    for case in cases:
        run(case)
    check_refusals()
    for failure in FAILURES:
        print(failure)
    print(f"{len(cases)} models, {CALLS} calls, {len(FAILURES)} failures")


main()
