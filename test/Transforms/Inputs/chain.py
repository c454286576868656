# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A chain of COUNT exponentials that share one destination: what CSE leaves of a deep model."""

import sys

kind = "tensor<64x64xf32>"
print(f"func.func @chain(%v: {kind}) -> {kind} {{\n  %e = tensor.empty() : {kind}")
value = "%v"
for i in range(int(sys.argv[1])):
    print(f"  %v{i} = linalg.exp ins({value} : {kind}) outs(%e : {kind}) -> {kind}")
    value = f"%v{i}"
print(f"  return {value} : {kind}\n}}")
