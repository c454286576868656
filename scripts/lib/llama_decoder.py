# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A Llama that decodes one token a call with caches of fixed size, as ONNX files of any size, and in NumPy.

The weights are random, and lie as f32 in one file that the models name as external data: they are read from there by all
that make something of them, a matrix at a time. Products are MatMul, or MatMulNBits of ONNX Runtime's domain on blocks of
32 along the contraction with a scale each.
"""

import dataclasses
import math
import pathlib
import sys

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test/Import/Onnx/Inputs"))
from onnxfile import graph, model, node, tensor, value  # noqa: E402

EPSILON, BLOCK = 1e-5, 32


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Those of TinyLlama 1.1B (arXiv 2401.02385)."""

    hidden: int = 2048
    heads: int = 32
    groups: int = 4
    ffn: int = 5632
    layers: int = 22
    words: int = 32000
    places: int = 2048  # rows of the caches

    @property
    def width(self):
        return self.hidden // self.heads

    def shapes(self):
        """Of the weights by name; products are [inputs, outputs]."""
        h, kv = self.hidden, self.groups * self.width
        yield "tokens.embedding", (self.words, h)
        for i in range(self.layers):
            p = f"layers.{i}"
            yield f"{p}.norm1.gain", (h,)
            yield from ((f"{p}.{n}.weight", (h, columns)) for n, columns in (("q", h), ("k", kv), ("v", kv), ("o", h)))
            yield f"{p}.norm2.gain", (h,)
            yield from ((f"{p}.{n}.weight", s) for n, s in
                        (("gate", (h, self.ffn)), ("up", (h, self.ffn)), ("down", (self.ffn, h))))
        yield "norm.gain", (h,)
        yield "head.weight", (h, self.words)


class Weights:
    """f32 in a file, made when it is not there."""

    def __init__(self, path, sizes, seed=7):
        self.path, self.places, offset = path, {}, 0
        for name, shape in sizes.shapes():
            self.places[name] = (offset, shape)
            offset += 4 * math.prod(shape)
        if not (path.exists() and path.stat().st_size == offset):
            source = numpy.random.default_rng(seed)
            with open(path, "wb") as file:
                for _, shape in self.places.values():
                    array = source.standard_normal(shape, dtype=numpy.float32)
                    # Products keep the size of what they take; embeddings and gains are of the size of 1.
                    array = array * numpy.float32(shape[0] ** -0.5) if len(shape) == 2 and file.tell() else array
                    (array if len(shape) == 2 else 1 + array * numpy.float32(0.1)).tofile(file)

    def __call__(self, name):
        offset, shape = self.places[name]
        return numpy.memmap(self.path, numpy.float32, "r", offset, shape)

    def products(self):
        return {name: shape for name, (_, shape) in self.places.items() if name.endswith(".weight")}

    def external(self, name):
        """The weight as an initializer whose data lie in the file."""
        offset, shape = self.places[name]
        return tensor(name, _Shape(shape, "float32"), (self.path.name, offset, 4 * math.prod(shape)))


