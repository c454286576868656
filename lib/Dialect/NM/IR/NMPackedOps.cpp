//===- NMPackedOps.cpp - Verifiers of the storage operations -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Runtime/Layout.h"
#include "llvm/Support/InterleavedRange.h"

using namespace mlir;
using namespace mlir::nm;

/// Constraint `constraint`: `storage` are the storage types of `type` in
/// `layout`.
static LogicalResult verifyStorage(Operation *op, RankedTensorType type,
                                   LayoutAttr layout, TypeRange storage,
                                   StringRef constraint) {
  FailureOr<SmallVector<RankedTensorType>> expected = layout.getStorageTypes(
      type, [&] { return op->emitOpError() << constraint << ": "; });
  if (failed(expected))
    return failure();
  if (!llvm::equal(*expected, storage))
    return op->emitOpError()
           << constraint << ": storage of " << type << " in layout " << layout
           << " must be (" << llvm::interleaved(*expected) << "), got ("
           << storage << ")";
  return success();
}

LogicalResult AssembleOp::verify() {
  return verifyStorage(*this, getResult().getType(), getLayout(),
                       getStorage().getTypes(), "nm_assemble_c1");
}

LogicalResult DisassembleOp::verify() {
  return verifyStorage(*this, getSource().getType(), getLayout(),
                       getStorage().getTypes(), "nm_disassemble_c1");
}

LogicalResult PackedParamOp::verify() {
  if (getKey().empty())
    return emitOpError("nm_packed_param_c1: key must not be empty");
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!type)
    return emitOpError("nm_packed_param_c2: type must be a ranked tensor, got ")
           << getType();
  return verifyStorage(*this, type, getLayout(), getStorage().getTypes(),
                       "nm_packed_param_c2");
}
