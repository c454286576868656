//===- ReplacedLocation.h - Where a raised operation comes from -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_COMMON_REPLACEDLOCATION_H
#define NM_DIALECT_COMMON_REPLACEDLOCATION_H

#include "mlir/IR/Operation.h"

namespace mlir::nm {

/// The location of what took the place of `root`, which nobody reads any more:
/// `own`, then those of `root` and of all operations that only it and one
/// another read, so that reports find every operation of a model that one
/// stands for. Views have none: they belong to what they are views for.
Location replacedLocation(Operation *root, Location own);

} // namespace mlir::nm

#endif // NM_DIALECT_COMMON_REPLACEDLOCATION_H
