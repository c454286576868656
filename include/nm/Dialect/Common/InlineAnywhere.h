//===- InlineAnywhere.h - Operations that any function may hold -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_COMMON_INLINEANYWHERE_H
#define NM_DIALECT_COMMON_INLINEANYWHERE_H

#include "mlir/Transforms/InliningUtils.h"

namespace mlir::nm {

/// Of dialects whose operations stand for values alone and may be anywhere:
/// what calls a function of them can take its body in.
struct InlineAnywhere : public DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;

  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
  bool isLegalToInline(Region *, Region *, bool, IRMapping &) const final {
    return true;
  }
};

} // namespace mlir::nm

#endif // NM_DIALECT_COMMON_INLINEANYWHERE_H
