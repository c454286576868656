# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decoding with caches of fixed size that nm.compile(in_place=...) updates in the caller's arrays.

Each model is called with a prompt and then word by word. Expected: results as float64 computes them from the operators'
specifications, new rows in the caller's arrays, every other byte of them as it was, and in the compiled module no buffer
of a cache's size and no copy of more than one batch's new rows.

usage: in_place.py FOLDER ONNXFILE_FOLDER
"""

import math
import os
import re
import subprocess
import sys

import numpy

import nm

sys.path.insert(0, sys.argv[2])
from fixed_forms import (B, D, H, PROMPT, ROOM, WORDS, Circular, GroupIntegers, GroupQuery, MultiHead,  # noqa: E402
                         Numbered, Packed, Scatter)
from onnxfile import graph, model  # noqa: E402

FAILURES, CALLS = [], 0


def buffers(path, pairs, unknown):
    """Elements of the largest allocation, and of the largest copy, for one word; sizes that only the call knows are
    `unknown`."""
    def count(text):
        return math.prod(int(s) if s.isdigit() else unknown for s in text.split("x")[:-1])

    options = [f"--in-place={pair}" for pair in pairs]
    tool = os.path.join(os.environ["NM_TOOLS"], "nm-compile")
    text = subprocess.run([tool, path, "--size=n=1", "--compile-to=buffers", *options], check=True, capture_output=True,
                          text=True).stdout
    copies = [count(t) for t in re.findall(r"memref\.copy .* : memref<([^,>]+)", text)]
    allocs = [count(t) for t in re.findall(r"memref\.alloc.* : memref<([^,>]+)", text)]
    return max(allocs, default=0), max(copies, default=0)


def fail(case, why):
    FAILURES.append(f"{type(case).__name__}: {why}")


def same(have, want, exact):
    """Bits where rows are moved: what was not written is NaN in both."""
    if exact:
        return numpy.array_equal(have.view(numpy.uint8), want.astype(have.dtype).view(numpy.uint8))
    return numpy.allclose(have, want, rtol=1e-5, atol=1e-5, equal_nan=True)


def run(case):
    global CALLS
    nodes, inputs, outputs = case.graph()
    path = f"{type(case).__name__}.onnx"
    with open(path, "wb") as out:
        out.write(model(graph(nodes, inputs, outputs), opset=case.opset,
                        domains=[(case.domain, 1)] if case.domain else []))
    results = ["nkv"] if len(case.caches) == 1 else ["nk", "nv"]
    pairs = getattr(case, "pairs", [f"{r}={p}" for r, p in zip(results, case.caches)])
    start = case.fresh()
    most = start[0].shape[-3] * D  # one batch's new row in every head
    alloc, copy = buffers(path, pairs, 1)
    if not getattr(case, "widens", False) and (alloc >= start[0].size or copy > most):
        fail(case, f"allocates {alloc} and copies {copy} elements")
    alloc, copy = buffers(path, [], ROOM)
    if alloc < start[0].size and case.caches != ["pkv"]:
        fail(case, "the count of elements finds nothing without --in-place either")
    compiled = nm.compile(path, in_place=pairs)
    have, want = [c.copy() for c in start], [c.copy() for c in start]
    for step in range(1 + WORDS):
        given, y = case.call(step, want)
        found = compiled(**given, **dict(zip(case.caches, have)))
        CALLS += 1
        if not numpy.allclose(found[0], y, rtol=1e-4, atol=1e-5):
            fail(case, f"step {step}: off by {numpy.abs(found[0] - y).max()}")
        if not all(a is b for a, b in zip(found[1:], have)):
            fail(case, f"step {step}: a cache came in other memory")
        if not all(same(a, b, case.exact) for a, b in zip(have, want)):
            fail(case, f"step {step}: the caches differ")


def refused(compiled, why, **given):
    try:
        compiled(**given)
    except nm.Error as error:
        if re.search(why, str(error)):
            return
        FAILURES.append(f"expected {why}, found {error}")
    else:
        FAILURES.append(f"not refused: {why}")


def check_refusals():
    case = MultiHead()
    compiled = nm.compile("MultiHead.onnx", in_place={"nk": "pk", "nv": "pv"})
    if compiled.only.in_place != {"nk": "pk", "nv": "pv"}:
        FAILURES.append(f"in_place is {compiled.only.in_place}")
    caches = case.fresh()
    given, _ = case.call(0, [c.copy() for c in caches])
    pk, pv = caches
    refused(compiled, "the data of 'pk', which the call writes, overlaps that of 'pv'", **given, pk=pk, pv=pk)
    refused(compiled, "input 'pk' of .* is written: it becomes output 'nk'", **given, pk=pk[::-1], pv=pv)
    frozen = pk.copy()
    frozen.flags.writeable = False
    refused(compiled, "expected a NumPy array that is writable and row-major", **given, pk=frozen, pv=pv)
    given["past"] = numpy.int32([ROOM - 2])
    refused(compiled, f"the cache, with the new keys, has size {ROOM + 1}, expected {ROOM}", **given, pk=pk, pv=pv)
    given["past"] = numpy.int32([0])
    out = [numpy.empty((B, PROMPT, H * D), numpy.float32), pk, pv]
    compiled(**given, pk=pk, pv=pv, out=out)
    refused(compiled, "memory for output 'nk' of .* is other memory than that of input 'pk'", **given, pk=pk, pv=pv,
            out=[out[0], pv.copy(), pv])


def main():
    os.chdir(sys.argv[1])
    cases = [Scatter(), Circular(), GroupQuery(), MultiHead(), Packed(), Numbered(), GroupIntegers()]
    for case in cases:
        run(case)
    check_refusals()
    for failure in FAILURES:
        print(failure)
    print(f"{len(cases)} models, {CALLS} calls, {len(FAILURES)} failures")


main()
