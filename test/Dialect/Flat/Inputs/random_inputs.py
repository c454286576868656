# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""random_inputs.py <prefix> <dtype:shape>...: <prefix>0.npy, <prefix>1.npy, ... for nm-run.

dtype is f32, bf16 (as uint16), i1 (three quarters true, one in each row), or 01 (f32 zeros and ones).
"""

import sys

import numpy as np

rng = np.random.default_rng(7)
for number, text in enumerate(sys.argv[2:]):
    dtype, _, dims = text.partition(":")
    shape = [int(size) for size in dims.split("x")] if dims else []
    values = rng.standard_normal(shape).astype(np.float32)
    if dtype == "bf16":
        values = (values.view(np.uint32) >> 16).astype(np.uint16)
    elif dtype == "i1":
        values = rng.random(shape) < 0.75
        values[..., 0] = True
    elif dtype == "01":
        values = (rng.random(shape) < 0.75).astype(np.float32)
    np.save("%s%d.npy" % (sys.argv[1], number), values)
