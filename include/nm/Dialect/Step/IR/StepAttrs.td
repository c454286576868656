//===- StepAttrs.td - Patterns of masks -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_STEP_IR_STEPATTRS_TD
#define NM_DIALECT_STEP_IR_STEPATTRS_TD

include "nm/Dialect/Step/IR/StepBase.td"

def Step_PatternAttr : AttrDef<Step_Dialect, "Pattern"> {
  let mnemonic = "pattern";
  let summary = "which elements of a tensor make a group, and how many of them a mask keeps";
  let description = [{
    The tensor is cut into blocks of the shape `block` (one element each if it is
    absent). A group is M blocks along dimension `axis`, `stride` blocks apart:
    block number b of the axis is member `(b / stride) mod M` of its group. A
    mask keeps N blocks of every group. N is `?` where it is known only at run
    time.

    ```mlir
    #step.pattern<2:4, axis = 1>                      // four neighbours
    #step.pattern<1:8, axis = 0, stride = 9>          // every ninth row
    #step.pattern<2:4, axis = 1, block = [4, 1]>      // four rows keep the same positions
    #step.pattern<?:16, axis = 1>
    ```

    * `step_pattern_c1`: 1 <= N <= M <= 512, or N is `?`.
    * `step_pattern_c2`: axis >= 0 and stride >= 1.
    * `step_pattern_c3`: the sizes of a block are positive.

    Where it is used on a tensor:

    * `step_pattern_c4`: the axis is a dimension of the tensor, and the block, if
      there is one, has a size for each of its dimensions.
    * `step_pattern_c5`: every static size is a multiple of the block's, and that
      of the axis one of the block's times M * stride. The same is required of
      dynamic sizes when the program runs; the reference lowering checks it.
  }];
  let parameters = (ins "int64_t":$n, "int64_t":$m, "int64_t":$axis,
                        DefaultValuedParameter<"int64_t", "1">:$stride,
                        OptionalArrayRefParameter<"int64_t">:$block);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isDynamic() const { return ::mlir::ShapedType::isDynamic(getN()); }
    /// Elements of a block along `dim`.
    int64_t getBlockSize(int64_t dim) const {
      return getBlock().empty() ? 1 : getBlock()[dim];
    }
    /// Whether a block is one element.
    bool hasUnitBlock() const;
    /// Elements along the axis of the smallest range that holds whole groups.
    int64_t getPeriod() const {
      return getM() * getStride() * getBlockSize(getAxis());
    }
    /// Verifies step_pattern_c4 and c5.
    ::llvm::LogicalResult
    verifyFits(::mlir::RankedTensorType type,
               ::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError) const;
  }];
}

#endif // NM_DIALECT_STEP_IR_STEPATTRS_TD