class _Shape:
    """What onnxfile.tensor asks of an array, without the array."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype = shape, dtype

    def __array__(self, dtype=None, copy=None):
        return numpy.lib.stride_tricks.as_strided(numpy.zeros(1, self.dtype), self.shape, [0] * len(self.shape))


def quantise(matrix):
    """[inputs, outputs] as MatMulNBits has it: nibbles [outputs, blocks, 16], scales [outputs * blocks]; zero is 8."""
    blocks = numpy.ascontiguousarray(matrix.T).reshape(matrix.shape[1], -1, BLOCK)
    most = numpy.take_along_axis(blocks, numpy.abs(blocks).argmax(-1, keepdims=True), -1)
    scales = (most / -8).astype(numpy.float32)  # the largest is -8 exactly, as in llama.cpp's q4_0
    numbers = numpy.clip(numpy.rint(blocks / numpy.where(scales == 0, 1, scales)) + 8, 0, 15).astype(numpy.uint8)
    return numbers[..., 0::2] | numbers[..., 1::2] << 4, scales.reshape(-1)


class _Graph:
    def __init__(self, sizes, weights, product):
        self.sizes, self.product = sizes, product
        self.nodes, self.count = [], 0
        self.initializers = [weights.external(name) for name in weights.places if not name.endswith(".weight")]

    def add(self, op, *inputs, outputs=None, **attributes):
        self.count += 1
        outputs = outputs or [f"{op.lower()}_{self.count}"]
        self.nodes.append(node(op, inputs, outputs, outputs[0], **attributes))
        return outputs[0]

    def norm(self, x, name):
        return self.add("RMSNormalization", x, name, axis=-1, epsilon=EPSILON)

    def layer(self, x, i):
        s, p = self.sizes, f"layers.{i}"
        h = self.norm(x, f"{p}.norm1.gain")
        q, k, v = (self.product(self, h, f"{p}.{n}.weight") for n in "qkv")
        y = self.add("GroupQueryAttention", q, k, v, f"past.{i}.key", f"past.{i}.value", "last", "total", "cos", "sin",
                     outputs=[f"attention.{i}", f"present.{i}.key", f"present.{i}.value"], domain="com.microsoft",
                     num_heads=s.heads, kv_num_heads=s.groups, do_rotary=1)
        x = self.add("Add", x, self.product(self, y, f"{p}.o.weight"))
        h = self.norm(x, f"{p}.norm2.gain")
        gate = self.product(self, h, f"{p}.gate.weight")
        gate = self.add("Mul", gate, self.add("Sigmoid", gate))
        wide = self.add("Mul", gate, self.product(self, h, f"{p}.up.weight"))
        return self.add("Add", x, self.product(self, wide, f"{p}.down.weight"))


def angles(sizes):
    half = sizes.width // 2
    table = numpy.outer(numpy.arange(sizes.places), 10000.0 ** (-numpy.arange(half) / half))
    return numpy.cos(table).astype(numpy.float32), numpy.sin(table).astype(numpy.float32)


def _write(path, sizes, g):
    x = g.add("Gather", "tokens.embedding", "ids")
    for i in range(sizes.layers):
        x = g.layer(x, i)
    logits = g.product(g, g.norm(x, "norm.gain"), "head.weight")
    g.nodes.append(node("Identity", [logits], ["logits"]))
    for name, array in zip(("cos", "sin"), angles(sizes)):
        g.initializers.append(tensor(name, array))
    cache = [1, sizes.groups, sizes.places, sizes.width]
    names = [f"{i}.{x}" for i in range(sizes.layers) for x in ("key", "value")]
    inputs = [value("ids", "int64", [1, 1]), value("last", "int32", [1]), value("total", "int32", [1]),
              *(value(f"past.{name}", "float32", cache) for name in names)]
    outputs = [value("logits", "float32", [1, 1, sizes.words]), *(value(f"present.{name}", "float32", cache) for name in names)]
    path.write_bytes(model(graph(g.nodes, inputs, outputs, g.initializers, "llama"), opset=23, ir=11,
                           domains=[("com.microsoft", 1)]))


def write(path, sizes, weights):
    """The model in f32, beside the weights' file."""
    def product(g, x, name):
        g.initializers.append(weights.external(name))
        return g.add("MatMul", x, name)

    _write(path, sizes, _Graph(sizes, weights, product))


def write_nbits(path, sizes, weights):
    """The model of four bits that ONNX Runtime runs, with their data in a file of their own."""
    data = path.with_suffix(".data")
    with open(data, "wb") as file:
        def stored(g, name, array):
            array = numpy.ascontiguousarray(array)
            g.initializers.append(tensor(name, _Shape(array.shape, str(array.dtype)), (data.name, file.tell(), array.nbytes)))
            array.tofile(file)
            file.write(bytes(-file.tell() % 64))
            return name

        def product(g, x, name):
            rows, columns = weights.products()[name]
            nibbles, scales = quantise(weights(name))
            return g.add("MatMulNBits", x, stored(g, f"{name}.nibbles", nibbles), stored(g, f"{name}.scales", scales),
                         domain="com.microsoft", K=rows, N=columns, bits=4, block_size=BLOCK, accuracy_level=4)

        _write(path, sizes, _Graph(sizes, weights, product))


def reference(sizes, weight, ids):
    """The logits after the last of `ids`, in f32 of NumPy; `weight` gives an array by name."""
    count, half = len(ids), sizes.width // 2
    cosines, sines = (table[:count] for table in angles(sizes))

    def norm(x, name):
        return x / numpy.sqrt((x * x).mean(-1, keepdims=True) + numpy.float32(EPSILON)) * weight(name)

    def heads(x, number):
        return x.reshape(count, number, sizes.width).transpose(1, 0, 2)

    def turn(x):
        left, right = x[..., :half], x[..., half:]
        return numpy.concatenate([left * cosines - right * sines, right * cosines + left * sines], -1)

    x = numpy.array(weight("tokens.embedding")[ids])
    hidden = numpy.triu(numpy.full((count, count), -numpy.inf, numpy.float32), 1)
    for i in range(sizes.layers):
        p = f"layers.{i}"
        h = norm(x, f"{p}.norm1.gain")
        q, k, v = (h @ weight(f"{p}.{n}.weight") for n in "qkv")
        q, k, v = turn(heads(q, sizes.heads)), turn(heads(k, sizes.groups)), heads(v, sizes.groups)
        k, v = (t.repeat(sizes.heads // sizes.groups, 0) for t in (k, v))
        scores = q @ k.transpose(0, 2, 1) / numpy.float32(math.sqrt(sizes.width)) + hidden
        e = numpy.exp(scores - scores.max(-1, keepdims=True))
        y = (e / e.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(count, -1)
        x = x + y @ weight(f"{p}.o.weight")
        h = norm(x, f"{p}.norm2.gain")
        gate = h @ weight(f"{p}.gate.weight")
        x = x + (gate / (1 + numpy.exp(-gate)) * (h @ weight(f"{p}.up.weight"))) @ weight(f"{p}.down.weight")
    return norm(x[-1:], "norm.gain") @ weight("head.weight")
