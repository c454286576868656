//===- RegionVectorizer.h - Widening of scalar regions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRANSFORMS_REGIONVECTORIZER_H
#define NM_TRANSFORMS_REGIONVECTORIZER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::nm {

/// True if every operation of `block` before its terminator is a constant, or
/// maps elementwise over vectors: what cloneWide can widen.
bool isVectorizable(Block &block);

/// Clones the scalar operation `inner` for `lanes` elements at once (1: as it
/// is). Operands are looked up in `mapping`; scalars among them are broadcast.
/// The results are entered into `mapping`.
void cloneWide(OpBuilder &builder, Operation &inner, int64_t lanes,
               IRMapping &mapping);

/// `value` if it is a vector or `lanes` is 1, else its broadcast.
Value broadcastTo(OpBuilder &builder, Location loc, Value value, int64_t lanes);

} // namespace mlir::nm

#endif // NM_TRANSFORMS_REGIONVECTORIZER_H
