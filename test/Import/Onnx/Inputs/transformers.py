# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Transformers of any size with random weights, written as exporters write them for an operator set.

An encoder like BERT (14: layer norm and GELU written out; 17: LayerNormalization; 23: Gelu and Attention), a decoder
like GPT-2 (a prompt, or a step with a cache), an image encoder like ViT, and a decoder like Llama (RMS norm, rotary
embedding, SwiGLU, grouped heads). Each comes with inputs and what NumPy computes in f64 from its weights.
"""

import dataclasses
import math

import numpy

from onnxfile import graph, model, node, tensor, value


@dataclasses.dataclass
class Sizes:
    """What a family's models differ in. `scale` is the deviation of the weights."""

    hidden: int = 32
    heads: int = 4
    ffn: int = 64
    words: int = 50
    places: int = 24
    layers: int = 1
    groups: int = 2  # heads of keys and values, where a family shares them
    patch: int = 4  # of an image of `image` times `image`
    image: int = 16
    scale: float = 0.3
    seed: int = 7

    @property
    def width(self):
        return self.hidden // self.heads


#: The published sizes, and a Llama of a size that one file holds.
REAL = {
    "bert": Sizes(768, 12, 3072, 30522, 512, 12, scale=0.02),
    "gpt2": Sizes(768, 12, 3072, 50257, 1024, 12, scale=0.02),
    "vit": Sizes(768, 12, 3072, 1000, 197, 12, patch=16, image=224, scale=0.02),
    "llama": Sizes(1024, 16, 2816, 32000, 2048, 12, groups=4, scale=0.02),
}


@dataclasses.dataclass
class Model:
    name: str
    weights: dict
    data: bytes
    inputs: list
    oracle: object  # of weights by name, as float64: the results
    attentions: int
    symbols: dict  # names of dimensions, and their sizes in `inputs`

    def save(self, name):
        """Writes NAME.onnx and the inputs; returns the options that name those."""
        with open(f"{name}.onnx", "wb") as out:
            out.write(self.data)
        for i, array in enumerate(self.inputs):
            numpy.save(f"{name}_in{i}.npy", array)
        return [f"--input={name}_in{i}.npy" for i in range(len(self.inputs))]

    def reference(self, change=lambda name, array: array):
        """The results in f64; `change` sees each weight before."""
        weights = {name: change(name, array) for name, array in self.weights.items()}
        return self.oracle({name: array.astype(numpy.float64) if array.dtype.kind == "f" else array
                            for name, array in weights.items()})


