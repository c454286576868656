//===- Evaluate.h - Scalar operations on expressions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_ANALYSIS_EVALUATE_H
#define NM_ANALYSIS_EVALUATE_H

#include "mlir/IR/Operation.h"
#include "nm/Analysis/Expression.h"

namespace mlir::analysis {

/// What a scalar operation of arith, math or layer computes, given its
/// operands; nothing if it leaves the normal form. Conversions between float
/// types are left out. A comparison is no expression: the select that reads it
/// looks through it.
std::optional<Expression> evaluate(Expressions &algebra, Operation &op,
                                   function_ref<Expression(Value)> get);

} // namespace mlir::analysis

#endif // NM_ANALYSIS_EVALUATE_H
