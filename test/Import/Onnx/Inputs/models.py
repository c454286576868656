# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole models of transformers.py, small, through nm-run, dense and pruned, against NumPy in f64.

usage: models.py FOLDER [bert|gpt2|vit|llama|whisper|t5]
"""

import os
import subprocess
import sys

import numpy

from seq2seq import t5, whisper_decoder, whisper_encoder
from transformers import Sizes, bert, gpt2, llama, prune, vit

LAYERS = int(os.environ.get("NM_LAYERS", 1))
SMALL, SOUND, PICTURE = Sizes(layers=LAYERS), Sizes(layers=LAYERS, image=20), Sizes(layers=LAYERS, image=20, patch=8)
FORMS = {
    "bert": [lambda: bert(SMALL, 14), lambda: bert(SMALL, 17), lambda: bert(SMALL, 23)],
    "gpt2": [lambda: gpt2(SMALL, 13, steps=5), lambda: gpt2(SMALL, 13, steps=1, past=6), lambda: gpt2(SMALL, 17)],
    "vit": [lambda: vit(Sizes(layers=LAYERS, words=10), 17), lambda: vit(Sizes(layers=LAYERS, words=10), 14)],
    "llama": [lambda: llama(SMALL)],
    # Each part once with attention written out and once as an operator, or with a norm of its own.
    "whisper": [lambda: whisper_encoder(PICTURE, 14), lambda: whisper_decoder(SOUND, 17),
                lambda: whisper_decoder(SOUND, 23, steps=1, past=6), lambda: whisper_encoder(PICTURE, 23),
                lambda: whisper_decoder(SOUND, 23), lambda: whisper_decoder(SOUND, 14, steps=1, past=6)],
    "t5": [lambda opset=opset: t5(SMALL, opset) for opset in (14, 17, 23)],
}
PATTERNS = ["2:4"]


def is_pruned(name, array):
    return array.ndim == 2 and name.endswith("weight") and "embedding" not in name


def run(name, made, pattern, is_open):
    """With code for the sizes of these inputs, or for all."""
    command = ["nm-run", f"{name}.onnx", "--threads=1", *made.save(name)]
    if is_open:
        command += [f"--size={symbol}=?" for symbol in made.symbols]
    change = [lambda key, array: array]
    if pattern:
        n, m = map(int, pattern.split(":"))
        change = [lambda key, array: prune(array, n, m) if is_pruned(key, array) else array]
        command += ["--pattern", f"*.weight={pattern}", "--mask-policy=derive"]
    expected = made.reference(*change)
    for i in range(len(expected)):
        command += ["--output", f"{name}_out{i}.npy"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return [f"{name}: {done.stderr[-600:]}"]
    failures = []
    for i, want in enumerate(expected):
        have = numpy.load(f"{name}_out{i}.npy")
        error = numpy.abs(have - want).max() / max(1e-30, numpy.abs(want).max()) if want.size else 0
        if have.shape != want.shape or not error < 1e-4:
            failures.append(f"{name} {pattern}: result {i}: {have.shape}, off by {error:.2e}")
    # Attention is found, also where it is written out.
    passes = ["--nm-input", "--canonicalize", "--flat-raise-attention"]
    ir = subprocess.run(["nm-opt", f"{name}.onnx", *passes], capture_output=True, text=True)
    found = ir.stdout.count("flat.attention")
    if found != made.attentions:
        failures.append(f"{name}: {found} attentions found of {made.attentions}: {ir.stderr[-300:]}")
    return failures


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    failures, count = [], 0
    for name, forms in FORMS.items():
        if len(sys.argv) > 2 and name not in sys.argv[2:]:
            continue
        for number, make in enumerate(forms):
            made = make()
            for pattern in [None] + (PATTERNS if number == 0 else []):
                failures += run(f"{name}{number}", made, pattern, (number + bool(pattern)) % 2 == 1)
                count += 1
    for failure in failures:
        print(failure)
    print(f"{count} runs, {len(failures)} failures")


if __name__ == "__main__":
    main()
