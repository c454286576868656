# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A decoder as Optimum merges it: an If of a prompt and of a step with caches, whose condition only the call knows.

Code is made once, for open sizes, and runs a prompt, for which the caches that are given are not read, and words one by one
with the caches that each call returns: the words and logits of one long prompt. With `--in-place` the caches lie in the
caller's memory in either branch.

usage: merged.py FOLDER
"""

import collections
import json
import os
import re
import subprocess
import sys

import numpy

from transformers import Sizes, gpt2

WORDS, STEPS = 5, 3
SIZES = Sizes(layers=2)
FAILURES = []


def call(ids, past, uses_cache, options):
    """Logits and caches."""
    batch, length = ids.shape
    first = past[0].shape[2] if uses_cache else 0
    places = numpy.broadcast_to(numpy.arange(first, first + length), ids.shape).astype(numpy.int64)
    command = ["nm-run", "m.mlir", "--params=m.onnx", "--threads=1", *options]
    for i, array in enumerate([ids, places, *past, numpy.array([uses_cache])]):
        numpy.save(f"in{i}.npy", array)
        command.append(f"--input=in{i}.npy")
    command += [f"--output=out{i}.npy" for i in range(1 + len(past))]
    subprocess.run(command, check=True)
    return [numpy.load(f"out{i}.npy") for i in range(1 + len(past))]


def compare(what, have, wanted, bound):
    for i, (x, expected) in enumerate(zip(have, wanted)):
        error = numpy.abs(x - expected).max() / numpy.abs(expected).max() if x.shape == expected.shape else numpy.inf
        if not error < bound:
            FAILURES.append(f"{what}, result {i}: {x.shape}, off by {error:.2e}")


def decode(made, options, bound=1e-5):
    words = ids = made.inputs[0]
    # What is given where nothing is read is one row, as Optimum gives it, and not a number.
    none = [numpy.full((2, SIZES.heads, 1, SIZES.width), numpy.nan, numpy.float32) for _ in range(2 * SIZES.layers)]
    logits, *caches = call(ids, none, False, options)
    for _ in range(STEPS):
        new = logits[:, -1:].argmax(-1)
        words = numpy.concatenate([words, new], 1)
        logits, *caches = call(new, caches, True, options)
        whole = gpt2(SIZES, batch=2, steps=words.shape[1], merged=True)
        whole.inputs[0][:] = words
        want, *wanted = whole.reference()
        compare(f"{options}, word {words.shape[1]}", [logits, *caches], [want[:, -1:], *wanted], bound)


def check_code():
    """Each weight is packed once for both branches, and attention has its name in both."""
    text = subprocess.run(["nm-opt", "m.mlir", "--nm-to-packed"], check=True, capture_output=True, text=True).stdout
    if text.count("flat.attention") != 2 * SIZES.layers:
        FAILURES.append(f"{text.count('flat.attention')} attentions, expected {2 * SIZES.layers}")
    manifest = json.loads(re.search(r'nm.manifest = "(.*?[^\\])"', text).group(1).replace(r"\22", '"').replace('\\"', '"'))
    keys = collections.Counter(p["key"] for p in manifest["gpt2"]["parameters"])
    # The words' table is an embedding, and a packed product.
    twice = {k: n for k, n in keys.items() if n > 1}
    if twice not in ({}, {"wte.embedding": 2}) or len(keys) < 5 * SIZES.layers:
        FAILURES.append(f"packed more than once: {twice} of {len(keys)}")
    text = subprocess.run(["nm-compile", "m.mlir", "--params=m.onnx", "--in-place=present_*=past_*", "--compile-to=buffers"],
                          check=True, capture_output=True, text=True).stdout
    rooms = re.findall(r"memref\.alloc\(.*\) .*: memref<\?x4x\?x8xf32>", text)
    copies = [c for c in re.findall(r"memref\.copy .*", text) if "x4x?x8xf32" in c]
    return len(rooms), len(copies)


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    os.environ["NM_CODE_CACHE"] = os.path.abspath("code")
    made = gpt2(SIZES, batch=2, steps=WORDS, merged=True)
    with open("m.onnx", "wb") as out:
        out.write(made.data)
    subprocess.run(["nm-translate", "--import-onnx", "m.onnx", "-o", "m.mlir"], check=True)
    print("code:", *check_code())
    for options in ([], ["--in-place=present_*=past_*"], ["--reference"]):
        decode(made, options)
    for failure in FAILURES:
        print(failure)
    print(f"{3 * (STEPS + 1)} calls, {len(FAILURES)} failures")


main()
