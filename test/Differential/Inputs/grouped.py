#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random products of weights of four and eight bits in groups, compiled, against NumPy.

The weight is made of its integers and scales. It reaches the function as bytes of the layout,
written here from docs/runtime.md, or as a constant of floats that the compiler packs. Activations
are rounded here as docs/kernels.md says; the rest is float64. The reference lowering, which rounds
nothing, takes the same modules. Arguments end where their memory does.

  grouped.py --seeds 1,2 --cases 24
  grouped.py --random 50      fifty seeds from the clock, printed
  grouped.py --shapes         few cases of the sizes of models
  grouped.py --errors         normal activations: errors, and those of llama.cpp's q8_0, of the product in float64
"""

import os
import sys
import time

import numpy as np

from build import Library, check_seeds, compile_module, seed_parser, seeds_of
from dtypes import constant, random, round_to, tensor, to_float
from emulated_library import EmulatedLibrary, compile_emulated
from rounded_activations import round_activations

# Flags of a processor that each target needs, and rows of its blocks; --target picks one.
TARGETS = {"x86-64-avx2": ({"avx2", "fma", "f16c"}, 16), "x86-64-avx512": ({"avx512f", "avx512bw", "avx512vl"}, 32),
           "aarch64-neon": (set(), 16)}
ROWS = 16


def flags():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("flags"):
                return set(line.split(":")[1].split())
    return set()


PATTERNS = [(2, 4), (2, 4), (2, 4), (1, 4), (1, 4), (1, 1), (1, 1), (4, 4)]
PAIRS = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def bytes_of(values, kind):
    """f32 values that the type has, as the bytes of one."""
    if kind == "bf16":
        return (np.ascontiguousarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16).tobytes()
    return values.astype(np.float16 if kind == "f16" else np.float32).tobytes()


def store(integers, positions, scales, n, m, group, kind="f16", zeros=None, bits=4):
    """Bytes of the layout. integers: [rows][K], positions: kept ones of each group of a row, zeros: of groups."""
    count, length = integers.shape
    size = max(64, group)
    blocks, tall = -(-length // size), -(-count // ROWS)
    padded = np.zeros((tall * ROWS, blocks * size), np.int64)
    padded[:count, :length] = integers
    factors = np.zeros((tall * ROWS, blocks * size // group), np.float32)
    factors[:count, : length // group] = scales
    points = np.full(factors.shape, 1 << (bits - 1), np.uint8)
    if zeros is not None:
        points[:count, : length // group] = zeros % 256
    kept = {(1, 4): 16, (2, 4): 32}.get((n, m), 64)
    registers = {16: 2, 32: 3, 64: 0}[kept]
    result = []
    for top in range(0, tall * ROWS, ROWS):
        for left in range(0, blocks * size, size):
            part = np.s_[top : top + ROWS, left // group : (left + size) // group]
            result.append(bytes_of(factors[part].T, kind))
            if zeros is not None:
                result.append(points[part].T.tobytes())
            for unit in range(left, left + size, 64):
                codes = np.zeros((registers, 2 * ROWS), np.uint8)
                values = np.zeros((kept * bits // 16, 2 * ROWS), np.uint8)
                for r in range(ROWS):
                    row = padded[top + r, unit : unit + 64] + np.repeat(points[top + r], group)[unit : unit + 64]
                    if bits == 8:
                        row = row - 128 & 255
                    inside = top + r < count
                    if kept == 64 and bits == 8:
                        for k in range(64):
                            values[k // 4 * 2 + r // (ROWS // 2), r % (ROWS // 2) * 4 + k % 4] = row[k]
                        continue
                    if kept == 64:
                        for k in range(64):
                            values[k // 8 * 2 + r // (ROWS // 2), r % (ROWS // 2) * 4 + k % 4] |= row[k] << (4 * (k // 4 % 2))
                        continue
                    for g in range(16):
                        at, t, byte = unit // 4 + g, g // 2, 2 * r + g % 2
                        known = inside and at < positions.shape[1]
                        where = positions[top + r, at] if known else np.arange(n)
                        first = row[4 * g + where[0]]
                        # Of eight bits, the four bytes of a row that belong to two (1:4: four) groups.
                        if bits == 8:
                            register, start = values[(2 * t if n == 2 else t // 2 * 2) + r % 8 // 4], (r // 8 * 4 + r % 4) * 4
                        if n == 1 and bits == 8:
                            register[start + g % 4] = first
                            code = int(where[0]) if known else 0
                            codes[t // 4, byte] |= code << (2 * (t % 4))
                            continue
                        if n == 1:
                            values[t // 2, byte] |= first << (4 * (t % 2))
                            code = int(where[0]) if known else 0
                            codes[t // 4, byte] |= code << (2 * (t % 4))
                            continue
                        if bits == 8:
                            register[start + g % 2] = first
                            register[start + 2 + g % 2] = row[4 * g + where[1]]
                        else:
                            values[t, byte] = first | row[4 * g + where[1]] << 4
                        code = PAIRS.index(tuple(where)) if known else 0
                        if t < 6:
                            codes[t // 2, byte] |= code << (4 * (t % 2))
                        else:
                            for i in range(3):
                                codes[i, byte] |= (code >> i & 1) << (3 if t == 6 else 7)
                result += [codes.tobytes(), values.tobytes()]
    return np.frombuffer(b"".join(result), np.int8)


class Case:
    def __init__(self, rng, name, shape=None):
        self.name = name
        pick = lambda options: options[int(rng.integers(len(options)))]
        chance = lambda p: rng.random() < p
        self.n, self.m = pick(PATTERNS)
        self.group = pick([32, 64, 128])
        self.bits = pick([4, 8])
        self.rows = pick([1, 2, 7, 15, 16, 17, 31, 33, 64, 203])
        self.k = self.group * pick([1, 1, 2, 3, 5, 11])
        self.columns = pick([1, 1, 1, 2, 3, 4, 5, 7, 8, 16])
        if shape:
            self.rows, self.k, self.columns = shape
        self.xt = pick(["f32", "f32", "f32", "bf16", "f16"])
        self.constant, self.tx, self.tc = chance(0.4), chance(0.7), chance(0.7)
        self.axis = 1 if chance(0.7) else 0
        self.bias = chance(0.5)
        self.make_weight(rng, chance)
        self.make_activations(rng, pick, chance)
        self.b = random(rng, [self.rows], "f32")

    def make_weight(self, rng, chance):
        shape = (self.rows, self.k)
        self.scale = ["f16", "f16", "bf16", "f32"][int(rng.integers(4))]
        self.zeros = None
        size = 1 << self.bits
        draw = lambda least, end, of: rng.integers(least, end, of)
        if self.bits == 8 and chance(0.3):  # the largest sums that there are
            draw = lambda least, end, of: rng.choice([least, least + 1, end - 1], of)
        integers = draw(-size // 2, size // 2, shape)
        if chance(0.5):
            # With 16 or 256 zero itself is beyond what is stored, which weights with a pattern need.
            least, most = int(self.bits == 8), size + int(self.n == self.m)
            self.zeros = draw(least, most, (self.rows, self.k // self.group))
            integers = draw(0, size, shape) - self.zeros.repeat(self.group, 1)
        groups = integers.reshape(self.rows, self.k // self.m, self.m)
        order = rng.permuted(np.broadcast_to(np.arange(self.m), groups.shape), axis=-1)
        positions = np.sort(order[..., : self.n], -1)
        mask = np.zeros(groups.shape, bool)
        np.put_along_axis(mask, positions, True, -1)
        groups[~mask] = 0
        # Scales of either sign, of every size, and zero.
        scales = rng.standard_normal((self.rows, self.k // self.group)) * 2.0 ** rng.integers(-12, 3)
        if chance(0.2):
            scales *= 2.0 ** rng.integers(-20, 10, scales.shape)
        scales = np.where(rng.random(scales.shape) < 0.05, 0, scales)
        if self.scale == "bf16":
            scales = (np.float32(scales).view(np.uint32) >> 16 << 16).view(np.float32)
        else:
            scales = scales.astype(np.float16 if self.scale == "f16" else np.float32)
        if chance(0.2):
            scales[int(rng.integers(self.rows))] = np.float32(2.0**-24)
        self.integers, self.positions, self.scales = integers, positions, scales
        wide = np.repeat(scales.astype(np.float64), self.group, 1)
        self.w = integers * wide

    def make_activations(self, rng, pick, chance):
        shape = (self.k, self.columns)
        x = rng.standard_normal(shape)
        kind = pick(["normal", "normal", "normal", "ties", "sizes", "zeros", "special"])
        if kind == "ties":  # exact halves of the scale
            x = rng.integers(-254, 255, shape) / 2.0
            x[::32] = 127
        elif kind == "sizes":
            x *= 2.0 ** rng.integers(-40, 40, (self.k // 32, 1)).repeat(32, 0)
            if self.xt != "f16" and chance(0.5):
                x[:32] *= 2.0**-120
        elif kind == "special":  # whatever they meet is no number
            x[int(rng.integers(self.k)), 0] = pick([np.nan, np.inf, -np.inf])
        elif kind == "zeros":
            x[np.repeat(rng.random(self.k // 32) < 0.5, 32)] = 0
        if self.xt == "f16":
            x = np.clip(x, -60000, 60000)
        self.kind, self.x = kind, round_to(x, self.xt)

    def describe(self):
        return "%s: %d:%d, i%d, groups of %d%s%s, %d x %d, %d columns of %s (%s), %s, axis %d%s%s" % (
            self.name, self.n, self.m, self.bits, self.group, " " + self.scale, "" if self.zeros is None else " with zero points", self.rows, self.k, self.columns, self.xt, self.kind,
            "constant" if self.constant else "bytes", self.axis, " x by columns" if self.tx else "",
            " result by columns" if self.tc else "")

    def mlir(self):
        shape = [self.rows, self.k] if self.axis == 1 else [self.k, self.rows]
        encoded = tensor(shape, "f32", "#nm.sparsity<%d:%d, axis = %d, bits = %d, group = %d%s%s>" % (
            self.n, self.m, self.axis, self.bits, self.group, "" if self.scale == "f16" else ", scale = " + self.scale,
            "" if self.zeros is None else ", zeros"))
        x_shape = [self.columns, self.k] if self.tx else [self.k, self.columns]
        r_shape = [self.columns, self.rows] if self.tc else [self.rows, self.columns]
        x_type, r_type, b_type = tensor(x_shape, self.xt), tensor(r_shape, "f32"), tensor([self.rows], "f32")
        x = np.ascontiguousarray(self.x.T) if self.tx else self.x
        self.inputs = [x]
        args, body = ["%x: " + x_type], ["%%init = tensor.empty() : %s" % r_type]
        epilogue, region = "", ""
        if self.bias:
            args.append("%b: " + b_type)
            self.inputs.append(self.b)
            epilogue = " epilogue(%%b : %s) maps [affine_map<(d0, d1) -> (%s)>]" % (b_type, "d1" if self.tc else "d0")
            region = " {\n  ^bb0(%acc: f32, %e: f32):\n    %s = arith.addf %acc, %e : f32\n    nm.yield %s : f32\n  }"
        if self.constant:
            dense = self.w.astype(np.float32) if self.axis == 1 else np.ascontiguousarray(self.w.astype(np.float32).T)
            body.append("%%d = arith.constant %s : %s" % (constant(dense, "f32"), tensor(shape, "f32")))
            body.append("%%w = nm.compress %%d : %s to %s" % (tensor(shape, "f32"), encoded))
            if self.tc:  # x w, the weight on the right
                flags = ("" if self.tx else " transpose_lhs") + (" transpose_rhs" if self.axis == 1 else "")
                operands = "%%x, %%w : %s, %s" % (x_type, encoded)
            else:
                flags = ("" if self.axis == 1 else " transpose_lhs") + (" transpose_rhs" if self.tx else "")
                operands = "%%w, %%x : %s, %s" % (encoded, x_type)
            body.append("%%r = nm.matmul%s ins(%s)%s outs(%%init : %s)%s -> %s" % (
                flags, operands, epilogue, r_type, region, r_type))
        else:
            bytes_ = store(self.integers, self.positions, self.scales, self.n, self.m, self.group, self.scale, self.zeros, self.bits)
            args.append("%%v: tensor<%dxi8>" % bytes_.size)
            self.inputs.append(bytes_)
            flags = (" transpose_x" if self.tx else "") + (" transpose_c" if self.tc else "")
            body.append("%%r = nm.packed_matmul%s weight(%%v : tensor<%dxi8>) of %s layout grouped<rows = %d, depth = %d> "
                        "ins(%%x : %s)%s outs(%%init : %s)%s -> %s" % (
                            flags, bytes_.size, encoded, ROWS, self.group, x_type, epilogue, r_type, region, r_type))
        return "\n".join(["func.func @%s(%s) -> %s attributes {llvm.emit_c_interface} {" % (
            self.name, ", ".join(args), r_type), *("  " + line for line in body), "  return %%r : %s" % r_type, "}"])

    @property
    def results(self):
        return [((self.columns, self.rows) if self.tc else (self.rows, self.columns), "f32")]

    def expected(self, leg):
        x = to_float(self.x, self.xt)
        if leg == "optimized":
            x = round_activations(x.T)[0].T
        special = ~np.isfinite(x).all(0)
        x = np.where(special, 0, x)
        y, size = self.w @ x, np.abs(self.w) @ np.abs(x)
        if self.bias:
            y, size = y + self.b[:, None], size + np.abs(self.b[:, None])
        tolerance = 2e-6 * size + 1e-37
        y[:, special] = np.nan
        return (y.T, tolerance.T) if self.tc else (y, tolerance)


def check_module(seed, options, folder):
    shapes = [(4096, 768, 1), (768, 11008, 1), (1000, 3072, 2), (257, 2048, 5)] if options.shapes else None
    count = len(shapes) if shapes else options.cases
    cases = [Case(np.random.default_rng([seed, i]), "f%d" % i, shapes[i] if shapes else None) for i in range(count)]
    cases = [case for case in cases if not options.only or case.name == options.only]
    failures = 0
    for leg in ("optimized", "reference"):
        # Bytes of the layout have no reference lowering.
        chosen = [case for case in cases if case.constant or leg == "optimized"]
        path = os.path.join(folder, "seed-%d-%s" % (seed, leg))
        with open(path + ".mlir", "w") as file:
            file.write("\n".join(case.mlir() for case in chosen) + "\n")
        try:
            if options.target == "aarch64-neon" and leg == "optimized":
                library = EmulatedLibrary(compile_emulated(path, options.options))
            else:
                library = Library(compile_module(path, leg, options.options, "-O2"))
        except RuntimeError as error:
            print("seed %d, %s: %s" % (seed, leg, error))
            failures += len(chosen)
            continue
        for case in chosen:
            values = library.call(case.name, case.inputs, case.results)[0].astype(np.float64)
            expected, tolerance = case.expected(leg)
            wrong = ~(np.abs(values - expected) <= tolerance) & ~np.isnan(expected)
            if leg == "optimized":
                wrong |= np.isnan(expected) & ~np.isnan(values)
            if wrong.any():
                failures += 1
                at = np.unravel_index(np.argmax(wrong), wrong.shape)
                print("seed %d, %s: differs at %d of %d, first at %s: %r, expected %r within %g\n  %s" % (
                    seed, leg, wrong.sum(), wrong.size, [int(i) for i in at], values[at], expected[at],
                    tolerance[at], case.describe()))
    return count, failures


def q8_0(x):
    """[K] as llama.cpp's activations: 32 to a scale that is stored in f16, ggml-quants.c."""
    groups = x.reshape(-1, 32)
    scale = np.abs(groups).max(1, keepdims=True) / np.float32(127)
    return (np.rint(groups * (1 / scale)).astype("f8") * scale.astype(np.float16)).reshape(-1)


