# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whether a text has the words that NumPy's logits name, one after the other, from the example's small model.

usage: decoder.py [--pruned] TEXT NUMBER...
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "examples/decoder"))
from random_model import SIZES, transformers  # noqa: E402


def main():
    pruned = sys.argv[1] == "--pruned"
    path, *words = sys.argv[1 + pruned:]
    have = pathlib.Path(path).read_text(encoding="utf-8").split()
    words, first = [int(word) for word in words], len(words)
    for _ in have:
        made = transformers.gpt2(SIZES["small"], batch=1, steps=len(words))
        made.inputs[0][:] = words

        def change(key, array):
            is_weight = array.ndim == 2 and key.endswith(".weight") and pruned
            return transformers.prune(array) if is_weight else array

        words.append(int(made.reference(change)[0][0, -1].argmax()))
    want = [f"w{word}" for word in words[first:]]
    if len(set(have)) < 3 or have != want:
        sys.exit(f"error: found {have}, expected {want}")


main()
