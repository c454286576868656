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

def Tile_YieldOp : Tile_Op<"yield", [Terminator, Pure, ParentOneOf<["RowsOp"]>]> {
  let summary = "what is written to the outputs";
  let arguments = (ins Variadic<Tile_Value>:$values);
  let assemblyFormat = "$values attr-dict `:` type($values)";
}

def Tile_KernelOp : Tile_Op<"kernel", [
    Tile_HigherLevel, ParentOneOf<["::mlir::attacc::ProgramOp"]>, SingleBlock, NoTerminator, NoRegionArguments,
    RecursiveMemoryEffects]> {
  let summary = "what begins and ends with no instruction under way";
  let description = [{
    All engines meet at its end, so it has the whole scratchpad, and values of one kernel are not seen by another.
    `name` is what errors and remarks call it.

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
  }];
  let arguments = (ins StrAttr:$name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$name attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Tile_ForOp : Tile_Op<"for", [
    ParentOneOf<["KernelOp"]>, SingleBlock, NoTerminator, RecursiveMemoryEffects]> {
  let summary = "blocks of a dimension";
  let description = [{
    Rounds ceil(total / block), each of which does what the region says with a block; the last round may be of fewer
    rows, in every tile that has them, though the region's types are those of a whole block. The argument counts
    blocks. `tile-to-attacc` makes a hardware loop of the whole blocks and writes the last one behind it.

    * `tile_for_c1`: 1 <= block <= total < 2^31.
    * `tile_for_c2`: one argument, of type index.
    * `tile_for_c3`: tiles that follow the counter have as many rows as the block.
  }];
  let arguments = (ins I64Attr:$total, I64Attr:$block);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "custom<Number>($total) `by` custom<Number>($block) attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// Rounds of whole blocks, and rows of the last one, 0 if that is whole.
    int64_t getWholeBlocks() { return getTotal() / getBlock(); }
    int64_t getRest() { return getTotal() % getBlock(); }
    int64_t getRounds() { return getWholeBlocks() + (getRest() != 0); }
    Value getCounter() { return getBody().getArgument(0); }
  }];
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
