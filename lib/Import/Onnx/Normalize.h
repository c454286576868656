//===- Normalize.h - Means and variances -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_ONNX_NORMALIZE_H
#define NM_LIB_IMPORT_ONNX_NORMALIZE_H

#include "Node.h"

namespace mlir::nm::onnx {

/// Statistics over some axes, which stay as 1.
struct Moments {
  Val mean;       ///< only if centred
  Val variance;   ///< or the mean square
  Val inverse;    ///< 1 / sqrt(variance + epsilon)
  Val normalized; ///< (x - mean) * inverse
};

/// In the type of `x`, which is f32 or f64.
Moments normalizedMoments(NodeEmit &n, Val &x, ArrayRef<int64_t> axes,
                          double epsilon, bool centered);

/// x * scale + bias, broadcast to x; null ones are left out.
Val scaleAndShift(NodeEmit &n, Val &x, Val *scale, Val *bias);

/// Layer norm, or RMS norm unless `centered`, over the dimensions from `axis`
/// on, statistics in the type `wide`; scale and bias are broadcast to x, null
/// ones left out. The result has the type `result`.
Val normalizeRows(NodeEmit &n, Val &x, int64_t axis, bool centered, Val *scale,
                  Val *bias, int32_t wide, int32_t result);

/// The type that statistics are computed in: `stash_type`, at least f32.
int32_t stashType(NodeEmit &n, int32_t storage);

/// Whether `scale`, unless it is null, is broadcast to `x`.
LogicalResult checkScale(NodeEmit &n, const Val &x, const Val *scale,
                         StringRef what);

} // namespace mlir::nm::onnx

#endif // NM_LIB_IMPORT_ONNX_NORMALIZE_H
