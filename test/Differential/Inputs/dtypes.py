# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Element types: MLIR's names, how NumPy holds them, and how exact they are.

bf16 is held as uint16, everything else as its NumPy type.
"""

import numpy as np

NUMPY = {
    "f32": np.float32,
    "f16": np.float16,
    "bf16": np.uint16,
    "i1": np.bool_,
    "i8": np.int8,
    "i16": np.int16,
    "i32": np.int32,
    "i64": np.int64,
}

# Relative error of one rounding to the type, with some slack.
EPSILON = {"f32": 2.0**-22, "f16": 2.0**-10, "bf16": 2.0**-7, "i32": 0.0, "i8": 0.0}


def is_integer(dtype):
    return dtype.startswith("i")


def round_to(values, dtype):
    """float64 values in the representation of `dtype`."""
    if dtype != "bf16":
        return np.asarray(values).astype(NUMPY[dtype])
    flat = np.asarray(values, np.float32).reshape(-1)  # NumPy promotes 0-d integers differently
    bits = flat.view(np.uint32).astype(np.int64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(flat), 0x7FC0, rounded).astype(np.uint16).reshape(np.shape(values))


def to_float(array, dtype):
    """The numbers that a representation stands for, in float64."""
    if dtype == "bf16":
        wide = array.reshape(-1).astype(np.uint32) << 16
        return wide.view(np.float32).astype(np.float64).reshape(array.shape)
    return array.astype(np.float64)


def random(rng, shape, dtype):
    if dtype == "i8":
        return rng.integers(-128, 128, shape).astype(np.int8)
    return round_to(rng.standard_normal(shape), dtype)


def constant(array, dtype):
    """The array as an MLIR elements literal, exact for every bit pattern."""
    if array.size == 0:
        return "dense<>"
    return 'dense<"0x%s">' % np.ascontiguousarray(array).tobytes().hex().upper()


def tensor(shape, dtype, encoding=None):
    dims = "".join("%sx" % ("?" if d is None else d) for d in shape)
    return "tensor<%s%s%s>" % (dims, dtype, ", " + encoding if encoding else "")
