//===- StepStatistics.td - Statistics of a step -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_STEP_IR_STEPSTATISTICS_TD
#define NM_DIALECT_STEP_IR_STEPSTATISTICS_TD

include "nm/Dialect/Step/IR/StepBase.td"

def Step_ChangeSumOp : Step_Op<"change_sum", [AllTypesMatch<["before", "after"]>]> {
  let summary = "how much a second moment changed, for the arithmetic mean";
  let description = [{
    The sum of `x = |after - before|`, x in f32: AutoSwitch's option 1 divides it
    by the number of elements (arXiv 2302.01172).

    *Order.* There are 8 sums in f64, all 0 at first. The elements (row-major) are
    taken in runs of 16: for l < 8, x number l and x number l + 8 of a run (0
    where the tensor has ended) are added in f32, and what comes out is added to
    sum number l, run by run; then for h = 4, 2, 1 the sum number l + h is added
    to sum number l, for l < h. Sum number 0 is the result. So the bits depend
    neither on the width of vectors nor on threads, and one rounding to f32 in a
    pair costs a relative error of at most 2^-24.

    ```mlir
    %sum = step.change_sum %v, %v1 : tensor<?xf32>
    ```
  }];
  let arguments = (ins Step_Values:$before, Step_Values:$after);
  let results = (outs F64:$sum);
  let assemblyFormat = "$before `,` $after attr-dict `:` type($before)";
}

def Step_ChangeProductOp : Step_Op<"change_product", [AllTypesMatch<["before", "after"]>]> {
  let summary = "how much a second moment changed, for the geometric mean";
  let description = [{
    The product of all `x = |after - before|` that are normal numbers, x in f32,
    as `mantissa * 2^exponent` with 1 <= mantissa < 256 in f64, and the number of
    elements whose x is subnormal, zero, infinite or NaN, which do not enter the
    product. AutoSwitch's option 2 is exp of the mean of log x: the logarithm of
    the product is `log(mantissa) + exponent * log 2`.

    *Order.* There are 8 products in f64, all 1 at first. The elements (row-major)
    are taken in runs of 16; one that does not enter counts as 1, and so do those
    that the last run lacks. Each is split into a mantissa, from 1 to 2 for the
    first 8 of a run and from 1/2 to 1 for the others, and an exponent, which is
    added as an integer. For l < 8, the mantissas number l and l + 8 of a run are multiplied in f32, and
    what comes out is multiplied into product number l, run by run. When all have
    entered, each product moves its exponent into the exponent, so that its
    mantissa is 1 to 2; then for h = 4, 2, 1 product number l is multiplied by
    product number l + h, for l < h. A product neither overflows nor becomes
    subnormal for 16 * 1022 elements: `step_change_product_c1`.

    ```mlir
    %mantissa, %exponent, %left_out = step.change_product %v, %v1 : tensor<?xf32>
    ```

    * `step_change_product_c1`: a static tensor has at most 16352 elements; a
      dynamic one must not have more when the program runs.
  }];
  let arguments = (ins Step_Values:$before, Step_Values:$after);
  let results = (outs F64:$mantissa, I64:$exponent, I64:$left_out);
  let assemblyFormat = "$before `,` $after attr-dict `:` type($before)";
  let hasVerifier = 1;
}

def Step_CountNonfiniteOp : Step_Op<"count_nonfinite"> {
  let summary = "number of elements that are infinite or NaN";
  let description = [{
    ```mlir
    %bad = step.count_nonfinite %g : tensor<?xf32>
    ```
  }];
  let arguments = (ins Step_Values:$source);
  let results = (outs I64:$count);
  let assemblyFormat = "$source attr-dict `:` type($source)";
}

#endif // NM_DIALECT_STEP_IR_STEPSTATISTICS_TD
