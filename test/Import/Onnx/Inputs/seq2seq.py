# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Encoders and decoders with random weights, written as exporters write them for an operator set; see transformers.py.

Whisper (arXiv 2212.04356): two convolutions over a spectrogram, then layers with the norm first; a decoder that attends
to the encoder, whole (with the encoder's states) or step by step (with caches of both attentions). T5 (arXiv 1910.10683):
root mean square norms, scores without a scale to which a bias by relative position is added, weights without bias.
"""

import math

import numpy

from onnxfile import value
from transformers import Builder, Model, Oracle, Sizes, gelu

#: The published sizes of Whisper-base and T5-small.
REAL = {
    "whisper": Sizes(512, 8, 2048, 51865, 448, 6, image=3000, patch=80, scale=0.02),
    "t5": Sizes(512, 8, 2048, 32128, 512, 6, scale=0.02),
}
BUCKETS, FARTHEST = 32, 128


class Speech(Builder):
    """What Whisper's exporters write: queries are scaled, keys have no bias; up to operator set 14 the heads are one
    batch dimension."""

    def project(self, x, name, k, n):
        return self.add("MatMul", x, self.weight(f"{name}.weight", self.random(k, n)))

    def queries(self, x, name):
        q = self.linear(x, f"{name}.q", self.sizes.hidden, self.sizes.hidden)
        return q if self.opset >= 23 else self.add("Mul", q, self.number(self.sizes.width**-0.5))

    def keys_values(self, x, name):
        d = self.sizes.hidden
        return self.split_heads(self.project(x, f"{name}.k", d, d)), self.split_heads(self.linear(x, f"{name}.v", d, d))

    def one_batch(self, heads):
        shape = self.add("Shape", heads)
        length = self.add("Slice", shape, self.ints(2), self.ints(3), self.ints(0))
        return self.add("Reshape", heads, self.add("Concat", self.ints(-1), length, self.ints(self.sizes.width), axis=0))

    def attend_to(self, q, k, v, mask=None):
        """Packed queries, keys and values by heads; `mask` is added."""
        if self.opset >= 23:
            q = self.split_heads(q)
            return self.merge_heads(self.add("Attention", q, k, v, *([mask] if mask else [])))
        q = self.split_heads(q)
        heads = q
        if self.opset <= 14:
            q, k, v = (self.one_batch(part) for part in (q, k, v))
        perm = [0, 2, 1] if self.opset <= 14 else [0, 1, 3, 2]
        scores = self.add("MatMul", q, self.add("Transpose", k, perm=perm))
        if mask:
            if self.opset <= 14:  # apart for the mask, as the module does it
                shape = self.add("Shape", heads)
                front = self.add("Slice", shape, self.ints(0), self.ints(3), self.ints(0))
                keys = self.add("Slice", self.add("Shape", k), self.ints(1), self.ints(2), self.ints(0))
                whole = self.add("Reshape", scores, self.add("Concat", front, keys, axis=0))
                scores = self.one_batch_of_scores(self.add("Add", whole, mask), keys)
            else:
                scores = self.add("Add", scores, mask)
        out = self.add("MatMul", self.add("Softmax", scores, axis=-1), v)
        if self.opset <= 14:
            out = self.add("Reshape", out, self.add("Shape", heads))
        return self.merge_heads(out)

    def one_batch_of_scores(self, scores, keys):
        length = self.add("Slice", self.add("Shape", scores), self.ints(2), self.ints(3), self.ints(0))
        return self.add("Reshape", scores, self.add("Concat", self.ints(-1), length, keys, axis=0))

    def feed_forward(self, x, p):
        s = self.sizes
        h = self.gelu(self.linear(self.layer_norm(x, f"{p}.norm3"), f"{p}.up", s.hidden, s.ffn))
        return self.add("Add", x, self.linear(h, f"{p}.down", s.ffn, s.hidden))


class SpeechOracle(Oracle):
    def keys_values(self, x, name):
        return self.heads(x @ self.w[f"{name}.k.weight"]), self.heads(self.linear(x, f"{name}.v"))

    def attend_to(self, x, name, k, v, mask=0.0):
        return self.softmax_attention(self.heads(self.linear(x, f"{name}.q")), k, v, mask)

    def feed_forward(self, x, p):
        return x + self.linear(gelu(self.linear(self.norm(x, f"{p}.norm3"), f"{p}.up")), f"{p}.down")


def whisper_encoder(s=Sizes(image=20, patch=8), opset=17, batch=2):
    """[batch, bands, frames] to states of half as many frames; `patch` bands and `image` frames."""
    b = Speech(s, opset)
    x = "spectrogram"
    for i, (channels, stride) in enumerate([(s.patch, 1), (s.hidden, 2)]):
        b.weight(f"conv{i}.kernel", b.random(s.hidden, channels, 3))
        b.weight(f"conv{i}.shift", b.random(s.hidden))
        x = b.gelu(b.add("Conv", x, f"conv{i}.kernel", f"conv{i}.shift", kernel_shape=[3], strides=[stride], pads=[1, 1]))
    frames = s.image // 2
    b.weight("places.embedding", b.random(frames, s.hidden))
    x = b.add("Add", b.add("Transpose", x, perm=[0, 2, 1]), "places.embedding")
    for i in range(s.layers):
        p = f"layers.{i}"
        h = b.layer_norm(x, f"{p}.norm1")
        k, v = b.keys_values(h, p)
        attended = b.attend_to(b.queries(h, p), k, v)
        x = b.add("Add", x, b.linear(attended, f"{p}.o", s.hidden, s.hidden))
        x = b.feed_forward(x, p)
    b.rename(b.layer_norm(x, "norm"), "states")
    data = b.finish("whisper_encoder", [value("spectrogram", "float32", ["batch", s.patch, s.image])],
                    [value("states", "float32", ["batch", frames, s.hidden])], ir=11 if opset > 20 else 8)
    mel = b.random(batch, s.patch, s.image, scale=1)

    def oracle(w):
        o, x = SpeechOracle(s, w), mel.astype(numpy.float64)
        for i, stride in enumerate([1, 2]):
            wide = numpy.pad(x, [(0, 0), (0, 0), (1, 1)])
            taps = [wide[:, :, t:t + x.shape[2]:stride] for t in range(3)]
            x = sum(numpy.einsum("mc,ncl->nml", w[f"conv{i}.kernel"][:, :, t], tap) for t, tap in enumerate(taps))
            x = gelu(x + w[f"conv{i}.shift"][:, None])
        x = x.transpose(0, 2, 1) + w["places.embedding"]
        for i in range(s.layers):
            p = f"layers.{i}"
            h = o.norm(x, f"{p}.norm1")
            x = o.feed_forward(x + o.linear(o.attend_to(h, p, *o.keys_values(h, p)), f"{p}.o"), p)
        return [o.norm(x, "norm")]

    return Model("whisper_encoder", b.weights, data, [mel], oracle, s.layers, {"batch": batch})


def whisper_decoder(s=Sizes(image=20), opset=17, batch=2, steps=4, past=0):
    """Words to logits and the caches. Without `past` from the encoder's states, else from caches of both attentions."""
    b = Speech(s, opset)
    d, frames = s.hidden, s.image // 2
    b.weight("words.embedding", b.random(s.words, d))
    b.weight("places.embedding", b.random(s.places, d))
    inputs = [value("ids", "int64", ["batch", "length"])]
    heads = ["batch", s.heads]
    if past:
        names = [f"{kind}_{n}{i}" for i in range(s.layers) for kind in ("past", "cross") for n in "kv"]
        inputs += [value(n, "float32", heads + (["past"] if n[0] == "p" else [frames]) + [s.width]) for n in names]
    else:
        inputs.append(value("states", "float32", ["batch", frames, d]))

    def size(x, axis):
        return b.add("Slice", b.add("Shape", x), b.ints(axis), b.ints(axis + 1), b.ints(0))

    length = size("ids", 1)
    before = size("past_k0", 2) if past else b.ints(0)
    total = b.add("Add", before, length)
    x = b.add("Add", b.add("Gather", "words.embedding", "ids"),
              b.add("Slice", "places.embedding", before, total, b.ints(0)))
    mask = None
    if not past:
        square = b.add("Expand", b.number(-3.4028234663852886e38), b.add("Concat", length, total, axis=0))
        mask = b.add("Trilu", square, b.constant(numpy.int64(1)), upper=1)
        mask = b.add("Unsqueeze", mask, b.ints(0, 1))
    outputs = []
    for i in range(s.layers):
        p = f"layers.{i}"
        h = b.layer_norm(x, f"{p}.norm1")
        k, v = b.keys_values(h, f"{p}.self")
        if past:
            k, v = b.add("Concat", f"past_k{i}", k, axis=2), b.add("Concat", f"past_v{i}", v, axis=2)
        outputs += [k, v]
        attended = b.attend_to(b.queries(h, f"{p}.self"), k, v, mask)
        x = b.add("Add", x, b.linear(attended, f"{p}.self.o", d, d))
        k, v = (f"cross_k{i}", f"cross_v{i}") if past else b.keys_values("states", f"{p}.cross")
        if not past:
            outputs += [k, v]
        h = b.layer_norm(x, f"{p}.norm2")
        x = b.add("Add", x, b.linear(b.attend_to(b.queries(h, f"{p}.cross"), k, v), f"{p}.cross.o", d, d))
        x = b.feed_forward(x, p)
    x = b.layer_norm(x, "norm")
    b.rename(b.add("MatMul", x, b.add("Transpose", "words.embedding", perm=[1, 0])), "logits")
    for n, name in enumerate(outputs):
        b.rename(name, f"present{n}")
    data = b.finish(
        "whisper_decoder", inputs,
        [value("logits", "float32", ["batch", "length", s.words])]
        + [value(f"present{n}", "float32", heads + [f"size{n}", s.width]) for n in range(len(outputs))],
        ir=11 if opset > 20 else 8)
    ids = b.source.integers(0, s.words, (batch, steps))
    caches = [b.random(batch, s.heads, past if kind == "past" else frames, s.width, scale=1)
              for _ in range(s.layers) for kind in ("past", "past", "cross", "cross")] if past else []
    states = [] if past else [b.random(batch, frames, d, scale=1)]

    def oracle(w):
        o, presents = SpeechOracle(s, w), []
        x = w["words.embedding"][ids] + w["places.embedding"][past:past + steps]
        hidden = numpy.triu(numpy.full((steps, steps), -numpy.inf), 1) if not past else 0.0
        for i in range(s.layers):
            p = f"layers.{i}"
            h = o.norm(x, f"{p}.norm1")
            k, v = o.keys_values(h, f"{p}.self")
            if past:
                k, v = (numpy.concatenate([caches[4 * i + n], new], 2) for n, new in enumerate((k, v)))
            presents += [k, v]
            x = x + o.linear(o.attend_to(h, f"{p}.self", k, v, hidden), f"{p}.self.o")
            k, v = caches[4 * i + 2:4 * i + 4] if past else o.keys_values(states[0], f"{p}.cross")
            if not past:
                presents += [k, v]
            h = o.norm(x, f"{p}.norm2")
            x = o.feed_forward(x + o.linear(o.attend_to(h, f"{p}.cross", k, v), f"{p}.cross.o"), p)
        return [o.norm(x, "norm") @ w["words.embedding"].T] + presents

    symbols = {"batch": batch, "length": steps, **({"past": past} if past else {})}
    return Model("whisper_decoder", b.weights, data, [ids] + states + caches, oracle, 2 * s.layers, symbols)


class TextToText(Builder):
    """T5's modules: no biases, weights of attention of heads * width columns."""

    def project(self, x, name, k, n):
        return self.add("MatMul", x, self.weight(f"{name}.weight", self.random(k, n)))

    def norm(self, x, name):
        self.weight(f"{name}.gain", self.random(self.sizes.hidden) + 1)
        if self.opset >= 23:
            return self.add("RMSNormalization", x, f"{name}.gain", axis=-1, epsilon=1e-6)
        mean = self.add("ReduceMean", self.add("Pow", x, self.number(2)), axes=[-1])
        root = self.add("Sqrt", self.add("Add", mean, self.number(1e-6)))
        return self.add("Mul", self.add("Mul", x, self.add("Div", self.number(1), root)), f"{name}.gain")

    def whole(self, x):
        return self.add("Cast", x, to=7)

    def position_bias(self, length, name, both):
        """[1, heads, N, N], by buckets that grow with the logarithm of the distance."""
        places = self.add("Range", self.constant(numpy.int64(0)), length, self.constant(numpy.int64(1)))
        distance = self.add("Sub", self.add("Unsqueeze", places, self.ints(0)), self.add("Unsqueeze", places, self.ints(1)))
        buckets = BUCKETS // 2 if both else BUCKETS
        exact = buckets // 2
        zero = self.constant(numpy.int64(0))
        if both:
            behind = self.add("Mul", self.whole(self.add("Greater", distance, zero)), self.constant(numpy.int64(buckets)))
            distance = self.add("Abs", distance)
        else:
            distance = self.add("Neg", self.add("Min", distance, zero))
        near = self.add("Less", distance, self.constant(numpy.int64(exact)))
        ratio = self.add("Log", self.add("Div", self.add("Cast", distance, to=1), self.number(exact)))
        ratio = self.add("Div", ratio, self.number(math.log(FARTHEST / exact)))
        far = self.whole(self.add("Mul", ratio, self.number(buckets - exact)))
        far = self.add("Min", self.add("Add", far, self.constant(numpy.int64(exact))), self.constant(numpy.int64(buckets - 1)))
        bucket = self.add("Where", near, distance, far)
        if both:
            bucket = self.add("Add", behind, bucket)
        table = self.weight(f"{name}.bias.embedding", self.random(BUCKETS, self.sizes.heads, scale=1))
        bias = self.add("Transpose", self.add("Gather", table, bucket), perm=[2, 0, 1])
        return self.add("Unsqueeze", bias, self.ints(0))

    def attend_to(self, x, states, name, bias=None):
        d = self.sizes.hidden
        q = self.project(x, f"{name}.q", d, d)
        k, v = (self.project(states, f"{name}.{n}", d, d) for n in "kv")
        if self.opset >= 23:
            heads = self.sizes.heads
            a = self.add("Attention", q, k, v, *([bias] if bias else []), q_num_heads=heads, kv_num_heads=heads, scale=1.0)
        else:
            q, k, v = (self.split_heads(part) for part in (q, k, v))
            scores = self.add("MatMul", q, self.add("Transpose", k, perm=[0, 1, 3, 2]))
            scores = self.add("Add", scores, bias) if bias else scores
            a = self.merge_heads(self.add("MatMul", self.add("Softmax", scores, axis=-1), v))
        return self.project(a, f"{name}.o", d, d)

    def feed_forward(self, x, p):
        h = self.add("Relu", self.project(self.norm(x, f"{p}.norm3"), f"{p}.up", self.sizes.hidden, self.sizes.ffn))
        return self.add("Add", x, self.project(h, f"{p}.down", self.sizes.ffn, self.sizes.hidden))


def bucket_of(distance, both):
    """The bucket of key position minus query position (T5, section 2.1, and its code for the constants)."""
    buckets, first = BUCKETS, 0
    if both:
        buckets //= 2
        first = buckets * (distance > 0)
        distance = numpy.abs(distance)
    else:
        distance = numpy.maximum(-distance, 0)
    exact = buckets // 2
    # The constants are f32 in the model; a distance that is no whole bucket is far from the edge.
    far = numpy.log(numpy.maximum(distance, 1) / exact) / math.log(FARTHEST / exact) * (buckets - exact)
    far = numpy.minimum(exact + far.astype(int), buckets - 1)
    return first + numpy.where(distance < exact, distance, far)


class TextToTextOracle(Oracle):
    def rms(self, x, name):
        return x / numpy.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * self.w[f"{name}.gain"]

    def bias(self, length, name, both):
        places = numpy.arange(length)
        return self.w[f"{name}.bias.embedding"][bucket_of(places[None] - places[:, None], both)].transpose(2, 0, 1)[None]

    def attend_to(self, x, states, name, bias=0.0):
        q, k, v = (self.heads(t @ self.w[f"{name}.{n}.weight"]) for t, n in ((x, "q"), (states, "k"), (states, "v")))
        q = q * math.sqrt(self.sizes.width)  # undoes the scale
        return self.softmax_attention(q, k, v, bias) @ self.w[f"{name}.o.weight"]

    def feed_forward(self, x, p):
        return x + numpy.maximum(self.rms(x, f"{p}.norm3") @ self.w[f"{p}.up.weight"], 0) @ self.w[f"{p}.down.weight"]


def t5(s=Sizes(), opset=17, batch=2, length=40, steps=5):
    """Words of a text and of the answer so far to logits of the answer: encoder and decoder in one file."""
    b = TextToText(s, opset)
    b.weight("words.embedding", b.random(s.words, s.hidden, scale=1))

    def count(ids):
        return b.add("Gather", b.add("Shape", ids), b.constant(numpy.int64(1)), axis=0)

    x = b.add("Gather", "words.embedding", "ids")
    wide = b.add("Unsqueeze", "mask", b.ints(1, 2))
    hidden = b.add("Mul", b.add("Sub", b.number(1), b.add("Cast", wide, to=1)), b.number(-10000))
    bias = b.add("Add", b.position_bias(count("ids"), "encoder", True), hidden)
    for i in range(s.layers):
        p = f"encoder.{i}"
        h = b.norm(x, f"{p}.norm1")
        x = b.feed_forward(b.add("Add", x, b.attend_to(h, h, p, bias)), p)
    states = b.norm(x, "encoder.norm")
    x = b.add("Gather", "words.embedding", "answer")
    n = b.add("Unsqueeze", count("answer"), b.ints(0))
    square = b.add("Expand", b.number(-numpy.float32(numpy.inf)), b.add("Concat", n, n, axis=0))
    later = b.add("Trilu", square, b.constant(numpy.int64(1)), upper=1)
    bias = b.add("Add", b.position_bias(count("answer"), "decoder", False), later)
    seen = hidden
    if opset >= 23:  # Attention's mask has as many rows as there are queries.
        seen = b.add("Expand", hidden, b.add("Concat", b.ints(1, 1), n, b.ints(1), axis=0))
    for i in range(s.layers):
        p = f"decoder.{i}"
        h = b.norm(x, f"{p}.norm1")
        x = b.add("Add", x, b.attend_to(h, h, f"{p}.self", bias))
        x = b.add("Add", x, b.attend_to(b.norm(x, f"{p}.norm2"), states, f"{p}.cross", seen))
        x = b.feed_forward(x, p)
    x = b.add("Mul", b.norm(x, "decoder.norm"), b.number(s.hidden**-0.5))
    b.rename(b.add("MatMul", x, b.add("Transpose", "words.embedding", perm=[1, 0])), "logits")
    data = b.finish(
        "t5", [value("ids", "int64", ["batch", "length"]), value("mask", "int64", ["batch", "length"]),
               value("answer", "int64", ["batch", "steps"])],
        [value("logits", "float32", ["batch", "steps", s.words])], ir=11 if opset > 20 else 8)
    ids, answer = b.source.integers(0, s.words, (batch, length)), b.source.integers(0, s.words, (batch, steps))
    mask = (numpy.arange(length) < length - 3 * numpy.arange(batch)[:, None]).astype(numpy.int64)

    def oracle(w):
        o = TextToTextOracle(s, w)
        hidden = (1 - mask[:, None, None]) * -10000.0
        x, bias = w["words.embedding"][ids], o.bias(length, "encoder", True) + hidden
        for i in range(s.layers):
            p = f"encoder.{i}"
            h = o.rms(x, f"{p}.norm1")
            x = o.feed_forward(x + o.attend_to(h, h, p, bias), p)
        states = o.rms(x, "encoder.norm")
        x = w["words.embedding"][answer]
        bias = o.bias(steps, "decoder", False) + numpy.triu(numpy.full((steps, steps), -numpy.inf), 1)
        for i in range(s.layers):
            p = f"decoder.{i}"
            h = o.rms(x, f"{p}.norm1")
            x = x + o.attend_to(h, h, f"{p}.self", bias)
            x = x + o.attend_to(o.rms(x, f"{p}.norm2"), states, f"{p}.cross", hidden)
            x = o.feed_forward(x, p)
        return [o.rms(x, "decoder.norm") * s.hidden**-0.5 @ w["words.embedding"].T]

    return Model("t5", b.weights, data, [ids, mask, answer], oracle, 3 * s.layers,
                 {"batch": batch, "length": length, "steps": steps})
