//===- RaiseProduct.h - From a contraction to nm.matmul -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_DIALECT_NM_TRANSFORMS_RAISEPRODUCT_H
#define LIB_DIALECT_NM_TRANSFORMS_RAISEPRODUCT_H

#include "RaiseWeight.h"

namespace mlir::nm::raise {

/// What the destination of the contraction adds to the sum.
struct Addend {
  bool isZero = true;
  /// Otherwise: read by the result's dimensions, a projected permutation.
  View view;
};

/// How a contraction is said by `nm.matmul`.
struct Product {
  Contraction contraction;
  Weight weight;
  View dense;
  Addend addend;
  bool weightLeft = false;
  bool transposeWeight = false;
  bool transposeDense = false;
  /// A matrix-vector product: the vector is a matrix of one row.
  bool vector = false;
  /// No operand has batch dimensions, and the result's are all of size 1.
  bool dropBatch = false;
  /// The loop of the weight that is not the contraction.
  unsigned free = 0;
  /// Set by buildProduct: stands for the contraction's result.
  Value replacement;
};

/// Decides how operand `side` as the weight and the other one are read. Null,
/// with a reason, if `nm.matmul` cannot.
std::optional<Product> planProduct(const Contraction &contraction,
                                   unsigned side, const Weight &weight,
                                   std::string &reason);

/// Creates the operation at the rewriter's insertion point.
MatmulOp buildProduct(Product &product, WeightEncoder &encoder,
                      RewriterBase &rewriter);

} // namespace mlir::nm::raise

#endif // LIB_DIALECT_NM_TRANSFORMS_RAISEPRODUCT_H
