//===- CloseBranches.h - What branches yield, in one memory ---*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRANSFORMS_CLOSEBRANCHES_H
#define NM_LIB_TRANSFORMS_CLOSEBRANCHES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::nm {

/// The operand in whose memory a result is written, or that it is a view of;
/// null if there is none.
OpOperand *memoryOf(OpResult result);

/// The tensor in whose memory a value lies: through what writes to it, views of
/// it, and branches that both yield it.
Value memoryRootOf(Value value);

/// Copies what the branches of `op` yield to memory made before it, where its
/// size is known. Operations inside are closed already.
void closeBranches(scf::IfOp op);

/// The same of a choice between tensors, which folding makes of branches that
/// compute nothing: it becomes branches again. Bufferization has no copy for a
/// choice of what is overwritten before the choice is read.
void closeChoice(arith::SelectOp op);

} // namespace mlir::nm

#endif // NM_LIB_TRANSFORMS_CLOSEBRANCHES_H
