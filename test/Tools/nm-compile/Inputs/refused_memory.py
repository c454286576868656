# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Calls a function of a library again and again with an index that is refused, and looks at the heap."""

import ctypes
import sys

import numpy as np


class MallInfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks "
                                                    "keepcost".split()]


libc = ctypes.CDLL(None)
libc.mallinfo2.restype = MallInfo


def in_use():
    info = libc.mallinfo2()
    return info.uordblks + info.hblkhd


def descriptor(array):
    words = [array.ctypes.data, array.ctypes.data, 0, *array.shape, *[s // array.itemsize for s in array.strides]]
    return (ctypes.c_int64 * len(words))(*words)


library = ctypes.CDLL(sys.argv[1])
x, calls = np.ones((1024, 1024), np.float32), 40
good, bad = np.zeros(8, np.int64), np.full(8, 5000, np.int64)
result = (ctypes.c_int64 * 7)()


def call(ids):
    return library.nm_ciface_f(ctypes.byref(result), ctypes.byref(descriptor(x)), ctypes.byref(descriptor(ids)))


if call(good):
    sys.exit("the call that fits is refused")
libc.free(ctypes.c_void_p(result[0]))
before = in_use()
for _ in range(calls):
    if call(bad) != 1:
        sys.exit("the index is not refused")
grown = in_use() - before
print(f"{calls} refused calls leave {grown} bytes behind")
sys.exit(grown > x.nbytes)
