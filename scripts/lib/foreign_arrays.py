# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arrays as other libraries hand them over, for benchmarks and tests."""


class Interface:
    """Memory that says by __array_interface__ where it lies, and no more."""

    def __init__(self, array):
        self.array = array
        self.__array_interface__ = array.__array_interface__


class Exchange:
    """The same by DLPack."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()
