# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random pruning, packing and unpacking: exact results, bit by bit."""

import numpy as np

import storage
from dtypes import NUMPY, constant, random, round_to, tensor

PATTERNS = [(2, 4), (1, 4), (2, 8), (4, 8), (1, 16), (3, 7), (1, 1), (4, 4), (1, 2), (5, 64), (2, 3), (9, 32)]


class StorageCase:
    KINDS = ["prune", "canonical", "panel", "assemble", "assemble-panel"]

    def __init__(self, rng, name):
        self.name = name
        pick = lambda options: options[int(rng.integers(len(options)))]
        chance = lambda p: rng.random() < p
        self.kind = pick(self.KINDS)
        self.n, self.m = pick(PATTERNS)
        self.dtype = pick(["f32", "f16", "bf16", "i8"])
        rank = pick([1, 2, 2, 2, 3])
        self.axis = int(rng.integers(rank))
        self.shape = [pick([1, 2, 3, 5, 8]) if not chance(0.03) else 0 for _ in range(rank)]
        self.shape[self.axis] = self.m * pick([1, 2, 3, 5])
        self.layout = (pick([1, 3, 4]), pick([8, 32]), self.m * pick([1, 2, 4]))
        self.from_constant = chance(0.3) and 0 not in self.shape

        self.dense = random(rng, self.shape, self.dtype)
        if self.kind == "prune":
            # Few distinct magnitudes, so that ties are common.
            few = self.dtype != "i8" and chance(0.5)
            if few:
                self.dense = round_to(rng.integers(-2, 3, self.shape), self.dtype)
            if self.dtype != "i8" and chance(0.5):
                special = round_to(np.array([np.nan, np.inf, -np.inf, -0.0]), self.dtype)
                where = rng.random(self.shape) < 0.2
                self.dense = np.where(where, special[rng.integers(0, 4, self.shape)], self.dense)
        else:
            mask = storage.random_mask(rng, self.shape, self.n, self.m, self.axis, pick(["full", "under", "mixed"]))
            self.dense = np.where(mask, self.dense, 0)
        self.dense = np.ascontiguousarray(self.dense.astype(NUMPY[self.dtype]))

    def describe(self):
        return "%s: %s of %s %s, %d:%d axis %d, layout %s%s" % (
            self.name, self.kind, self.shape, self.dtype, self.n, self.m, self.axis, self.layout,
            ", constant" if self.from_constant else "")

    def pack(self):
        if "panel" in self.kind:
            return storage.panel(self.dense, self.n, self.m, self.axis, self.dtype, *self.layout)
        return storage.canonical(self.dense, self.n, self.m, self.axis, self.dtype)

    def mlir(self):
        encoding = "#nm.sparsity<%d:%d, axis = %d>" % (self.n, self.m, self.axis)
        dense, encoded = tensor(self.shape, self.dtype), tensor(self.shape, self.dtype, encoding)
        layout = "panel<rows = %d, cols = %d, depth = %d>" % self.layout if "panel" in self.kind else "canonical"
        body, args, self.inputs = [], [], []
        def read(name, array, dtype, kind):
            if self.from_constant:
                body.append("%s = arith.constant %s : %s" % (name, constant(array, dtype), kind))
            else:
                args.append("%s: %s" % (name, kind))
                self.inputs.append(array)
        parts = self.pack() if self.kind != "prune" else None
        meta = "i16" if "panel" in self.kind else "i8"
        stored = parts and list(zip(("%v", "%m"), parts, (self.dtype, meta)))
        types = parts and [tensor(part.shape, dtype) for _, part, dtype in stored]
        values = parts and ", ".join(name for name, _, _ in stored)
        if self.kind == "prune":
            read("%d", self.dense, self.dtype, dense)
            body.append("%%r = nm.prune %%d to <%d:%d, axis = %d> : %s" % (self.n, self.m, self.axis, dense))
            names, results = ["%r"], [dense]
            self.results = [(self.shape, self.dtype)]
        elif self.kind.startswith("assemble"):
            for (name, part, dtype), kind in zip(stored, types):
                read(name, part, dtype, kind)
            body.append("%%s = nm.assemble %s layout %s : %s to %s" % (values, layout, ", ".join(types), encoded))
            body.append("%%r = nm.decompress %%s : %s to %s" % (encoded, dense))
            names, results = ["%r"], [dense]
            self.results = [(self.shape, self.dtype)]
        else:
            read("%d", self.dense, self.dtype, dense)
            body.append("%%s = nm.compress %%d : %s to %s" % (dense, encoded))
            body.append("%s = nm.disassemble %%s layout %s : %s to %s" % (values, layout, encoded, ", ".join(types)))
            names, results = [name for name, _, _ in stored], types
            self.results = [(part.shape, dtype) for _, part, dtype in stored]
        header = "func.func @%s(%s) -> (%s) attributes {llvm.emit_c_interface} {" % (
            self.name, ", ".join(args), ", ".join(results))
        body.append("return %s : %s" % (", ".join(names), ", ".join(results)))
        return "\n".join([header, *("  " + l for l in body), "}"])

    def expected(self):
        """Exact arrays: no tolerance."""
        if self.kind == "prune":
            return [(storage.prune(self.dense, self.n, self.m, self.axis, self.dtype), None)]
        if self.kind.startswith("assemble"):
            return [(self.dense, None)]
        return [(part, None) for part in self.pack()]
