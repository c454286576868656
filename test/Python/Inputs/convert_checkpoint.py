# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a.safetensors, or compares what it was converted to: convert_checkpoint.py write|check|trained."""

import json
import struct
import sys
from pathlib import Path

import numpy as np

import foreign_checkpoints as foreign
from nm.checkpoint import Checkpoint


def tensors():
    rng = np.random.default_rng(5)

    def draw(kind):
        return lambda n: (rng.integers(1, 50, n) * rng.choice([-1, 1], n)).astype(kind)
    made = {"l.weight": foreign.sparse24(rng, (64, 96), draw(np.float16), full=True),
            "m.weight": foreign.sparse24(rng, (12, 20), draw(np.float32)),
            "l.bias": rng.standard_normal(64).astype(np.float32),
            "l.in_proj": foreign.sparse24(rng, (8, 8), draw(np.float16)),
            "full.weight": rng.standard_normal((4, 8)).astype(np.float32)}
    return made


def stored(path):
    """Tensors of a safetensors file as they lie there, and its texts."""
    image = Path(path).read_bytes()
    length, = struct.unpack("<Q", image[:8])
    header = json.loads(image[8:8 + length])
    names = {text: name for name, text in foreign.DTYPES.items()} | {"BOOL": "bool"}
    texts = header.pop("__metadata__", {})
    data = image[8 + length:]
    return {name: np.frombuffer(data[slice(*entry["data_offsets"])], names[entry["dtype"]]).reshape(
        entry["shape"]) for name, entry in header.items()}, texts


def expect(found, wanted, what):
    if found.dtype != wanted.dtype or not np.array_equal(found, wanted):
        sys.exit(f"error: {what}: {found}, expected {wanted}")


def check():
    made = tensors()
    for path in ("bitmask.safetensors", "semi.safetensors", "masks.safetensors", "dense.safetensors"):
        checkpoint = Checkpoint(path)
        names = [name for name in checkpoint if not name.endswith("_mask")]
        if names != sorted(made):
            sys.exit(f"error: {path} holds {names}")
        for name, dense in made.items():
            expect(checkpoint[name], dense, f"{path}, {name}")
        if stored(path)[1].get("made by") != "hand":
            sys.exit(f"error: {path} lost its texts")
    # compressed_tensors.compressors.sparse_compressors.sparse_24_bitmask
    dense = made["l.weight"]
    parts, _ = stored("bitmask.safetensors")
    expect(parts["l.compressed"], dense[dense != 0].reshape(64, 48), "compressed")
    expect(parts["l.bitmask"], np.packbits(dense != 0, axis=-1, bitorder="little"), "bitmask")
    expect(parts["l.shape"], np.array([[64], [96]]), "shape")
    parts, _ = stored("semi.safetensors")
    packed, meta = foreign.semi_structured(dense, foreign.torch_rows(4), 4)
    expect(parts["l.weight.packed"], packed, "packed")
    expect(parts["l.weight.meta"], meta, "meta")
    parts, _ = stored("masks.safetensors")
    expect(parts["l.weight_mask"], dense != 0, "mask")


def trained():
    old, texts = stored("trained.safetensors")
    before = json.loads(texts["nm.checkpoint"])
    for path, kept, masks in (("t.safetensors", ["columns.weight", "rows.weight"], True),
                              ("u.safetensors", ["rows.weight"], False)):
        new = json.loads(stored(path)[1]["nm.checkpoint"])
        if new["recipe"] != before["recipe"] or sorted(new["tensors"]) != kept:
            sys.exit(f"error: {path}: {new}")
        for entry in new["tensors"].values():
            if ("mask" in entry) != masks:
                sys.exit(f"error: {path}: {entry}")
        checkpoint = Checkpoint(path)
        for name in ("columns.weight", "rows.weight"):
            expect(checkpoint[name], old[name], f"{path}, {name}")


def main():
    if sys.argv[1] == "write":
        foreign.safetensors("a.safetensors", tensors(), {"made by": "hand"})
        np.save("x.npy", np.ones((4, 8), np.float32))
        return
    {"check": check, "trained": trained}[sys.argv[1]]()
    print("the same")


if __name__ == "__main__":
    main()
