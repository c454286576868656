# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Damaged and hostile models: each gives one clear error, exit code 1, and no output.

usage: hostile.py FOLDER [--cuts N] [--seed N]

A table of faults with words of their messages, then a good model cut at every length (in steps) and with
bytes changed at random, which may import or not, but never crash, hang or print nothing.
"""

import argparse
import os
import pathlib
import random
import subprocess
import sys

import numpy

from onnxfile import attribute, function, graph, message, model, node, sparse, tensor, value, varint, write

X = value("x", "float32", [4])
Y = value("y", "float32", [4])
RELU = node("Relu", ["x"], ["y"], "relu")


def simple(nodes=(RELU,), initializers=(), inputs=(X,), outputs=(Y,), **options):
    return model(graph(nodes, inputs, outputs, initializers), **options)


def nested(depth):
    """Graphs in graphs, written from the inside out."""
    inside = message(graph([RELU], [], [Y]))
    for _ in range(depth):
        branch = message([(1, "then_branch"), (6, inside), (20, 5)])
        inside = message([(1, message([(1, "c"), (2, "y"), (4, "If"), (5, branch)])), (2, "g")])
    return message([(1, 8), (7, inside), (8, [(1, ""), (2, 17)])])


def recursive():
    """A function that calls itself."""
    call = [(1, "x"), (2, "y"), (4, "F"), (7, "mine")]
    body = [(1, "F"), (4, "x"), (5, "y"), (7, call), (9, [(1, "mine"), (2, 1)]), (10, "mine")]
    return model(graph([node("F", ["x"], ["y"], domain="mine")], [X], [Y]), domains=[("mine", 1)],
                 functions=[body])


def doubling(count):
    """Functions of which each calls the next twice."""
    domains = [("mine", 1)]
    bodies = []
    for i in range(count):
        op, domain = (f"F{i + 1}", "mine") if i + 1 < count else ("Relu", "")
        bodies.append(function("mine", f"F{i}", ["x"], ["y"],
                               [node(op, ["x"], ["a"], domain=domain), node(op, ["a"], ["y"], domain=domain)],
                               opsets=[("", 17)] + domains))
    return model(graph([node("F0", ["x"], ["y"], domain="mine")], [X], [Y]), domains=domains, functions=bodies)


def named(name, dims, dtype=1, data=None):
    fields = [(1, n) for n in dims] + [(2, dtype), (8, name)]
    return fields + ([(9, data)] if data is not None else [])


def grouped(scales=1, past="int8", **attributes):
    """GroupQueryAttention with a cache of int8, but for what is said."""
    attributes = dict(num_heads=2, kv_num_heads=2, k_quant_type="PER_TENSOR", v_quant_type="PER_TENSOR", kv_cache_bit_width=8) | attributes
    names = ["q", "k", "v", "pk", "pv", "last", "total", *[""] * 5, "ks", "vs"]
    inputs = [*(value(x, "float32", [1, 1, 8]) for x in "qkv"), *(value(x, past, [1, 2, 3, 4]) for x in names[3:5]),
              value("last", "int32", [1]), value("total", "int32", [1]), *(value(x, "float32", [scales]) for x in names[-2:])]
    outputs = [value("y", "float32", [1, 1, 8]), *(value(x, past, [1, 2, 4, 4]) for x in ("nk", "nv"))]
    call = node("GroupQueryAttention", names, [x[0][1] for x in outputs], domain="com.microsoft", **attributes)
    return model(graph([call], inputs, outputs), domains=[("com.microsoft", 1)])


ADD = node("Add", ["x", "w"], ["y"], "sum")
EXTERNAL = numpy.zeros(100, numpy.float32)
HUGE = 1 << 40

# Name, bytes, words of the message.
CASES = [
    ("empty", b"", ["no graph"]),
    ("text", b"not a model at all", ["model field"]),
    ("no-graph", message([(1, 8), (2, "x")]), ["no graph"]),
    ("two-graphs", message([(1, 8), (7, graph([], [], [])), (7, graph([], [], []))]), ["two graphs"]),
    ("old-ir", simple(ir=2), ["IR version is 2", "expected 3 to 13"]),
    ("new-ir", simple(ir=99), ["IR version is 99"]),
    ("old-opset", simple(opset=6), ["operator set is version 6", "7 to"]),
    ("new-opset", simple(opset=99), ["operator set is version 99"]),
    ("length", message([(1, 8)]) + b"\x3a\xff\x01abc", ["expected 255 bytes, found 3"]),
    ("long-varint", b"\x08" + b"\xff" * 11, ["ten bytes"]),
    ("wire-type", b"\x08\x08\x3b\x00", ["wire type 3"]),
    ("wrong-type", message([(1, 8), (7, 5)]), ["expected bytes"]),
    ("not-utf8", message([(1, 8), (7, [(2, b"\xff\xfe")])]), ["not UTF-8"]),
    ("nested", nested(10000), ["deep"]),
    ("nested-less", nested(40), ["deep"]),
    ("recursive", recursive(), ["functions call one another"]),
    ("doubling", doubling(20), ["more than 262144 nodes"]),
    ("undefined", simple([node("Relu", ["z"], ["y"])]), ["'z' is not defined before it"]),
    ("cycle", simple([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])]),
     ["'b' is not defined before it", "without cycles"]),
    ("twice", simple([RELU, RELU]), ["'y' is given twice"]),
    ("twice-initializer", simple([ADD], [tensor("w", EXTERNAL[:4]), tensor("w", EXTERNAL[:4])]),
     ["'w' is given twice"]),
    ("no-output", simple([node("Relu", ["x"], ["z"])]), ["'y' is computed by no node"]),
    ("output-type", simple(outputs=[value("y", "int64", [4])]), ["declared as int64"]),
    ("short-data", simple([ADD], [named("w", [4], 1, b"1234")]), ["needs 16 bytes, found 4"]),
    ("no-data", simple([ADD], [named("w", [4], 1)]), ["needs 4 values, found 0"]),
    ("negative", simple([ADD], [named("w", [-4], 1, b"")]), ["'w'"]),
    ("overflow", simple([ADD], [named("w", [HUGE, HUGE], 1, b"")]), ["'w'"]),
    ("rank", simple([ADD], [named("w", [1] * 40, 1, bytes(4))]), ["'w'", "dimensions"]),
    ("strings", simple([ADD], [named("w", [4], 8, b"")]), ["elements of string"]),
    ("infinite-integers", simple([node("IsInf", ["w"], ["y"])], [tensor("w", numpy.array([1, 2]))]),
     ["IsInf", "elements of operand 0 are int64, expected floating-point numbers"]),
    ("real-bits", simple([node("Xor", ["x", "x"], ["y"])]), ["elements of operand 0 are float32, expected bool"]),
    ("real-indices", simple([node("Gather", ["x", "x"], ["y"])]), ["elements of operand 1 are float32, expected int32 or int64"]),
    ("three-values", simple([node("OneHot", ["x", "d", "v"], ["y"])],
                            [tensor("d", numpy.array(3)), tensor("v", numpy.array([0, 1, 2]))]), ["a list of two values"]),
    ("new-type", simple([ADD], [named("w", [4], 77, b"")]), ["element type 77"]),
    ("input-rank", simple(inputs=[[(1, "x"), (2, [(1, [(1, 1)])])]]), ["'x' has no rank"]),
    ("input-sequence", simple(inputs=[[(1, "x"), (2, [(4, [])])]]), ["'x' is a sequence"]),
    ("outside", simple([ADD], [tensor("w", EXTERNAL[:4], ("../secret", 0, 16))]), ["leaves the folder"]),
    ("absolute", simple([ADD], [tensor("w", EXTERNAL[:4], ("/etc/passwd", 0, 16))]), ["not relative"]),
    ("link", simple([ADD], [tensor("w", EXTERNAL[:4], ("link", 0, 16))]), ["by a link"]),
    ("gone", simple([ADD], [tensor("w", EXTERNAL[:4], ("nothing", 0, 16))]), ["cannot open external data"]),
    ("external-length", simple([ADD], [tensor("w", EXTERNAL[:4], ("data", 0, 12))]), ["12 bytes, expected 16"]),
    ("external-end", simple([ADD], [tensor("w", EXTERNAL[:4], ("data", 60, 16))]), ["'data' has 64"]),
    ("external-offset", simple([ADD], [tensor("w", EXTERNAL[:4], ("data", 1 << 62, 16))]), ["'data' has 64"]),
    ("external-number", simple([ADD], [tensor("w", EXTERNAL[:4], ("data", "x", 16))]), ["offset is 'x'"]),
    ("sparse-index", model(graph([ADD], [X], [Y], sparse_initializers=[
        sparse("w", numpy.float32([1]), [9], [4])])), ["sparse index 9"]),
    ("sparse-size", model(graph([ADD], [X], [Y], sparse_initializers=[
        sparse("w", numpy.float32([1]), [0], [HUGE, HUGE])])), ["'w'"]),
    ("expand", simple([node("Expand", ["x", "s"], ["y"])], [tensor("s", numpy.array([HUGE, HUGE, 4]))]), ["Expand"]),
    ("tile", simple([node("Tile", ["x", "s"], ["y"])], [tensor("s", numpy.array([1 << 62]))]), ["Tile"]),
    ("pad", simple([node("Pad", ["x", "s"], ["y"])], [tensor("s", numpy.array([1 << 62, 1 << 62]))]), ["Pad"]),
    ("shape", simple([node("ConstantOfShape", ["s"], ["y"])], [tensor("s", numpy.array([-5]))]), ["ConstantOfShape"]),
    ("shapes", simple([ADD], [tensor("w", EXTERNAL[:3])]), ["cannot be broadcast"]),
    ("reshape", simple([node("Reshape", ["x", "s"], ["y"])], [tensor("s", numpy.array([3]))]), ["cannot reshape"]),
    ("axis", simple([node("Softmax", ["x"], ["y"], axis=7)]), ["axis 7"]),
    ("missing-input", simple([node("Add", ["x"], ["y"])]), ["no input 1"]),
    ("gather", simple([node("Gather", ["x", "i"], ["y"])], [tensor("i", numpy.array([7]))]), ["index 7"]),
    ("einsum", simple([node("Einsum", ["x"], ["y"], equation="i,j->k")]), ["equation"]),
    ("concat", simple([node("Concat", ["x", "w"], ["y"], axis=0)], [tensor("w", EXTERNAL.reshape(10, 10)[:2])]),
     ["rank"]),
    ("split", simple([node("Split", ["x"], ["y", "z"], axis=0, num_outputs=1)], opset=18), ["Split"]),
    ("cache-kind", grouped(k_quant_type="PER_HEAD"), ["k_quant_type is 'PER_HEAD'", "expected NONE, PER_TENSOR or PER_CHANNEL"]),
    ("cache-bits", grouped(kv_cache_bit_width=5), ["kv_cache_bit_width is 5, expected 8 or 4"]),
    ("cache-scales", grouped(3), ["k_scale has 3 elements, expected 1, for PER_TENSOR"]),
    ("cache-channels", grouped(3, k_quant_type="PER_CHANNEL"), ["k_scale has 3 elements, expected 8, one for each head"]),
    ("cache-type", grouped(past="uint8"), ["past_key is of uint8, expected int8 for kv_cache_bit_width 8"]),
    ("cache-width", grouped(past="uint8", kv_cache_bit_width=4), ["past_key has rows of 4 bytes, expected 2"]),
    ("cache-unasked", grouped(k_quant_type="NONE"), ["has a k_scale, but k_quant_type is NONE"]),
    ("attribute", model(graph([[(1, "x"), (2, "y"), (4, "Softmax"), (5, [(1, "axis"), (3, 1 << 63)])]], [X], [Y])),
     ["axis"]),
]


# What the importer leaves to whoever reads the weights.
READ = [
    # One value and one index are 12 bytes, which justify the least, 1 MiB.
    ("sparse-bomb", model(graph([ADD], [X], [Y], sparse_initializers=[
        sparse("w", numpy.float32([1]), [0], [65537, 4])])), ["'w'", "takes 1048592 bytes", "justify 1048576"]),
    # 200 of each: 2,400 bytes justify 2,457,600.
    ("sparse-factor", model(graph([ADD], [X], [Y], sparse_initializers=[
        sparse("w", numpy.ones(200, numpy.float32), range(200), [153601, 4])])), ["'w'", "takes 2457616 bytes", "justify 2457600"]),
]


def run(path, command=("nm-translate", "--import-onnx")):
    return subprocess.run([*command, path], capture_output=True, text=True, errors="replace",
                          timeout=120)


def problem(done, words=()):
    """What is wrong with how an import failed."""
    if done.returncode != 1:
        return f"exit code {done.returncode}, expected 1: {done.stderr[:300]}"
    if done.stdout:
        return f"printed {done.stdout[:100]!r}"
    if not done.stderr.startswith("error: ") or done.stderr.count("error: ") != 1:
        return f"not one error: {done.stderr[:300]}"
    missing = [word for word in words if word not in done.stderr]
    return f"no {missing} in: {done.stderr[:400]}" if missing else None


def good_model():
    return model(graph(
        [node("MatMul", ["x", "w"], ["a"], "first"), node("Add", ["a", "b"], ["c"]),
         node("Softmax", ["c"], ["y"], axis=-1)],
        [value("x", "float32", ["n", 4])], [value("y", "float32", ["n", 3])],
        [tensor("w", numpy.ones((4, 3), numpy.float32)), tensor("b", numpy.ones(3, numpy.float32))]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--cuts", type=int, default=12, help="lengths the good model is cut at")
    parser.add_argument("--changes", type=int, default=20, help="copies with random bytes changed")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    folder = pathlib.Path(options.folder) / "model"
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    pathlib.Path("../secret").write_bytes(bytes(64))
    pathlib.Path("data").write_bytes(bytes(64))
    pathlib.Path("link").unlink(missing_ok=True)
    os.symlink("../secret", "link")
    print("seed", options.seed)
    failures = []
    for name, data, words in CASES:
        path = f"{name}.onnx"
        pathlib.Path(path).write_bytes(data)
        wrong = problem(run(path), words)
        if wrong:
            failures.append(f"{name}: {wrong}")
    numpy.save("x.npy", numpy.ones(4, numpy.float32))
    for name, data, words in READ:
        path = f"{name}.onnx"
        pathlib.Path(path).write_bytes(data)
        done = run(path, ("nm-run", "--input=x.npy"))
        if done.returncode != 1 or not all(word in done.stderr for word in words):
            failures.append(f"{name}: exit code {done.returncode}, no {words} in: {done.stderr[:300]}")
    whole = good_model()
    pathlib.Path("good.onnx").write_bytes(whole)
    if run("good.onnx").returncode:
        failures.append("the good model is refused")
    step = max(1, len(whole) // options.cuts)
    for length in range(1, len(whole), step):
        pathlib.Path("cut.onnx").write_bytes(whole[:length])
        wrong = problem(run("cut.onnx"))
        if wrong:
            failures.append(f"cut at {length}: {wrong}")
    source = random.Random(options.seed)
    for number in range(options.changes):
        changed = bytearray(whole)
        for _ in range(source.randint(1, 4)):
            changed[source.randrange(len(changed))] = source.randrange(256)
        pathlib.Path("changed.onnx").write_bytes(changed)
        done = run("changed.onnx")
        wrong = None if done.returncode == 0 and done.stdout else problem(done)
        if wrong:
            failures.append(f"change {number} of seed {options.seed}: {wrong}")
    for failure in failures:
        print(failure)
    print(f"{len(CASES) + len(READ)} faults, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
