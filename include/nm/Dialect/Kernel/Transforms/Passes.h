//===- Passes.h - Passes over the kernel dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_KERNEL_TRANSFORMS_PASSES_H
#define NM_DIALECT_KERNEL_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::kernel {

#define GEN_PASS_DECL
#include "nm/Dialect/Kernel/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "nm/Dialect/Kernel/Transforms/Passes.h.inc"

} // namespace mlir::kernel

#endif // NM_DIALECT_KERNEL_TRANSFORMS_PASSES_H
