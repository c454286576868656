# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decoding with caches of eight-bit rows (nm.compile(in_place=..., kv_cache="i8")).

The models of growing_forms.py and fixed_forms.py, a prompt and words. Expected: rows in the caches byte for byte as the
definition has them, every other byte as it was, results as float64 computes them from the numbers of these rows, in the
compiled module no buffer of a cache's size, and the same from the lowering that is the reference. How far results are from
those of caches in f32 is told.

usage: quantised_caches.py FOLDER ONNXFILE_FOLDER [SEED [MODELS]]
"""

import os
import re
import subprocess
import sys

import numpy

import nm

sys.path.insert(0, sys.argv[2])
import fixed_forms  # noqa: E402
from growing_forms import Form, attend  # noqa: E402
from onnxfile import graph, model, node, value  # noqa: E402

SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 23
MODELS = int(sys.argv[4]) if len(sys.argv) > 4 else 4
SOURCE = numpy.random.default_rng(SEED)
FAILURES, ERRORS, CALLS = [], [], 0


def quantise(x):
    """As FlatRows.td defines it: all in f32, one rounding each."""
    x = numpy.float32(x)
    out = numpy.zeros((*x.shape[:-1], x.shape[-1] + 4), numpy.int8)
    for at in numpy.ndindex(x.shape[:-1]):
        row = x[at]
        scale = numpy.float32(numpy.nan)
        if numpy.isfinite(row).all():
            scale = numpy.abs(row).max() / numpy.float32(127)
            if scale > 0:
                out[at][:-4] = [max(-127, min(127, round(float(v / scale)))) for v in row]
        out[at][-4:] = numpy.frombuffer(numpy.array(scale, "<f4").tobytes(), numpy.int8)
    return out


def numbers(rows):
    return rows[..., :-4] * numpy.ascontiguousarray(rows[..., -4:]).view("<f4").astype(float)


def fail(case, why):
    FAILURES.append(f"{case}: {why}")


def tell(have, other):
    ERRORS.append(float(numpy.linalg.norm(have - other) / numpy.linalg.norm(other)))


def check_code(case, path, options, size):
    """Nothing has as many elements as a cache of 100 rows."""
    tool = os.path.join(os.environ["NM_TOOLS"], "nm-compile")
    text = subprocess.run([tool, path, "--compile-to=buffers", "--kv-cache=i8", *options], check=True, capture_output=True,
                          text=True).stdout
    floats = [shape for shape in re.findall(r"memref\.alloc.* : memref<([^,>]+)xf32", text)
              if numpy.prod([int(s) if s.isdigit() else 1 for s in shape.split("x")]) >= size]
    if floats or "i8" not in text:
        fail(case, f"buffers of floats {floats}")


def reference(path, pair, given, have, results):
    """What nm-run --reference computes from the same arrays; past rows alone, as files have no room behind them."""
    command = [os.path.join(os.environ["NM_TOOLS"], "nm-run"), path, "--reference", "--kv-cache=i8", f"--in-place={pair}"]
    for name, array in {**given, **have}.items():
        numpy.save(f"in-{name}.npy", numpy.ascontiguousarray(array))
        command.append(f"--input={name}=in-{name}.npy")
    for i in range(results):
        command.append(f"--output={i}=out-{i}.npy")
    subprocess.run(command, check=True)
    return [numpy.load(f"out-{i}.npy") for i in range(results)]


def grown(form, number):
    """Caches that grow, against float64 and, for a prompt and a word, the reference."""
    global CALLS
    path, pair = f"q{number}.onnx", "present.*=past.*"
    form.write(path)
    check_code(form, path, [f"--in-place={pair}"], 1 << 30)
    names = form.names("past")
    shape = form.shape(0)[:-1] + (form.width + 4,)
    past = 0
    compiled = nm.compile(path, in_place=[pair], kv_cache="i8")
    have = {name: nm.cache(shape, form.room + form.prompt, dtype=numpy.int8) for name in names}
    for array in have.values():
        array.base[...] = -1  # of which a scale is NaN
    floats = {name: numpy.zeros(form.shape(0), numpy.float32) for name in names}
    for step, count in enumerate([form.prompt] + [int(SOURCE.integers(1, 3)) for _ in range(6)]):
        given = form.call(count, past)
        before = {name: have[name].base.copy() for name in names}
        slow = reference(path, pair, given, have, form.layers + len(names)) if step < 2 else None
        results = compiled(**given, **have)
        CALLS += 1
        for place, (name, array) in enumerate(zip(names, results[form.layers:])):
            rows = form.rows(name, given)
            before[name][..., past:past + count, :] = quantise(rows)
            if array.base is not have[name].base or not numpy.array_equal(before[name], array.base):
                fail(form, f"{name} at {past} is not as defined")
            if slow and not numpy.array_equal(slow[form.layers + place], array):
                fail(form, f"{name} at {past} is not as the reference has it")
            have[name] = array
            floats[name] = numpy.concatenate([floats[name], rows], -2)
        exact = {name: numbers(array) for name, array in have.items()}
        for i in range(form.layers):
            want = attend(given[f"q.{i}"], *form.keys_values(exact, i), past)
            for who, found in (("", results[i]), ("the reference, ", slow and slow[i])):
                if found is not None and not numpy.allclose(found, want, rtol=1e-4, atol=1e-5):
                    fail(form, f"{who}off by {numpy.abs(found - want).max()} at {past}")
            tell(want, attend(given[f"q.{i}"], *form.keys_values(floats, i), past))
        past += count


def fixed(case):
    """Caches of their full size: the oracles of fixed_forms.py on rows that lose what quantised ones lose."""
    global CALLS
    name = type(case).__name__
    nodes, inputs, outputs = case.graph()
    path = f"{name}.onnx"
    with open(path, "wb") as out:
        out.write(model(graph(nodes, inputs, outputs), opset=case.opset, domains=[(case.domain, 1)] if case.domain else []))
    results = ["nkv"] if len(case.caches) == 1 else ["nk", "nv"]
    pairs = getattr(case, "pairs", [f"{r}={p}" for r, p in zip(results, case.caches)])
    start = case.fresh()
    check_code(name, path, ["--size=n=1", *(f"--in-place={pair}" for pair in pairs)], start[0].size)
    compiled = nm.compile(path, in_place=pairs, kv_cache="i8")
    have = [quantise(c) for c in start]
    want = [numbers(c) for c in have]
    put = fixed_forms.put
    fixed_forms.put = lambda cache, rows, *rest: put(cache, numbers(quantise(rows)), *rest)
    try:
        for step in range(1 + fixed_forms.WORDS):
            given, y = case.call(step, want)
            found = compiled(**given, **dict(zip(case.caches, have)))
            CALLS += 1
            # Where rows are computed, one rounding decides between two integers.
            if not numpy.allclose(found[0], y, rtol=1e-4, atol=1e-5 if case.exact else 2e-2):
                fail(name, f"step {step}: off by {numpy.abs(found[0] - y).max()}")
            for a, b, c in zip(found[1:], have, want):
                if a is not b or not numpy.allclose(numbers(b), c, rtol=1e-6, atol=0 if case.exact else 5e-2, equal_nan=True):
                    fail(name, f"step {step}: the caches differ")
    finally:
        fixed_forms.put = put


def refused(path, why, **options):
    try:
        nm.compile(path, kv_cache="i8", **options)
    except nm.Error as error:
        if not re.search(why, str(error), re.S):
            FAILURES.append(f"expected {why}, found {error}")
    else:
        FAILURES.append(f"not refused: {why}")


def write(path, nodes, past="past", width=8, dtype="float32"):
    inputs = [value("x", dtype, [1, 2, "n", width]), value("past", dtype, [1, 2, past, width])]
    outputs = [value("y", dtype, [1, 2, "m", width]), value("now", dtype, [1, 2, "m", width])]
    with open(path, "wb") as out:
        out.write(model(graph(nodes, inputs, outputs), opset=17))


def check_refusals():
    concat = node("Concat", ["past", "x"], ["now"], axis=2)
    write("read.onnx", [concat, node("Exp", ["now"], ["y"])])
    refused("read.onnx", "the quantised cache 'past' is read by something else than attention", in_place=["now=past"])
    refused("read.onnx", "--kv-cache has no effect: no result is written to the memory of an argument")
    write("open.onnx", [concat, node("Exp", ["x"], ["y"])], width="d")
    refused("open.onnx", "cache 'past' .* cannot be held in i8: .* width, the last dimension, is known", in_place=["now=past"])
    write("wide.onnx", [concat, node("Exp", ["x"], ["y"])], dtype="float64")
    refused("wide.onnx", "cannot be held in i8: it has elements of 'f64', expected f32, f16 or bf16", in_place=["now=past"])
    write("computed.onnx", [node("Exp", ["past"], ["now"]), node("Exp", ["x"], ["y"])])
    refused("computed.onnx", "cannot be held in i8: it is written by .* expected whole rows", in_place=["now=past"])
    try:
        nm.compile("read.onnx", in_place=["now=past"], kv_cache="i4")
    except nm.Error as error:
        if "--kv-cache i4 is not known; expected i8" not in str(error):
            FAILURES.append(str(error))


def check_rows():
    """nm.quantize_rows and back, on rows of every kind."""
    rows = numpy.float32(SOURCE.standard_normal((9, 33)))
    rows[1], rows[2] = 0, 1e-44
    rows[3, 5], rows[4, 0], rows[5, 1] = numpy.inf, numpy.nan, 3e38
    rows[6] *= numpy.float32(1e-40)
    found = nm.quantize_rows(rows)
    if not numpy.array_equal(found, quantise(rows)):
        FAILURES.append("nm.quantize_rows is not as defined")
    if not numpy.allclose(nm.dequantize_rows(found), numbers(found), rtol=1e-6, atol=1e-44, equal_nan=True):
        FAILURES.append("nm.dequantize_rows is not as defined")
    for bad in (numpy.float32(1), numpy.zeros((3, 0), numpy.float32)):
        try:
            nm.quantize_rows(bad)
            FAILURES.append("rows of nothing are not refused")
        except nm.Error:
            pass


def main():
    print(f"seed {SEED}")
    os.chdir(sys.argv[1])
    kinds = ["concat", "attention", "msft", "packed"]
    for number in range(MODELS):
        form = Form(kinds[number % len(kinds)], SOURCE, widths=(4, 8, 24, 64, 72, 100, 128), prompts=(1, 40))
        grown(form, number)
    cases = [fixed_forms.Scatter(), fixed_forms.Circular(), fixed_forms.GroupQuery(), fixed_forms.MultiHead(),
             fixed_forms.Packed()]
    for case in cases:
        fixed(case)
    check_rows()
    check_refusals()
    if max(ERRORS) > 0.02:
        FAILURES.append(f"results are {max(ERRORS):.1e} from those of caches in f32")
    for failure in FAILURES:
        print(failure)
    print(f"from results of caches in f32: {max(ERRORS):.1e} of the norm at most, {numpy.median(ERRORS):.1e} in the middle")
    print(f"{MODELS + len(cases)} models, {CALLS} calls, {len(FAILURES)} failures")


main()
