//===- ReplacedLocation.cpp - Where a raised operation comes from ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Common/ReplacedLocation.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

Location mlir::nm::replacedLocation(Operation *root, Location own) {
  llvm::SetVector<Operation *> gone;
  gone.insert(root);
  // An operation is looked at again with each of its readers that goes.
  for (size_t i = 0; i != gone.size(); ++i)
    for (Value operand : gone[i]->getOperands()) {
      Operation *def = operand.getDefiningOp();
      if (def && !matchPattern(def, m_Constant()) &&
          llvm::all_of(def->getUsers(),
                       [&](Operation *user) { return gone.contains(user); }))
        gone.insert(def);
    }
  SmallVector<Location> places{own};
  for (Operation *op : gone)
    if (!isa<tensor::CastOp, tensor::CollapseShapeOp, tensor::EmptyOp,
             tensor::ExpandShapeOp>(op))
      places.push_back(op->getLoc());
  return FusedLoc::get(root->getContext(), places);
}
