# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decoding with caches that grow by a Concat, in the caller's memory (nm.compile(in_place=...), nm.cache).

Random models of the forms that exporters write, random sizes, a prompt and words. Expected: results and caches as
float64 computes them, the same bytes as the way that copies gives, every byte outside the new rows as it was, and in the
compiled module no buffer of a cache's size and no copy of more than the new rows.

usage: growing_caches.py FOLDER ONNXFILE_FOLDER [SEED [MODELS]]
"""

import os
import re
import subprocess
import sys

import numpy

import nm

sys.path.insert(0, sys.argv[2])
from onnxfile import graph, model, node, tensor, value  # noqa: E402

SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 17
MODELS = int(sys.argv[4]) if len(sys.argv) > 4 else 4
SOURCE = numpy.random.default_rng(SEED)
FAILURES, CALLS = [], 0


def floats(*shape):
    return SOURCE.standard_normal(shape).astype(numpy.float32)


def attend(q, k, v, first):
    """q [B, H, N, D], k and v [B, G, S, D], query i sees keys up to first + i; float64."""
    k, v = (x.astype(float).repeat(q.shape[1] // x.shape[1], 1) for x in (k, v))
    scores = q.astype(float) @ k.transpose(0, 1, 3, 2) / numpy.sqrt(q.shape[-1])
    seen = numpy.arange(k.shape[2]) <= first + numpy.arange(q.shape[2])[:, None]
    scores = numpy.where(seen, scores, -numpy.inf)
    weights = numpy.exp(scores - scores.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True)) @ v


class Form:
    """A random decoder: `layers` caches of keys and values, groups of heads, batch left open or known."""

    def __init__(self, kind):
        self.kind = kind
        self.batch, self.groups = int(SOURCE.integers(1, 4)), int(SOURCE.integers(1, 4))
        self.heads = self.groups * (int(SOURCE.integers(1, 4)) if kind in ("concat", "attention") else 1)
        self.width, self.layers = int(SOURCE.choice([4, 8, 12, 64])), int(SOURCE.integers(1, 3))
        self.open = bool(SOURCE.integers(2))
        self.room, self.prompt = int(SOURCE.integers(20, 70)), int(SOURCE.integers(1, 9))

    def __str__(self):
        return (f"{self.kind}: batch {self.batch}{' (open)' if self.open else ''}, heads {self.heads} of {self.groups}, width "
                f"{self.width}, layers {self.layers}, room {self.room}, prompt {self.prompt}")

    def names(self, kind):
        return [f"{kind}.{i}.{x}" for i in range(self.layers) for x in (["kv"] if self.kind == "packed" else "kv")]

    def shape(self, past, batch=None):
        """Of a cache: keys or values, or both in one array."""
        two = (2,) if self.kind == "packed" else ()
        return two + (self.batch if batch is None else batch, self.groups, past, self.width)

    def rows(self, name, given):
        """What a call gives to a cache."""
        _, layer, which = name.split(".")
        parts = [given[f"{x}.{layer}"] for x in which]
        return numpy.stack(parts) if self.kind == "packed" else parts[0]

    def keys_values(self, have, layer):
        if self.kind == "packed":
            return have[f"past.{layer}.kv"]
        return have[f"past.{layer}.k"], have[f"past.{layer}.v"]

    def flat(self, i):
        """Nodes from q, k, v [B, heads, n, D] to qr, kr, vr [B, n, heads * D]."""
        return [made for name in "qkv"
                for made in (node("Transpose", [f"{name}.{i}"], [f"{name}t.{i}"], perm=[0, 2, 1, 3]),
                             node("Reshape", [f"{name}t.{i}", "rows"], [f"{name}r.{i}"]))]

    def split(self, i):
        """Nodes from yr [B, n, heads * D] to y."""
        return [node("Reshape", [f"yr.{i}", "heads"], [f"yt.{i}"]),
                node("Transpose", [f"yt.{i}"], [f"y.{i}"], perm=[0, 2, 1, 3])]

    def layer(self, i):
        """Nodes from q, k, v [B, heads, n, D] and the caches to y.<i>."""
        pk, pv, nk, nv = (f"{a}.{i}.{b}" for a in ("past", "present") for b in "kv")
        new = [f"k.{i}", f"v.{i}"]
        if self.kind == "packed":
            # As ONNX Runtime's optimizer writes GPT-2: one array of both, behind a projection; here by the identity.
            return self.flat(i) + [
                node("Concat", [f"qr.{i}", f"kr.{i}", f"vr.{i}"], [f"x.{i}"], axis=2),
                node("Attention", [f"x.{i}", "identity", "nothing", "", f"past.{i}.kv"], [f"yr.{i}", f"present.{i}.kv"],
                     domain="com.microsoft", num_heads=self.heads, unidirectional=1), *self.split(i)]
        if self.kind == "attention":
            return [node("Attention", [f"q.{i}", *new, "", pk, pv], [f"y.{i}", nk, nv], is_causal=1)]
        if self.kind == "msft":
            return self.flat(i) + [
                node("MultiHeadAttention", [f"qr.{i}", f"kr.{i}", f"vr.{i}", "", "", "", pk, pv], [f"yr.{i}", nk, nv],
                     domain="com.microsoft", num_heads=self.heads, unidirectional=1), *self.split(i)]
        # As GPT-2, Llama, Whisper and T5 are exported: Concat, products, softmax.
        nodes = [node("Concat", [pk, new[0]], [nk], axis=2), node("Concat", [pv, new[1]], [nv], axis=-2)]
        keys, values = nk, nv
        if self.heads != self.groups:
            for name, cache in (("ek", nk), ("ev", nv)):
                nodes += [node("Unsqueeze", [cache, "two"], [f"{name}u.{i}"]), node("Shape", [cache], [f"{name}s.{i}"]),
                          node("Slice", [f"{name}s.{i}", "zero", "two"], [f"{name}b.{i}"]),
                          node("Slice", [f"{name}s.{i}", "two", "four"], [f"{name}e.{i}"]),
                          node("Concat", [f"{name}b.{i}", "share", f"{name}e.{i}"], [f"{name}w.{i}"], axis=0),
                          node("Expand", [f"{name}u.{i}", f"{name}w.{i}"], [f"{name}x.{i}"]),
                          node("Concat", ["minus", "all", f"{name}e.{i}"], [f"{name}r.{i}"], axis=0),
                          node("Reshape", [f"{name}x.{i}", f"{name}r.{i}"], [f"{name}.{i}"])]
            keys, values = f"ek.{i}", f"ev.{i}"
        return nodes + [node("Transpose", [keys], [f"kt.{i}"], perm=[0, 1, 3, 2]),
                        node("MatMul", [f"q.{i}", f"kt.{i}"], [f"s.{i}"]), node("Mul", [f"s.{i}", "scale"], [f"m.{i}"]),
                        node("Add", [f"m.{i}", "mask"], [f"a.{i}"]), node("Softmax", [f"a.{i}"], [f"p.{i}"], axis=-1),
                        node("MatMul", [f"p.{i}", values], [f"y.{i}"])]

    def write(self, path):
        b, d = "batch" if self.open else self.batch, self.width
        inputs = [value(f"{x}.{i}", "float32", [b, self.heads if x == "q" else self.groups, "n", d])
                  for i in range(self.layers) for x in "qkv"]
        inputs += [value(p, "float32", self.shape("past", b)) for p in self.names("past")]
        if self.kind == "concat":
            inputs.append(value("mask", "float32", ["n", "total"]))
        outputs = [value(f"y.{i}", "float32", [b, self.heads, "n", d]) for i in range(self.layers)]
        outputs += [value(p, "float32", self.shape("total", b)) for p in self.names("present")]
        ints = {"two": [2], "zero": [0], "four": [4], "share": [self.heads // self.groups], "minus": [-1], "all": [self.heads],
                "rows": [0, 0, self.heads * d], "heads": [0, 0, self.heads, d]}
        constants = [tensor(k, numpy.int64(v)) for k, v in ints.items()]
        constants.append(tensor("scale", numpy.float32(1 / numpy.sqrt(d))))
        if self.kind == "packed":
            constants += [tensor("identity", numpy.eye(3 * self.heads * d, dtype=numpy.float32)),
                          tensor("nothing", numpy.zeros(3 * self.heads * d, numpy.float32))]
        nodes = [n for i in range(self.layers) for n in self.layer(i)]
        opset, domains = (23, []) if self.kind == "attention" else (17, [("com.microsoft", 1)] if self.kind in ("msft", "packed") else [])
        with open(path, "wb") as out:
            out.write(model(graph(nodes, inputs, outputs, constants), opset=opset, domains=domains))

    def call(self, count, past):
        """Inputs of a call with `count` words after `past`."""
        given = {}
        for i in range(self.layers):
            for x in "qkv":
                given[f"{x}.{i}"] = floats(self.batch, self.heads if x == "q" else self.groups, count, self.width)
        if self.kind == "concat":
            seen = numpy.arange(past + count) <= past + numpy.arange(count)[:, None]
            given["mask"] = numpy.where(seen, 0, -numpy.inf).astype(numpy.float32)
        return given


def buffers(path, options):
    """Shapes of allocations and copies in the compiled module."""
    tool = os.path.join(os.environ["NM_TOOLS"], "nm-compile")
    text = subprocess.run([tool, path, "--compile-to=buffers", *options], check=True, capture_output=True, text=True).stdout
    return re.findall(r"memref\.alloc.* : memref<([^,>]+)", text), re.findall(r"memref\.copy %\S+, (%\S+) : ", text), text


def root_of(memory, text):
    """What a view of a view is a part of."""
    while made := re.search(rf"{re.escape(memory)} = memref\.subview (%\S+)\[", text):
        memory = made.group(1)
    return memory


def check_code(form, path, options):
    """Copies go to the new rows alone, and nothing has the length of past and new together but, in a model that is not
    fused, what is computed from the whole."""
    _, copies, text = buffers(path, options)
    # The projection's operand of packed forms is put together of three.
    others = 3 * form.layers if form.kind == "packed" else 0
    roots = [root_of(target, text) for target in copies]
    to_caches = sum(root.startswith("%arg") for root in roots)
    if to_caches != 2 * form.layers or len(roots) != to_caches + others:
        FAILURES.append(f"{form}: copies to {roots} for {2 * form.layers} caches")
    _, before, text = buffers(path, [])
    if len(before) < 4 * form.layers:
        FAILURES.append(f"{form}: the count of copies finds {len(before)} without --in-place either")


def run(form, number):
    global CALLS
    path = f"m{number}.onnx"
    form.write(path)
    pair = "present.*=past.*"
    check_code(form, path, [f"--in-place={pair}"])
    fast, slow = nm.compile(path, in_place=[pair]), nm.compile(path)
    names, dim = form.names("past"), len(form.shape(0)) - 2
    if fast.only.grows != {name: dim for name in names} or slow.only.grows:
        FAILURES.append(f"{form}: grows is {fast.only.grows} and {slow.only.grows}")
    shape = form.shape(0)
    have = {name: nm.cache(shape, form.room) for name in names}
    whole = {name: array.base for name, array in have.items()}
    for name in names:
        whole[name][...] = numpy.float32(numpy.nan)
    copied = {name: numpy.zeros(shape, numpy.float32) for name in names}
    past = 0
    for count in [form.prompt] + [int(SOURCE.integers(1, 3)) for _ in range(6)]:
        given = form.call(count, past)
        before = {name: whole[name].copy() for name in names}
        y, other = fast(**given, **have), slow(**given, **copied)
        CALLS += 2
        have, copied = dict(zip(names, y[form.layers:])), dict(zip(names, other[form.layers:]))
        for name in names:
            before[name][..., past:past + count, :] = form.rows(name, given)
            if not numpy.array_equal(before[name].view(numpy.uint32), whole[name].view(numpy.uint32)):
                FAILURES.append(f"{form}: other bytes than the new rows of {name} changed at {past}")
            if have[name].base is not whole[name] or not numpy.array_equal(have[name], copied[name]):
                FAILURES.append(f"{form}: {name} at {past} is not what copying gives")
        for i in range(form.layers):
            want = attend(given[f"q.{i}"], *form.keys_values(have, i), past)
            if not numpy.allclose(y[i], want, rtol=1e-4, atol=1e-5):
                FAILURES.append(f"{form}: off by {numpy.abs(y[i] - want).max()} at {past}")
        past += count
    return fast, have, past


def refused(call, why):
    try:
        call()
    except nm.Error as error:
        if not re.search(why, str(error)):
            FAILURES.append(f"expected {why}, found {error}")
    else:
        FAILURES.append(f"not refused: {why}")


def check_refusals(form, fast, have, past):
    """What is wrong with a cache is said, and nothing is written."""
    given, name = form.call(1, past), form.names("past")[0]
    shape = (form.batch, form.groups, past, form.width)

    def attempt(array, **other):
        return lambda: fast(**given, **{**have, name: array, **other})

    full = nm.cache(shape, past)
    full.base[...] = 7
    refused(attempt(full), rf"dimension 2 of the cache '{name}' needs {past + 1}, and its memory has room for {past}; give it")
    if (full != 7).any():
        FAILURES.append("a refused call wrote to the cache")
    short = numpy.zeros(form.batch * form.groups * (past + 4) * form.width - 1, numpy.float32)
    step = 4 * numpy.array([form.groups * (past + 4) * form.width, (past + 4) * form.width, form.width, 1])
    lying = numpy.lib.stride_tricks.as_strided(short, shape, step)
    cut = numpy.ndarray(shape, numpy.float32, short, 0, step)
    refused(attempt(cut), rf"input '{name}' .* has {short.nbytes} bytes of memory, expected {short.nbytes + 4} by its strides")
    del lying
    odd = numpy.ndarray(shape, numpy.float32, numpy.zeros(40000, numpy.float32), 0,
                        (4 * (form.groups * (past + 9) * form.width + form.groups), 4 * ((past + 9) * form.width + 1),
                         4 * form.width, 4))
    refused(attempt(odd), rf"input '{name}' .* has strides .* expected a multiple of {form.width} in dimension 1")
    tight = numpy.ndarray(shape, numpy.float32, numpy.zeros(40000, numpy.float32), 0,
                          (4 * form.width, 4 * form.width, 4 * form.width, 4))
    refused(attempt(tight), rf"expected room for {past} in dimension 2, which they have for 1")
    frozen = nm.cache(shape, past + 4)
    frozen.flags.writeable = False
    refused(attempt(frozen), rf"'{name}' .* is written: .* writable and has room")
    refused(attempt(have[name], **{form.names("past")[1]: have[name]}), "overlaps")
    other = nm.cache((form.batch, form.groups, past, form.width + 1), past + 4)
    refused(attempt(other), rf"input '{name}' .* has shape .*, expected")
    refused(lambda: nm.cache((2, 3), 5, axis=0), "axis is 0 .* expected a dimension behind the first")
    refused(lambda: nm.cache((2, 3), 1, axis=1), "room is 1 in dimension 1 .* expected at least 3")


def main():
    print(f"seed {SEED}")
    os.chdir(sys.argv[1])
    kinds = ["concat", "attention", "msft", "packed"]
    for number in range(MODELS):
        form = Form(kinds[number % len(kinds)])
        fast, have, past = run(form, number)
        if form.kind != "packed":
            check_refusals(form, fast, have, past)
    for failure in FAILURES:
        print(failure)
    print(f"{MODELS} models, {CALLS} calls, {len(FAILURES)} failures")


main()
