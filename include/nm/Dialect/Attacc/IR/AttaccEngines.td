//===- AttaccEngines.td - Instructions of the engines -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_ATTACC_IR_ATTACCENGINES_TD
#define NM_DIALECT_ATTACC_IR_ATTACCENGINES_TD

include "nm/Dialect/Attacc/IR/AttaccStructure.td"

def Attacc_Instruction : OpInterface<"Instruction"> {
  let cppNamespace = "::mlir::attacc";
  let description = [{An instruction that an engine takes from its queue.}];
  let methods = [
    InterfaceMethod<"unit that runs it", "::mlir::attacc::Engine", "getEngine">,
    InterfaceMethod<"which of several equal units", "int64_t", "getQueue">,
    InterfaceMethod<"semaphores taken at the start", "::mlir::OperandRange", "getWaits">,
    InterfaceMethod<"semaphores raised at the end", "::mlir::OperandRange", "getSignals">,
    InterfaceMethod<"regions read", "::llvm::SmallVector<::mlir::Value>", "getRead">,
    InterfaceMethod<"regions written", "::llvm::SmallVector<::mlir::Value>", "getWritten">
  ];
}

class Attacc_Instr<string mnemonic, string engine, string queue, dag args, string reads,
                   string writes>
    : Attacc_Op<mnemonic, [AttrSizedOperandSegments, DeclareOpInterfaceMethods<Attacc_Instruction,
        ["getEngine", "getQueue", "getRead", "getWritten"]>]> {
  let arguments = !con(args, (ins Variadic<Attacc_SemaphoreType>:$waits,
                                  Variadic<Attacc_SemaphoreType>:$signals));
  let extraClassDefinition = [{
    ::mlir::attacc::Engine $cppClass::getEngine() { return ::mlir::attacc::Engine::}] # engine # [{; }
    int64_t $cppClass::getQueue() { return }] # queue # [{; }
    ::llvm::SmallVector<::mlir::Value> $cppClass::getRead() { return {}] # reads # [{}; }
    ::llvm::SmallVector<::mlir::Value> $cppClass::getWritten() { return {}] # writes # [{}; }
  }];
  let hasVerifier = 1;
}

class Attacc_Move<string mnemonic, string engine, Type from, Type to>
    : Attacc_Instr<mnemonic, engine, "getChannel()",
        (ins from:$source, to:$dest, DefaultValuedAttr<I64Attr, "0">:$channel),
        "getSource()", "getDest()"> {
  let assemblyFormat = [{
    $source `to` $dest `channel` custom<Number>($channel)
    (`wait` `(` $waits^ `)`)? (`signal` `(` $signals^ `)`)? attr-dict `:` type($source) `to` type($dest)
  }];
}
def Attacc_LoadOp : Attacc_Move<"load", "Load", Attacc_Dram, Attacc_Pad> {
  let summary = "strided copy from DRAM to the scratchpad";
  let description = [{
    * `attacc_move_c1`: shapes and element types agree.
    * `attacc_move_c2`: the channel is one of the device's.
    * `attacc_move_c3`: a store writes a tensor that is out or scratch.
  }];
}
def Attacc_StoreOp : Attacc_Move<"store", "Store", Attacc_Pad, Attacc_Dram> {
  let summary = "strided copy from the scratchpad to DRAM";
  let description = [{ As `attacc.load`, on a queue of its own for each channel. }];
}

def Attacc_GemmOp : Attacc_Instr<"gemm", "Array", "0", (ins
    Attacc_Pad:$lhs, Attacc_Pad:$rhs, Attacc_Pad:$dest, Attacc_StationaryAttr:$stationary,
    UnitAttr:$accumulate, UnitAttr:$transpose_lhs, UnitAttr:$transpose_rhs,
    DefaultValuedAttr<F32Attr, "1.0f">:$scale),
    "getLhs(), getRhs()", "getDest()"> {
  let summary = "matrix product on the array";
  let description = [{
    `dest = scale lhs rhs`, or `dest += scale lhs rhs` with `accumulate`; sums
    are f32 and rounded once when written. Operands of rank 3 are products side
    by side on segments of the array's columns, one for each index of the first
    dimension.

    ```mlir
    attacc.gemm output %q, %k into %s wait(%ready) signal(%done) {transpose_rhs}
        : !attacc.region<64x64xf16, scratchpad>, !attacc.region<512x64xf16, scratchpad>
          into !attacc.region<64x512xf32, scratchpad>
    ```

    * `attacc_gemm_c1`: all are of one rank, 2 or 3 with equal first sizes, and
      M x K, K x N and M x N after the transposes.
    * `attacc_gemm_c2`: operands have one type, f16, bf16 or f32; dest has it or
      f32; the scale is finite.
    * `attacc_gemm_c3`: no more products side by side than the device has
      segments.
  }];
  let assemblyFormat = [{
    $stationary $lhs `,` $rhs `into` $dest (`wait` `(` $waits^ `)`)? (`signal` `(` $signals^ `)`)?
    attr-dict `:` type($lhs) `,` type($rhs) `into` type($dest)
  }];
}

