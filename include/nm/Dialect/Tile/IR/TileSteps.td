//===- TileSteps.td - Attention, and kernels whose steps overlap -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_TILE_IR_TILESTEPS_TD
#define NM_DIALECT_TILE_IR_TILESTEPS_TD

include "nm/Dialect/Tile/IR/TileBase.td"
include "mlir/IR/AttrTypeBase.td"

def Tile_HeadsAttr : AttrDef<Tile_Dialect, "Heads"> {
  let mnemonic = "heads";
  let summary = "where the heads of a DRAM tensor of rank 2 lie";
  let description = [{
    Element (sample, head, position, width) lies at row `row` and column `column`, plus sample times `batch_step` along dimension `batch_dim`, plus head times
    `head_step` along `head_dim`, plus the position along the rows and the width along the columns. A step of 0 shares elements. `[B, S, H, D]` as
    `[B * S, H * D]` has batches `S` apart in dimension 0, heads `D` apart in dimension 1.

    ```mlir
    #tile.heads<batch_dim = 0, batch_step = 128, head_dim = 1, head_step = 64, row = 0, column = 0>
    ```
  }];
  let parameters = (ins "int64_t":$batch_dim, "int64_t":$batch_step, "int64_t":$head_dim, "int64_t":$head_step,
                        "int64_t":$row, "int64_t":$column);
  let assemblyFormat = "`<` struct(params) `>`";
}

