# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole models, written as exporters write them, against NumPy.

usage: models.py FOLDER [bert|gpt2|llama]

An encoder like BERT (operator set 14, layer norm and GELU written out, a mask of keys), a decoder like GPT-2
(13, prompt and one step with a cache), and one like Llama (23: RMS norm, rotary embedding, grouped heads,
SwiGLU). Each is run dense and, but for the cache, pruned to 2:4 by nm-run; NumPy computes in f64 from the
weights, pruned by its own hand.
"""

import math
import os
import subprocess
import sys

import numpy

from onnxfile import graph, model, node, tensor, value

HIDDEN, HEADS, WIDTH, FFN, WORDS, PLACES = 32, 4, 8, 64, 50, 24
LAYERS = int(os.environ.get("NM_LAYERS", 1))
SOURCE = numpy.random.default_rng(7)


def random(*shape, scale=0.3):
    return (SOURCE.standard_normal(shape) * scale).astype(numpy.float32)


class Builder:
    """Collects nodes and weights; values are names."""

    def __init__(self):
        self.nodes, self.weights, self.count = [], {}, 0

    def add(self, op, *inputs, outputs=1, **attributes):
        names = [f"{op.lower()}_{self.count + i}" for i in range(outputs)]
        self.count += outputs
        self.nodes.append(node(op, inputs, names, names[0], **attributes))
        return names[0] if outputs == 1 else names

    def weight(self, name, array):
        self.weights[name] = numpy.asarray(array)
        return name

    def constant(self, array):
        self.count += 1
        return self.weight(f"constant_{self.count}", array)

    def ints(self, *numbers):
        return self.constant(numpy.array(numbers, numpy.int64))

    def number(self, x):
        return self.constant(numpy.array(x, numpy.float32))

    def rename(self, old, new):
        self.nodes.append(node("Identity", [old], [new], new))

    def initializers(self):
        return [tensor(k, v) for k, v in self.weights.items()]

    # What exporters write for a module.

    def linear(self, x, name, k, n):
        self.weight(f"{name}.weight", random(k, n))
        self.weight(f"{name}.bias", random(n))
        return self.add("Add", self.add("MatMul", x, f"{name}.weight"), f"{name}.bias")

    def layer_norm(self, x, name):
        self.weight(f"{name}.weight", random(HIDDEN) + 1)
        self.weight(f"{name}.bias", random(HIDDEN))
        centred = self.add("Sub", x, self.add("ReduceMean", x, axes=[-1]))
        square = self.add("Pow", centred, self.number(2))
        root = self.add("Sqrt", self.add("Add", self.add("ReduceMean", square, axes=[-1]), self.number(1e-5)))
        scaled = self.add("Mul", self.add("Div", centred, root), f"{name}.weight")
        return self.add("Add", scaled, f"{name}.bias")

    def split_heads(self, x, heads=HEADS):
        shape = self.add("Shape", x)
        sizes = [self.add("Unsqueeze", self.add("Gather", shape, self.constant(numpy.int64(i)), axis=0), self.ints(0))
                 for i in (0, 1)]
        to = self.add("Concat", *sizes, self.ints(heads), self.ints(WIDTH), axis=0)
        return self.add("Transpose", self.add("Reshape", x, to), perm=[0, 2, 1, 3])

    def merge_heads(self, x):
        return self.add("Reshape", self.add("Transpose", x, perm=[0, 2, 1, 3]), self.ints(0, 0, HIDDEN))


# The oracle. ----------------------------------------------------------------------------------------------


def np_norm(x, w, b):
    x = x - x.mean(-1, keepdims=True)
    return x / numpy.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * w + b


def np_softmax(x):
    e = numpy.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def np_heads(x, heads=HEADS):
    return x.reshape(*x.shape[:2], heads, WIDTH).transpose(0, 2, 1, 3)


def np_merge(x):
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


def np_attend(q, k, v, mask=0.0):
    return np_merge(np_softmax(q @ k.transpose(0, 1, 3, 2) / math.sqrt(WIDTH) + mask) @ v)


ERF = numpy.vectorize(math.erf)


def prune(array):
    """2:4 along the first axis: the two largest of every four."""
    groups = numpy.array(array).reshape(-1, 4, array.shape[1])
    order = numpy.argsort(-numpy.abs(groups), axis=1, kind="stable")
    numpy.put_along_axis(groups, order[:, 2:], 0, axis=1)
    return groups.reshape(array.shape)


def oracle_weights(builder, pruned):
    weights = {}
    for name, array in builder.weights.items():
        if pruned and array.ndim == 2 and name.endswith("weight") and "embedding" not in name:
            array = prune(array)
        weights[name] = array.astype(numpy.float64) if array.dtype.kind == "f" else array
    return weights


# Models. --------------------------------------------------------------------------------------------------


def bert():
    b = Builder()
    b.weight("word.embedding", random(WORDS, HIDDEN, scale=1))
    b.weight("place.embedding", random(PLACES, HIDDEN, scale=1))
    length = b.add("Gather", b.add("Shape", "ids"), b.constant(numpy.int64(1)), axis=0)
    ends = b.add("Unsqueeze", length, b.ints(0))
    places = b.add("Slice", "place.embedding", b.ints(0), ends, b.ints(0))
    x = b.layer_norm(b.add("Add", b.add("Gather", "word.embedding", "ids"), places), "embeddings.norm")
    wide = b.add("Unsqueeze", "mask", b.ints(1, 2))
    hidden = b.add("Mul", b.add("Sub", b.number(1), b.add("Cast", wide, to=1)), b.number(-10000))
    for i in range(LAYERS):
        p = f"layer.{i}"
        q, k, v = (b.split_heads(b.linear(x, f"{p}.{n}", HIDDEN, HIDDEN)) for n in ("q", "k", "v"))
        scores = b.add("Div", b.add("MatMul", q, b.add("Transpose", k, perm=[0, 1, 3, 2])),
                       b.number(math.sqrt(WIDTH)))
        weights = b.add("Softmax", b.add("Add", scores, hidden), axis=-1)
        attended = b.merge_heads(b.add("MatMul", weights, v))
        x = b.layer_norm(b.add("Add", b.linear(attended, f"{p}.o", HIDDEN, HIDDEN), x), f"{p}.norm1")
        h = b.linear(x, f"{p}.up", HIDDEN, FFN)
        erf = b.add("Add", b.add("Erf", b.add("Div", h, b.number(math.sqrt(2)))), b.number(1))
        h = b.add("Mul", b.add("Mul", h, erf), b.number(0.5))
        x = b.layer_norm(b.add("Add", b.linear(h, f"{p}.down", FFN, HIDDEN), x), f"{p}.norm2")
    b.rename(x, "y")
    data = model(graph(b.nodes, [value("ids", "int64", ["batch", "length"]), value("mask", "int64", ["batch", "length"])],
                       [value("y", "float32", ["batch", "length", HIDDEN])], b.initializers(), "bert"), opset=14)
    ids = SOURCE.integers(0, WORDS, (2, 10))
    mask = (numpy.arange(10) < [[10], [7]]).astype(numpy.int64)

    def oracle(w):
        def norm(x, name):
            return np_norm(x, w[f"{name}.weight"], w[f"{name}.bias"])

        def linear(x, name):
            return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

        x = norm(w["word.embedding"][ids] + w["place.embedding"][:10], "embeddings.norm")
        for i in range(LAYERS):
            p = f"layer.{i}"
            q, k, v = (np_heads(linear(x, f"{p}.{n}")) for n in ("q", "k", "v"))
            x = norm(linear(np_attend(q, k, v, (1 - mask[:, None, None]) * -10000.0), f"{p}.o") + x, f"{p}.norm1")
            h = linear(x, f"{p}.up")
            h = h * 0.5 * (1 + ERF(h / math.sqrt(2)))
            x = norm(linear(h, f"{p}.down") + x, f"{p}.norm2")
        return [x]

    return b, data, [ids, mask], oracle, LAYERS


def gpt2(steps=5, past=0):
    """With `past` keys in the cache."""
    b = Builder()
    b.weight("wte.embedding", random(WORDS, HIDDEN, scale=1))
    b.weight("wpe.embedding", random(PLACES, HIDDEN, scale=1))
    x = b.add("Add", b.add("Gather", "wte.embedding", "ids"), b.add("Gather", "wpe.embedding", "places"))
    triangle = numpy.tril(numpy.ones((1, 1, PLACES, PLACES), bool))
    b.weight("triangle", triangle)
    outputs = []
    for i in range(LAYERS):
        p = f"h.{i}"
        qkv = b.linear(b.layer_norm(x, f"{p}.ln_1"), f"{p}.attn", HIDDEN, 3 * HIDDEN)
        q, k, v = (b.split_heads(part) for part in b.add("Split", qkv, b.ints(HIDDEN, HIDDEN, HIDDEN), outputs=3, axis=2))
        k = b.add("Concat", f"past_k{i}", k, axis=2)
        v = b.add("Concat", f"past_v{i}", v, axis=2)
        outputs += [k, v]
        new = b.add("Unsqueeze", b.add("Gather", b.add("Shape", q), b.constant(numpy.int64(2))), b.ints(0))
        total = b.add("Unsqueeze", b.add("Gather", b.add("Shape", k), b.constant(numpy.int64(2))), b.ints(0))
        seen = b.add("Slice", "triangle", b.add("Sub", total, new), total, b.ints(2))
        seen = b.add("Slice", seen, b.ints(0), total, b.ints(3))
        scores = b.add("Div", b.add("MatMul", q, b.add("Transpose", k, perm=[0, 1, 3, 2])), b.number(math.sqrt(WIDTH)))
        scores = b.add("Where", seen, scores, b.number(-3.4028234663852886e38))
        attended = b.merge_heads(b.add("MatMul", b.add("Softmax", scores, axis=-1), v))
        x = b.add("Add", b.linear(attended, f"{p}.proj", HIDDEN, HIDDEN), x)
        h = b.linear(b.layer_norm(x, f"{p}.ln_2"), f"{p}.up", HIDDEN, FFN)
        cubic = b.add("Mul", b.add("Pow", h, b.number(3)), b.number(0.044715))
        tanh = b.add("Tanh", b.add("Mul", b.add("Add", h, cubic), b.number(math.sqrt(2 / math.pi))))
        h = b.add("Mul", b.add("Mul", h, b.number(0.5)), b.add("Add", tanh, b.number(1)))
        x = b.add("Add", b.linear(h, f"{p}.down", FFN, HIDDEN), x)
    x = b.layer_norm(x, "ln_f")
    b.rename(b.add("MatMul", x, b.add("Transpose", "wte.embedding", perm=[1, 0])), "logits")
    names = []
    for i, name in enumerate(outputs):
        names.append(f"present_{'kv'[i % 2]}{i // 2}")
        b.rename(name, names[-1])
    caches = [f"past_{n}{i}" for i in range(LAYERS) for n in "kv"]
    cache = ["batch", HEADS, "past", WIDTH]
    data = model(graph(
        b.nodes,
        [value("ids", "int64", ["batch", "length"]), value("places", "int64", ["batch", "length"])]
        + [value(n, "float32", cache) for n in caches],
        [value("logits", "float32", ["batch", "length", WORDS])]
        + [value(n, "float32", ["batch", HEADS, "total", WIDTH]) for n in names], b.initializers(), "gpt2"), opset=13)
    ids = SOURCE.integers(0, WORDS, (2, steps))
    places = numpy.broadcast_to(numpy.arange(past, past + steps), (2, steps)).astype(numpy.int64)
    old = [random(2, HEADS, past, WIDTH, scale=1) for _ in caches]

    def oracle(w):
        def norm(x, name):
            return np_norm(x, w[f"{name}.weight"], w[f"{name}.bias"])

        def linear(x, name):
            return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

        x, presents = w["wte.embedding"][ids] + w["wpe.embedding"][places], []
        for i in range(LAYERS):
            p = f"h.{i}"
            q, k, v = (np_heads(t) for t in numpy.split(linear(norm(x, f"{p}.ln_1"), f"{p}.attn"), 3, -1))
            k, v = numpy.concatenate([old[2 * i], k], 2), numpy.concatenate([old[2 * i + 1], v], 2)
            presents += [k, v]
            mask = numpy.where(triangle[:, :, past:past + steps, :past + steps], 0, -numpy.inf)
            x = linear(np_attend(q, k, v, mask), f"{p}.proj") + x
            h = linear(norm(x, f"{p}.ln_2"), f"{p}.up")
            h = 0.5 * h * (1 + numpy.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3)))
            x = linear(h, f"{p}.down") + x
        return [norm(x, "ln_f") @ w["wte.embedding"].T] + presents

    return b, data, [ids, places] + old, oracle, LAYERS


def llama(groups=2):
    b = Builder()
    b.weight("tokens.embedding", random(WORDS, HIDDEN, scale=1))
    angles = numpy.outer(numpy.arange(PLACES), 10000.0 ** (-numpy.arange(WIDTH // 2) / (WIDTH // 2)))
    b.weight("cos", numpy.cos(angles).astype(numpy.float32))
    b.weight("sin", numpy.sin(angles).astype(numpy.float32))
    x = b.add("Gather", "tokens.embedding", "ids")

    def norm(x, name):
        b.weight(f"{name}.gain", random(HIDDEN) + 1)
        return b.add("RMSNormalization", x, f"{name}.gain", axis=-1, epsilon=1e-5)

    def project(x, name, k, n):
        return b.add("MatMul", x, b.weight(f"{name}.weight", random(k, n)))

    for i in range(LAYERS):
        p = f"layers.{i}"
        h = norm(x, f"{p}.norm1")
        q, k, v = (project(h, f"{p}.{n}", HIDDEN, count * WIDTH)
                   for n, count in (("q", HEADS), ("k", groups), ("v", groups)))
        q = b.add("RotaryEmbedding", q, "cos", "sin", "places", num_heads=HEADS)
        k = b.add("RotaryEmbedding", k, "cos", "sin", "places", num_heads=groups)
        a = b.add("Attention", q, k, v, q_num_heads=HEADS, kv_num_heads=groups, is_causal=1)
        x = b.add("Add", x, project(a, f"{p}.o", HIDDEN, HIDDEN))
        h = norm(x, f"{p}.norm2")
        gate = project(h, f"{p}.gate", HIDDEN, FFN)
        gate = b.add("Mul", gate, b.add("Sigmoid", gate))
        x = b.add("Add", x, project(b.add("Mul", gate, project(h, f"{p}.up", HIDDEN, FFN)), f"{p}.down", FFN, HIDDEN))
    b.rename(project(norm(x, "norm"), "head", HIDDEN, WORDS), "logits")
    data = model(graph(b.nodes, [value("ids", "int64", [2, "length"]), value("places", "int64", [2, "length"])],
                       [value("logits", "float32", [2, "length", WORDS])], b.initializers(), "llama"),
                 opset=23, ir=11)
    ids = SOURCE.integers(0, WORDS, (2, 9))
    places = numpy.stack([numpy.arange(9), numpy.arange(3, 12)])

    def oracle(w):
        def norm(x, name):
            return x / numpy.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * w[f"{name}.gain"]

        def turn(x):  # [B, H, N, D]
            c, s = w["cos"][places][:, None], w["sin"][places][:, None]
            left, right = numpy.split(x, 2, -1)
            return numpy.concatenate([left * c - right * s, left * s + right * c], -1)

        x, mask = w["tokens.embedding"][ids], numpy.triu(numpy.full((9, 9), -numpy.inf), 1)
        for i in range(LAYERS):
            p = f"layers.{i}"
            h = norm(x, f"{p}.norm1")
            q, k, v = (np_heads(h @ w[f"{p}.{n}.weight"], count)
                       for n, count in (("q", HEADS), ("k", groups), ("v", groups)))
            k, v = (t.repeat(HEADS // groups, 1) for t in (turn(k), v))
            x = x + np_attend(turn(q), k, v, mask) @ w[f"{p}.o.weight"]
            h = norm(x, f"{p}.norm2")
            gate = h @ w[f"{p}.gate.weight"]
            x = x + (gate / (1 + numpy.exp(-gate)) * (h @ w[f"{p}.up.weight"])) @ w[f"{p}.down.weight"]
        return [norm(x, "norm") @ w["head.weight"]]

    return b, data, [ids, places], oracle, LAYERS


# Running. -------------------------------------------------------------------------------------------------


def run(name, made, pruned):
    builder, data, inputs, oracle, layers = made
    with open(f"{name}.onnx", "wb") as out:
        out.write(data)
    expected = oracle(oracle_weights(builder, pruned))
    command = ["nm-run", f"{name}.onnx", "--threads=1"]
    for i, array in enumerate(inputs):
        numpy.save(f"{name}_in{i}.npy", array)
        command += ["--input", f"{name}_in{i}.npy"]
    for i in range(len(expected)):
        command += ["--output", f"{name}_out{i}.npy"]
    if pruned:
        command += ["--pattern", "2:4", "--mask-policy=derive"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return [f"{name}: {done.stderr[-600:]}"]
    failures = []
    for i, want in enumerate(expected):
        have = numpy.load(f"{name}_out{i}.npy")
        error = numpy.abs(have - want).max() / max(1e-30, numpy.abs(want).max()) if want.size else 0
        if have.shape != want.shape or not error < 1e-4:
            failures.append(f"{name}{' 2:4' if pruned else ''}: result {i}: {have.shape}, off by {error:.2e}")
    # Attention is found, also where it is written out.
    passes = ["--nm-input", "--canonicalize", "--flat-raise-attention"]
    ir = subprocess.run(["nm-opt", f"{name}.onnx", *passes], capture_output=True, text=True)
    found = ir.stdout.count("flat.attention")
    if found != layers:
        failures.append(f"{name}: {found} attentions found of {layers}: {ir.stderr[-300:]}")
    return failures


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    models = {"bert": [bert()], "gpt2": [gpt2(5, 0), gpt2(1, 6)], "llama": [llama()]}
    failures, count = [], 0
    for name, forms in models.items():
        if len(sys.argv) > 2 and name not in sys.argv[2:]:
            continue
        for number, made in enumerate(forms):
            for pruned in (False, True):
                if pruned and number:
                    continue
                failures += run(f"{name}{number}", made, pruned)
                count += 1
    for failure in failures:
        print(failure)
    print(f"{count} runs, {len(failures)} failures")


if __name__ == "__main__":
    main()
