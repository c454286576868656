//===- FlatOps.td - Attention -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_FLAT_IR_FLATOPS_TD
#define NM_DIALECT_FLAT_IR_FLATOPS_TD

include "nm/Dialect/Flat/IR/FlatAttrs.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"

def Flat_Shaped : AnyTypeOf<[AnyRankedTensor, AnyStridedMemRef],
    "ranked tensor or strided memref", "::mlir::ShapedType">;
def Flat_Shaped4 : AnyTypeOf<[4DTensorOf<[F32, BF16, F16]>, MemRefRankOf<[F32, BF16, F16], [4]>],
    "tensor or memref of rank 4 with elements f32, bf16 or f16", "::mlir::ShapedType">;
def Flat_Rows4 : AnyTypeOf<[4DTensorOf<[F32, BF16, F16, I8]>, MemRefRankOf<[F32, BF16, F16, I8], [4]>],
    "tensor or memref of rank 4 with elements f32, bf16, f16, or i8 of quantised rows", "::mlir::ShapedType">;

def Flat_AttentionOp : Flat_Op<"attention", [
    AttrSizedOperandSegments, DestinationStyleOpInterface, SingleBlock,
    ConditionallySpeculatable,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>,
    DeclareOpInterfaceMethods<TilingInterface, [
        "getLoopIteratorTypes", "getIterationDomain", "getTiledImplementation",
        "getResultTilePosition", "generateResultTileValue"]>,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "multi-head attention";
  let description = [{
    With queries q `[B, H, N, D]`, keys k `[B, G, S, D]`, values v
    `[B, G, S, E]` and g = h / (H / G):

        logit[b,h,i,j] = scale * sum_d q[b,h,i,d] * k[b,g,j,d]
        score[b,h,i,j] = function(logit, b, h, offset + i, j, ...) + mask[b,h,i,j]
        out[b,h,i,e]   = sum_j softmax_j(score[b,h,i,j]) * v[b,g,j,e]

    * **Types.** Storage is f32, bf16 or f16, each operand its own; logits,
      softmax and sums are f32 whatever the storage. Operands are tensors, and
      then the result is the attention; or buffers, and then the destination is
      written. What the destination held does not enter the result.
    * **Quantised rows.** Keys and values of i8 are rows that `flat.quantize_rows` made, `[B, G, S, D + 4]`: D
      integers and their scale. They count as the numbers that `flat.dequantize_rows` gives.
    * **Orders.** `orders` says in which order an operand holds its dimensions if
      that is not b, h, n, d. Sizes may be dynamic.
    * **Grouped queries.** H is a multiple of G; query head h uses key head
      h / (H / G). G = 1 is multi-query attention.
    * **Scale** is a constant or an f32 value; 1/sqrt(D) if absent.
    * **Score.** The region takes the scaled logit (f32), batch, query head,
      absolute position of the query and position of the key (index), and one
      element of each score operand, which an affine map of (b, h, i, j) selects
      (i counts from 0 there, as in a tensor). It yields the score. Minus
      infinity says that the query does not see the key. Causal attention, sliding
      windows, ALiBi and soft-capping are written with it; `analyzeScore`
      (ScoreAnalysis.h) recognises them, so that keys nobody sees cost nothing.
    * **Mask.** A float is added to what the function yields; an i1 that is false
      makes the score minus infinity. Its map, from (b, h, i, j), names each
      dimension at most once, or is 0 along a dimension of size 1.
    * **Decoding.** `offset` is the absolute position of query 0 (0 if absent);
      keys at `length` and beyond are not seen (all S are if absent). Both
      are index values; a length above S counts as S.
    * **Rows without weights.** A row that sees no key has scores of minus infinity
      only; the weights of a row with a score of NaN or plus infinity are not
      defined. `guard(unseen)`, which is the default, gives zeros for the former
      and NaN for the latter; `guard(none)` NaN for both, as IEEE arithmetic does;
      `guard(undefined)` zeros for both. Where there are no keys at all the sum is
      empty: zeros.

    ```mlir
    %o = flat.attention
        ins(%q, %k, %v : tensor<1x128x12x64xf32>, tensor<1x128x4x64xf32>, tensor<1x128x4x64xf32>)
        mask(%m : tensor<1x128xf32>) map affine_map<(b, h, i, j) -> (b, j)>
        scale(0.125)
        outs(%init : tensor<1x128x12x64xf32>)
        orders(q = bnhd, k = bnhd, v = bnhd, o = bnhd)
        dataflow #flat.dataflow<row, rows = 96, key_tile = 256, staged = [k, v, logits, o]>
        score {
    ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
      %minf = arith.constant 0xFF800000 : f32
      %seen = arith.cmpi sle, %j, %i : index
      %r = arith.select %seen, %s, %minf : f32
      flat.yield %r : f32
    } -> tensor<1x128x12x64xf32>
    ```

    * `flat_attention_c1`: all shaped operands are tensors, and there is one
      result of the destination's type; or all are buffers, and there is none.
    * `flat_attention_c2`: sizes of batch, sequence and width agree: B of all, S
      of k and v, D of q and k, N of q and out, E of v and out, H of q and out,
      G of k and v.
    * `flat_attention_c3`: H is a multiple of G.
    * `flat_attention_c4`: the mask is i1, f32, bf16 or f16, and each result of its map, one
      for each of its dimensions, is a dimension of (b, h, i, j) of the same size, named
      once, or the constant 0 over size 1. There is a map if and only if there is
      a mask.
    * `flat_attention_c5`: score operands have one map each, of the same form.
    * `flat_attention_c6`: the scale is an operand or an attribute, not both; the attribute
      is finite.
    * `flat_attention_c7`: the region takes (f32, index, index, index, index) and
      one scalar for each score operand, and yields one f32.
    * `flat_attention_c8`: the region holds only side-effect free scalar operations.
    * `flat_attention_c9`: quantised rows have their width last, and it is known and 5 or more.
  }];
  let arguments = (ins Flat_Shaped4:$q, Flat_Rows4:$k, Flat_Rows4:$v,
                       Optional<Flat_Shaped>:$mask, Optional<F32>:$scale,
                       Optional<Index>:$offset, Optional<Index>:$length,
                       Variadic<Flat_Shaped>:$score_operands, Flat_Shaped4:$init,
                       OptionalAttr<AffineMapAttr>:$mask_map,
                       OptionalAttr<F32Attr>:$scale_value,
                       DefaultValuedAttr<AffineMapArrayAttr, "{}">:$score_maps,
                       DefaultValuedAttr<Flat_Guard, "::mlir::flat::Guard::Unseen">:$guard,
                       OptionalAttr<Flat_OrderAttr>:$q_order,
                       OptionalAttr<Flat_OrderAttr>:$k_order,
                       OptionalAttr<Flat_OrderAttr>:$v_order,
                       OptionalAttr<Flat_OrderAttr>:$o_order,
                       OptionalAttr<Flat_DataflowAttr>:$dataflow);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let regions = (region MaxSizedRegion<1>:$score);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
  let skipDefaultBuilders = 1;
  let builders = [
    /// No mask, default scale, no score region, all orders bhnd.
    OpBuilder<(ins "Value":$q, "Value":$k, "Value":$v, "Value":$init)>
  ];
  let extraClassDeclaration = [{
    MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    Speculation::Speculatability getSpeculatability();

    enum class Role { Q, K, V, Out };
    /// The logical dimensions: batch, head, position in the sequence, width.
    enum Dim : int64_t { Batch = 0, Head = 1, Sequence = 2, Width = 3 };

    Value getShaped(Role role);
    ShapedType getShapedType(Role role) {
      return ::llvm::cast<ShapedType>(getShaped(role).getType());
    }
    /// The operand's order; bhnd if the op names none.
    OrderAttr getOrder(Role role);
    void setOrder(Role role, OrderAttr order);
    /// Where logical dimension `dim` lies among the operand's dimensions.
    int64_t getPosition(Role role, int64_t dim) { return getOrder(role).getPositions()[dim]; }
    /// Whether the operand's rows are those of flat.quantize_rows.
    bool isQuantized(Role role) { return getShapedType(role).getElementType().isInteger(8); }
    /// Size of a logical dimension, ShapedType::kDynamic if unknown. The width of quantised rows is
    /// that of the numbers in them.
    int64_t getStaticSize(Role role, int64_t dim) {
      int64_t size = getShapedType(role).getDimSize(getPosition(role, dim));
      return dim == Width && isQuantized(role) ? size - kRowScaleBytes : size;
    }
    /// The same as a constant or a value (tensor.dim, memref.dim).
    OpFoldResult getMixedSize(OpBuilder &builder, Role role, int64_t dim);
    /// From (b, h, n, d) to the operand's dimensions.
    AffineMap getOrderMap(Role role);

    bool hasScoreRegion() { return !getScore().empty(); }
    SmallVector<AffineMap> getScoreMapArray();
    /// The scale if it is known: the attribute, or 1/sqrt(D) for a static D.
    std::optional<double> getConstantScale();
    /// The f32 scale, built if need be.
    Value getOrCreateScale(OpBuilder &builder);
  }];
}

def Flat_YieldOp : Flat_Op<"yield", [Pure, Terminator, ReturnLike,
    HasParent<"::mlir::flat::AttentionOp">]> {
  let summary = "the score that a score function yields";
  let arguments = (ins F32:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

#endif // NM_DIALECT_FLAT_IR_FLATOPS_TD
