//===- TileInstructions.td - Instructions on values -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_TILE_IR_TILEINSTRUCTIONS_TD
#define NM_DIALECT_TILE_IR_TILEINSTRUCTIONS_TD

include "nm/Dialect/Tile/IR/TileBase.td"

class Tile_Instr<string mnemonic, string engine, dag args, dag outs, string verifier,
                 string effects = "">
    : Tile_Op<mnemonic, [AttrSizedOperandSegments,
        DeclareOpInterfaceMethods<Tile_Instruction, ["getEngine"]>,
        DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let arguments = !con(args, (ins Variadic<Attacc_SemaphoreType>:$waits,
                                  Variadic<Attacc_SemaphoreType>:$signals));
  let results = outs;
  let extraClassDefinition = [{
    ::mlir::attacc::Engine $cppClass::getEngine() { return }] # engine # [{; }
    void $cppClass::getEffects(::llvm::SmallVectorImpl<
        ::mlir::SideEffects::EffectInstance<::mlir::MemoryEffects::Effect>> &effects) {
      ::mlir::tiles::addSyncEffects(*this, effects);
      }] # effects # [{
    }
    ::llvm::LogicalResult $cppClass::verify() { return ::mlir::tiles::}] # verifier # [{(*this); }
  }];
  let hasVerifier = 1;
}

/// One that computes: its rules are those of the instruction of its name.
class Tile_Compute<string mnemonic, string engine, dag args, dag outs>
    : Tile_Instr<mnemonic, engine, args, outs, "verifyComputation">;

defvar Tile_sync = "(`wait` `(` $waits^ `)`)? (`signal` `(` $signals^ `)`)? attr-dict `:` ";

//===----------------------------------------------------------------------===//
// Transfers
//===----------------------------------------------------------------------===//

def Tile_LoadOp : Tile_Instr<"load", "::mlir::attacc::Engine::Load",
    (ins Attacc_Dram:$source, Optional<Index>:$row_counter, Optional<Index>:$column_counter),
    (outs Tile_Value:$result),
    "verifyTransfer", "effects.emplace_back(::mlir::MemoryEffects::Read::get(), &getSourceMutable());"> {
  let summary = "a DRAM tensor, or a block of it, comes on chip";
  let description = [{
    With counters of loops around it the block of rows, of columns or of both that they count, else the whole tensor. A tensor that packs the dimension of the loop,
    such as the kept values of an N:M weight, has as many blocks of its own size. Becomes `attacc.load`.

    ```mlir
    %w = tile.load %values rows %o columns %k : !attacc.region<3072x384xf16, dram> -> tensor<128x64xf16>
    ```

    * `tile_load_c1`: the value has the tensor's shape and elements, but for dimensions that follow a
      counter: the tensor has as many rows or columns as the loop and the value as many as a block; or the tensor, cut by the value's,
      has as many blocks as the loop has rounds.
    * `tile_load_c2`: a counter is that of a `tile.for` around it; a vector follows one for its rows.
    * `tile_load_c3`: the source is an `attacc.tensor`, or a box of one that no loop moves.
  }];
  let assemblyFormat = !strconcat("$source (`rows` $row_counter^)? (`columns` $column_counter^)? ", Tile_sync, "type($source) `->` type($result)");
}

def Tile_StoreOp : Tile_Instr<"store", "::mlir::attacc::Engine::Store",
    (ins Tile_Value:$value, Attacc_Dram:$dest, Optional<Index>:$row_counter, Optional<Index>:$column_counter), (outs),
    "verifyTransfer", "effects.emplace_back(::mlir::MemoryEffects::Write::get(), &getDestMutable());"> {
  let summary = "a value goes to a DRAM tensor, or to a block of it";
  let description = "As `tile.load`. Becomes `attacc.store`.";
  let assemblyFormat = !strconcat("$value `into` $dest (`rows` $row_counter^)? (`columns` $column_counter^)? ", Tile_sync, "type($value) `into` type($dest)");
}

def Tile_SyncOp : Tile_Instr<"sync", "getUnit()",
    (ins Attacc_EngineAttr:$unit, DefaultValuedAttr<I64Attr, "0">:$queue), (outs), "verifySync"> {
  let summary = "an engine waits and signals, and does nothing else";
  let description = "Of what is loaded once, before a loop that uses it in each round. Becomes `attacc.sync`.";
  let assemblyFormat = [{
    $unit (`channel` $queue^)? (`wait` `(` $waits^ `)`)? (`signal` `(` $signals^ `)`)? attr-dict
  }];
}

//===----------------------------------------------------------------------===//
// The special function unit
//===----------------------------------------------------------------------===//

def Tile_UnaryOp : Tile_Compute<"unary", "::mlir::attacc::Engine::Special",
    (ins Attacc_UnaryAttr:$kind, Tile_Value:$source), (outs Tile_Value:$result)> {
  let summary = "a function of each element; copy converts between element types";
  let assemblyFormat = !strconcat("$kind $source ", Tile_sync, "type($source) `->` type($result)");
  let hasFolder = 1;
}

def Tile_ElementwiseOp : Tile_Compute<"elementwise", "::mlir::attacc::Engine::Special",
    (ins Attacc_BinaryAttr:$kind, Tile_Value:$lhs, Tile_Value:$rhs), (outs Tile_Value:$result)> {
  let summary = "a function of pairs of elements; the right side may be a vector, the same for all rows";
  let assemblyFormat = !strconcat("$kind $lhs `,` $rhs ", Tile_sync, "type($lhs) `,` type($rhs) `->` type($result)");
}

