# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the README's "Your own model" begins with: own_model.py FOLDER writes bert.onnx, a layer of a BERT with the
embeddings of its words, bert-2of4.safetensors and ids.npy."""

import json
import pathlib
import struct
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "test/Import/Onnx/Inputs"))
from onnxfile import value  # noqa: E402
from transformers import Builder, Sizes, prune  # noqa: E402

folder = pathlib.Path(sys.argv[1])
sizes = Sizes(hidden=32, heads=4, ffn=64, words=50)
b = Builder(sizes, opset=17)
b.weight("words", b.random(sizes.words, sizes.hidden, scale=1))
x = b.add("Gather", "words", "input_ids")
x = b.layer_norm(b.add("Add", b.linear(b.attend(x, "a"), "o", 32, 32), x), "norm")
b.rename(b.linear(b.gelu(b.linear(x, "up", 32, 64)), "down", 64, 32), "y")
shape = ["batch", "length"]
(folder / "bert.onnx").write_bytes(b.finish("bert", [value("input_ids", "int64", shape)],
                                            [value("y", "float32", [*shape, 32])]))
np.save(folder / "ids.npy", np.arange(16).reshape(2, 8))
weight = prune(b.weights["up.weight"])
header = json.dumps({"up.weight": {"dtype": "F32", "shape": weight.shape, "data_offsets": [0, weight.nbytes]}}).encode()
(folder / "bert-2of4.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + weight.tobytes())