def Attacc_NMGemmOp : Attacc_Instr<"nm_gemm", "Array", "0", (ins
    Attacc_Pad:$lhs, Attacc_Pad:$values, Attacc_Pad:$indices, Attacc_Pad:$dest, I64Attr:$n,
    I64Attr:$m, Attacc_StationaryAttr:$stationary, UnitAttr:$accumulate,
    DefaultValuedAttr<F32Attr, "1.0f">:$scale),
    "getLhs(), getValues(), getIndices()", "getDest()"> {
  let summary = "matrix product with an N:M weight";
  let description = [{
    `dest = scale lhs W^T` (`+=` with `accumulate`) with `lhs` of R x K and W of C x K, of whose row `values` (C
    x K/M*N) keeps N elements of each group of M along K, and `indices` (C x
    bytes) their places: ceil(log2 M) bits each, lowest bit first, ascending
    within a group, each row on a byte.

    * `attacc_nm_gemm_c1`: 1 <= N < M <= 64, and the device decodes the pattern.
    * `attacc_nm_gemm_c2`: K is a multiple of M, so no tile cuts a group.
    * `attacc_nm_gemm_c3`: shapes are those above.
    * `attacc_nm_gemm_c4`: types and scale as for `attacc.gemm`; indices are i8.
  }];
  let assemblyFormat = [{
    $stationary $lhs `,` $values `[` $indices `]` `into` $dest `pattern` custom<Number>($n) `by` custom<Number>($m)
    (`wait` `(` $waits^ `)`)? (`signal` `(` $signals^ `)`)? attr-dict `:` type($lhs) `,`
    type($values) `,` type($indices) `into` type($dest)
  }];
}

class Attacc_Row<string mnemonic, dag args, string reads, string writes, string format,
                 string types>
    : Attacc_Instr<mnemonic, "Special", "0", args, reads, writes> {
  let assemblyFormat = format # [{
    (`wait` `(` $waits^ `)`)? (`signal` `(` $signals^ `)`)? attr-dict `:` }] # types;
}