def Tile_AttentionOp : Tile_Op<"attention", [
    Tile_HigherLevel, ParentOneOf<["::mlir::attacc::ProgramOp"]>, AttrSizedOperandSegments]> {
  let summary = "attention of DRAM tensors in a dataflow";
  let description = [{
    softmax(mask(cap(`scale` Q K^T) + bias)) V for each sample and head. `shape` is batch, heads, heads of keys, queries, keys, width of queries and keys, width of values.
    The cap is c tanh(x / c), 0 for none. `key_bias` [batch or 1, keys] is added for each sample, `bias` for each query and key. Query i is at position i + `offset`; `causal` hides keys
    after it, and a `window` keys that are so many or more before it. Rows that see no key are zeros, or NaN with `nan_rows`.

    `blocks` is the dataflow: rows of a block (of all query heads that share a key head, position by position), keys of a tile of the online softmax (0: whole rows), heads on chip
    at a time, heads side by side on the array. `staged` are bits: 1 Q, 2 K, 4 V, 8 logits (the products are fused), 16 the output. `keys_outer`: tiles of keys stay while rows pass
    by. `tile-block-attention` makes loops of it.

    * `tile_attention_c1`: tensors have rank 2 and elements of one type, biases of their own; all heads lie within them.
    * `tile_attention_c2`: sizes are 1 or more, heads a multiple of the heads of keys; numbers are finite, windows and offsets not negative.
    * `tile_attention_c3`: blocks are within the shape; rows of NaN need fused products, tiles of keys too.
  }];
  let arguments = (ins StrAttr:$name,
      Arg<Attacc_Dram, "", [MemRead]>:$q, Arg<Attacc_Dram, "", [MemRead]>:$k, Arg<Attacc_Dram, "", [MemRead]>:$v,
      Arg<Optional<Attacc_Dram>, "", [MemRead]>:$key_bias, Arg<Optional<Attacc_Dram>, "", [MemRead]>:$bias,
      Arg<Attacc_Dram, "", [MemWrite]>:$output,
      Tile_HeadsAttr:$q_heads, Tile_HeadsAttr:$k_heads, Tile_HeadsAttr:$v_heads, OptionalAttr<Tile_HeadsAttr>:$bias_heads,
      Tile_HeadsAttr:$output_heads,
      DenseI64ArrayAttr:$shape, UnitAttr:$causal, DefaultValuedAttr<F32Attr, "1.0f">:$scale,
      DefaultValuedAttr<F32Attr, "0.0f">:$soft_cap, DefaultValuedAttr<I64Attr, "0">:$window,
      DefaultValuedAttr<I64Attr, "0">:$offset, UnitAttr:$nan_rows,
      DenseI64ArrayAttr:$blocks, I64Attr:$staged, UnitAttr:$keys_outer,
      Attacc_StationaryAttr:$logit, Attacc_StationaryAttr:$attend);
  let assemblyFormat = [{
    $name $q `,` $k `,` $v (`keys` $key_bias^)? (`bias` $bias^)? `into` $output attr-dict `:` type($q) `,` type($k) `,` type($v)
    (`keys` type($key_bias)^)? (`bias` type($bias)^)? `into` type($output)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

def Tile_PhaseOp : Tile_Op<"phase", [ParentOneOf<["KernelOp", "ForOp"]>, SingleBlock, NoTerminator, RecursiveMemoryEffects]> {
  let summary = "a part of a step, which may run beside parts of other steps";
  let description = [{
    A block that holds phases is a step: it is done once for each round of the loops around it, which it is the innermost of. Its phases stand in the order in which one makes what the next one
    uses. Those with a `delay` are done with the phases of the step that comes so many steps later, or when the places that this one's are in are needed, or at the end of the
    kernel; in that step phases take their `turn`. So array and special function unit work on different steps.

    With `by_chunk` the rounds of the one loop of each phase alternate with those of the others: a chunk of the step before is used, and the place of it is
    filled.

    * `tile_phase_c1`: delay and turn are 0 to 255; a phase with `by_chunk` has one loop and nothing beside it.
  }];
  let arguments = (ins I64Attr:$delay, I64Attr:$turn, UnitAttr:$by_chunk);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`delay` custom<Number>($delay) `turn` custom<Number>($turn) (`by_chunk` $by_chunk^)? attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Tile_WhenOp : Tile_Op<"when", [SingleBlock, NoTerminator, RecursiveMemoryEffects]> {
  let summary = "what some rounds do";
  let description = [{
    `first`, `last`: what stands inside is done where each of these loops is in its first or last round; `not_first`, `not_last`: where one is not. The last
    round of a loop over keys is the last one that the rows at hand see.

    * `tile_when_c1`: counters are those of loops around it; the condition is one of the four.
  }];
  let arguments = (ins StrAttr:$condition, Variadic<Index>:$counters);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$condition `(` $counters `)` attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Tile_PlaceOp : Tile_Op<"place"> {
  let summary = "a place on chip that instructions fill part by part";
  let description = [{
    A new one each time that the operation is reached, with nothing in it: the next slot in turn. What outlives a round, such as sums that wait for the next tile of keys, lies in a place that
    an outer loop makes. With `fold` its rows are those of so many query heads, position by position, and whole positions have room. Which instruction waits for which one is found when the kernel's steps have their order: `tile-to-attacc`.

    ```mlir
    %sums = tile.place {tile.slots = array<i64: 2>} : tensor<2x64x64xf32>
    %part = tile.at %sums(%p, %r) dims [0, 1] : tensor<2x64x64xf32> -> tensor<32x64xf32>
    tile.put %product into %part accumulate from(%k) : tensor<32x64xf32>
    ```
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$fold);
  let results = (outs Tile_Value:$result);
  let assemblyFormat = "(`fold` $fold^)? attr-dict `:` type($result)";
  let extraClassDeclaration = [{
    /// Of a slot, with room for whole positions.
    ::llvm::SmallVector<int64_t> getRoom();
    int64_t getBytes();
  }];
}

def Tile_AtOp : Tile_Op<"at", [Pure, DeclareOpInterfaceMethods<Tile_View>]> {
  let summary = "the part of a place that a round works on";
  let description = [{
    Each counter cuts the dimension of `dims`: where the dimension is as long as a block of the loop, the part begins with it, else it moves with the
    blocks; either way it is as long as the round has elements. Leading dimensions that the result does not have are of one element.

    * `tile_at_c1`: there is a dimension for each counter, and counters are those of loops around it.
    * `tile_at_c2`: the result has the last dimensions of the source, cut, and its elements.
  }];
  let arguments = (ins Tile_Value:$source, Variadic<Index>:$counters, DenseI64ArrayAttr:$dims);
  let results = (outs Tile_Value:$result);
  let assemblyFormat = "$source `(` $counters `)` `dims` $dims attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let extraClassDefinition = "::mlir::Value $cppClass::getViewed() { return getSource(); }";
}

def Tile_PutOp : Tile_Op<"put", [MemoryEffects<[MemWrite]>, AllTypesMatch<["value", "place"]>]> {
  let summary = "where a value lies";
  let description = [{
    The instruction that makes the value writes it there. With `accumulate` it adds to what is there (`row_max`: takes the larger one), but for rounds in which all loops of `from`
    are in their first one.

    * `tile_put_c1`: the value is made by an instruction of the same block, and put once; it has the type of the part of a place.
  }];
  let arguments = (ins Tile_Value:$value, Tile_Value:$place, UnitAttr:$accumulate, Variadic<Index>:$from);
  let assemblyFormat = "$value `into` $place (`accumulate` $accumulate^)? (`from` `(` $from^ `)`)? attr-dict `:` type($value)";
  let hasVerifier = 1;
}

class Tile_HeadsTransfer<string mnemonic, dag args> : Tile_Op<mnemonic, [AttrSizedOperandSegments]> {
  let arguments = !con(args, (ins Variadic<Index>:$units, Variadic<Index>:$rows, Variadic<Index>:$columns,
      Tile_HeadsAttr:$heads, I64Attr:$sample, I64Attr:$group, I64Attr:$lane, UnitAttr:$by_step));
  let hasVerifier = 1;
}

def Tile_LoadHeadsOp : Tile_HeadsTransfer<"load_heads",
    (ins Arg<Attacc_Dram, "", [MemRead]>:$source, Arg<Tile_Value, "", [MemWrite]>:$dest)> {
  let summary = "rows of heads come to a place on chip";
  let description = [{
    The units (heads of keys of all samples, `sample` of them in each) that the counters `units` count, each with the rows and columns that the other counters say, to a part [units, rows, columns] or, of one row or one
    column of the tensor, [units, elements]. A unit of `group` query heads has their rows position by position. Becomes an `attacc.load` for each head. Transfers of one `lane` share a channel.
    What one transfer stores and another one loads is ordered part by part, or with `by_step` as all that the step stores.

    * `tile_load_heads_c1`: counters are those of loops around it, and the part is one of a place of rank 2 or 3 with the tensor's elements.
  }];
  let assemblyFormat = [{
    $source `units` `(` $units `)` `rows` `(` $rows `)` `columns` `(` $columns `)` `into` $dest attr-dict `:` type($source) `into` type($dest)
  }];
}

def Tile_StoreHeadsOp : Tile_HeadsTransfer<"store_heads",
    (ins Arg<Tile_Value, "", [MemRead]>:$source, Arg<Attacc_Dram, "", [MemWrite]>:$dest)> {
  let summary = "rows of heads leave a place on chip";
  let description = "As `tile.load_heads`. Becomes `attacc.store`.";
  let assemblyFormat = [{
    $source `into` $dest `units` `(` $units `)` `rows` `(` $rows `)` `columns` `(` $columns `)` attr-dict `:` type($source) `into` type($dest)
  }];
}

def Tile_MaskOp : Tile_Op<"mask", [AttrSizedOperandSegments]> {
  let summary = "hides what a query does not see";
  let description = [{
    Elements of a part of logits, whose rows and keys the counters say, become minus infinity where the row's query, (row / `group`) + `offset`, does not see the key: after it if `causal`, or `window` keys or more before it.
    Becomes `attacc.mask` of the columns that some row does not see, or nothing.

    * `tile_mask_c1`: a matrix; group 1 or more, window and offset not negative.
  }];
  let arguments = (ins Arg<Tile_Value, "", [MemRead, MemWrite]>:$tile, Variadic<Index>:$rows, Variadic<Index>:$keys,
      I64Attr:$group, I64Attr:$offset, I64Attr:$window, UnitAttr:$causal);
  let assemblyFormat = "$tile `rows` `(` $rows `)` `keys` `(` $keys `)` attr-dict `:` type($tile)";
  let hasVerifier = 1;
}

def Tile_RescaleOp : Tile_Op<"online_rescale"> {
  let summary = "sums of rows, and rows, times exp(old maximum - new maximum)";
  let description = [{
    The step of the online softmax, in place; `old_max` is the new one afterwards. Becomes `attacc.online_rescale`.

    * `tile_online_rescale_c1`: rows is R x C, the others R.
  }];
  let arguments = (ins Arg<Tile_Value, "", [MemRead, MemWrite]>:$old_max, Arg<Tile_Value, "", [MemRead]>:$new_max,
      Arg<Tile_Value, "", [MemRead, MemWrite]>:$sum, Arg<Tile_Value, "", [MemRead, MemWrite]>:$rows);
  let assemblyFormat = "$old_max `,` $new_max `into` $sum `,` $rows attr-dict `:` type($old_max) `,` type($new_max) `into` type($sum) `,` type($rows)";
  let hasVerifier = 1;
}

#endif // NM_DIALECT_TILE_IR_TILESTEPS_TD
