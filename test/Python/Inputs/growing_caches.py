# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decoding with caches that grow by a Concat, in the caller's memory (nm.compile(in_place=...), nm.cache).

Random models of the forms that exporters write, random sizes, a prompt and words. Expected: results and caches as
float64 computes them, the same bytes as the way that copies gives, every byte outside the new rows as it was, and in the
compiled module no buffer of a cache's size and no copy of more than the new rows.

usage: growing_caches.py FOLDER ONNXFILE_FOLDER [SEED [MODELS]]
"""

import os
import re
import subprocess
import sys

import numpy

import nm

sys.path.insert(0, sys.argv[2])
from growing_forms import Form, attend  # noqa: E402

SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 17
MODELS = int(sys.argv[4]) if len(sys.argv) > 4 else 4
SOURCE = numpy.random.default_rng(SEED)
FAILURES, CALLS = [], 0


def buffers(path, options):
    """Shapes of allocations and copies in the compiled module."""
    tool = os.path.join(os.environ["NM_TOOLS"], "nm-compile")
    text = subprocess.run([tool, path, "--compile-to=buffers", *options], check=True, capture_output=True, text=True).stdout
    return re.findall(r"memref\.alloc.* : memref<([^,>]+)", text), re.findall(r"memref\.copy %\S+, (%\S+) : ", text), text


def root_of(memory, text):
    """What a view of a view is a part of."""
    while made := re.search(rf"{re.escape(memory)} = memref\.subview (%\S+)\[", text):
        memory = made.group(1)
    return memory


def check_code(form, path, options):
    """Copies go to the new rows alone, and nothing has the length of past and new together but, in a model that is not
    fused, what is computed from the whole."""
    _, copies, text = buffers(path, options)
    # The projection's operand of packed forms is put together of three.
    others = 3 * form.layers if form.kind == "packed" else 0
    roots = [root_of(target, text) for target in copies]
    to_caches = sum(root.startswith("%arg") for root in roots)
    if to_caches != 2 * form.layers or len(roots) != to_caches + others:
        FAILURES.append(f"{form}: copies to {roots} for {2 * form.layers} caches")
    _, before, text = buffers(path, [])
    if len(before) < 4 * form.layers:
        FAILURES.append(f"{form}: the count of copies finds {len(before)} without --in-place either")


def run(form, number):
    global CALLS
    path = f"m{number}.onnx"
    form.write(path)
    pair = "present.*=past.*"
    check_code(form, path, [f"--in-place={pair}"])
    fast, slow = nm.compile(path, in_place=[pair]), nm.compile(path)
    names, dim = form.names("past"), len(form.shape(0)) - 2
    if fast.only.grows != {name: dim for name in names} or slow.only.grows:
        FAILURES.append(f"{form}: grows is {fast.only.grows} and {slow.only.grows}")
    shape = form.shape(0)
    have = {name: nm.cache(shape, form.room) for name in names}
    whole = {name: array.base for name, array in have.items()}
    for name in names:
        whole[name][...] = numpy.float32(numpy.nan)
    copied = {name: numpy.zeros(shape, numpy.float32) for name in names}
    past = 0
    for count in [form.prompt] + [int(SOURCE.integers(1, 3)) for _ in range(6)]:
        given = form.call(count, past)
        before = {name: whole[name].copy() for name in names}
        y, other = fast(**given, **have), slow(**given, **copied)
        CALLS += 2
        have, copied = dict(zip(names, y[form.layers:])), dict(zip(names, other[form.layers:]))
        for name in names:
            before[name][..., past:past + count, :] = form.rows(name, given)
            if not numpy.array_equal(before[name].view(numpy.uint32), whole[name].view(numpy.uint32)):
                FAILURES.append(f"{form}: other bytes than the new rows of {name} changed at {past}")
            if have[name].base is not whole[name] or not numpy.array_equal(have[name], copied[name]):
                FAILURES.append(f"{form}: {name} at {past} is not what copying gives")
        for i in range(form.layers):
            want = attend(given[f"q.{i}"], *form.keys_values(have, i), past)
            if not numpy.allclose(y[i], want, rtol=1e-4, atol=1e-5):
                FAILURES.append(f"{form}: off by {numpy.abs(y[i] - want).max()} at {past}")
        past += count
    return fast, have, past


def refused(call, why):
    try:
        call()
    except nm.Error as error:
        if not re.search(why, str(error)):
            FAILURES.append(f"expected {why}, found {error}")
    else:
        FAILURES.append(f"not refused: {why}")


def check_refusals(form, fast, have, past):
    """What is wrong with a cache is said, and nothing is written."""
    given, name = form.call(1, past), form.names("past")[0]
    shape = (form.batch, form.groups, past, form.width)

    def attempt(array, **other):
        return lambda: fast(**given, **{**have, name: array, **other})

    full = nm.cache(shape, past)
    full.base[...] = 7
    refused(attempt(full), rf"dimension 2 of the cache '{name}' needs {past + 1}, and its memory has room for {past}; give it")
    if (full != 7).any():
        FAILURES.append("a refused call wrote to the cache")
    short = numpy.zeros(form.batch * form.groups * (past + 4) * form.width - 1, numpy.float32)
    step = 4 * numpy.array([form.groups * (past + 4) * form.width, (past + 4) * form.width, form.width, 1])
    lying = numpy.lib.stride_tricks.as_strided(short, shape, step)
    cut = numpy.ndarray(shape, numpy.float32, short, 0, step)
    refused(attempt(cut), rf"input '{name}' .* has {short.nbytes} bytes of memory, expected {short.nbytes + 4} by its strides")
    del lying
    odd = numpy.ndarray(shape, numpy.float32, numpy.zeros(40000, numpy.float32), 0,
                        (4 * (form.groups * (past + 9) * form.width + form.groups), 4 * ((past + 9) * form.width + 1),
                         4 * form.width, 4))
    refused(attempt(odd), rf"input '{name}' .* has strides .* expected a multiple of {form.width} in dimension 1")
    tight = numpy.ndarray(shape, numpy.float32, numpy.zeros(40000, numpy.float32), 0,
                          (4 * form.width, 4 * form.width, 4 * form.width, 4))
    refused(attempt(tight), rf"expected room for {past} in dimension 2, which they have for 1")
    frozen = nm.cache(shape, past + 4)
    frozen.flags.writeable = False
    refused(attempt(frozen), rf"'{name}' .* is written: .* writable and has room")
    refused(attempt(have[name], **{form.names("past")[1]: have[name]}), "overlaps")
    other = nm.cache((form.batch, form.groups, past, form.width + 1), past + 4)
    refused(attempt(other), rf"input '{name}' .* has shape .*, expected")
    refused(lambda: nm.cache((2, 3), 5, axis=0), "axis is 0 .* expected a dimension behind the first")
    refused(lambda: nm.cache((2, 3), 1, axis=1), "room is 1 in dimension 1 .* expected at least 3")


def main():
    print(f"seed {SEED}")
    os.chdir(sys.argv[1])
    kinds = ["concat", "attention", "msft", "packed"]
    for number in range(MODELS):
        form = Form(kinds[number % len(kinds)], SOURCE)
        fast, have, past = run(form, number)
        if form.kind != "packed":
            check_refusals(form, fast, have, past)
    for failure in FAILURES:
        print(failure)
    print(f"{MODELS} models, {CALLS} calls, {len(FAILURES)} failures")


main()
