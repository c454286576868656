# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Seeds of fuzz-weight-parts and fuzz-gguf: small weights as their libraries write them.

usage: make-weight-seeds.py <folder of the seeds>; PYTHONPATH holds python/ and test/Python/Inputs.
"""

import sys
from pathlib import Path

import foreign_checkpoints as foreign
import numpy as np

NAMES = ["weight_packed", "weight_scale", "weight_shape", "weight_zero_point", "weight_g_idx", "scale_packed",
         "meta", "qweight", "qzeros", "scales", "g_idx", "packed"]
TYPES = ["int32", "float16", "int64", "int8", "float32", "int16"]


def parts(tensors):
    """The form that FuzzWeightParts.cpp reads."""
    head, data = [len(tensors)], b""
    for name, array in tensors.items():
        head += [NAMES.index(name.split(".")[1]), TYPES.index(array.dtype.name), array.ndim, *array.shape]
        data += np.ascontiguousarray(array).tobytes()
    return bytes(head) + data


def main():
    seeds, rng = Path(sys.argv[1]), np.random.default_rng(1)
    semi, meta = foreign.semi_structured(np.zeros((32, 64), np.float16), foreign.torch_rows(4), 4)
    made = {"pack-quantized": foreign.pack_quantized(rng, 4, 16, 2, 4, np.float16, False, True)[0],
            "pack-quantized-8": foreign.pack_quantized(rng, 3, 9, 3, 8, np.float32, True)[0],
            "gptq": foreign.gptq(rng, 16, 16, 8, 4)[0], "gptq-8": foreign.gptq(rng, 8, 16, 8, 8)[0],
            "awq": foreign.awq(rng, 8, 16, 2)[0], "marlin24": foreign.marlin24(rng, 64, 96, False, 4)[0],
            "semi-structured": {"a.packed": semi, "a.meta": meta}}
    (seeds / "fuzz-weight-parts").mkdir(parents=True, exist_ok=True)
    for name, tensors in made.items():
        (seeds / "fuzz-weight-parts" / name).write_bytes(parts(tensors))
    (seeds / "fuzz-gguf").mkdir(parents=True, exist_ok=True)
    for kind in (2, 3, 6, 7, 8):
        image = foreign.gguf([("w", (2, 32), kind, foreign.blocks(rng, (2, 32), kind)[0]),
                              ("v", (3,), 0, bytes(12))], [("a", 8, foreign.gguf_text("b"))])
        (seeds / "fuzz-gguf" / f"blocks-{kind}").write_bytes(image)


if __name__ == "__main__":
    main()
