# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random matrix products: the function in MLIR, and its result in float64."""

import math

import numpy as np

import storage
from dtypes import EPSILON, NUMPY, constant, is_integer, random, round_to, tensor, to_float

PATTERNS = [(2, 4), (1, 4), (2, 8), (4, 8), (1, 16), (3, 7), (1, 1), (4, 4), (1, 2), (5, 64), (2, 3),
            (2, 16), (5, 16), (16, 16), (1, 32), (3, 32), (9, 32), (16, 32)]
# Activations, weights, results.
TYPES = [("f32", "f32", "f32")] * 3 + [
    ("bf16", "bf16", "bf16"), ("bf16", "bf16", "f32"), ("f16", "f16", "f16"), ("f16", "f16", "f32"),
    ("i8", "i8", "i32"), ("i8", "i8", "f32"), ("f32", "i8", "f32"), ("f32", "bf16", "f32")]
WEIGHTS = ["constant", "constant", "constant", "constant-storage", "argument", "argument-storage"]
ACTIVATIONS = ["none", "relu", "gelu", "gelu-tanh", "silu"]

_erf = np.vectorize(math.erf, otypes=[np.float64])

APPLY = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: 0.5 * x * (1 + _erf(x / math.sqrt(2))),
    "gelu-tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x / (1 + np.exp(np.minimum(-x, 700))),
}

TEXT = {
    "none": [],
    "relu": ["%z = arith.constant 0.0 : f32", "{r} = arith.maximumf {x}, %z : f32"],
    "gelu": ["%h = arith.constant 0.5 : f32", "%o = arith.constant 1.0 : f32",
             "%k = arith.constant 0.707106769 : f32", "%a0 = arith.mulf {x}, %k : f32",
             "%a1 = math.erf %a0 : f32", "%a2 = arith.addf %a1, %o : f32",
             "%a3 = arith.mulf {x}, %h : f32", "{r} = arith.mulf %a3, %a2 : f32"],
    "gelu-tanh": ["%h = arith.constant 0.5 : f32", "%o = arith.constant 1.0 : f32",
                  "%k = arith.constant 0.797884583 : f32", "%q = arith.constant 0.044715 : f32",
                  "%a0 = arith.mulf {x}, {x} : f32", "%a1 = arith.mulf %a0, {x} : f32",
                  "%a2 = arith.mulf %a1, %q : f32", "%a3 = arith.addf {x}, %a2 : f32",
                  "%a4 = arith.mulf %a3, %k : f32", "%a5 = math.tanh %a4 : f32",
                  "%a6 = arith.addf %a5, %o : f32", "%a7 = arith.mulf {x}, %h : f32",
                  "{r} = arith.mulf %a7, %a6 : f32"],
    "silu": ["%o = arith.constant 1.0 : f32", "%a0 = arith.negf {x} : f32",
             "%a1 = math.exp %a0 : f32", "%a2 = arith.addf %a1, %o : f32",
             "{r} = arith.divf {x}, %a2 : f32"],
}


