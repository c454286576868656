#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What fused attention must not touch, and what it must pass on: NaN in dead keys and in live ones."""

import os
import sys
import tempfile

import numpy as np

from build import Library, compile_module
from dtypes import tensor

SEES = {
    "all": "",
    "causal": """ score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %inf = arith.constant 0xFF800000 : f32
    %c = arith.cmpi sle, %j, %i : index
    %y = arith.select %c, %s, %inf : f32
    flat.yield %y : f32
  }""",
    "window": """ score {
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %inf = arith.constant 0xFF800000 : f32
    %w = arith.constant 16 : index
    %d = arith.subi %i, %j : index
    %c0 = arith.cmpi slt, %d, %w : index
    %c1 = arith.cmpi sge, %d, %z : index
    %c = arith.andi %c0, %c1 : i1
    %y = arith.select %c, %s, %inf : f32
    flat.yield %y : f32
  }""",
}


class Case:
    """Attention of one head, 16 wide: what rows it has, which keys are poisoned, which rows become NaN."""

    def __init__(self, name, sees, rows, keys, poison, extra="", dataflow="", query=None, nan_rows=(),
                 poison_values=True):
        self.name, self.sees, self.rows, self.keys, self.poison = name, sees, rows, keys, poison
        self.extra, self.dataflow, self.query, self.nan_rows = extra, dataflow, query, nan_rows
        self.poison_values = poison_values

    def mlir(self):
        q, k = tensor([1, 1, self.rows, 16], "f32"), tensor([1, 1, self.keys, 16], "f32")
        dataflow = "dataflow #flat.dataflow<%s>" % self.dataflow if self.dataflow else ""
        return """func.func @%s(%%q: %s, %%k: %s, %%v: %s) -> %s attributes {llvm.emit_c_interface} {
  %%z = arith.constant 0 : index
  %%n = arith.constant 100 : index
  %%e = tensor.empty() : %s
  %%r = flat.attention ins(%%q, %%k, %%v : %s, %s, %s) %s outs(%%e : %s) %s%s -> %s
  return %%r : %s
}""" % (self.name, q, k, k, q, q, q, k, k, self.extra, q, dataflow, SEES[self.sees], q, q)

    def check(self, library):
        rng = np.random.default_rng(1)
        q, k, v = (rng.standard_normal((1, 1, n, 16)).astype(np.float32) for n in (self.rows, self.keys, self.keys))
        clean, = library.call(self.name, [q, k, v], [(q.shape, "f32")])
        assert np.isfinite(clean).all(), "%s: not finite without poison" % self.name
        for value in (np.nan, np.inf):
            pk, pv, pq = k.copy(), v.copy(), q.copy()
            pk[0, 0, self.poison] = value
            if self.poison_values:
                pv[0, 0, self.poison] = value
            if self.query is not None:
                pq[0, 0, self.query, 3] = value
            found, = library.call(self.name, [pq, pk, pv], [(q.shape, "f32")])
            wrong = np.isnan(found[0, 0]).any(axis=1)
            expected = np.isin(np.arange(self.rows), self.nan_rows)
            assert (wrong == expected).all(), "%s: NaN in rows %s, expected %s" % (
                self.name, np.flatnonzero(wrong), list(self.nan_rows))
            same = ~expected
            assert (found[0, 0, same] == clean[0, 0, same]).all(), "%s: other rows changed" % self.name


ONLINE = "row, rows = 12, key_tile = 32, staged = [logits]"
CASES = [
    # A NaN query makes its own row NaN, a NaN key every row that sees it.
    Case("query", "all", 40, 50, [], query=7, nan_rows=[7]),
    Case("query_online", "all", 40, 50, [], dataflow=ONLINE, query=7, nan_rows=[7]),
    Case("key", "all", 20, 50, [49], nan_rows=range(20)),
    # (Values are different: a weight of zero times NaN is NaN.)
    Case("key_causal", "causal", 48, 48, [40], nan_rows=range(40, 48), poison_values=False),
    # Keys beyond the causal limit of the last row are not looked at.
    Case("causal", "causal", 64, 160, range(64, 160)),
    Case("causal_online", "causal", 64, 160, range(64, 160), dataflow=ONLINE),
    # Nor keys that have left the window of the first row.
    Case("window", "window", 24, 160, range(0, 80), extra="offset(%n)"),
    Case("window_online", "window", 24, 160, range(0, 80), extra="offset(%n)", dataflow=ONLINE),
    # Nor what lies beyond the length of a cache, also where it is no multiple of anything.
    Case("length", "all", 24, 160, range(100, 160), extra="length(%n)"),
    Case("length_decode", "all", 1, 160, range(100, 160), extra="length(%n)"),
    Case("decode_nan", "all", 1, 160, [3], extra="length(%n)", nan_rows=[0]),
    Case("decode_window", "window", 1, 160, range(0, 80), extra="offset(%n)"),
]


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "edges")
        with open(path + ".mlir", "w") as file:
            file.write("\n".join(case.mlir() for case in CASES))
        library = Library(compile_module(path, "optimized", "", "-O1"))
        for case in CASES:
            case.check(library)
    print("%d cases" % len(CASES))
    return 0


if __name__ == "__main__":
    sys.exit(main())
