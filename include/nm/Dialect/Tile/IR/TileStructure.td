//===- TileStructure.td - Operators on rows, kernels, loops, views -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_TILE_IR_TILESTRUCTURE_TD
#define NM_DIALECT_TILE_IR_TILESTRUCTURE_TD

include "nm/Dialect/Tile/IR/TileBase.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

def Tile_RowsOp : Tile_Op<"rows", [
    Tile_HigherLevel, ParentOneOf<["::mlir::attacc::ProgramOp"]>, SingleBlock, AttrSizedOperandSegments]> {
  let summary = "an operator on the rows of DRAM tensors";
  let description = [{
    The region says what happens to all rows at once, as values; no row sees another. `tile-block-rows` cuts it into
    blocks. Arguments stand for `inputs`: matrices of as many rows as the outputs, and vectors, which are the same for
    all rows. `name` is what errors and remarks call it.

    ```mlir
    tile.rows "a layer norm" (%x, %gamma, %beta) into (%y)
        : !attacc.region<100x64xf16, dram>, !attacc.region<64xf16, dram>, !attacc.region<64xf16, dram>
          into !attacc.region<100x64xf16, dram> {
    ^bb0(%a: tensor<100x64xf16>, %g: tensor<64xf16>, %b: tensor<64xf16>):
      %n = tile.layernorm %a, %g, %b epsilon 1.0e-5 : f32 : tensor<100x64xf16>, tensor<64xf16>, tensor<64xf16> -> tensor<100x64xf16>
      tile.yield %n : tensor<100x64xf16>
    }
    ```

    * `tile_rows_c1`: there is an output; outputs are matrices of one number of rows, inputs matrices of as many rows
      or vectors; all are an `attacc.tensor`.
    * `tile_rows_c2`: arguments have the shapes and elements of the inputs, what is yielded those of the outputs.
    * `tile_rows_c3`: the region holds instructions that compute, and views.
  }];
  let arguments = (ins StrAttr:$name, Arg<Variadic<Attacc_Dram>, "", [MemRead]>:$inputs,
                       Arg<Variadic<Attacc_Dram>, "", [MemWrite]>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $name `(` $inputs `)` `into` `(` $outputs `)` attr-dict (`:` type($inputs)^)? `into` type($outputs) $body
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// Rows of each matrix.
    int64_t getRows();
  }];
}

def Tile_YieldOp : Tile_Op<"yield", [Terminator, Pure, ParentOneOf<["RowsOp", "ProductOp", "ForOp"]>]> {
  let summary = "what is written to the outputs, or the sum after a round";
  let arguments = (ins Variadic<Tile_Value>:$values);
  let assemblyFormat = "$values attr-dict `:` type($values)";
}

def Tile_ProductOp : Tile_Op<"product", [
    Tile_HigherLevel, ParentOneOf<["::mlir::attacc::ProgramOp"]>, SingleBlock, AttrSizedOperandSegments]> {
  let summary = "a matrix product of DRAM tensors, with what is done to its sums";
  let description = [{
    `scale` `lhs` [tokens, in] times `rhs`, which is [in, out], or [out, in] with `transpose_rhs`; with `indices` `rhs` has the kept values of an N:M
    weight, [out, in / M * N]. The region says what happens to all sums at once, f32 [tokens, out], on their way to `output`; further arguments
    stand for `inputs`: vectors [out] and matrices [tokens, out]. `tile-block-products` cuts it into blocks. `name` is what errors and
    remarks call it.

    ```mlir
    tile.product "a product" %x, %w with (%bias) into %y {transpose_rhs}
        : !attacc.region<64x96xf16, dram>, !attacc.region<80x96xf16, dram> with !attacc.region<80xf16, dram>
          into !attacc.region<64x80xf16, dram> {
    ^bb0(%sum: tensor<64x80xf32>, %b: tensor<80xf16>):
      %a = tile.elementwise add %sum, %b : tensor<64x80xf32>, tensor<80xf16> -> tensor<64x80xf32>
      %r = tile.unary relu %a : tensor<64x80xf32> -> tensor<64x80xf16>
      tile.yield %r : tensor<64x80xf16>
    }
    ```

    Which blocks is searched, unless `blocks` says it: tokens, outputs, elements of the sum in a strip (0: what the array takes at a time) and slots of the rings in which
    strips come in, with `stationary`.

    * `tile_product_c1`: the shapes are those above; each tensor is an `attacc.tensor` or a box of one that no loop moves;
      an N:M weight has `pattern`, is [out, in] and is not scaled.
    * `tile_product_c2`: arguments have the shapes and elements of the sums and of the inputs, what is yielded those of the output.
    * `tile_product_c3`: the region is a chain: its first instruction takes the sums, each other one what the one before
      makes, and all but the last one's result are f32. Other operands are arguments, or a `tile.fill` with `rows`.
    * `tile_product_c4`: lhs and output have no element in common.
    * `tile_product_c5`: `blocks` has four numbers, and comes with `stationary`.
  }];
  let arguments = (ins StrAttr:$name, Arg<Attacc_Dram, "", [MemRead]>:$lhs, Arg<Attacc_Dram, "", [MemRead]>:$rhs,
                       Arg<Optional<Attacc_Dram>, "", [MemRead]>:$indices,
                       Arg<Variadic<Attacc_Dram>, "", [MemRead]>:$inputs, Arg<Attacc_Dram, "", [MemWrite]>:$output,
                       UnitAttr:$transpose_rhs, DefaultValuedAttr<F32Attr, "1.000000f">:$scale,
                       OptionalAttr<DenseI64ArrayAttr>:$pattern,
                       OptionalAttr<DenseI64ArrayAttr>:$blocks, OptionalAttr<Attacc_StationaryAttr>:$stationary);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $name $lhs `,` $rhs (`[` $indices^ `]`)? (`with` `(` $inputs^ `)`)? `into` $output attr-dict `:` type($lhs) `,`
    type($rhs) (`[` type($indices)^ `]`)? (`with` type($inputs)^)? `into` type($output) $body
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getTokens();
    int64_t getIn();
    int64_t getOut();
    /// Of an N:M weight; 0:0 of a dense one.
    ::nm::isa::SparsePattern getSparsePattern();
  }];
}

