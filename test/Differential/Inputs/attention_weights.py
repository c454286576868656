#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Weights of attention over two keys, whose ratio is e^x, against float64.

usage: attention_weights.py NM_RUN

An exponent x log2(e) is rounded once: that alone is |x| log2(e) / 2 units of the last place. To this come two for 2^x and
one and a half for the quotients. Weights under 2^-127 of the largest are 0; between that and 2^-126 they may be.
"""

import os
import subprocess
import sys
import tempfile

import numpy

QUERIES = 6000
MODULE = f"""
func.func @main(%q: tensor<1x1x{QUERIES}x1xf32>, %k: tensor<1x1x2x1xf32>, %v: tensor<1x1x2x2xf32>)
    -> tensor<1x1x{QUERIES}x2xf32> {{
  %e = tensor.empty() : tensor<1x1x{QUERIES}x2xf32>
  %o = flat.attention ins(%q, %k, %v : tensor<1x1x{QUERIES}x1xf32>, tensor<1x1x2x1xf32>, tensor<1x1x2x2xf32>)
      outs(%e : tensor<1x1x{QUERIES}x2xf32>) -> tensor<1x1x{QUERIES}x2xf32>
  return %o : tensor<1x1x{QUERIES}x2xf32>
}}
"""
LAST, LOST = 126 * numpy.log(2), 127 * numpy.log(2)  # e^-LAST is 2^-126


def main():
    x = numpy.concatenate([-numpy.linspace(0, LAST - 0.01, QUERIES - 2000), -numpy.geomspace(1e-7, 1, 1000),
                           -numpy.linspace(LOST + 0.01, 1e4, 1000)]).astype(numpy.float32)
    inputs = [x.reshape(1, 1, QUERIES, 1), numpy.float32([0, 1]).reshape(1, 1, 2, 1),
              numpy.eye(2, dtype=numpy.float32).reshape(1, 1, 2, 2)]
    with tempfile.TemporaryDirectory() as folder:
        def at(name):
            return os.path.join(folder, name)

        with open(at("m.mlir"), "w") as file:
            file.write(MODULE)
        command = [sys.argv[1], at("m.mlir"), "--output", at("out.npy")]
        for i, array in enumerate(inputs):
            numpy.save(at(f"{i}.npy"), array)
            command += ["--input", at(f"{i}.npy")]
        subprocess.run(command, check=True)
        found = numpy.load(at("out.npy")).reshape(QUERIES, 2).astype(numpy.float64)
    exact = numpy.exp(x.astype(numpy.float64))
    seen = x > -LAST
    error = numpy.abs(found[seen, 1] / found[seen, 0] / exact[seen] - 1) * 2**23
    allowed = 3.5 + numpy.abs(x[seen]) * numpy.log2(numpy.e)
    lost = found[x < -LOST, 1]
    print(f"{seen.sum()} weights, at most {(error / allowed).max():.2f} of the error that is allowed; "
          f"{(lost != 0).sum()} of {lost.size} under 2^-127 are not 0")
    return 0 if (error <= allowed).all() and not lost.any() else 1


if __name__ == "__main__":
    sys.exit(main())