class MatmulCase:
    def __init__(self, rng, name):
        self.name = name
        pick = lambda options: options[int(rng.integers(len(options)))]
        chance = lambda p: rng.random() < p
        self.n, self.m = pick(PATTERNS)
        self.xt, self.wt, self.rt = pick(TYPES)
        self.weight_left, self.tx, self.tw = chance(0.3), chance(0.3), chance(0.5)
        self.source = pick(WEIGHTS)
        self.masks = pick(["full", "under", "mixed"])
        size = lambda: 0 if chance(0.03) else pick([1, 2, 3, 5, 7, 8, 13, 16, 24, 31, 33, 40, 64])
        self.k = self.m * (0 if chance(0.02) else pick([1, 2, 3, 5, max(1, 96 // self.m), max(1, 300 // self.m)]))
        rows, columns = size(), size()  # of the weight, of the activations
        batch = pick([(), (), (), (2,), (3, 1)])
        self.x_batch = batch if chance(0.8) else ()
        self.w_batch = batch if batch and chance(0.2) else ()
        if not self.w_batch and not self.x_batch:
            batch = batch[:0] if chance(0.7) else batch
        self.dynamic = chance(0.25)
        self.nan_init = chance(0.5)

        w_axis_last = self.tw != self.weight_left
        self.w_shape = (*self.w_batch, *((rows, self.k) if w_axis_last else (self.k, rows)))
        self.axis = len(self.w_batch) + (1 if w_axis_last else 0)
        x_k_last = self.tx == self.weight_left
        self.x_shape = (*self.x_batch, *((columns, self.k) if x_k_last else (self.k, columns)))
        self.x_dynamic = len(self.x_batch) + (0 if x_k_last else 1)
        self.shape = (*batch, *((rows, columns) if self.weight_left else (columns, rows)))

        self.x = random(rng, self.x_shape, self.xt)
        mask = storage.random_mask(rng, self.w_shape, self.n, self.m, self.axis, self.masks)
        self.w = np.where(mask, random(rng, self.w_shape, self.wt), 0).astype(NUMPY[self.wt])
        if self.wt == "f32":  # -0 is a zero that an under-full group may hold
            self.w[~mask & (rng.random(self.w_shape) < 0.2)] = -0.0
        self.choose_epilogue(rng, pick, chance)

    def choose_epilogue(self, rng, pick, chance):
        """Steps in order: scale, bias, activation, residual."""
        integer = is_integer(self.xt)
        self.epilogue = self.rt != "i32" and (integer or chance(0.7))
        self.operands = []  # (kind, dims of the result, dtype, array)
        self.activation = "none"
        if not self.epilogue:
            return
        rank = len(self.shape)
        channel = (rank - 2,) if self.weight_left else (rank - 1,)
        def add(kind, dims, dtype, positive=False):
            array = random(rng, [self.shape[d] for d in dims], dtype)
            if positive:
                array = (np.abs(array) * 0.01 + 0.001).astype(array.dtype)
            self.operands.append((kind, dims, dtype, array))
        if is_integer(self.wt):
            add("scale", channel, "f32", positive=True)
        if chance(0.7):
            add("bias", pick([channel, channel, (rank - 1,), tuple(range(rank)), ()]), pick(["f32", self.rt]))
        self.activation = pick(ACTIVATIONS)
        if chance(0.4):
            dims = tuple(rng.permutation(rank)) if chance(0.2) else tuple(range(rank))
            add("residual", tuple(int(d) for d in dims), pick(["f32", self.rt]))

    def describe(self):
        steps = [kind for kind, *_ in self.operands] + [self.activation]
        return ("%s: %d:%d %s weight %s%s of %s %s%s, x %s%s of %s, result %s of %s, %s groups%s%s" % (
            self.name, self.n, self.m, self.source, "left " if self.weight_left else "", list(self.w_shape),
            self.wt, "axis ", self.axis, list(self.x_shape), " dynamic" if self.dynamic else "", self.xt,
            list(self.shape), self.rt, self.masks,
            ", epilogue " + " ".join(steps) if self.epilogue else "", ", init NaN" if self.nan_init else ""))

    #===------------------------------------------------------------------===#
    # The function
    #===------------------------------------------------------------------===#

    def mlir(self):
        encoding = "#nm.sparsity<%d:%d, axis = %d>" % (self.n, self.m, self.axis)
        dense, encoded = tensor(self.w_shape, self.wt), tensor(self.w_shape, self.wt, encoding)
        x_shape, shape = list(self.x_shape), list(self.shape)
        if self.dynamic:
            x_shape[self.x_dynamic] = None
            shape[-1 if self.weight_left else -2] = None
        x_type, r_type = tensor(x_shape, self.xt), tensor(shape, self.rt)
        args, body, self.inputs = [("%x", x_type)], [], [self.x]

        if self.source.endswith("storage"):
            parts = storage.canonical(self.w, self.n, self.m, self.axis, self.wt)
            types = [tensor(parts[0].shape, self.wt), tensor(parts[1].shape, "i8")]
            for name, part, kind, dtype in zip(("%v", "%md"), parts, types, (self.wt, "i8")):
                if self.source == "argument-storage":
                    args.append((name, kind))
                    self.inputs.append(part)
                else:
                    body.append("%s = arith.constant %s : %s" % (name, constant(part, dtype), kind))
            body.append("%%w = nm.assemble %%v, %%md layout canonical : %s to %s" % (", ".join(types), encoded))
        else:
            if self.source == "argument":
                args.append(("%d", dense))
                self.inputs.append(self.w)
            else:
                body.append("%%d = arith.constant %s : %s" % (constant(self.w, self.wt), dense))
            body.append("%%w = nm.compress %%d : %s to %s" % (dense, encoded))

        names, kinds, maps = [], [], []
        dims = ["d%d" % d for d in range(len(self.shape))]
        for i, (_, where, dtype, array) in enumerate(self.operands):
            names.append("%%e%d" % i)
            kinds.append(tensor([shape[d] for d in where], dtype))
            maps.append("affine_map<(%s) -> (%s)>" % (", ".join(dims), ", ".join(dims[d] for d in where)))
            args.append((names[-1], kinds[-1]))
            self.inputs.append(array)
        # What the destination held does not matter.
        args.append(("%init", r_type))
        fill = np.nan if self.nan_init and not is_integer(self.rt) else 0
        self.inputs.append(round_to(np.full(self.shape, fill), self.rt))

        left, right = ("%w", "%x") if self.weight_left else ("%x", "%w")
        flags = [self.tw, self.tx] if self.weight_left else [self.tx, self.tw]
        types = [encoded, x_type] if self.weight_left else [x_type, encoded]
        line = "%%r = nm.matmul%s%s ins(%s, %s : %s)" % (
            " transpose_lhs" if flags[0] else "", " transpose_rhs" if flags[1] else "", left, right, ", ".join(types))
        if names:
            line += " epilogue(%s : %s) maps [%s]" % (", ".join(names), ", ".join(kinds), ", ".join(maps))
        line += " outs(%%init : %s)" % r_type
        body.append(line + (" {" if self.epilogue else " -> " + r_type))
        if self.epilogue:
            body += self.region() + ["} -> " + r_type]
        header = "func.func @%s(%s) -> %s attributes {llvm.emit_c_interface} {" % (
            self.name, ", ".join("%s: %s" % a for a in args), r_type)
        return "\n".join([header, *("  " + l for l in body), "  return %%r : %s" % r_type, "}"])

    def region(self):
        acc = "i32" if is_integer(self.xt) else "f32"
        arguments = ["%%acc: %s" % acc] + ["%%b%d: %s" % (i, o[2]) for i, o in enumerate(self.operands)]
        lines, value = ["^bb0(%s):" % ", ".join(arguments)], "%acc"
        if acc == "i32":
            lines.append("%f = arith.sitofp %acc : i32 to f32")
            value = "%f"
        def widened(i, dtype):
            if dtype == "f32":
                return "%%b%d" % i
            lines.append("%%w%d = arith.extf %%b%d : %s to f32" % (i, i, dtype))
            return "%%w%d" % i
        for i, (kind, _, dtype, _) in enumerate(self.operands):
            if kind == "residual":
                continue
            op = "mulf" if kind == "scale" else "addf"
            lines.append("%%s%d = arith.%s %s, %s : f32" % (i, op, value, widened(i, dtype)))
            value = "%%s%d" % i
        for line in TEXT[self.activation]:
            lines.append(line.replace("{x}", value).replace("{r}", "%act"))
        if self.activation != "none":
            value = "%act"
        for i, (kind, _, dtype, _) in enumerate(self.operands):
            if kind == "residual":
                lines.append("%%s%d = arith.addf %s, %s : f32" % (i, value, widened(i, dtype)))
                value = "%%s%d" % i
        if self.rt != "f32":
            lines.append("%%t = arith.truncf %s : f32 to %s" % (value, self.rt))
            value = "%t"
        return lines + ["nm.yield %s : %s" % (value, self.rt)]

    @property
    def results(self):
        return [(self.shape, self.rt)]

    #===------------------------------------------------------------------===#
    # Its result
    #===------------------------------------------------------------------===#

    def expected(self):
        """(float64 result, tolerance) for each result."""
        x, w = to_float(self.x, self.xt), to_float(self.w, self.wt)
        if self.tx:
            x = np.swapaxes(x, -1, -2)
        if self.tw:
            w = np.swapaxes(w, -1, -2)
        pair = (w, x) if self.weight_left else (x, w)
        y = np.broadcast_to(np.matmul(*pair), self.shape)
        # Rounding of the sum is relative to the sum of magnitudes.
        size = np.broadcast_to(np.matmul(np.abs(pair[0]), np.abs(pair[1])), self.shape)
        if self.rt == "i32":
            return [(y, np.zeros(self.shape))]
        for kind, where, dtype, array in self.operands:
            operand = to_float(array, dtype).transpose(np.argsort(where)) if where else to_float(array, dtype)
            index = tuple(slice(None) if d in where else None for d in range(len(self.shape)))
            operand = operand[index] if where else operand
            if kind == "residual":
                y = APPLY[self.activation](y) + operand
                size = size + np.abs(operand)
            elif kind == "scale":
                y, size = y * operand, size * np.abs(operand)
            else:
                y, size = y + operand, size + np.abs(operand)
        if not any(kind == "residual" for kind, *_ in self.operands):
            y = APPLY[self.activation](y)
        return [(y, 4e-6 * (1 + size) + 2 * EPSILON[self.rt] * np.abs(y))]