def Tile_KernelOp : Tile_Op<"kernel", [
    Tile_HigherLevel, ParentOneOf<["::mlir::attacc::ProgramOp"]>, SingleBlock, NoTerminator, NoRegionArguments,
    RecursiveMemoryEffects]> {
  let summary = "what begins and ends with no instruction under way";
  let description = [{
    All engines meet at its end, so it has the whole scratchpad, and values of one kernel are not seen by another.
    `name` is what errors and remarks call it. `rings` says how many slots what comes in for a sum is to have; without it as many as fit hide the latency.

    ```mlir
    tile.kernel "a softmax" {
      tile.for 100 by 8 {
      ^bb0(%i: index):
        %a = tile.load %x rows %i : !attacc.region<100x64xf16, dram> -> tensor<8x64xf16>
        %s = tile.softmax %a scale 1.0 : f32 : tensor<8x64xf16> -> tensor<8x64xf16>
        tile.store %s into %y rows %i : tensor<8x64xf16> into !attacc.region<100x64xf16, dram>
      }
    }
    ```

    * `tile_kernel_c1`: it holds operations of this dialect.
    * `tile_kernel_c2`: rings have 1 to 128 slots.
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<I64Attr>:$rings);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$name (`rings` $rings^)? attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Tile_ForOp : Tile_Op<"for", [
    ParentOneOf<["KernelOp", "ForOp", "PhaseOp", "WhenOp"]>, SingleBlock, NoTerminator, RecursiveMemoryEffects, AttrSizedOperandSegments]> {
  let summary = "blocks of a dimension";
  let description = [{
    Rounds ceil(total / block), each of which does what the region says with a block; the last round may be of fewer
    rows, in every tile that has them, though the region's types are those of a whole block. The first argument counts
    blocks. Loops nest. With `of` the loop cuts the block of another loop around it once more, `total` being that block's size: in the last round of that loop it
    has less to do. `tile-to-attacc` makes a hardware loop of the whole blocks and writes the last one behind it.

    A loop may have a result: a sum. The second argument is the sum so far, to which an instruction adds; in the first round there is none, and the
    instruction begins it. `wait` and `signal` are that instruction's in the first and in the last round, which `tile-to-attacc` writes
    apart for that reason.

    ```mlir
    %sum = tile.for 768 by 64 {
    ^bb0(%k: index, %so_far: tensor<128x32xf32>):
      %x = tile.load %lhs rows %t columns %k : !attacc.region<512x768xf16, dram> -> tensor<128x64xf16>
      %w = tile.load %rhs rows %k columns %o : !attacc.region<768x96xf16, dram> -> tensor<64x32xf16>
      %s = tile.gemm weight %x, %w plus %so_far : tensor<128x64xf16>, tensor<64x32xf16> plus tensor<128x32xf32> -> tensor<128x32xf32>
      tile.yield %s : tensor<128x32xf32>
    } -> tensor<128x32xf32>
    tile.for 128 by 16 of %t {
    ^bb0(%c: index):
      %part = tile.part %sum rows %c : tensor<128x32xf32> -> tensor<16x32xf32>
      ...
    ```

    In kernels of steps a loop may be over what is seen: with `sees` it counts keys, and `pair` rows, or the other way round, and rounds of which no row sees a key are left out. The numbers are 0 for a loop over keys
    or 1 for one over rows; the rows of a query; the position of the first one; whether later keys are hidden; the window; whether tiles of keys are whole though their last keys are seen by no row; and
    the keys that there are. `varies` says that rounds differ, so that no loop of the hardware is looked for in their middle, `unroll` that it is none.

    * `tile_for_c1`: 1 <= block <= total < 2^31.
    * `tile_for_c2`: the first argument is of type index; a second one has the type of the sum, and there is one if there is a sum.
    * `tile_for_c3`: tiles that follow the counter have as many rows as the block.
    * `tile_for_c4`: `of` names the counter of a loop around it whose block is `total`; outside of steps it cuts no other loop's.
    * `tile_for_c5`: a loop with a sum yields what an instruction made of the sum so far, and waits and signals; others do neither.
    * `tile_for_c6`: what is seen has seven numbers and the counter of a loop around it.
  }];
  let arguments = (ins I64Attr:$total, I64Attr:$block, Optional<Index>:$outer, Optional<Index>:$pair, OptionalAttr<DenseI64ArrayAttr>:$sight,
                       UnitAttr:$varies, UnitAttr:$unroll,
                       Variadic<Attacc_SemaphoreType>:$waits, Variadic<Attacc_SemaphoreType>:$signals);
  let results = (outs Optional<Tile_Value>:$sum);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    custom<Number>($total) `by` custom<Number>($block) (`of` $outer^)? (`sees` $pair^ `by` $sight)? (`varies` $varies^)? (`unroll` $unroll^)? (`wait` `(` $waits^ `)`)? (`signal` `(` $signals^ `)`)?
    attr-dict-with-keyword $body (`->` type($sum)^)?
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// Rounds of whole blocks, and rows of the last one, 0 if that is whole.
    int64_t getWholeBlocks() { return getTotal() / getBlock(); }
    int64_t getRest() { return getTotal() % getBlock(); }
    int64_t getRounds() { return getWholeBlocks() + (getRest() != 0); }
    Value getCounter() { return getBody().getArgument(0); }
    /// The loop whose blocks it cuts, or null.
    ForOp getOuterLoop();
    /// What adds to the sum, or null.
    Operation *getAdder();
  }];
}

