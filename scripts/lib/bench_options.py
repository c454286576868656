# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Values of options that benchmarks of models share."""


def numbers(text):
    """Whole numbers with commas between them."""
    return [int(part) for part in text.split(",")]
