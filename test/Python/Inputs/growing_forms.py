# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decoders whose caches grow, of the forms that exporters write: random sizes, ONNX files, inputs of a call, and attention
in float64."""

import numpy

from onnxfile import graph, model, node, tensor, value


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

    def __init__(self, kind, source, widths=(4, 8, 12, 64), prompts=(1, 9)):
        self.kind, self.source = kind, source
        self.batch, self.groups = int(self.source.integers(1, 4)), int(self.source.integers(1, 4))
        self.heads = self.groups * (int(self.source.integers(1, 4)) if kind in ("concat", "attention") else 1)
        self.width, self.layers = int(self.source.choice(widths)), int(self.source.integers(1, 3))
        self.open = bool(self.source.integers(2))
        self.room, self.prompt = int(self.source.integers(20, 70)), int(self.source.integers(*prompts))

    def __str__(self):
        return (f"{self.kind}: batch {self.batch}{' (open)' if self.open else ''}, heads {self.heads} of {self.groups}, width "
                f"{self.width}, layers {self.layers}, room {self.room}, prompt {self.prompt}")

    def floats(self, *shape):
        return self.source.standard_normal(shape).astype(numpy.float32)

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
                given[f"{x}.{i}"] = self.floats(self.batch, self.heads if x == "q" else self.groups, count, self.width)
        if self.kind == "concat":
            seen = numpy.arange(past + count) <= past + numpy.arange(count)[:, None]
            given["mask"] = numpy.where(seen, 0, -numpy.inf).astype(numpy.float32)
        return given
