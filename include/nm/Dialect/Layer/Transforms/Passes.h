//===- Passes.h - Passes over the layer dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_LAYER_TRANSFORMS_PASSES_H
#define NM_DIALECT_LAYER_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::layer {

#define GEN_PASS_DECL
#include "nm/Dialect/Layer/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "nm/Dialect/Layer/Transforms/Passes.h.inc"

} // namespace mlir::layer

#endif // NM_DIALECT_LAYER_TRANSFORMS_PASSES_H
