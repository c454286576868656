//===- Passes.h - Passes over the flat dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_FLAT_TRANSFORMS_PASSES_H
#define NM_DIALECT_FLAT_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::flat {

#define GEN_PASS_DECL
#include "nm/Dialect/Flat/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "nm/Dialect/Flat/Transforms/Passes.h.inc"

} // namespace mlir::flat

#endif // NM_DIALECT_FLAT_TRANSFORMS_PASSES_H
