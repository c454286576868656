//===- Passes.h - Conversions from and to the nm dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_CONVERSION_PASSES_H
#define NM_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::nm {

#define GEN_PASS_DECL
#include "nm/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "nm/Conversion/Passes.h.inc"

} // namespace mlir::nm

#endif // NM_CONVERSION_PASSES_H
