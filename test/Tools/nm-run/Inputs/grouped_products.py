# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A product with a weight that is a parameter, and the rounding of its activations."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "Differential" / "Inputs"))
from rounded_activations import round_activations  # noqa: E402


def product(tokens, rows, depth, key, x, y):
    """Lines that multiply `x` [tokens, depth] by the weight `key` [rows, depth], transposed."""
    return f"""
  %w{y} = nm.param "{key}" : tensor<{rows}x{depth}xf32>
  %e{y} = tensor.empty() : tensor<{depth}x{rows}xf32>
  %t{y} = linalg.transpose ins(%w{y} : tensor<{rows}x{depth}xf32>) outs(%e{y} : tensor<{depth}x{rows}xf32>) permutation = [1, 0]
  %z{y} = arith.constant 0.0 : f32
  %o{y} = tensor.empty() : tensor<{tokens}x{rows}xf32>
  %i{y} = linalg.fill ins(%z{y} : f32) outs(%o{y} : tensor<{tokens}x{rows}xf32>) -> tensor<{tokens}x{rows}xf32>
  %{y} = linalg.matmul ins(%{x}, %t{y} : tensor<{tokens}x{depth}xf32>, tensor<{depth}x{rows}xf32>)
      outs(%i{y} : tensor<{tokens}x{rows}xf32>) -> tensor<{tokens}x{rows}xf32>"""


def function(tokens, rows, depth, key="w"):
    return f"""
func.func @tokens{tokens}(%x: tensor<{tokens}x{depth}xf32>) -> tensor<{tokens}x{rows}xf32> {{{product(
        tokens, rows, depth, key, "x", "y")}
  return %y : tensor<{tokens}x{rows}xf32>
}}"""


def rounded_activations(x):
    return round_activations(x)[0]
