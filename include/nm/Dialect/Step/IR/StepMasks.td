//===- StepMasks.td - Masks and effective weights -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_STEP_IR_STEPMASKS_TD
#define NM_DIALECT_STEP_IR_STEPMASKS_TD

include "nm/Dialect/Step/IR/StepAttrs.td"

def Step_MaskOp : Step_Op<"mask", [Step_BitsOf<"result", "source">]> {
  let summary = "the N of largest magnitude of every group of M";
  let description = [{
    True for the elements that stay. Magnitudes compare as
    `min(bits(x) & 0x7fffffff, 0x7f800001)` does as an integer: ties go to the
    lower index along the axis, and a NaN, whichever, is larger than infinity.
    The magnitude of a block of several elements is the sum of their absolute
    values in f32, added to 0 in row-major order; its elements stay or go
    together.

    ```mlir
    %pi = step.mask %w to <2:4, axis = 1> : tensor<768x3072xf32>
    %pn = step.mask %w keep %n to <?:16, axis = 1> : tensor<768x3072xf32>
    ```

    With a dynamic N of 0 or less nothing stays, with M or more everything.

    * `step_mask_c1`: the pattern fits the tensor (`step_pattern_c4`, `c5`).
    * `step_mask_c2`: `keep` is given if the pattern's N is `?`, and only then.
  }];
  let arguments = (ins Step_Values:$source, Optional<I32>:$n, Step_PatternAttr:$pattern);
  let results = (outs Step_Bits:$result);
  let assemblyFormat = "$source (`keep` $n^)? `to` $pattern attr-dict `:` type($source)";
  let hasVerifier = 1;
}

def Step_TransposableMaskOp : Step_Op<"transposable_mask", [Step_BitsOf<"result", "source">]> {
  let summary = "a mask with at most N of every M along two dimensions";
  let description = [{
    The tensor and its transpose have the pattern then, so that the forward and
    the backward product both gain from it. The two dimensions are cut into
    blocks of M x M, and each block is masked by itself, *greedily*: its elements
    are visited in descending order of magnitude (as `step.mask` orders them,
    ties to the lower row-major position), and one is kept if its row and its
    column of the block each hold fewer than N kept ones at that moment.

    The mask is maximal (no element can be added to it) and keeps at least half
    of the magnitude that the best mask keeps, as greedy choice does for the
    intersection of two matroids; for 2:4 on normally distributed weights it keeps 98 %. A row or
    a column may hold fewer than N.

    ```mlir
    %pi = step.transposable_mask %w {n = 2 : i64, m = 4 : i64, axes = array<i64: 0, 1>} : tensor<768x3072xf32>
    ```

    * `step_transposable_mask_c1`: 1 <= N <= M <= 64.
    * `step_transposable_mask_c2`: the axes are two different dimensions of the
      tensor, ascending, whose static sizes are multiples of M.
  }];
  let arguments = (ins Step_Values:$source, I64Attr:$n, I64Attr:$m, DenseI64ArrayAttr:$axes);
  let results = (outs Step_Bits:$result);
  let assemblyFormat = "$source attr-dict `:` type($source)";
  let hasVerifier = 1;
}

def Step_SoftThresholdOp : Step_Op<"soft_threshold", [AllTypesMatch<["source", "result"]>]> {
  let summary = "the continuous mask of S-STE";
  let description = [{
    In every group, `t` is the largest magnitude among the elements that
    `step.mask` drops, 0 if it drops none. An element that stays becomes
    `scale * copysign(|x| - t, x)`, one that is dropped +0: the effective weight
    is continuous in x, also where the mask changes (Hu et al.,
    "S-STE", NeurIPS 2024).

    ```mlir
    %e = step.soft_threshold %w to <2:4, axis = 1> scale %beta : tensor<768x3072xf32>
    ```

    * `step_soft_threshold_c1`: the pattern fits the tensor (`step_pattern_c4`,
      `c5`), and its blocks are single elements.
    * `step_soft_threshold_c2`: `keep` is given if the pattern's N is `?`, and
      only then.
  }];
  let arguments = (ins Step_Values:$source, Optional<I32>:$n, F32:$scale, Step_PatternAttr:$pattern);
  let results = (outs Step_Values:$result);
  let assemblyFormat = [{
    $source (`keep` $n^)? `to` $pattern `scale` $scale attr-dict `:` type($source)
  }];
  let hasVerifier = 1;
}

def Step_EffectiveOp : Step_Elementwise<"effective", [
    AllTypesMatch<["source", "result"]>, Step_BitsOf<"mask", "source">]> {
  let summary = "what the forward pass sees of a weight";
  let description = [{
    `keep ? x : +0`. With a decay D (arXiv 2209.07617, the pruning mask decay
    `w * (Pi + D (1 - Pi))`) `keep ? x : D == 0 ? +0 : D * x`.

    ```mlir
    %e = step.effective %w, %pi : tensor<8x16xf32>
    %d = step.effective %w, %pi decay %factor : tensor<8x16xf32>
    ```
  }];
  let arguments = (ins Step_Values:$source, Step_Bits:$mask, Optional<F32>:$decay);
  let results = (outs Step_Values:$result);
  let assemblyFormat = "$source `,` $mask (`decay` $decay^)? attr-dict `:` type($source)";
}

#endif // NM_DIALECT_STEP_IR_STEPMASKS_TD
