//===- NMMeasureOps.td - Measuring a run -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_IR_NMMEASUREOPS_TD
#define NM_DIALECT_NM_IR_NMMEASUREOPS_TD

include "nm/Dialect/NM/IR/NMBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

/// What is measured is no memory of the program: passes may move reads and
/// writes past it as far as they keep the order of the operations around it.
def NM_Measurements : Resource<"::mlir::nm::MeasurementsResource">;

class NM_MeasureOp<string mnemonic>
    : NM_Op<mnemonic, [MemoryEffects<[MemWrite<NM_Measurements>]>]>;

def NM_MeasureBeginOp : NM_MeasureOp<"measure_begin"> {
  let summary = "the time of a measured operation begins";
  let description = [{
    `id` is the place of the operation in the module's attribute `nm.measures`
    (`nm-insert-measures`).

    ```mlir
    nm.measure_begin 3
    ```
  }];
  let arguments = (ins I64Attr:$id);
  let assemblyFormat = "$id attr-dict";
}

def NM_MeasureEndOp : NM_MeasureOp<"measure_end"> {
  let summary = "the time of a measured operation ends";
  let description = [{
    With the work that it did: floating-point operations, and bytes that it read
    and wrote, each operand once.

    ```mlir
    nm.measure_end 3 work(%flops, %read, %written)
    ```
  }];
  let arguments = (ins I64Attr:$id, Index:$flops, Index:$read, Index:$written);
  let assemblyFormat = "$id `work` `(` $flops `,` $read `,` $written `)` attr-dict";
}

def NM_MeasureMemoryOp : NM_MeasureOp<"measure_memory"> {
  let summary = "so many bytes of buffers more, or less, are live";
  let arguments = (ins Index:$bytes);
  let assemblyFormat = "$bytes attr-dict";
}

#endif // NM_DIALECT_NM_IR_NMMEASUREOPS_TD
