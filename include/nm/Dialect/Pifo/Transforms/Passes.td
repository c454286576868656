//===- Passes.td - Passes over the pifo dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_PIFO_TRANSFORMS_PASSES_TD
#define NM_DIALECT_PIFO_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToCPU : Pass<"pifo-lower-to-cpu", "ModuleOp"> {
  let summary = "compile schedulers to functions with a C interface";
  let description = [{
    Each `pifo.scheduler @s` becomes functions on one block of memory: `s_create`,
    `s_destroy`, `s_enqueue`, `s_dequeue`, `s_dropped`, `s_class`, `s_release`, `s_next_release`, `s_size`,
    `s_peek`, `s_change`, `s_enqueue_batch` and `s_dequeue_batch`. docs/pifo-cpu.md says what
    they promise; `pifo::printCHeader` writes their declarations.

    The container of a node follows from its ranks: up to 6 bits one word, up to 18 bits
    a hierarchy of bitmaps with one list for each rank, threaded through the elements; more
    bits the same over a window of ranks that follows those that leave, and a heap of (rank,
    sequence) for ranks outside of it. Where a scheduler pushes out, each is a heap that gives both ends. A remark (category `pifo-container`) says which.
    Nothing is allocated after creation.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
                           "::mlir::cf::ControlFlowDialect"];
  let options = [
    Option<"container", "container", "std::string", "\"auto\"",
           "auto, heap (every node), list: sorted arrays, the reference of "
           "differential tests; or queues that come near the order of ranks: sp-pifo, "
           "aifo, packs, rifo, with numbers such as packs:queues=8,window=20,k=0.1">,
    Option<"hugePages", "huge-pages", "bool", "true",
           "ask Linux for large pages (madvise) where a scheduler has more than "
           "one of them">,
    Option<"counters", "counters", "bool", "false",
           "count what enters and leaves each leaf, for s_counters, which any "
           "thread may call">
  ];
}

#endif // NM_DIALECT_PIFO_TRANSFORMS_PASSES_TD