def Tile_FillOp : Tile_Compute<"fill", "::mlir::attacc::Engine::Special",
    (ins F32Attr:$value, UnitAttr:$rows), (outs Tile_Value:$result)> {
  let summary = "one value everywhere";
  let description = [{
    `rows` says that the first dimension is that of the rows, which are cut into blocks; else the tile is one for all of them.
  }];
  let assemblyFormat = !strconcat("$value (`rows` $rows^)? ", Tile_sync, "type($result)");
}

def Tile_RowMaxOp : Tile_Compute<"row_max", "::mlir::attacc::Engine::Special",
    (ins Tile_Value:$source), (outs Tile_Value:$result)> {
  let summary = "largest element of each row";
  let assemblyFormat = !strconcat("$source ", Tile_sync, "type($source) `->` type($result)");
}

def Tile_ExpSumOp : Tile_Compute<"exp_sum", "::mlir::attacc::Engine::Special",
    (ins Tile_Value:$source, Tile_Value:$max), (outs Tile_Value:$result, Tile_Value:$sum)> {
  let summary = "exp(source - max), and the sum of each row";
  let assemblyFormat = !strconcat("$source `,` $max ", Tile_sync, "type($source) `,` type($max) `->` type($result) `,` type($sum)");
}

def Tile_ScaleOp : Tile_Compute<"scale", "::mlir::attacc::Engine::Special",
    (ins Tile_Value:$source, Tile_Value:$factor, UnitAttr:$reciprocal), (outs Tile_Value:$result)> {
  let summary = "rows times a factor each, or divided by it; 0 where the divisor is 0";
  let assemblyFormat = !strconcat("$source `,` $factor (`reciprocal` $reciprocal^)? ", Tile_sync, "type($source) `,` type($factor) `->` type($result)");
}

def Tile_SoftmaxOp : Tile_Compute<"softmax", "::mlir::attacc::Engine::Special",
    (ins Tile_Value:$source, F32Attr:$scale), (outs Tile_Value:$result)> {
  let summary = "softmax of each row of scale times source";
  let assemblyFormat = !strconcat("$source `scale` $scale ", Tile_sync, "type($source) `->` type($result)");
}

def Tile_LayerNormOp : Tile_Compute<"layernorm", "::mlir::attacc::Engine::Special",
    (ins Tile_Value:$source, Tile_Value:$gamma, Tile_Value:$beta, F32Attr:$epsilon),
    (outs Tile_Value:$result)> {
  let summary = "normalisation of each row to mean 0 and variance 1, times gamma plus beta";
  let assemblyFormat = !strconcat("$source `,` $gamma `,` $beta `epsilon` $epsilon ", Tile_sync, "type($source) `,` type($gamma) `,` type($beta) `->` type($result)");
}

//===----------------------------------------------------------------------===//
// The array
//===----------------------------------------------------------------------===//

def Tile_GemmOp : Tile_Compute<"gemm", "::mlir::attacc::Engine::Array",
    (ins Attacc_StationaryAttr:$stationary, Tile_Value:$lhs, Tile_Value:$rhs, Optional<Tile_Value>:$acc,
         UnitAttr:$transpose_lhs, UnitAttr:$transpose_rhs, DefaultValuedAttr<F32Attr, "1.000000f">:$scale),
    (outs Tile_Value:$result)> {
  let summary = "matrix product on the array, added to a value if there is one";
  let description = [{
    `acc` + `scale` `lhs` `rhs`. The result takes the place of `acc`, of which this is the last use.

    * `tile_gemm_c1`: `acc` has the result's type, is made by an instruction that computes in the same block or is the sum of its loop, and
      nothing else uses it.
  }];
  let assemblyFormat = !strconcat("$stationary $lhs `,` $rhs (`plus` $acc^)? ", Tile_sync, "type($lhs) `,` type($rhs) (`plus` type($acc)^)? `->` type($result)");
}

def Tile_NMGemmOp : Tile_Compute<"nm_gemm", "::mlir::attacc::Engine::Array",
    (ins Attacc_StationaryAttr:$stationary, Tile_Value:$lhs, Tile_Value:$values, Tile_Value:$indices,
         I64Attr:$n, I64Attr:$m, Optional<Tile_Value>:$acc), (outs Tile_Value:$result)> {
  let summary = "matrix product with an N:M weight, added to a value if there is one";
  let description = [{
    As `tile.gemm`, with kept values [out, in / M * N] and their places.

    ```mlir
    %s = tile.nm_gemm output %x, %w[%i] plus %acc pattern 2 by 4
        : tensor<64x128xf16>, tensor<32x64xf16>, tensor<32x16xi8> plus tensor<64x32xf32> -> tensor<64x32xf32>
    ```

    * `tile_gemm_c1`: of `acc`, as above.
  }];
  let assemblyFormat = !strconcat("$stationary $lhs `,` $values `[` $indices `]` (`plus` $acc^)? `pattern` custom<Number>($n) `by` custom<Number>($m) ",
                                  Tile_sync, "type($lhs) `,` type($values) `,` type($indices) (`plus` type($acc)^)? `->` type($result)");
}

#endif // NM_DIALECT_TILE_IR_TILEINSTRUCTIONS_TD
