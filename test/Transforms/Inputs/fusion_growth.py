# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Chains a[i] = a[i-1] + a[i-2] fuse from the back to the front, into a body of 256, within the rounds over a function that
nm-simplify-linalg makes: not one operation a round.

usage: fusion_growth.py NM_OPT
"""

import subprocess
import sys

LENGTHS = [100, 200, 400]  # a body takes 256


def chain(length):
    lines = ["#id = affine_map<(d) -> (d)>", "func.func @f(%a0: tensor<64xf32>, %a1: tensor<64xf32>) -> tensor<64xf32> {"]
    for i in range(2, length + 2):
        lines += [f"  %e{i} = tensor.empty() : tensor<64xf32>",
                  f'  %a{i} = linalg.generic {{indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}} '
                  f"ins(%a{i - 1}, %a{i - 2} : tensor<64xf32>, tensor<64xf32>) outs(%e{i} : tensor<64xf32>) {{",
                  "  ^bb0(%x: f32, %y: f32, %z: f32):", "    %s = arith.addf %x, %y : f32", "    linalg.yield %s : f32",
                  "  } -> tensor<64xf32>"]
    return "\n".join(lines + [f"  return %a{length + 1} : tensor<64xf32>", "}"])


def main():
    failures = 0
    for length in LENGTHS:
        run = subprocess.run([sys.argv[1], "--pass-pipeline=builtin.module(func.func(nm-simplify-linalg))"], input=chain(length),
                             capture_output=True, text=True, check=True)
        left = run.stdout.count("linalg.generic")
        if left != max(1, length - 255):
            print(f"{length} operations: {left} left")
            failures += 1
    print(f"{len(LENGTHS)} lengths, {failures} failures")


main()
