//===- Arena.h - The memory of a call\'s buffers in the IR -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRANSFORMS_ARENA_H
#define NM_TRANSFORMS_ARENA_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::nm {

/// What nm-plan-memory marks: calls that give a function its arena, and, among
/// those that LLVM is passed (`passthrough`), the function that they call, in
/// which alone a compiled library takes the arena of a workspace.
inline constexpr llvm::StringLiteral kArenaAttrName = "nm.arena";

inline bool isArena(Operation *op) {
  return isa<func::CallOp>(op) && op->hasAttr(kArenaAttrName);
}

inline bool isArenaAllocator(func::FuncOp func) {
  auto passed = func->getAttrOfType<ArrayAttr>("passthrough");
  return passed && llvm::any_of(passed, [](Attribute attr) {
           auto text = dyn_cast<StringAttr>(attr);
           return text && text == kArenaAttrName;
         });
}

} // namespace mlir::nm

#endif // NM_TRANSFORMS_ARENA_H
