//===- RaiseView.h - Matrix products and where they read from -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_TRANSFORMS_RAISEVIEW_H
#define NM_DIALECT_NM_TRANSFORMS_RAISEVIEW_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/AffineMap.h"

namespace mlir::nm::raise {

/// Whether each result of `map` is a loop, none twice, or the constant 0.
/// Unlike AffineMap::isProjectedPermutation it takes maps with more results
/// than loops: dimensions of size 1 beside all others.
bool readsWholeDimensions(AffineMap map);

/// How a product reads a tensor: `map` takes the product's loops to an index of
/// `value`. Its results are loops, or the constant 0 in dimensions of size 1.
struct View {
  Value value;
  AffineMap map;

  RankedTensorType getType() const {
    return cast<RankedTensorType>(value.getType());
  }
  /// The dimension of `value` that follows `loop`; nothing if none does.
  std::optional<unsigned> getDimOf(unsigned loop) const;
};

/// The same elements one producer further up: through transposes, broadcasts,
/// exact extensions of the element type, casts and reshapes that only add or
/// drop unit dimensions. Otherwise fails and says in `stop` what is in the way.
FailureOr<View> stepUp(const View &view, std::string &stop);

/// Elements that are those of `view` times those of `scale`.
struct Scaled {
  View view;
  /// Does not follow the contraction. `value` may be a scalar; the map is then
  /// without results.
  View scale;
};

/// One producer further up where that multiplies, as what widens quantised
/// weights does, by factors that do not depend on the loop `k`: a product over
/// `k` may as well be multiplied afterwards. Fails as stepUp.
FailureOr<Scaled> stepThroughScale(const View &view, unsigned k,
                                   std::string &stop);

/// A sum of products over one loop.
struct Contraction {
  linalg::LinalgOp op;
  View operands[2];
  AffineMap result;
  /// The reduction loop.
  unsigned k;
  /// i8 x i8 -> i32 rather than floating point.
  bool integer;
  SmallVector<int64_t> loopSizes;
};

/// Reads `op` as a contraction. On failure `why` is empty if `op` is no matrix
/// product at all, else says what `nm.matmul` cannot express about it.
FailureOr<Contraction> matchContraction(linalg::LinalgOp op, std::string &why);

} // namespace mlir::nm::raise

#endif // NM_DIALECT_NM_TRANSFORMS_RAISEVIEW_H
