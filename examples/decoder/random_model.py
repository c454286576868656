# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A decoder in GPT-2's form with random weights, and a vocabulary of made-up words.

usage: random_model.py small|gpt2 model.onnx vocabulary.txt
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test/Import/Onnx/Inputs"))
import transformers  # noqa: E402

# The small one writes various words; with less spread it repeats one.
SIZES = {"small": transformers.Sizes(layers=2, places=64, scale=0.6, seed=4), "gpt2": transformers.REAL["gpt2"]}


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in SIZES:
        sys.exit(f"error: found {' '.join(sys.argv[1:])}, expected one of {', '.join(SIZES)}, a model and a vocabulary")
    sizes = SIZES[sys.argv[1]]
    pathlib.Path(sys.argv[2]).write_bytes(transformers.gpt2(sizes).data)
    pathlib.Path(sys.argv[3]).write_text("".join(f"w{i}\n" for i in range(sizes.words)), encoding="utf-8")


if __name__ == "__main__":
    main()
