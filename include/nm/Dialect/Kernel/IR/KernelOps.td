//===- KernelOps.td - Micro-kernels -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_KERNEL_IR_KERNELOPS_TD
#define NM_DIALECT_KERNEL_IR_KERNELOPS_TD

include "nm/Dialect/Kernel/IR/KernelBase.td"

def Kernel_TileProductOp : Kernel_Op<"tile_product", [AllTypesMatch<["acc", "result"]>,
                                                         AttrSizedOperandSegments]> {
  let summary = "rows of one operand times a panel of the other, sums in registers";
  let description = [{
    Adds to a register tile, `rows` x `vectors` vectors of `lanes` elements, the product of
    `rows` rows with the columns of a panel:

        result[r][v][l] = acc[r][v][l] + sum over k of lhs(r, k) * rhs(k, v * lanes + l)

    where k runs over the contraction. The sum is cut into `sets` sums, of which k goes to number
    k mod `sets` within an iteration of the loop; they are added at the end, so that few rows
    and vectors still are as many independent chains as the latency of a multiply-add
    wants. Multiply-adds of floats round once.

    How the operands lie is said by their types.

    | operand | type | element |
    |---|---|---|
    | `lhs`, plain | `memref<rows x K>` | (r, k) at `[r, k]` |
    | `lhs`, interleaved | `memref<S x rows x L>` | (r, k) at `[k / L, r, k mod L]` |
    | `rhs` | `memref<K x columns>` | (k, c) at `[k, c]`; columns beyond the tile's are not read |
    | `rhs` by offset | `memref<elements>` and `offsets` | (k, c) of row r at `[offset + c]` |
    | `offsets`, a row's own | `memref<S x rows x L x i16>` | of (r, k) at `[k / L, r, k mod L]`, unsigned |
    | `offsets`, shared | `memref<S x 4 x i16>` | of (r, k), for all r, at `[k / 4, k mod 4]`, unsigned |

    K is what `lhs` says where it is plain. Where it is interleaved, K is the number of rows of
    `rhs` if that is static, and S L otherwise; an operand that is read by offsets has S L
    of them. Elements of `lhs` are converted to the tile's type, those of `rhs` have it.

    The first `common` steps of L elements, where it is given, are those in which all rows have the offsets of
    row 0: what they name is read once. It is at most S.

    `unroll` is the number of elements (plain) or of steps of L elements (interleaved) that one
    iteration of the loop takes.

    `ahead`, if it is not 0, asks for `lhs` early, and for offsets that are a row's own: each step for the lines of the
    step so many behind it, in the second level of cache. They may be past the end.

    Constraints, beside the types: (1) `lhs` has as many rows as the tile, (2) `rhs`
    has the tile's element type and at least its columns, (3) static sizes of the contraction agree, (4) offsets
    go with an interleaved `lhs` of L = 4 and have its shape, without the rows if they are shared, otherwise
    L may be 2, and the lanes are a multiple of it,
    (5) `sets` divides the elements of an iteration,
    (6) `common` goes with offsets that are a row's own, (7) `ahead` goes with an interleaved `lhs`.

    Example: six rows of weights, four slots at a time, by a panel of 16 columns on AVX2:

    ```mlir
    %sums = kernel.tile_product %weights, %panel[%offsets] into %zero {sets = 1 : i64}
        : memref<48x6x4xf32>, memref<3072xf32>[memref<48x6x4xi16>] into vector<6x2x8xf32>
    ```
  }];
  let arguments = (ins
    Arg<AnyMemRef, "", [MemRead]>:$lhs,
    Arg<AnyMemRef, "", [MemRead]>:$rhs,
    Arg<Optional<MemRefOf<[I16]>>, "", [MemRead]>:$offsets,
    Optional<Index>:$common,
    VectorOfRankAndType<[3], [AnyFloat, AnySignlessInteger]>:$acc,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1">:$unroll,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1">:$sets,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$ahead);
  let results = (outs VectorOfRankAndType<[3], [AnyFloat, AnySignlessInteger]>:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs (`[` $offsets^ `]`)? (`common` $common^)? `into` $acc attr-dict `:` type($lhs) `,` type($rhs)
    (`[` type($offsets)^ `]`)? `into` type($acc)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getRows() { return getAcc().getType().getDimSize(0); }
    int64_t getVectors() { return getAcc().getType().getDimSize(1); }
    int64_t getLanes() { return getAcc().getType().getDimSize(2); }
    /// Elements of a row that lie side by side: L, or 1 where `lhs` is plain.
    int64_t getInterleave();
    bool isInterleaved() { return getLhs().getType().getRank() == 3; }
    /// One offset for all rows.
    bool sharesOffsets() { return getOffsets() && getOffsets().getType().getRank() == 2; }
    /// K, or kDynamic where no type says it.
    int64_t getStaticDepth();
  }];
}

