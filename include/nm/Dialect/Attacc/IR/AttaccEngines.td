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
  }];
}
def Attacc_StoreOp : Attacc_Move<"store", "Store", Attacc_Pad, Attacc_Dram> {
  let summary = "strided copy from the scratchpad to DRAM";
  let description = [{ As `attacc.load`, on a queue of its own for each channel. }];
}

def Attacc_GemmOp : Attacc_Instr<"gemm", "Array", "0", (ins
    Attacc_Pad:$lhs, Attacc_Pad:$rhs, Attacc_Pad:$dest, Attacc_StationaryAttr:$stationary,
    UnitAttr:$accumulate, UnitAttr:$transpose_lhs, UnitAttr:$transpose_rhs),
    "getLhs(), getRhs()", "getDest()"> {
  let summary = "matrix product on the array";
  let description = [{
    `dest = lhs rhs`, or `dest += lhs rhs` with `accumulate`; sums are f32 and
    rounded once when written.

    ```mlir
    attacc.gemm output %q, %k into %s wait(%ready) signal(%done) {transpose_rhs}
        : !attacc.region<64x64xf16, scratchpad>, !attacc.region<512x64xf16, scratchpad>
          into !attacc.region<64x512xf32, scratchpad>
    ```

    * `attacc_gemm_c1`: all are of rank 2 and M x K, K x N and M x N after the
      transposes.
    * `attacc_gemm_c2`: operands have one type, f16, bf16 or f32; dest has it or
      f32.
  }];
  let assemblyFormat = [{
    $stationary $lhs `,` $rhs `into` $dest (`wait` `(` $waits^ `)`)? (`signal` `(` $signals^ `)`)?
    attr-dict `:` type($lhs) `,` type($rhs) `into` type($dest)
  }];
}

def Attacc_NMGemmOp : Attacc_Instr<"nm_gemm", "Array", "0", (ins
    Attacc_Pad:$lhs, Attacc_Pad:$values, Attacc_Pad:$indices, Attacc_Pad:$dest, I64Attr:$n,
    I64Attr:$m, Attacc_StationaryAttr:$stationary, UnitAttr:$accumulate),
    "getLhs(), getValues(), getIndices()", "getDest()"> {
  let summary = "matrix product with an N:M weight";
  let description = [{
    `dest = lhs W^T` with `lhs` of R x K and W of C x K, of whose row `values` (C
    x K/M*N) keeps N elements of each group of M along K, and `indices` (C x
    bytes) their places: ceil(log2 M) bits each, lowest bit first, ascending
    within a group, each row on a byte.

    * `attacc_nm_gemm_c1`: 1 <= N < M <= 64, and the device decodes the pattern.
    * `attacc_nm_gemm_c2`: K is a multiple of M, so no tile cuts a group.
    * `attacc_nm_gemm_c3`: shapes are those above.
    * `attacc_nm_gemm_c4`: types as for `attacc.gemm`; indices are i8.
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
  let summary = "rows times a factor each, or its reciprocal; 0 where the divisor is 0";
  let description = [{ `attacc_row_c1`. }];
}
def Attacc_SoftmaxOp : Attacc_Row<"softmax", (ins Attacc_Pad:$source, Attacc_Pad:$dest,
    F32Attr:$scale), "getSource()", "getDest()",
    "$source `into` $dest `scale` $scale",
    "type($source) `into` type($dest)"> {
  let summary = "softmax of each row of scale times source; masked rows become zeros";
  let description = [{ * `attacc_elements_c1`: source and dest have one shape. }];
}
def Attacc_CausalMaskOp : Attacc_Row<"causal_mask", (ins Attacc_Pad:$dest, I64Attr:$row,
    I64Attr:$column), "getDest()", "getDest()",
    "$dest `origin` custom<Number>($row) `,` custom<Number>($column)",
    "type($dest)"> {
  let summary = "minus infinity where the column is right of the row";
  let description = [{
    `row` and `column` are the place of the tile's first element in the logits.

    * `attacc_causal_mask_c1`: dest is of rank 2; the origin is not negative.
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
def Attacc_GeluOp : Attacc_Row<"gelu", (ins Attacc_Pad:$source, Attacc_Pad:$dest,
    UnitAttr:$tanh), "getSource()", "getDest()",
    "$source `into` $dest",
    "type($source) `into` type($dest)"> {
  let summary = "GELU by erf, or its tanh approximation";
  let description = [{ `attacc_elements_c1`. }];
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

#endif // NM_DIALECT_ATTACC_IR_ATTACCENGINES_TD
