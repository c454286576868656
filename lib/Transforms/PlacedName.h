//===- PlacedName.h - Operations as messages of a call name them -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRANSFORMS_PLACEDNAME_H
#define NM_LIB_TRANSFORMS_PLACEDNAME_H

#include "mlir/IR/Operation.h"
#include "llvm/Support/Path.h"

namespace mlir::nm {

/// "'linalg.generic' (model.mlir:7:8)".
inline std::string placedName(Operation *op) {
  std::string text = "'" + op->getName().getStringRef().str() + "'";
  if (auto loc = op->getLoc()->findInstanceOf<FileLineColLoc>()) {
    text += " (";
    text += llvm::sys::path::filename(loc.getFilename().getValue());
    text += ":" + std::to_string(loc.getLine()) + ":" +
            std::to_string(loc.getColumn()) + ")";
  }
  return text;
}

} // namespace mlir::nm

#endif // NM_LIB_TRANSFORMS_PLACEDNAME_H
