# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: agreement.py COUNT PERCENT [OF]: of twenty, or OF, simulated mappings of nm-explore map at least so many differ by so much from the
closed form at most."""

import re
import sys

off = [abs(float(x)) for x in re.findall(r"\(([+-][0-9.]+) %\)", sys.stdin.read())]
assert len(off) == int(sys.argv[3] if len(sys.argv) > 3 else 20), off
within = sum(x <= float(sys.argv[2]) for x in off)
assert within >= int(sys.argv[1]), sorted(off)