def Kernel_LaneProductOp : Kernel_Op<"lane_product", [AllTypesMatch<["acc", "result"]>]> {
  let summary = "streams of weights times columns that are permuted to them, sums in registers";
  let description = [{
    Adds to the sums of G streams by C columns, each a register of L lanes, the products of weights with the elements that
    they multiply:

        result[g][c][l] = acc[g][c][l] + sum over s of values(g, s, l) * x[c, s * L + source(g, s, l)]

    where s runs over the S steps of a stream. A register of weights is read once, in order, for all columns. What is
    in one lane belongs to one row of a sparse weight; whoever made the operation adds the lanes of a row.

    Without indices, source(g, s, l) = l. With them a register is cut into segments. What a lane multiplies lies in the lane's own
    segment, and its index has the low bits of where it lies:

        source(g, s, l) = index(g, s, l) modulo 2^(32 / unroll),  l / segment = source(g, s, l) / segment

    The first `slots` lanes of a segment are one row's, the next `slots` the next row's, and so on; what is left over at
    its end is multiplied like the rest and read by nobody. A row's sources in a segment ascend, so that slot i has one of the elements i
    to i + segment - slots of the segment: instructions that do not see all of it skip what no index names.

    How the operands lie is said by their types.

    | operand | type | element |
    |---|---|---|
    | `values` | `memref<G x S x L>` | (g, s, l) at `[g, s, l]` |
    | `values`, interleaved by I | `memref<G x ceil(S / I) x L I>` | (g, s, l) at `[g, s / I, l I + s mod I]` |
    | `indices` | `memref<G x ceil(S / unroll) x L x i32>` | of (g, s, l): `32 / unroll` bits of `[g, s / unroll, l]`, from bit `(s mod unroll) * 32 / unroll` on |
    | `x` | `memref<C x S L>` | (c, k) at `[c, k]` |

    Interleaved values share lanes of 32 bits, two of bf16 or four of i8, and are widened by a shift or a mask. **Four of i8
    count 2^24 times their value in sums of floats**: they stay in the upper byte of their lane, and `x` is to be packed
    with a factor of 2^-24, which is exact.

    `unroll` is the number of steps of one iteration of the loop. The sums are cut into `sets`, of which step s adds to number
    s mod `sets` of its iteration. `ahead`, if it is not 0, asks for the line of `values` so many elements behind
    what is read, once for each line; it may be past the end.

    Constraints, beside the types: (1) `values` has a stream for each of the tile's, and L elements for each step of a run, of
    one step, or of as many as fill 32 bits with bf16 or i8, (2) `x` has the tile's element type, a row for each of its
    columns and whole steps, the sizes of which are static, and agrees with the steps of `values`, (3) indices agree with both,
    (4) `segment` and `slots` go with indices; a segment is a power of two from 4 to 32, divides L, and is named by the
    bits of an index; two rows at least share it, (5) `sets` divides `unroll`, and interleaved steps do.

    Example: four streams of 2:4 weights, two rows in each, by one column on AVX2:

    ```mlir
    %sums = kernel.lane_product %values[%words] by %x into %zero {segment = 4 : i64, slots = 2 : i64, unroll = 16 : i64}
        : memref<4x96x8xf32>[memref<4x6x8xi32>] by memref<1x768xf32> into vector<4x1x8xf32>
    ```
  }];
  let arguments = (ins
    Arg<AnyMemRef, "", [MemRead]>:$values,
    Arg<Optional<MemRefOf<[I32]>>, "", [MemRead]>:$indices,
    Arg<AnyMemRef, "", [MemRead]>:$x,
    VectorOfRankAndType<[3], [AnyFloat, AnySignlessInteger]>:$acc,
    ConfinedAttr<I64Attr, [IntPositive, IntMaxValue<32>]>:$unroll,
    OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$segment,
    OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$slots,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntPositive]>, "1">:$sets,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative]>, "0">:$ahead);
  let results = (outs VectorOfRankAndType<[3], [AnyFloat, AnySignlessInteger]>:$result);
  let assemblyFormat = [{
    $values (`[` $indices^ `]`)? `by` $x `into` $acc attr-dict `:` type($values) (`[` type($indices)^ `]`)?
    `by` type($x) `into` type($acc)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getStreams() { return getAcc().getType().getDimSize(0); }
    int64_t getColumns() { return getAcc().getType().getDimSize(1); }
    int64_t getLanes() { return getAcc().getType().getDimSize(2); }
    /// S.
    int64_t getSteps() { return getX().getType().getDimSize(1) / getLanes(); }
    /// Steps whose values share lanes of 32 bits: I, or 1 where none do.
    int64_t getInterleave() { return getValues().getType().getDimSize(2) / getLanes(); }
    int64_t getIndexBits() { return 32 / getUnroll(); }
  }];
}

