# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes npy files that are wrong, each in its own way."""

import struct
import sys


def write(name, shape, descr="'<f4'", data=b"\0" * 24, length=None):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(f"{sys.argv[1]}/{name}.npy", "wb") as file:
        file.write(b"\x93NUMPY\x01\0" + struct.pack("<H", length or len(header)))
        file.write(header.encode() + data)


write("huge", "(1000000000, 1000000000)")
write("overflow", "(4294967296, 4294967296)")
write("negative", "(-1, 6)")
write("truncated", "(2, 3)", data=b"\0" * 20)
write("object", "(2, 3)", descr="'|O'")
write("header", "(2, 3)", length=65000)
open(f"{sys.argv[1]}/void.npy", "wb").close()
