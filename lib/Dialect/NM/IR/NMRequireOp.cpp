//===- NMRequireOp.cpp - nm.require -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "nm/Dialect/NM/IR/NMDialect.h"

using namespace mlir;
using namespace mlir::nm;

LogicalResult RequireOp::verify() {
  constexpr size_t kMost = 4;
  if (getValues().size() > kMost)
    return emitOpError("nm_require_c1: expected at most ")
           << kMost << " values, got " << getValues().size();
  for (size_t i = getValues().size(); i < kMost; ++i)
    if (getMessage().contains("{" + std::to_string(i) + "}"))
      return emitOpError("nm_require_c1: the message names value ")
             << i << ", but there are " << getValues().size();
  return success();
}

/// What holds always is not checked.
static LogicalResult eraseTrue(RequireOp op, PatternRewriter &rewriter) {
  if (!matchPattern(op.getCondition(), m_One()))
    return rewriter.notifyMatchFailure(op, "the condition is not known");
  rewriter.eraseOp(op);
  return success();
}

void RequireOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                            MLIRContext *) {
  patterns.add(eraseTrue);
}
