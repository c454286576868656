#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""math.erf of compiled code against float64: within 2.5e-7, and within 3e-7 of the value.

Every 2039th float of all 2^32, and every one near the ends of the polynomial's range. Zeros keep their signs, NaNs stay,
and far out nothing is beyond 1.
"""

import math
import os
import sys
import tempfile

import numpy as np

from attention_exp import special_values
from build import run

MODULE = """
func.func @f(%%x: tensor<%(count)dxf32>) -> tensor<%(count)dxf32> {
  %%y = math.erf %%x : tensor<%(count)dxf32>
  return %%y : tensor<%(count)dxf32>
}
"""


def inputs():
    bits = np.arange(0, 2**32, 2039, dtype=np.uint64).astype(np.uint32)
    near = [np.float32(end).view(np.uint32) + np.arange(-2000, 2000) for end in (3.75, -3.75, 1, -1)]
    bits = np.concatenate([bits, np.concatenate(near).astype(np.uint32)])
    return np.concatenate([bits.view(np.float32), special_values()])


def main():
    x = inputs()
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("m.mlir", "x.npy", "y.npy")]
        with open(paths[0], "w") as file:
            file.write(MODULE % {"count": x.size})
        np.save(paths[1], x)
        run(["nm-run", paths[0], "--input", paths[1], "--output", paths[2]])
        found = np.load(paths[2])
    exact = np.vectorize(math.erf)(x.astype(np.float64))
    assert (np.isnan(found) == np.isnan(x)).all(), "a NaN is lost or made"
    assert (np.signbit(found[x == 0]) == np.signbit(x[x == 0])).all(), "a zero changes its sign"
    real = ~np.isnan(x)
    x, found, exact = x[real], found[real].astype(np.float64), exact[real]
    assert (np.abs(found[np.abs(x) >= 3.75]) == 1).all(), "far out it is not 1"
    error = np.abs(found - exact)
    # Of subnormal inputs a last place is more than any fraction.
    normal = np.abs(x) > 2.0**-120
    of_value = error[normal] / np.abs(exact[normal])
    print("%d inputs: at most %.2e, and %.2e of the value" % (x.size, error.max(), of_value.max()))
    return 0 if error.max() <= 2.5e-7 and of_value.max() <= 3e-7 else 1


if __name__ == "__main__":
    sys.exit(main())
