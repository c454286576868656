//===- NMOps.cpp - Verifiers of the logical operations -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayoutSyntax.h"
#include "nm/Dialect/NM/IR/NMDialect.h"

using namespace mlir;
using namespace mlir::nm;

#define GET_OP_CLASSES
#include "nm/Dialect/NM/IR/NMOps.cpp.inc"

/// Constraint `constraint`: the types differ in their encoding at most.
static LogicalResult verifySameDenseType(Operation *op, Type source,
                                         Type result, StringRef constraint) {
  auto from = cast<RankedTensorType>(source);
  auto to = cast<RankedTensorType>(result);
  if (getDenseType(from) != getDenseType(to))
    return op->emitOpError()
           << constraint << ": source and result must agree in shape and "
           << "element type, got " << from << " and " << to;
  return success();
}

LogicalResult PruneOp::verify() {
  auto type = getSource().getType();
  if (getSparsity().isQuantized())
    return emitOpError(
               "nm_prune_c1: drops elements and rounds none, expected a "
               "pattern without bits, got ")
           << getSparsity();
  return getSparsity().verifyEncoding(
      type.getShape(), type.getElementType(),
      [&] { return emitOpError() << "nm_prune_c1: "; });
}

LogicalResult CompressOp::verify() {
  return verifySameDenseType(*this, getSource().getType(),
                             getResult().getType(), "nm_compress_c1");
}

LogicalResult DecompressOp::verify() {
  return verifySameDenseType(*this, getSource().getType(),
                             getResult().getType(), "nm_decompress_c1");
}

LogicalResult ParamOp::verify() {
  if (getKey().empty())
    return emitOpError("nm_param_c1: key must not be empty");
  if (!getResult().getType().hasStaticShape())
    return emitOpError("nm_param_c2: shape must be static, got ")
           << getResult().getType();
  return success();
}
