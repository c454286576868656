# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A small transformer that reads 8x8 digits, one row of pixels a token: in torch and as linalg.

An embedding of rows, a BERT encoder layer (that of ../encoder-layer), and a classifier over all
tokens together. Parameters have the same names in both.
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "encoder-layer"))
import encoder  # noqa: E402
import exporter  # noqa: E402
from reference import LAYER_NORM_EPS, LAYER_NORMS, LINEARS, PREFIX  # noqa: E402

TOKENS, PIXELS, CLASSES = 8, 8, 10


def config(batch, hidden=64):
    return encoder.Config(hidden=hidden, heads=4, ffn=4 * hidden, seq=TOKENS, batch=batch,
                          pattern=(2, 4))


class Digits(torch.nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.heads = sizes.heads
        self.embed = torch.nn.Linear(PIXELS, sizes.hidden)
        self.classify = torch.nn.Linear(TOKENS * sizes.hidden, CLASSES)
        for name, (outputs, inputs) in LINEARS.items():
            self._put(PREFIX + name, torch.nn.Linear(getattr(sizes, inputs), getattr(sizes, outputs)))
        for name in LAYER_NORMS:
            self._put(PREFIX + name, torch.nn.LayerNorm(sizes.hidden, eps=LAYER_NORM_EPS))

    def _put(self, path, module):
        *parents, leaf = path.split(".")
        place = self
        for name in parents:
            if not hasattr(place, name):
                place.add_module(name, torch.nn.Module())
            place = getattr(place, name)
        place.add_module(leaf, module)

    def layer(self, name, value):
        return self.get_submodule(PREFIX + name)(value)

    def forward(self, images):
        x = self.embed(images)
        batch, seq, hidden = x.shape

        def heads(value):
            return value.view(batch, seq, self.heads, -1).transpose(1, 2)

        query, key, value = (heads(self.layer(f"attention.self.{part}", x))
                             for part in ("query", "key", "value"))
        scores = query @ key.transpose(2, 3) / (hidden / self.heads) ** 0.5
        context = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, seq, hidden)
        x = self.layer(LAYER_NORMS[0], self.layer("attention.output.dense", context) + x)
        inner = torch.nn.functional.gelu(self.layer("intermediate.dense", x))
        x = self.layer(LAYER_NORMS[1], self.layer("output.dense", inner) + x)
        return self.classify(x.reshape(batch, -1))


class _Exporter(exporter._Exporter):
    def affine(self, rows, key, outputs):
        """rows [r, in] times the weight [outputs, in] of `key`, plus its bias."""
        inputs = rows[1][1]
        values = []
        for part, shape in (("weight", (outputs, inputs)), ("bias", (outputs,))):
            values.append((self.fresh(f"{key}_{part}"), shape))
            self.line(f'{values[-1][0]} = nm.param "{key}.{part}" : {self.type(shape)}')
        turned = self.transpose(values[0], [1, 0], key + "_transposed")
        product = self.contraction("matmul", rows, turned, (rows[1][0], outputs), key + "_matmul")
        return self.add(key, product, values[1])

    def module(self):
        sizes = self.config
        images = ("%images", (sizes.batch, TOKENS, PIXELS))
        self.section("embedding")
        rows = self.affine(self.collapse(images, [[0, 1], [2]], "rows"), "embed", sizes.hidden)
        x = self.expand(rows, [[0, 1], [2]], (sizes.batch, TOKENS, sizes.hidden), "embedded")
        encoded = self.body(x)
        self.section("classifier")
        logits = self.affine(self.collapse(encoded, [[0], [1, 2]], "flat"), "classify", CLASSES)
        kind = self.type(logits[1])
        maps = [f"{alias} = {text}" for text, alias in self.maps.items()]
        return "\n".join(["// A transformer that reads digits. Written by model.py.", "", *maps, "",
                          f"func.func @digits(%images: {self.type(images[1])}) -> {kind} {{",
                          *self.lines, "", f"  return {logits[0]} : {kind}", "}", ""])


def export(sizes):
    """The model as linalg on tensors."""
    return _Exporter(sizes, "matmul", "plain", (), "f32").module()
