//===- NMPackedOps.td - Operations on explicit storage -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_IR_NMPACKEDOPS_TD
#define NM_DIALECT_NM_IR_NMPACKEDOPS_TD

include "nm/Dialect/NM/IR/NMOps.td"

def NM_AssembleOp : NM_Op<"assemble", [Pure]> {
  let summary = "view values and metadata as an encoded tensor";
  let description = [{
    The storage must be well formed for the layout: indices ascend within a
    group and are smaller than M, and values of padding slots are zero.

    ```mlir
    %s = nm.assemble %v, %m layout canonical
        : tensor<8x8xf32>, tensor<8x2xi8> to tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
    ```

    * `nm_assemble_c1`: the storage types are those of the layout for the type.
  }];
  let arguments = (ins Variadic<NM_DenseTensor>:$storage, NM_LayoutInterface:$layout);
  let results = (outs NM_EncodedTensor:$result);
  let assemblyFormat = "$storage `layout` custom<Layout>($layout) attr-dict `:` type($storage) `to` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NM_DisassembleOp : NM_Op<"disassemble", [Pure]> {
  let summary = "values and metadata of an encoded tensor in a layout";
  let description = [{
    ```mlir
    %v, %m = nm.disassemble %s layout canonical
        : tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>> to tensor<8x8xf32>, tensor<8x2xi8>
    ```

    * `nm_disassemble_c1`: the storage types are those of the layout for the
      type.
  }];
  let arguments = (ins NM_EncodedTensor:$source, NM_LayoutInterface:$layout);
  let results = (outs Variadic<NM_DenseTensor>:$storage);
  let assemblyFormat = "$source `layout` custom<Layout>($layout) attr-dict `:` type($source) `to` type($storage)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def NM_PackedParamOp : NM_Op<"packed_param", [Pure]> {
  let summary = "storage of a checkpoint parameter in a layout";
  let description = [{
    What `nm.disassemble` of `nm.param` becomes: the loader packs the parameter
    once, when the checkpoint is bound. `type` is the encoded (or dense) tensor
    type that the checkpoint holds.

    ```mlir
    %v, %m = nm.packed_param "w" of tensor<8x16xf32, #nm.sparsity<2:4, axis = 1>>
        layout canonical : tensor<8x8xf32>, tensor<8x2xi8>
    ```

    * `nm_packed_param_c1`: the key is not empty.
    * `nm_packed_param_c2`: the storage types are those of the layout for the
      type.
  }];
  let arguments = (ins StrAttr:$key, OptionalAttr<StrAttr>:$scope, TypeAttr:$type,
                       NM_LayoutInterface:$layout);
  let results = (outs Variadic<NM_DenseTensor>:$storage);
  let assemblyFormat = "$key (`in` $scope^)? `of` $type `layout` custom<Layout>($layout) attr-dict `:` type($storage)";
  let hasVerifier = 1;
}

def NM_StorageOperand : AnyTypeOf<[NM_DenseTensor, AnyMemRef],
    "ranked tensor or memref", "::mlir::ShapedType">;

def NM_PackedMatmulOp : NM_Op<"packed_matmul", [
    DestinationStyleOpInterface, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>,
    SingleBlockImplicitTerminator<"::mlir::nm::YieldOp">]> {
  let summary = "matrix product of a packed weight with a dense matrix";
  let description = [{
    `C = W X` with `W` an M x K weight of encoded type `weight_type`, given as
    storage in `layout`, `X` of K x N, and `C` of M x N. `transpose_x` says that
    X lies as `[n, k]`, `transpose_c` that C lies as `[n, m]`: with both, rows are
    tokens, as in transformer inference. The weight's type has its sparse axis
    last or first; rows are the other dimension. The epilogue is that of
    `nm.matmul`; its maps take the indices of C as it lies in memory.

    The operation takes tensors (destination style) or buffers.

    * `nm_packed_matmul_c1`: the weight type is a rank-2 static encoded tensor and
      the storage types are those of the layout for it.
    * `nm_packed_matmul_c2`: x and c are of rank 2 and agree with the weight.
    * `nm_packed_matmul_c3`: epilogue maps and region as in `nm_matmul_c5..c7`.
  }];
  let arguments = (ins Variadic<NM_StorageOperand>:$storage, NM_StorageOperand:$x,
                       Variadic<NM_StorageOperand>:$epilogue_operands, NM_StorageOperand:$c,
                       TypeAttr:$weight_type, NM_LayoutInterface:$layout,
                       UnitAttr:$transpose_x, UnitAttr:$transpose_c,
                       DefaultValuedAttr<AffineMapArrayAttr, "{}">:$epilogue_maps);
  let results = (outs Optional<NM_DenseTensor>:$result);
  let regions = (region MaxSizedRegion<1>:$epilogue);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() { return getCMutable(); }
    RankedTensorType getEncodedType() { return ::llvm::cast<RankedTensorType>(getWeightType()); }
    SparsityAttr getSparsity() { return ::llvm::cast<SparsityAttr>(getEncodedType().getEncoding()); }
    /// M and K of the weight.
    int64_t getRows() { return getEncodedType().getDimSize(1 - getSparsity().getAxis()); }
    int64_t getDepth() { return getEncodedType().getDimSize(getSparsity().getAxis()); }
    Type getAccumulatorType();
    SmallVector<AffineMap> getEpilogueMapArray();
    bool hasEpilogue() { return !getEpilogue().empty(); }
  }];
}

#endif // NM_DIALECT_NM_IR_NMPACKEDOPS_TD
