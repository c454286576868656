//===- ExpandPowers.h - Integer powers as products -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRANSFORMS_EXPANDPOWERS_H
#define NM_LIB_TRANSFORMS_EXPANDPOWERS_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::nm {

/// `math.fpowi` by repeated squares, on scalars and vectors: LLVM's intrinsic
/// takes one 32-bit exponent for a whole vector. A negative power is the
/// inverse of the positive one. bf16 and f16 are computed in f32.
void populateExpandPowersPatterns(RewritePatternSet &patterns);

} // namespace mlir::nm

#endif // NM_LIB_TRANSFORMS_EXPANDPOWERS_H
