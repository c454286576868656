# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: objectives.py FAST SMALL WITHIN: tables of one point, the fastest mapping, the one of least capacity, and the
smallest within 5 % of the fastest."""

import csv
import sys


def point(path):
    with open(path, newline="") as file:
        (row,) = csv.DictReader(file)
    return float(row["cycles"]), float(row["footprint_bytes"])


fast, small, within = map(point, sys.argv[1:])
print(fast, small, within)
assert small[1] < within[1] < fast[1], "bytes"
assert fast[0] <= within[0] <= 1.05 * fast[0] < small[0], "cycles"
