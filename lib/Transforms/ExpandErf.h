//===- ExpandErf.h - The error function as a polynomial -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRANSFORMS_EXPANDERF_H
#define NM_LIB_TRANSFORMS_EXPANDERF_H

#include "mlir/IR/PatternMatch.h"

namespace mlir::nm {

/// `math.erf` of f32, on scalars and vectors, as one polynomial: two thirds of
/// the instructions of upstream's, which chooses among three quotients for each
/// element and divides, and errors no larger.
void populateExpandErfPatterns(RewritePatternSet &patterns);

} // namespace mlir::nm

#endif // NM_LIB_TRANSFORMS_EXPANDERF_H