class Builder:
    """Collects nodes and weights; values are names."""

    def __init__(self, sizes, opset):
        self.sizes, self.opset = sizes, opset
        self.source = numpy.random.default_rng(sizes.seed)
        self.nodes, self.weights, self.count = [], {}, 0

    def random(self, *shape, scale=None):
        scale = numpy.float32(self.sizes.scale if scale is None else scale)
        return self.source.standard_normal(shape, dtype=numpy.float32) * scale

    def add(self, op, *inputs, outputs=1, **attributes):
        names = [f"{op.lower()}_{self.count + i}" for i in range(outputs)]
        self.count += outputs
        self.nodes.append(node(op, inputs, names, names[0], **attributes))
        return names[0] if outputs == 1 else names

    def weight(self, name, array):
        """Two graphs that name one share it."""
        self.weights.setdefault(name, numpy.asarray(array))
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

    def finish(self, name, inputs, outputs, ir=8):
        initializers = [tensor(k, v) for k, v in self.weights.items()]
        return model(graph(self.nodes, inputs, outputs, initializers, name), opset=self.opset, ir=ir)

    # What exporters write for a module.

    def linear(self, x, name, k, n):
        self.weight(f"{name}.weight", self.random(k, n))
        self.weight(f"{name}.bias", self.random(n))
        return self.add("Add", self.add("MatMul", x, f"{name}.weight"), f"{name}.bias")

    def layer_norm(self, x, name):
        self.weight(f"{name}.weight", self.random(self.sizes.hidden) + 1)
        self.weight(f"{name}.bias", self.random(self.sizes.hidden))
        if self.opset >= 17:
            return self.add("LayerNormalization", x, f"{name}.weight", f"{name}.bias", axis=-1, epsilon=1e-5)
        centred = self.add("Sub", x, self.add("ReduceMean", x, axes=[-1]))
        square = self.add("Pow", centred, self.number(2))
        root = self.add("Sqrt", self.add("Add", self.add("ReduceMean", square, axes=[-1]), self.number(1e-5)))
        scaled = self.add("Mul", self.add("Div", centred, root), f"{name}.weight")
        return self.add("Add", scaled, f"{name}.bias")

    def gelu(self, h):
        if self.opset >= 20:
            return self.add("Gelu", h)
        erf = self.add("Add", self.add("Erf", self.add("Div", h, self.number(math.sqrt(2)))), self.number(1))
        return self.add("Mul", self.add("Mul", h, erf), self.number(0.5))

    def gelu_by_tanh(self, h):
        cubic = self.add("Mul", self.add("Pow", h, self.number(3)), self.number(0.044715))
        tanh = self.add("Tanh", self.add("Mul", self.add("Add", h, cubic), self.number(math.sqrt(2 / math.pi))))
        return self.add("Mul", self.add("Mul", h, self.number(0.5)), self.add("Add", tanh, self.number(1)))

    def split_heads(self, x, heads=None):
        shape = self.add("Shape", x)
        sizes = [self.add("Unsqueeze", self.add("Gather", shape, self.constant(numpy.int64(i)), axis=0), self.ints(0))
                 for i in (0, 1)]
        to = self.add("Concat", *sizes, self.ints(heads or self.sizes.heads), self.ints(self.sizes.width), axis=0)
        return self.add("Transpose", self.add("Reshape", x, to), perm=[0, 2, 1, 3])

    def merge_heads(self, x):
        return self.add("Reshape", self.add("Transpose", x, perm=[0, 2, 1, 3]), self.ints(0, 0, self.sizes.hidden))

    def scores(self, q, k):
        dot = self.add("MatMul", q, self.add("Transpose", k, perm=[0, 1, 3, 2]))
        return self.add("Div", dot, self.number(math.sqrt(self.sizes.width)))

    def attend(self, x, name, mask=None):
        """Heads of x attend to one another; `mask` is added."""
        d = self.sizes.hidden
        q, k, v = (self.linear(x, f"{name}.{n}", d, d) for n in ("q", "k", "v"))
        if self.opset >= 23:
            heads = self.sizes.heads
            operands = [q, k, v] + ([mask] if mask else [])
            return self.add("Attention", *operands, q_num_heads=heads, kv_num_heads=heads)
        q, k, v = (self.split_heads(part) for part in (q, k, v))
        scores = self.scores(q, k)
        weights = self.add("Softmax", self.add("Add", scores, mask) if mask else scores, axis=-1)
        return self.merge_heads(self.add("MatMul", weights, v))


# The oracle. ----------------------------------------------------------------------------------------------

ERF = numpy.vectorize(math.erf)


class Oracle:
    """The same modules on arrays."""

    def __init__(self, sizes, weights):
        self.sizes, self.w = sizes, weights

    def linear(self, x, name):
        return x @ self.w[f"{name}.weight"] + self.w[f"{name}.bias"]

    def norm(self, x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / numpy.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)
        return x * self.w[f"{name}.weight"] + self.w[f"{name}.bias"]

    def heads(self, x, heads=None):
        return x.reshape(*x.shape[:2], heads or self.sizes.heads, self.sizes.width).transpose(0, 2, 1, 3)

    def softmax_attention(self, q, k, v, mask=0.0):
        scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(self.sizes.width) + mask
        e = numpy.exp(scores - scores.max(-1, keepdims=True))
        x = e / e.sum(-1, keepdims=True) @ v
        return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)

    def attend(self, x, name, mask=0.0):
        return self.softmax_attention(*(self.heads(self.linear(x, f"{name}.{n}")) for n in ("q", "k", "v")), mask)


