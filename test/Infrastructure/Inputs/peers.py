# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The file that llama.cpp reads, read back by the letter of GGUF's description, and PyTorch's models against NumPy's in f64."""

import os
import pathlib
import struct
import sys

import numpy

root = pathlib.Path(os.environ["NM_SOURCE"])
sys.path[:0] = [str(root / "scripts/lib"), str(root / "test/Import/Onnx/Inputs")]
import llamacpp  # noqa: E402
import torch_models  # noqa: E402
import transformers  # noqa: E402


class Gguf:
    """Version 3: header, metadata, tensors, and their data from the next multiple of 32 on."""

    def __init__(self, data):
        self.data, self.at = data, 0
        assert self.take("4sI") == (b"GGUF", 3)
        count, pairs = self.take("QQ")
        self.metadata = dict(self.pair() for _ in range(pairs))
        self.places = dict(self.tensor() for _ in range(count))
        self.start = -(-self.at // 32) * 32

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values

    def text(self):
        size, = self.take("Q")
        return self.take(f"{size}s")[0].decode()

    def pair(self):
        key, (kind,) = self.text(), self.take("I")
        return key, self.text() if kind == 8 else self.take({4: "I", 6: "f"}[kind])[0]

    def tensor(self):
        name, (rank,) = self.text(), self.take("I")
        shape = self.take(f"{rank}Q")[::-1]
        return name, (shape, *self.take("IQ"))

    def array(self, name):
        shape, kind, place = self.places[name]
        assert place % 32 == 0
        dtype = {0: "<f4", 1: "<f2"}[kind]
        return numpy.frombuffer(self.data, dtype, numpy.prod(shape, dtype=int), self.start + place).reshape(shape)


sizes = transformers.Sizes(layers=2)
path = pathlib.Path(sys.argv[1]) / "gpt2.gguf"
made = transformers.gpt2(sizes, batch=1, steps=4)
llamacpp.write_gpt2(path, made.weights, sizes)
file = Gguf(path.read_bytes())
assert file.metadata["general.architecture"] == "gpt2" and file.metadata["gpt2.block_count"] == 2
assert abs(file.metadata["gpt2.attention.layer_norm_epsilon"] - 1e-5) < 1e-9
assert len(file.places) == 4 + 2 * 12
# Matrices have a row for each output.
up = made.weights["h.1.up.weight"]
assert (file.array("blk.1.ffn_up.weight") == up.T.astype("f2")).all() and up.shape == (sizes.hidden, sizes.ffn)
assert (file.array("blk.0.attn_norm.bias") == made.weights["h.0.ln_1.bias"]).all()
assert (file.array("position_embd.weight") == made.weights["wpe.embedding"]).all()
assert file.start + max(place for _, _, place in file.places.values()) < len(file.data)

if not torch_models.find():
    print("skipped: no PyTorch")
    sys.exit()
for case in [transformers.bert(sizes, batch=2, length=9), made, transformers.gpt2(sizes, batch=2, steps=1, past=5)]:
    have = torch_models.Model(case.name, case.weights, sizes, case.inputs).results()
    want = case.reference()
    assert len(have) == len(want)
    for a, b in zip(have, want):
        assert a.shape == b.shape and numpy.abs(a - b).max() <= 1e-5 * numpy.abs(b).max(), case.name