def Kernel_Matrix : StridedMemRefRankOf<[AnyFloat, AnySignlessInteger], [2]>;

def Kernel_PackOp : Kernel_Op<"pack"> {
  let summary = "a piece of a matrix, as a micro-kernel reads it";
  let description = [{
    Copies a matrix into a panel:

        panel[r, c] = factor * scale * source[r, c]     r < rows of the source, c < columns of both
        panel[r, c] = 0                                 rows of the source <= r < rows of the panel

    Rows are those of the contraction: what a panel has more of them multiplies nothing. A column of the
    panel that the source does not have holds the result of nobody: it may hold anything, copies of the last
    column or zeros, and is not written unless it shares a vector with one that the source has. `fill` has all
    of them written, for whoever computes with them before it throws the results away; of a source without columns
    nothing is. Rows and columns of the source that the panel does not have are not read, nor is anything beside the
    source. Source and panel do not overlap.

    How both lie is said by their strides. Where neighbours along one dimension are neighbours in source and
    panel, vectors are copied; where those of the one dimension are in the source and those of the other in the panel, squares
    of as many elements as a vector has are transposed in registers; otherwise elements are read one by one and written
    as vectors where the panel's are neighbours.

    Elements are converted to the panel's type: a panel of floats takes integers (signed) and floats of any width, one of integers
    takes integers no wider than its own. `scales` are those of the source's rows (`axis` 0) or columns
    (`axis` 1), each the four bytes of an f32 that is aligned to nothing, as rows that were quantised carry them. `factor`
    multiplies all.

    Constraints, beside the types: (1) matrices have strides and elements of whole bytes, (2) the panel's take those of the source,
    (3) the panel has at least the rows of the source, (4) scales go with a panel of f32, as many as the source has
    rows or columns, (5) `factor` goes with a panel of floats, (6) `axis` goes with scales.

    Examples: rows of activations, of which each is a column of the product, to a panel of 32 columns; and
    eight-bit keys of a cache, whose rows carry a scale.

    ```mlir
    %columns = memref.transpose %x (i, j) -> (j, i)
        : memref<?x128xf32, strided<[768, 1], offset: ?>> to memref<128x?xf32, strided<[1, 768], offset: ?>>
    kernel.pack %columns into %panel : memref<128x?xf32, strided<[1, 768], offset: ?>> into memref<128x32xf32>
    kernel.pack %keys scaled by %scales into %panel {axis = 1 : i64}
        : memref<64x?xi8, strided<[1, 68], offset: ?>> scaled by memref<?x4xi8, strided<[68, 1], offset: ?>>
        into memref<64x16xf32>
    ```
  }];
  let arguments = (ins
    Arg<Kernel_Matrix, "", [MemRead]>:$source,
    Arg<Optional<StridedMemRefRankOf<[I8], [2]>>, "", [MemRead]>:$scales,
    Arg<Kernel_Matrix, "", [MemWrite]>:$panel,
    OptionalAttr<F32Attr>:$factor,
    DefaultValuedAttr<ConfinedAttr<I64Attr, [IntNonNegative, IntMaxValue<1>]>, "0">:$axis,
    UnitAttr:$fill);
  let builders = [OpBuilder<(ins "Value":$source, "Value":$panel)>];
  let assemblyFormat = [{
    $source (`scaled` `by` $scales^)? `into` $panel attr-dict `:` type($source)
    (`scaled` `by` type($scales)^)? `into` type($panel)
  }];
  let hasVerifier = 1;
}

#endif // NM_DIALECT_KERNEL_IR_KERNELOPS_TD