def gelu(x):
    return x * 0.5 * (1 + ERF(x / math.sqrt(2)))


def gelu_by_tanh(x):
    return 0.5 * x * (1 + numpy.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def prune(array, n=2, m=4):
    """N:M along the first axis: the n largest of every m."""
    groups = numpy.array(array).reshape(-1, m, array.shape[1])
    order = numpy.argsort(-numpy.abs(groups), axis=1, kind="stable")
    numpy.put_along_axis(groups, order[:, n:], 0, axis=1)
    return groups.reshape(array.shape)


# Models. --------------------------------------------------------------------------------------------------


def bert(s=Sizes(), opset=14, batch=2, length=10):
    """Words and a mask of keys to hidden states."""
    b = Builder(s, opset)
    b.weight("word.embedding", b.random(s.words, s.hidden, scale=1))
    b.weight("place.embedding", b.random(s.places, s.hidden, scale=1))
    count = b.add("Gather", b.add("Shape", "ids"), b.constant(numpy.int64(1)), axis=0)
    places = b.add("Slice", "place.embedding", b.ints(0), b.add("Unsqueeze", count, b.ints(0)), b.ints(0))
    x = b.layer_norm(b.add("Add", b.add("Gather", "word.embedding", "ids"), places), "embeddings.norm")
    wide = b.add("Unsqueeze", "mask", b.ints(1, 2))
    hidden = b.add("Mul", b.add("Sub", b.number(1), b.add("Cast", wide, to=1)), b.number(-10000))
    if opset >= 23:  # Attention's mask has the sizes of queries and keys.
        rows = b.add("Concat", b.ints(1, 1), b.add("Unsqueeze", count, b.ints(0)), b.ints(1), axis=0)
        hidden = b.add("Expand", hidden, rows)
    for i in range(s.layers):
        p = f"layer.{i}"
        attended = b.attend(x, p, hidden)
        x = b.layer_norm(b.add("Add", b.linear(attended, f"{p}.o", s.hidden, s.hidden), x), f"{p}.norm1")
        h = b.gelu(b.linear(x, f"{p}.up", s.hidden, s.ffn))
        x = b.layer_norm(b.add("Add", b.linear(h, f"{p}.down", s.ffn, s.hidden), x), f"{p}.norm2")
    b.rename(x, "y")
    shape = ["batch", "length"]
    data = b.finish("bert", [value("ids", "int64", shape), value("mask", "int64", shape)],
                    [value("y", "float32", shape + [s.hidden])], ir=11 if opset > 20 else 8)
    ids = b.source.integers(0, s.words, (batch, length))
    ends = numpy.maximum(1, length - 3 * numpy.arange(batch)[:, None])
    mask = (numpy.arange(length) < ends).astype(numpy.int64)

    def oracle(w):
        o = Oracle(s, w)
        x = o.norm(w["word.embedding"][ids] + w["place.embedding"][:length], "embeddings.norm")
        for i in range(s.layers):
            p = f"layer.{i}"
            x = o.norm(o.linear(o.attend(x, p, (1 - mask[:, None, None]) * -10000.0), f"{p}.o") + x, f"{p}.norm1")
            x = o.norm(o.linear(gelu(o.linear(x, f"{p}.up")), f"{p}.down") + x, f"{p}.norm2")
        return [x]

    return Model("bert", b.weights, data, [ids, mask], oracle, s.layers, {"batch": batch, "length": length})


def gpt2_nodes(b, s, takes_past=True):
    """From `ids`, `places` and caches, if it takes any, to `logits` and the names of caches."""
    b.weight("wte.embedding", b.random(s.words, s.hidden, scale=1))
    b.weight("wpe.embedding", b.random(s.places, s.hidden, scale=1))
    x = b.add("Add", b.add("Gather", "wte.embedding", "ids"), b.add("Gather", "wpe.embedding", "places"))
    b.weight("triangle", numpy.tril(numpy.ones((1, 1, s.places, s.places), bool)))
    outputs = []
    for i in range(s.layers):
        p = f"h.{i}"
        qkv = b.linear(b.layer_norm(x, f"{p}.ln_1"), f"{p}.attn", s.hidden, 3 * s.hidden)
        parts = b.add("Split", qkv, b.ints(*[s.hidden] * 3), outputs=3, axis=2)
        q, k, v = (b.split_heads(part) for part in parts)
        if takes_past:
            k = b.add("Concat", f"past_k{i}", k, axis=2)
            v = b.add("Concat", f"past_v{i}", v, axis=2)
        outputs += [k, v]
        new = b.add("Unsqueeze", b.add("Gather", b.add("Shape", q), b.constant(numpy.int64(2))), b.ints(0))
        total = b.add("Unsqueeze", b.add("Gather", b.add("Shape", k), b.constant(numpy.int64(2))), b.ints(0))
        seen = b.add("Slice", "triangle", b.add("Sub", total, new), total, b.ints(2))
        seen = b.add("Slice", seen, b.ints(0), total, b.ints(3))
        scores = b.add("Where", seen, b.scores(q, k), b.number(-3.4028234663852886e38))
        attended = b.merge_heads(b.add("MatMul", b.add("Softmax", scores, axis=-1), v))
        x = b.add("Add", b.linear(attended, f"{p}.proj", s.hidden, s.hidden), x)
        h = b.gelu_by_tanh(b.linear(b.layer_norm(x, f"{p}.ln_2"), f"{p}.up", s.hidden, s.ffn))
        x = b.add("Add", b.linear(h, f"{p}.down", s.ffn, s.hidden), x)
    x = b.layer_norm(x, "ln_f")
    b.rename(b.add("MatMul", x, b.add("Transpose", "wte.embedding", perm=[1, 0])), "logits")
    names = [f"present_{'kv'[i % 2]}{i // 2}" for i in range(len(outputs))]
    for name, new in zip(outputs, names):
        b.rename(name, new)
    return [value("logits", "float32", ["batch", "length", s.words])] + [
        value(n, "float32", ["batch", s.heads, "total", s.width]) for n in names]


def gpt2(s=Sizes(), opset=13, batch=2, steps=5, past=0, merged=False):
    """With `past` keys in the cache: logits, and the caches that grew.

    `merged` is the graph that takes caches and the one of a prompt, of the same weights, in the branches of an If, as
    Optimum merges them; its last input says whether there are caches.
    """
    b = Builder(s, opset)
    outputs = gpt2_nodes(b, s)
    caches = [f"past_{n}{i}" for i in range(s.layers) for n in "kv"]
    inputs = [value("ids", "int64", ["batch", "length"]), value("places", "int64", ["batch", "length"])]
    inputs += [value(n, "float32", ["batch", s.heads, "past", s.width]) for n in caches]
    if merged:
        with_past, b.nodes = b.nodes, []
        gpt2_nodes(b, s, takes_past=False)
        branches = {"then_branch": {"graph": graph(with_past, [], outputs, name="with_past")},
                    "else_branch": {"graph": graph(b.nodes, [], outputs, name="no_past")}}
        names = ["logits"] + [c.replace("past", "present") for c in caches]
        b.nodes = [node("If", ["use_cache_branch"], names, "merged", **branches)]
        inputs.append(value("use_cache_branch", "bool", [1]))
    data = b.finish("gpt2", inputs, outputs)
    ids = b.source.integers(0, s.words, (batch, steps))
    places = numpy.broadcast_to(numpy.arange(past, past + steps), (batch, steps)).astype(numpy.int64)
    old = [b.random(batch, s.heads, past, s.width, scale=1) for _ in caches]

    def oracle(w):
        o = Oracle(s, w)
        x, presents = w["wte.embedding"][ids] + w["wpe.embedding"][places], []
        for i in range(s.layers):
            p = f"h.{i}"
            parts = numpy.split(o.linear(o.norm(x, f"{p}.ln_1"), f"{p}.attn"), 3, -1)
            q, k, v = (o.heads(part) for part in parts)
            k, v = numpy.concatenate([old[2 * i], k], 2), numpy.concatenate([old[2 * i + 1], v], 2)
            presents += [k, v]
            mask = numpy.where(w["triangle"][:, :, past:past + steps, :past + steps], 0, -numpy.inf)
            x = o.linear(o.softmax_attention(q, k, v, mask), f"{p}.proj") + x
            x = o.linear(gelu_by_tanh(o.linear(o.norm(x, f"{p}.ln_2"), f"{p}.up")), f"{p}.down") + x
        return [o.norm(x, "ln_f") @ w["wte.embedding"].T] + presents

    flag = [numpy.array([past > 0])] if merged else []
    return Model("gpt2", b.weights, data, [ids, places] + old + flag, oracle, s.layers * (1 + merged),
                 {"batch": batch, "length": steps, "past": past})


def vit(s=Sizes(words=10), opset=17, batch=2):
    """Images to the logits of classes: patches by a convolution, a token for the class."""
    b = Builder(s, opset)
    side = s.image // s.patch
    b.weight("patch.kernel", b.random(s.hidden, 3, s.patch, s.patch))
    b.weight("patch.shift", b.random(s.hidden))
    x = b.add("Conv", "image", "patch.kernel", "patch.shift", kernel_shape=[s.patch] * 2, strides=[s.patch] * 2)
    x = b.add("Transpose", b.add("Reshape", x, b.ints(0, s.hidden, side * side)), perm=[0, 2, 1])
    b.weight("class.token", b.random(1, 1, s.hidden, scale=1))
    count = b.add("Unsqueeze", b.add("Gather", b.add("Shape", x), b.constant(numpy.int64(0)), axis=0), b.ints(0))
    token = b.add("Expand", "class.token", b.add("Concat", count, b.ints(1, 1), axis=0))
    b.weight("place.embedding", b.random(1, side * side + 1, s.hidden, scale=1))
    x = b.add("Add", b.add("Concat", token, x, axis=1), "place.embedding")
    for i in range(s.layers):
        p = f"blocks.{i}"
        attended = b.attend(b.layer_norm(x, f"{p}.norm1"), p)
        x = b.add("Add", x, b.linear(attended, f"{p}.o", s.hidden, s.hidden))
        h = b.gelu(b.linear(b.layer_norm(x, f"{p}.norm2"), f"{p}.up", s.hidden, s.ffn))
        x = b.add("Add", x, b.linear(h, f"{p}.down", s.ffn, s.hidden))
    x = b.add("Gather", b.layer_norm(x, "norm"), b.constant(numpy.int64(0)), axis=1)
    b.weight("head.matrix", b.random(s.words, s.hidden))
    b.weight("head.bias", b.random(s.words))
    b.rename(b.add("Gemm", x, "head.matrix", "head.bias", transB=1), "logits")
    data = b.finish("vit", [value("image", "float32", ["batch", 3, s.image, s.image])],
                    [value("logits", "float32", ["batch", s.words])])
    image = b.random(batch, 3, s.image, s.image, scale=1)

    def oracle(w):
        o = Oracle(s, w)
        patches = image.astype(numpy.float64).reshape(batch, 3, side, s.patch, side, s.patch)
        patches = patches.transpose(0, 2, 4, 1, 3, 5).reshape(batch, side * side, -1)
        x = patches @ w["patch.kernel"].reshape(s.hidden, -1).T + w["patch.shift"]
        token = numpy.broadcast_to(w["class.token"], (batch, 1, s.hidden))
        x = numpy.concatenate([token, x], 1) + w["place.embedding"]
        for i in range(s.layers):
            p = f"blocks.{i}"
            x = x + o.linear(o.attend(o.norm(x, f"{p}.norm1"), p), f"{p}.o")
            x = x + o.linear(gelu(o.linear(o.norm(x, f"{p}.norm2"), f"{p}.up")), f"{p}.down")
        return [o.norm(x, "norm")[:, 0] @ w["head.matrix"].T + w["head.bias"]]

    return Model("vit", b.weights, data, [image], oracle, s.layers, {"batch": batch})


def llama(s=Sizes(), opset=23, batch=2, steps=9):
    b = Builder(s, opset)
    b.weight("tokens.embedding", b.random(s.words, s.hidden, scale=1))
    angles = numpy.outer(numpy.arange(s.places), 10000.0 ** (-numpy.arange(s.width // 2) / (s.width // 2)))
    b.weight("cos", numpy.cos(angles).astype(numpy.float32))
    b.weight("sin", numpy.sin(angles).astype(numpy.float32))
    x = b.add("Gather", "tokens.embedding", "ids")

    def norm(x, name):
        b.weight(f"{name}.gain", b.random(s.hidden) + 1)
        return b.add("RMSNormalization", x, f"{name}.gain", axis=-1, epsilon=1e-5)

    def project(x, name, k, n):
        return b.add("MatMul", x, b.weight(f"{name}.weight", b.random(k, n)))

    for i in range(s.layers):
        p = f"layers.{i}"
        h = norm(x, f"{p}.norm1")
        q, k, v = (project(h, f"{p}.{n}", s.hidden, count * s.width)
                   for n, count in (("q", s.heads), ("k", s.groups), ("v", s.groups)))
        q = b.add("RotaryEmbedding", q, "cos", "sin", "places", num_heads=s.heads)
        k = b.add("RotaryEmbedding", k, "cos", "sin", "places", num_heads=s.groups)
        a = b.add("Attention", q, k, v, q_num_heads=s.heads, kv_num_heads=s.groups, is_causal=1)
        x = b.add("Add", x, project(a, f"{p}.o", s.hidden, s.hidden))
        h = norm(x, f"{p}.norm2")
        gate = project(h, f"{p}.gate", s.hidden, s.ffn)
        gate = b.add("Mul", gate, b.add("Sigmoid", gate))
        wide = b.add("Mul", gate, project(h, f"{p}.up", s.hidden, s.ffn))
        x = b.add("Add", x, project(wide, f"{p}.down", s.ffn, s.hidden))
    b.rename(project(norm(x, "norm"), "head", s.hidden, s.words), "logits")
    data = b.finish("llama", [value("ids", "int64", [batch, "length"]), value("places", "int64", [batch, "length"])],
                    [value("logits", "float32", [batch, "length", s.words])], ir=11)
    ids = b.source.integers(0, s.words, (batch, steps))
    places = numpy.arange(steps) + 3 * numpy.arange(batch)[:, None]

    def oracle(w):
        o = Oracle(s, w)

        def norm(x, name):
            return x / numpy.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * w[f"{name}.gain"]

        def turn(x):  # [B, H, N, D]
            c, sine = w["cos"][places][:, None], w["sin"][places][:, None]
            left, right = numpy.split(x, 2, -1)
            return numpy.concatenate([left * c - right * sine, left * sine + right * c], -1)

        x, mask = w["tokens.embedding"][ids], numpy.triu(numpy.full((steps, steps), -numpy.inf), 1)
        for i in range(s.layers):
            p = f"layers.{i}"
            h = norm(x, f"{p}.norm1")
            q, k, v = (o.heads(h @ w[f"{p}.{n}.weight"], count)
                       for n, count in (("q", s.heads), ("k", s.groups), ("v", s.groups)))
            k, v = (t.repeat(s.heads // s.groups, 1) for t in (turn(k), v))
            x = x + o.softmax_attention(turn(q), k, v, mask) @ w[f"{p}.o.weight"]
            h = norm(x, f"{p}.norm2")
            gate = h @ w[f"{p}.gate.weight"]
            x = x + (gate / (1 + numpy.exp(-gate)) * (h @ w[f"{p}.up.weight"])) @ w[f"{p}.down.weight"]
        return [norm(x, "norm") @ w["head.weight"]]

    return Model("llama", b.weights, data, [ids, places], oracle, s.layers, {"length": steps})