def Tile_PartOp : Tile_Op<"part", [Pure, DeclareOpInterfaceMethods<Tile_View>]> {
  let summary = "the rows of a value that a round works on";
  let description = [{
    Of a value with as many rows as a loop has in all, those of the round; of one with as many as a block, its first ones, as many as the round has: what is the
    same in each. The same bytes: no instruction.

    * `tile_part_c1`: the counter is that of a `tile.for` around it.
    * `tile_part_c2`: the source has as many rows as the loop in all or as a block, and the result as many as a block; all else is the source's.
  }];
  let arguments = (ins Tile_Value:$source, Index:$counter);
  let results = (outs Tile_Value:$result);
  let assemblyFormat = "$source `rows` $counter attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let extraClassDefinition = "::mlir::Value $cppClass::getViewed() { return getSource(); }";
}

def Tile_ColumnOp : Tile_Op<"column", [Pure, DeclareOpInterfaceMethods<Tile_View>]> {
  let summary = "a vector of a number for each row, as a matrix of one column";
  let description = [{
    The same bytes: no instruction.

    * `tile_column_c1`: the source is a vector that an instruction makes; the result has one column and its elements.
  }];
  let arguments = (ins Tile_Value:$source);
  let results = (outs Tile_Value:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let extraClassDefinition = "::mlir::Value $cppClass::getViewed() { return getSource(); }";
}

def Tile_VectorOp : Tile_Op<"vector", [Pure, DeclareOpInterfaceMethods<Tile_View>]> {
  let summary = "a matrix of one column as a vector of a number for each row";
  let description = [{
    The other way of `tile.column`: the same bytes, no instruction.

    * `tile_vector_c1`: the source is a matrix of one column that an instruction makes; the result has its rows and elements.
  }];
  let arguments = (ins Tile_Value:$source);
  let results = (outs Tile_Value:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let extraClassDefinition = "::mlir::Value $cppClass::getViewed() { return getSource(); }";
}

def Tile_SliceOp : Tile_Op<"slice", [Pure, DeclareOpInterfaceMethods<Tile_View>]> {
  let summary = "some columns of a matrix";
  let description = [{
    The same bytes: no instruction. A slice of a slice is folded into one.

    ```mlir
    %right = tile.slice %a from 32 : tensor<8x64xf16> -> tensor<8x32xf16>
    ```

    * `tile_slice_c1`: source and result are matrices of as many rows and of the same elements, and the columns from
      `first` on are the source's.
  }];
  let arguments = (ins Tile_Value:$source, I64Attr:$first);
  let results = (outs Tile_Value:$result);
  let assemblyFormat = "$source `from` custom<Number>($first) attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let extraClassDefinition = "::mlir::Value $cppClass::getViewed() { return getSource(); }";
}

#endif // NM_DIALECT_TILE_IR_TILESTRUCTURE_TD
