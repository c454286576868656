# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A prompt, then words one by one with the caches that each call returns: the words and logits of one long prompt.

One file serves all calls: nm-run makes code for the sizes of each, and code with open sizes serves them all; it is kept.

usage: decode.py FOLDER
"""

import os
import subprocess
import sys

import numpy

from transformers import Sizes, gpt2

WORDS, STEPS = 5, 4


def call(ids, past, options):
    """Logits and caches."""
    batch, length = ids.shape
    places = numpy.broadcast_to(numpy.arange(past[0].shape[2], past[0].shape[2] + length), ids.shape).astype(numpy.int64)
    command = ["nm-run", "m.onnx", "--threads=1", *options]
    for i, array in enumerate([ids, places, *past]):
        numpy.save(f"in{i}.npy", array)
        command.append(f"--input=in{i}.npy")
    command += [f"--output=out{i}.npy" for i in range(1 + len(past))]
    subprocess.run(command, check=True)
    return [numpy.load(f"out{i}.npy") for i in range(1 + len(past))]


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    os.environ["NM_CODE_CACHE"] = os.path.abspath("code")
    sizes = Sizes(layers=2)
    made = gpt2(sizes, batch=2, steps=WORDS)
    with open("m.onnx", "wb") as out:
        out.write(made.data)
    ids = made.inputs[0]
    failures = []
    for options in ([], ["--size=batch=?", "--size=length=?", "--size=past=?"]):
        words = ids
        logits, *caches = call(ids, made.inputs[2:], options)
        for _ in range(STEPS):
            new = logits[:, -1:].argmax(-1)
            words = numpy.concatenate([words, new], 1)
            logits, *caches = call(new, caches, options)
            # The model's weights come before its words: the same in a model of a longer prompt.
            whole = gpt2(sizes, batch=2, steps=words.shape[1])
            whole.inputs[0][:] = words
            want, *wanted = whole.reference()
            for have, expected in zip([logits, *caches], [want[:, -1:], *wanted]):
                error = numpy.abs(have - expected).max() / numpy.abs(expected).max()
                if have.shape != expected.shape or not error < 1e-5:
                    failures.append(f"{options}, word {words.shape[1]}: {have.shape}, off by {error:.2e}")
    for failure in failures:
        print(failure)
    print(f"{2 * STEPS} words, {len(failures)} failures")


main()
