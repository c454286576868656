//===- ProjectionTerms.h - Terms of the cost of projections -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_MODEL_PROJECTIONTERMS_H
#define NM_LIB_MODEL_PROJECTIONTERMS_H

#include "ExtendedTerms.h"
#include "nm/Model/Extended.h"
#include "nm/Support/Arithmetic.h"

namespace nm::model {

/// Kept elements of `k` consecutive ones along the reduction.
inline int64_t keptElements(const ProjectionShape &shape, int64_t k) {
  return shape.sparse() ? support::ceilDiv(k, shape.pattern.m) * shape.pattern.n
                        : k;
}

/// Bytes of the indices of `k` elements of a row: a row begins on a byte.
inline int64_t indexBytes(const ProjectionShape &shape, int64_t k) {
  return shape.sparse()
             ? bitsToBytes(keptElements(shape, k) * shape.pattern.indexBits())
             : 0;
}

/// Bytes of `out` rows of a weight with `k` elements along the reduction.
inline int64_t weightBytes(const Device &device, const ProjectionShape &shape,
                           int64_t out, int64_t k) {
  return bitsToBytes(out * keptElements(shape, k) * device.elementBits) +
         out * indexBytes(shape, k);
}

/// Live bytes: the slots of activations and weights of one strip of the
/// reduction, and a block of sums.
int64_t projectionFootprint(const Device &device, const ProjectionShape &shape,
                            const ProjectionTiling &tiling);

/// The cost of a tiling that fits.
Cost priceProjection(const Device &device, const ProjectionShape &shape,
                     const ProjectionTiling &tiling);

} // namespace nm::model

#endif // NM_LIB_MODEL_PROJECTIONTERMS_H