def Attacc_RowMaxOp : Attacc_Row<"row_max", (ins Attacc_Pad:$source, Attacc_Pad:$dest,
    UnitAttr:$accumulate), "getSource(), getDest()", "getDest()",
    "$source `into` $dest",
    "type($source) `into` type($dest)"> {
  let summary = "largest element of each row; with accumulate also of what dest holds";
  let description = [{ * `attacc_row_c1`: source is R x C, row vectors are R. }];
}
def Attacc_ExpSumOp : Attacc_Row<"exp_sum", (ins Attacc_Pad:$source, Attacc_Pad:$max,
    Attacc_Pad:$dest, Attacc_Pad:$sum, UnitAttr:$accumulate),
    "getSource(), getMax(), getSum()", "getDest(), getSum()",
    "$source `,` $max `into` $dest `,` $sum",
    "type($source) `,` type($max) `into` type($dest) `,` type($sum)"> {
  let summary = "dest = exp(source - max) and its row sums; accumulate adds to sum";
  let description = [{
    A row whose max is minus infinity becomes zeros, not NaN. `attacc_row_c1`.
  }];
}
def Attacc_RescaleOp : Attacc_Row<"online_rescale", (ins Attacc_Pad:$old_max, Attacc_Pad:$new_max,
    Attacc_Pad:$sum, Attacc_Pad:$dest),
    "getOldMax(), getNewMax(), getSum(), getDest()", "getOldMax(), getSum(), getDest()",
    "$old_max `,` $new_max `into` $sum `,` $dest",
    "type($old_max) `,` type($new_max) `into` type($sum) `,` type($dest)"> {
  let summary = "step of the online softmax: sum and rows of dest times exp(old - new)";
  let description = [{
    Afterwards old_max holds new_max. The factor is 0 where old_max is minus
    infinity. `attacc_row_c1` with dest in place of source.
  }];
}
def Attacc_ScaleOp : Attacc_Row<"scale", (ins Attacc_Pad:$source, Attacc_Pad:$factor,
    Attacc_Pad:$dest, UnitAttr:$reciprocal), "getSource(), getFactor()", "getDest()",
    "$source `,` $factor `into` $dest",
    "type($source) `,` type($factor) `into` type($dest)"> {
  let summary = "rows times a factor each, or divided by it; 0 where the divisor is 0";
  let description = [{ `attacc_row_c1`. }];
}
def Attacc_SoftmaxOp : Attacc_Row<"softmax", (ins Attacc_Pad:$source, Attacc_Pad:$dest,
    F32Attr:$scale), "getSource()", "getDest()",
    "$source `into` $dest `scale` $scale",
    "type($source) `into` type($dest)"> {
  let summary = "softmax of each row of scale times source; masked rows become zeros";
  let description = [{
    * `attacc_elements_c1`: source and dest have one shape; a scale is finite.
  }];
}
def Attacc_MaskOp : Attacc_Row<"mask", (ins Attacc_Pad:$dest, I64Attr:$row,
    Variadic<Index>:$row_counters, OptionalAttr<DenseI64ArrayAttr>:$row_steps,
    I64Attr:$column, Variadic<Index>:$column_counters,
    OptionalAttr<DenseI64ArrayAttr>:$column_steps, UnitAttr:$causal,
    DefaultValuedAttr<I64Attr, "0">:$window, DefaultValuedAttr<I64Attr, "0">:$keys,
    DefaultValuedAttr<I64Attr, "1">:$group), "getDest()", "getDest()",
    [{$dest `row` custom<Number>($row) (`by` `(` $row_counters^ `)` `steps` $row_steps)?
      `column` custom<Number>($column) (`by` `(` $column_counters^ `)` `steps` $column_steps)?}],
    "type($dest)"> {
  let summary = "minus infinity where a query may not see a key";
  let description = [{
    Element (i, j) of the tile is query position floor((row + i) / group) and key
    position column + j. It becomes minus infinity if `causal` and key > query;
    if `window` > 0 and key + window <= query; or if `keys` > 0 and key >= keys.
    Row and column move with loop counters by the steps given.

    ```mlir
    attacc.mask %s row 0 by(%i) steps [64] column 0 {causal, window = 256 : i64}
        : !attacc.region<64x512xf32, scratchpad>
    ```

    * `attacc_mask_c1`: dest is of rank 2; the group is at least 1, window and
      keys are not negative.
    * `attacc_mask_c2`: one step for each counter; row and column are never
      negative; each counter is that of an enclosing loop, once.
  }];
}
def Attacc_LayerNormOp : Attacc_Row<"layernorm", (ins Attacc_Pad:$source, Attacc_Pad:$gamma,
    Attacc_Pad:$beta, Attacc_Pad:$dest, F32Attr:$epsilon),
    "getSource(), getGamma(), getBeta()", "getDest()",
    "$source `,` $gamma `,` $beta `into` $dest `epsilon` $epsilon",
    "type($source) `,` type($gamma) `,` type($beta) `into` type($dest)"> {
  let summary = "normalisation of each row to mean 0 and variance 1, times gamma plus beta";
  let description = [{
    * `attacc_layernorm_c1`: source and dest are R x C, gamma and beta C; epsilon is
      positive.
  }];
}
def Attacc_UnaryOp : Attacc_Row<"unary", (ins Attacc_UnaryAttr:$kind, Attacc_Pad:$source,
    Attacc_Pad:$dest), "getSource()", "getDest()", "$kind $source `into` $dest",
    "type($source) `into` type($dest)"> {
  let summary = "a function of each element; copy converts between element types";
  let description = [{ `gelu` is by erf, `gelu_tanh` its approximation. `attacc_elements_c1`. }];
}
def Attacc_ElementwiseOp : Attacc_Row<"elementwise", (ins Attacc_BinaryAttr:$kind,
    Attacc_Pad:$lhs, Attacc_Pad:$rhs, Attacc_Pad:$dest), "getLhs(), getRhs()", "getDest()",
    "$kind $lhs `,` $rhs `into` $dest",
    "type($lhs) `,` type($rhs) `into` type($dest)"> {
  let summary = "add, sub, mul or max of elements";
  let description = [{
    * `attacc_elementwise_c1`: lhs and dest have one shape; rhs has it too, or is a
      vector as long as the last dimension.
  }];
}
def Attacc_FillOp : Attacc_Row<"fill", (ins Attacc_Pad:$dest, F32Attr:$value), "", "getDest()",
    "$dest `with` $value",
    "type($dest)"> {
  let summary = "one value everywhere";
}

def Attacc_SyncOp : Attacc_Instr<"sync", "Load", "getChannel()", (ins Attacc_EngineAttr:$unit,
    DefaultValuedAttr<I64Attr, "0">:$channel), "", ""> {
  let summary = "waits and signals, and does nothing else";
  let description = [{
    On any engine; the channel is that of loads and stores.

    ```mlir
    attacc.sync array wait(%full) signal(%free)
    ```

    * `attacc_sync_c1`: the channel is 0 on the array and the special function
      unit.
    * `attacc_move_c2`: the channel is one of the device's.
  }];
  let assemblyFormat = [{
    $unit (`channel` $channel^)? (`wait` `(` $waits^ `)`)? (`signal` `(` $signals^ `)`)? attr-dict
  }];
  let extraClassDefinition = [{
    ::mlir::attacc::Engine $cppClass::getEngine() { return getUnit(); }
    int64_t $cppClass::getQueue() { return getChannel(); }
    ::llvm::SmallVector<::mlir::Value> $cppClass::getRead() { return {}; }
    ::llvm::SmallVector<::mlir::Value> $cppClass::getWritten() { return {}; }
  }];
}

#endif // NM_DIALECT_ATTACC_IR_ATTACCENGINES_TD
