# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The encoder of a BERT with random weights as an ONNX file, small enough to be looked at from all sides in a minute."""

import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test/Import/Onnx/Inputs"))
from onnxfile import value  # noqa: E402
from transformers import Builder, Sizes  # noqa: E402


def write(path, *, length=32, layers=2, samples=2, seed=7):
    """Writes the model, which takes embedded words: x, f32 [batch, length, 64]. Returns inputs for it, a dict
    of arrays each."""
    sizes = Sizes(hidden=64, heads=4, ffn=256, scale=0.1, seed=seed)
    b = Builder(sizes, opset=17)
    x = "x"
    for i in range(layers):
        p = f"layer.{i}"
        attended = b.linear(b.attend(x, p), f"{p}.o", sizes.hidden, sizes.hidden)
        x = b.layer_norm(b.add("Add", attended, x), f"{p}.norm1")
        wide = b.gelu(b.linear(x, f"{p}.up", sizes.hidden, sizes.ffn))
        x = b.layer_norm(b.add("Add", b.linear(wide, f"{p}.down", sizes.ffn, sizes.hidden), x), f"{p}.norm2")
    b.rename(x, "y")
    shape = ["batch", "length", sizes.hidden]
    pathlib.Path(path).write_bytes(b.finish("bert", [value("x", "float32", shape)], [value("y", "float32", shape)]))
    rng = np.random.default_rng(seed)
    return [{"x": rng.standard_normal((1, length, sizes.hidden)).astype("f4")} for _ in range(samples)]
