//===- NMOps.td - Operations on encoded tensors -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_IR_NMOPS_TD
#define NM_DIALECT_NM_IR_NMOPS_TD

include "nm/Dialect/NM/IR/NMAttrs.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def NM_EncodedTensor : Type<
    CPred<"::llvm::isa<::mlir::RankedTensorType>($_self) && ::llvm::isa_and_nonnull<"
          "::mlir::nm::SparsityAttr>(::llvm::cast<::mlir::RankedTensorType>($_self).getEncoding())">,
    "ranked tensor with an #nm.sparsity encoding", "::mlir::RankedTensorType">;

def NM_DenseTensor : Type<
    CPred<"::llvm::isa<::mlir::RankedTensorType>($_self) && "
          "!::llvm::cast<::mlir::RankedTensorType>($_self).getEncoding()">,
    "ranked tensor without encoding", "::mlir::RankedTensorType">;

def NM_Tensor : AnyTypeOf<[NM_DenseTensor, NM_EncodedTensor],
    "ranked tensor, dense or with an #nm.sparsity encoding", "::mlir::RankedTensorType">;

//===----------------------------------------------------------------------===//
// Making and taking apart
//===----------------------------------------------------------------------===//

def NM_PruneOp : NM_Op<"prune", [Pure, SameOperandsAndResultType]> {
  let summary = "zero all but the N largest magnitudes of every group";
  let description = [{
    One-shot magnitude pruning (ASP). Of every group of M elements along the
    axis the N of largest magnitude stay and the others become +0; ties go to
    the lower index, and a NaN counts as larger than every number. The result is
    a dense tensor that satisfies the pattern.

    ```mlir
    %p = nm.prune %w to <2:4, axis = 1> : tensor<768x3072xf32>
    ```

    * `nm_prune_c1`: the pattern fits the tensor (`nm_sparsity_c2..c4`) and has no
      bits.
  }];
  let arguments = (ins NM_DenseTensor:$source, NM_SparsityAttr:$sparsity);
  let results = (outs NM_DenseTensor:$result);
  let assemblyFormat = "$source `to` $sparsity attr-dict `:` type($source)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NM_CompressOp : NM_Op<"compress", [Pure]> {
  let summary = "reinterpret a dense tensor that satisfies N:M as encoded";
  let description = [{
    The source must satisfy the pattern of the result type; `nm.prune` makes one
    that does. Compiled code checks this for values known only at run time and
    stops with a message if a group is over-full; it never drops a value. A type with
    bits is for constants and parameters.

    ```mlir
    %s = nm.compress %p : tensor<8x16xf32> to tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
    ```

    * `nm_compress_c1`: source and result agree in shape and element type.
  }];
  let arguments = (ins NM_DenseTensor:$source);
  let results = (outs NM_EncodedTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `to` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NM_DecompressOp : NM_Op<"decompress", [Pure]> {
  let summary = "the dense tensor that an encoded tensor stands for";
  let description = [{
    ```mlir
    %d = nm.decompress %s : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> to tensor<8x16xf32>
    ```

    * `nm_decompress_c1`: source and result agree in shape and element type.
  }];
  let arguments = (ins NM_EncodedTensor:$source);
  let results = (outs NM_DenseTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `to` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NM_ParamOp : NM_Op<"param", [Pure]> {
  let summary = "a checkpoint parameter";
  let description = [{
    Reads the tensor `key` of the checkpoint that the run binds to `scope` (the
    one unnamed checkpoint if there is no scope). Never a path: which file a
    scope means is said when the program is run. With an encoded type the
    loader verifies the pattern and packs the tensor into the layout that the
    compiler chose.

    ```mlir
    %b = nm.param "encoder.layer.0.output.dense.bias" : tensor<768xf32>
    %w = nm.param "weight" in "adapter" : tensor<768x768xf32, #nm.sparsity<2:4, axis = 1>>
    ```

    * `nm_param_c1`: the key is not empty.
    * `nm_param_c2`: the shape is static.
  }];
  let arguments = (ins StrAttr:$key, OptionalAttr<StrAttr>:$scope);
  let results = (outs NM_Tensor:$result);
  let assemblyFormat = "$key (`in` $scope^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Matrix product
//===----------------------------------------------------------------------===//

def NM_MatmulOp : NM_Op<"matmul", [
    Pure, DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>,
    SingleBlockImplicitTerminator<"::mlir::nm::YieldOp">]> {
  let summary = "matrix product with an N:M sparse operand and a fused epilogue";
  let description = [{
    `result[b.., i, j] = epilogue(sum_k lhs[b.., i, k] * rhs[b.., k, j], ...)`.

    `transpose_lhs` says that lhs is `[.., k, i]`, `transpose_rhs` that rhs is
    `[.., j, k]`. The leading dimensions are batch; an operand without them is
    shared by the whole batch. One or none of the operands is encoded, and its
    sparse axis is the contraction. Unlike `linalg.matmul` the destination is
    only written: what it held does not enter the result.

    The sum is accumulated in f32, or in i32 when both operands are i8. The
    epilogue is a scalar function of the accumulator and of one element of each
    epilogue operand, which an affine map from the result's indices selects.
    Bias, per-channel scale, activation and residual are written with it:

    ```mlir
    %y = nm.matmul transpose_rhs
        ins(%x, %w : tensor<128x768xf32>, tensor<3072x768xf32, #nm.sparsity<2:4, axis = 1>>)
        epilogue(%bias : tensor<3072xf32>) maps [affine_map<(i, j) -> (j)>]
        outs(%init : tensor<128x3072xf32>) {
    ^bb0(%acc: f32, %b: f32):
      %s = arith.addf %acc, %b : f32
      %z = arith.constant 0.0 : f32
      %r = arith.maximumf %s, %z : f32
      nm.yield %r : f32
    } -> tensor<128x3072xf32>
    ```

    Without a region the accumulator is converted to the result's element type.

    * `nm_matmul_c1`: operands and result have rank >= 2, and the batch
      dimensions of an operand, if it has any, equal the result's.
    * `nm_matmul_c2`: sizes along i, j and k agree.
    * `nm_matmul_c3`: at most one operand is encoded, and its axis is k.
    * `nm_matmul_c4`: both operands are i8, or neither the dense one; floats are
      f32, bf16 or f16.
    * `nm_matmul_c5`: there is one epilogue map for each epilogue operand, a
      projected permutation of the result's dimensions whose sizes agree with
      the operand's.
    * `nm_matmul_c6`: the region takes the accumulator (f32 or i32) and one
      scalar of each epilogue operand's element type, and yields one scalar of
      the result's element type.
    * `nm_matmul_c7`: the region holds only side-effect free scalar operations.
  }];
  let arguments = (ins NM_Tensor:$lhs, NM_Tensor:$rhs,
                       Variadic<NM_DenseTensor>:$epilogue_operands, NM_DenseTensor:$init,
                       UnitAttr:$transpose_lhs, UnitAttr:$transpose_rhs,
                       DefaultValuedAttr<AffineMapArrayAttr, "{}">:$epilogue_maps);
  let results = (outs NM_DenseTensor:$result);
  let regions = (region MaxSizedRegion<1>:$epilogue);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
  let skipDefaultBuilders = 1;
  let builders = [
    OpBuilder<(ins "Value":$lhs, "Value":$rhs, "Value":$init,
                   CArg<"bool", "false">:$transposeLhs, CArg<"bool", "false">:$transposeRhs,
                   CArg<"ValueRange", "{}">:$epilogueOperands,
                   CArg<"ArrayRef<AffineMap>", "{}">:$epilogueMaps)>
  ];
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }

    /// The encoded operand's pattern; null if both operands are dense.
    SparsityAttr getSparsity();
    /// The encoded operand; null if both operands are dense.
    OpOperand *getSparseOperand();
    bool isLhsSparse();
    /// f32, or i32 when both operands are i8.
    Type getAccumulatorType();
    int64_t getBatchRank() { return getResult().getType().getRank() - 2; }
    SmallVector<AffineMap> getEpilogueMapArray();
    bool hasEpilogue() { return !getEpilogue().empty(); }
    /// Positions of i and k in lhs, of k and j in rhs.
    int64_t getLhsRowDim() { return getLhs().getType().getRank() - (getTransposeLhs() ? 1 : 2); }
    int64_t getLhsReductionDim() { return getLhs().getType().getRank() - (getTransposeLhs() ? 2 : 1); }
    int64_t getRhsColumnDim() { return getRhs().getType().getRank() - (getTransposeRhs() ? 2 : 1); }
    int64_t getRhsReductionDim() { return getRhs().getType().getRank() - (getTransposeRhs() ? 1 : 2); }
  }];
}

def NM_YieldOp : NM_Op<"yield", [Pure, Terminator, ReturnLike,
    ParentOneOf<["::mlir::nm::MatmulOp", "::mlir::nm::PackedMatmulOp"]>]> {
  let summary = "result of an epilogue";
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "attr-dict ($operands^ `:` type($operands))?";
  let builders = [OpBuilder<(ins), [{ }]>];
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

def NM_RequireOp : NM_Op<"require", [MemoryEffects<[MemWrite]>]> {
  let summary = "give up the call unless a condition holds";
  let description = [{
    Compiled code checks with it what only the call can tell, such as that two
    dynamic sizes agree. If `condition` is false, the call of the public function
    ends with an error and without results: nothing after the operation runs, and
    no process is stopped (`nm-lower-requires`). `{0}`, `{1}`, ... in the message
    stand for the values.

    ```mlir
    nm.require %ok, "dimension 0 of 'a' is {0} and dimension 0 of 'b' is {1}"(%m, %n)
    ```

    * `nm_require_c1`: at most four values, and no placeholder without a value.
  }];
  let arguments = (ins I1:$condition, StrAttr:$message, Variadic<Index>:$values);
  let assemblyFormat = "$condition `,` $message (`(` $values^ `)`)? attr-dict";
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

#endif // NM_DIALECT_NM_IR_NMOPS_TD
