#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random products by weights of 8 bits with scales of groups and zero points, bit for bit.

  quantised_stress.py --count 40 --seed 1     models 0 to 39 of seed 1
  quantised_stress.py --seed 1 --only 17      one of them, its module printed

The activations are the unit matrix, so the result is the weight: each of its elements has to be what the
model's own steps give, each rounded once. Weights are parameters, arguments that are bound to keys, constants,
or plain arguments; where they can be folded, a 2:4 pattern has to be found.
"""

import argparse
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

from tensor_program import literal, nested

TYPES = {"f32": np.float32, "f16": np.float16, "i8": np.int8, "i16": np.int16, "i32": np.int32}


class Model:
    def __init__(self, rng):
        self.rng = rng
        self.lines, self.arguments, self.params, self.inputs, self.count = [], [], {}, [], 0
        pick = self.pick = lambda choices: choices[int(rng.integers(len(choices)))]
        self.rows, self.groups, self.size = pick([1, 3, 8, 16]), pick([1, 2, 3, 5]), pick([4, 8, 12])
        self.unsigned, self.source = pick([False, True]), pick(["param", "param", "bound", "constant", "argument"])
        if self.source == "argument":
            self.unsigned = False
        self.pruned, self.compute = pick([False, True]), pick(["f32", "f32", "f16"])
        self.zero_kind = pick(["none", "integer", "integer", "float", "number"])
        self.scale_kind = pick(["group", "group", "row", "column"])
        self.note = "%s, %s, %s, zero %s, scale for each %s, %d x %d x %d%s" % (
            self.source, "u8" if self.unsigned else "i8", self.compute, self.zero_kind, self.scale_kind, self.rows,
            self.groups, self.size, ", 2:4" if self.pruned else "")
        self.build()

    def fresh(self):
        self.count += 1
        return "%%v%d" % self.count

    def emit(self, text):
        name = self.fresh()
        self.lines.append("  %s = %s" % (name, text))
        return name

    @staticmethod
    def type(shape, dtype):
        return "tensor<%s%s>" % ("".join("%dx" % n for n in shape), dtype)

    def leaf(self, array, dtype):
        kind, shape = self.type(array.shape, dtype), array.shape
        if self.source == "constant":
            signed = array.view(np.int8) if array.dtype == np.uint8 else array
            if dtype == "f16":
                text = nested_f16(array)
            else:
                text = nested(signed, dtype)
            return self.emit("arith.constant dense<%s> : %s" % (text, kind)), shape, dtype
        key = "w%d" % len(self.params)
        if self.source == "param":
            self.params[key] = array
            return self.emit('nm.param "%s" : %s' % (key, kind)), shape, dtype
        name = "%%arg%d" % (len(self.arguments) + 1)
        attribute = ""
        if self.source == "bound":
            self.params[key] = array
            attribute = ' {nm.param = "%s"}' % key
        else:
            self.inputs.append(array)
        self.arguments.append("%s: %s%s" % (name, kind, attribute))
        return name, shape, dtype

    def generic(self, shape, dtype, operands, body):
        """`operands`: (value, the dimension of the result for each of its own, None for size 1)."""
        dims = ", ".join("d%d" % i for i in range(len(shape)))
        maps = [", ".join("0" if axis is None else "d%d" % axis for axis in axes) for _, axes in operands]
        text = ", ".join("affine_map<(%s) -> (%s)>" % (dims, m) for m in maps + [dims])
        names = ["%%b%d" % i for i in range(len(operands))]
        out = self.emit("tensor.empty() : %s" % self.type(shape, dtype))
        lines = body(*names)
        result = self.fresh()
        arguments = ", ".join("%s: %s" % (n, v[2]) for n, (v, _) in zip(names, operands))
        self.lines += [
            "  %s = linalg.generic {indexing_maps = [%s], iterator_types = [%s]} ins(%s : %s) outs(%s : %s) {" % (
                result, text, ", ".join(['"parallel"'] * len(shape)), ", ".join(v[0] for v, _ in operands),
                ", ".join(self.type(v[1], v[2]) for v, _ in operands), out, self.type(shape, dtype)),
            "  ^bb0(%s, %%o: %s):" % (arguments, dtype), *["    " + line for line in lines],
            "    linalg.yield %s : %s" % (lines[-1].split(" = ")[0], dtype), "  } -> " + self.type(shape, dtype)]
        return result, tuple(shape), dtype

    def reshape(self, value, shape):
        name, old, dtype = value
        if tuple(old) == tuple(shape):
            return value
        longer, shorter = (old, shape) if len(old) > len(shape) else (shape, old)
        groups, at = [], 0
        for n in shorter:
            group, product = [], 1
            while product < n or (not group):
                product *= longer[at]
                group.append(at)
                at += 1
            while at < len(longer) and longer[at] == 1 and (len(groups) + 1 == len(shorter) or shorter[len(groups) + 1] != 1):
                group.append(at)
                at += 1
            groups.append(group)
        if len(old) > len(shape):
            text = "tensor.collapse_shape %s %s : %s into %s" % (name, groups, self.type(old, dtype), self.type(shape, dtype))
        else:
            text = "tensor.expand_shape %s %s output_shape %s : %s into %s" % (
                name, groups, list(shape), self.type(old, dtype), self.type(shape, dtype))
        return self.emit(text), tuple(shape), dtype

    def build(self):
        rng, pick, compute = self.rng, self.pick, self.compute
        rows, groups, size = self.rows, self.groups, self.size
        whole, grouped, cols = (rows, groups * size), (rows, groups, size), groups * size
        number = float(rng.integers(0, 120))
        unsigned = self.unsigned
        q = rng.integers(0, 256, grouped) if unsigned else rng.integers(-128, 128, grouped)
        # Scales and zero points: for each group, row, or place along the sum.
        part = {"group": (rows, groups, 1), "row": (rows, 1, 1), "column": (1, groups, size)}[self.scale_kind]
        scale = (0.5 + rng.random(part)) / 64
        if self.zero_kind == "integer":
            zero = rng.integers(0, 256, (rows, groups, 1)) if unsigned else rng.integers(-20, 20, (rows, groups, 1))
        elif self.zero_kind == "float":
            zero = np.round(rng.random((rows, groups, 1)) * 8) if self.pruned else rng.random((rows, groups, 1)) * 8
        else:
            zero = np.full((rows, groups, 1), number if self.zero_kind == "number" else 0.0)
        if self.pruned:
            hidden = np.argsort(rng.random((rows, cols // 4, 4)), axis=-1)[..., :2]
            mask = np.zeros((rows, cols // 4, 4), bool)
            np.put_along_axis(mask, hidden, True, axis=-1)
            q = np.where(mask.reshape(grouped), np.broadcast_to(zero, grouped), q)
        stored = (q.astype(np.uint8) if unsigned else q.astype(np.int8))
        scale_type = pick(["f32", "f16"]) if compute == "f32" else "f16"
        scale = scale.astype(TYPES[scale_type])
        if self.zero_kind == "float":
            zero = zero.astype(TYPES[compute])

        # What the model's steps give.
        real = TYPES[compute]
        centred = (stored.astype(real) - np.broadcast_to(zero, grouped).astype(real)).astype(real)
        if self.zero_kind == "none":
            centred = stored.astype(real)
        self.weight = (centred * scale.astype(real)).astype(real).astype(np.float32).reshape(whole)

        ext = "ui" if unsigned else "si"
        early = self.zero_kind == "integer" and pick([False, True])  # subtracts integers
        # Integers, of the shape that the checkpoint has, then of that of the groups.
        split = pick([True, False])
        value = self.leaf(stored.reshape(whole) if split else stored, "i8")
        shape = value[1]
        convert_first = pick([True, False])
        wide = "i32" if pick([True, False]) else "i16"
        to = wide if early else compute
        op = "arith.ext%s" % ext if early else "arith.%stofp" % ext
        if convert_first:
            axes = list(range(len(shape)))
            value = self.generic(shape, to, [(value, axes)], lambda x: ["%%c = %s %s : i8 to %s" % (op, x, to)])
        value = self.reshape(value, grouped)
        all_axes = [0, 1, 2]

        def extended(x, dtype, target, name):
            if dtype == target:
                return [], x
            if dtype == "i8":
                text = "arith.ext%s" % ext if target.startswith("i") else "arith.%stofp" % ext
            else:
                text = "arith.extf"
            return ["%s = %s %s : %s to %s" % (name, text, x, dtype, target)], name

        if self.zero_kind != "none":
            operands, lines = [(value, all_axes)], []
            if self.zero_kind == "number":
                zero_text = ["%%z = arith.constant %s : %s" % (float_text(number, compute), compute)]
            else:
                stored_zero = zero.astype(np.uint8 if unsigned else np.int8) if self.zero_kind == "integer" else zero
                leaf = self.leaf(stored_zero.reshape(pick([(rows, groups), (rows, groups, 1)])), "i8" if self.zero_kind == "integer" else compute)
                leaf = self.reshape(leaf, (rows, groups, 1)) if pick([True, False]) else leaf
                operands.append((leaf, [0, 1] if len(leaf[1]) == 2 else [0, 1, None]))
            minus = "arith.subi" if early else "arith.subf"

            def body(x, z=None):
                lines = zero_text[:] if z is None else []
                more, x = extended(x, value[2], to, "%x")
                lines += more
                more, z = ([], "%z") if z is None else extended(z, operands[1][0][2], to, "%y")
                lines += more
                return lines + ["%%d = %s %s, %s : %s" % (minus, x, z, to)]
            value = self.generic(grouped, to, operands, body)
            if early:
                value = self.generic(grouped, compute, [(value, all_axes)], lambda x: ["%%c = arith.sitofp %s : %s to %s" % (x, to, compute)])
        leaf = self.leaf(scale, scale_type)
        if scale_type != compute and pick([True, False]):
            leaf = self.generic(leaf[1], compute, [(leaf, all_axes)], lambda x: ["%%c = arith.extf %s : %s to %s" % (x, scale_type, compute)])
        axes = [axis if n != 1 else None for axis, n in enumerate(leaf[1])]
        swaps = pick([True, False])

        def scaled(x, s):
            lines, x = extended(x, value[2], compute, "%x")
            more, s = extended(s, leaf[2], compute, "%y")
            a, b = (s, x) if swaps else (x, s)
            return lines + more + ["%%m = arith.mulf %s, %s : %s" % (a, b, compute)]
        value = self.generic(grouped, compute, [(value, all_axes), (leaf, axes)], scaled)
        value = self.reshape(value, whole)
        if compute == "f16":
            value = self.generic(whole, "f32", [(value, [0, 1])], lambda x: ["%%e = arith.extf %s : f16 to f32" % x])
        # unit matrix [cols, cols] by the weight, turned.
        turned, out = self.type((cols, rows), "f32"), self.type((cols, rows), "f32")
        empty = self.emit("tensor.empty() : %s" % turned)
        weight = self.emit("linalg.transpose ins(%s : %s) outs(%s : %s) permutation = [1, 0]" % (value[0], self.type(whole, "f32"), empty, turned))
        zero_number = self.emit("arith.constant 0.0 : f32")
        init = self.emit("linalg.fill ins(%s : f32) outs(%s : %s) -> %s" % (zero_number, empty, out, out))
        x = self.type((cols, cols), "f32")
        self.lines.append("  %%y = linalg.matmul ins(%%arg0, %s : %s, %s) outs(%s : %s) -> %s" % (weight, x, turned, init, out, out))
        self.cols, self.out = cols, out
        # A scale for each row of signed integers stays in the product, unless it is spelled over groups.
        self.is_folded = self.source != "argument" and (
            self.unsigned or self.zero_kind != "none" or self.scale_kind == "column" or self.groups > 1)

    def mlir(self):
        arguments = ", ".join(["%%arg0: %s" % self.type((self.cols, self.cols), "f32")] + self.arguments)
        return "\n".join(["func.func @main(%s) -> %s {" % (arguments, self.out), *self.lines, "  return %%y : %s" % self.out, "}", ""])


def float_text(value, dtype):
    return literal(value, "f32") if dtype == "f32" else "%r" % float(value)


def nested_f16(array):
    if array.ndim == 0:
        return "0x%04X" % int(np.float16(array).view(np.uint16))
    return "[" + ", ".join(nested_f16(part) for part in array) + "]"


def check(seed, number, options):
    model = Model(np.random.default_rng([seed, number]))
    with tempfile.TemporaryDirectory(prefix="quantised-") as folder:
        path = lambda name: os.path.join(folder, name)
        with open(path("m.mlir"), "w") as file:
            file.write(model.mlir())
        np.save(path("x.npy"), np.eye(model.cols, dtype=np.float32))
        base = ["nm-run", path("m.mlir"), "--input", "0=" + path("x.npy"), "--output", path("y.npy")]
        for i, array in enumerate(model.inputs):
            np.save(path("i%d.npy" % i), array)
            base += ["--input", "%d=%s" % (i + 1, path("i%d.npy" % i))]
        if model.params:
            np.savez(path("p.npz"), **model.params)
            base += ["--params", path("p.npz")]
        legs = [("compiled", ["--remarks-filter=nm-(raise|fold-dequantize)"])]
        if number % 3 == 0:
            legs.append(("reference", ["--reference"]))
        if number % 3 == 1 and model.is_folded:
            legs.append(("accelerator", ["--target=edge"]))
        for name, more in legs:
            done = subprocess.run(base + more, capture_output=True, text=True, timeout=240)
            head = "seed %d, model %d, %s: " % (seed, number, name)
            if done.returncode:
                return head + done.stderr.strip()[:800] + "\n  " + model.note
            found, expected = np.load(path("y.npy")).T, model.weight
            if name == "accelerator":
                expected = expected.astype(np.float16).astype(np.float32)
            wrong = found != expected
            if name == "compiled" and not model.is_folded:
                # The scale stays in the product, in f32.
                wrong = np.abs(found - expected) > (1e-6 if model.compute == "f32" else 4e-3)
            if wrong.any():
                at = np.unravel_index(np.argmax(wrong), wrong.shape)
                return head + "%d of %d elements differ, first at %s: %r, expected %r\n  %s" % (
                    wrong.sum(), wrong.size, [int(i) for i in at], float(found[at]), float(expected[at]), model.note)
            said = done.stdout + done.stderr
            if name == "compiled" and ("nm-fold-dequantize" in said) != model.is_folded:
                return head + ("not folded" if model.is_folded else "folded") + "\n  " + model.note
            if name == "compiled" and model.is_folded and model.pruned and not re.search(r"pattern=\d+:\d+", said):
                return head + "no pattern is raised\n  " + model.note
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    numbers = range(options.count) if options.only is None else [options.only]
    if options.only is not None:
        print(Model(np.random.default_rng([options.seed, options.only])).mlir())
    print("seed %d, %d models" % (options.seed, len(numbers)), flush=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for message in pool.map(lambda number: check(options.seed, number, options), numbers):
            if message:
                failed += 1
                print(message, flush=True)
    print("%d models, %d failed" % (len(numbers), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