def check_errors(seed, options, folder):
    """Every pattern and width, eight vectors each. Errors are relative, in the norm of the results."""
    cases = []
    for i, (pattern, bits) in enumerate((p, bits) for p in ((2, 4), (1, 4), (1, 1)) for bits in (4, 8)):
        rng = np.random.default_rng([seed, i])
        case = Case(rng, "f%d" % i, (256, 2048, 1))
        (case.n, case.m), case.bits, case.group = pattern, bits, 64
        case.xt, case.kind, case.constant, case.bias, case.axis = "f32", "normal", False, False, 1
        case.make_weight(rng, lambda p: False)
        cases.append(case)
    path = os.path.join(folder, "errors-%d" % seed)
    with open(path + ".mlir", "w") as file:
        file.write("\n".join(case.mlir() for case in cases) + "\n")
    library = Library(compile_module(path, "optimized", options.options, "-O2"))
    failures, ratios = 0, []
    for case in cases:
        found, theirs, size = 0, 0, 0
        for x in np.random.default_rng(seed).standard_normal((8, case.k)).astype(np.float32):
            case.inputs[0] = x[None] if case.tx else x[:, None]
            y, right = library.call(case.name, case.inputs, case.results)[0].reshape(-1), case.w @ x.astype("f8")
            found += ((y - right) ** 2).sum()
            theirs += ((case.w @ q8_0(x) - right) ** 2).sum()
            size += (right**2).sum()
        found, theirs = np.sqrt(found / size), np.sqrt(theirs / size)
        ratios.append(found / theirs)
        if options.verbose or found > theirs:
            print("seed %d, %d:%d, i%d: error %.2e, q8_0 %.2e" % (seed, case.n, case.m, case.bits, found, theirs))
        failures += found > theirs
    mean = np.exp(np.log(ratios).mean())
    if options.verbose or mean > 0.95:
        print("seed %d: %.3f of q8_0's error" % (seed, mean))
    return len(cases), failures + (mean > 0.95)


def main():
    parser = seed_parser(__doc__, 24)
    parser.add_argument("--shapes", action="store_true", help="sizes of models instead")
    parser.add_argument("--errors", action="store_true", help="errors of normal activations instead")
    parser.add_argument("--verbose", action="store_true", help="each error beside q8_0's")
    parser.add_argument("--options", default="", help="options of --nm-to-cpu")
    parser.add_argument("--target", default="host", choices=["host", *TARGETS], help="processor; host: all that it has")
    options = parser.parse_args()
    global ROWS
    has = flags()
    if options.target != "host":
        needs, ROWS = TARGETS[options.target]
        options.options = ("target=%s " % options.target + options.options).strip()
        if needs - has:
            print("no %s here" % ", ".join(sorted(needs - has)))
            return 0
    elif TARGETS["x86-64-avx512"][0] <= has:
        ROWS = 32
    seeds = seeds_of(options)
    print("seeds %s, %d functions each" % (seeds, options.cases), flush=True)
    total, failed = check_seeds(seeds, options, check_errors if options.errors else check_module)
    print("%d functions, %d comparisons failed" % (total, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
