//===- Projection.h - The scratchpad of a projection -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_ISA_KERNELS_PROJECTION_H
#define NM_LIB_ISA_KERNELS_PROJECTION_H

#include "nm/Isa/Kernels/Kernels.h"
#include "nm/Support/Arithmetic.h"

namespace nm::isa {

/// What a projection keeps on chip: the cost model's footprint, the sums of a
/// second block if there is room, and the small buffers of the epilogue.
struct ProjectionPlan {
  model::ProjectionTiling tiling;
  int64_t depth = 1; ///< of a strip of the reduction
  int64_t sums = 1;  ///< blocks of sums: 2 let block and epilogue overlap
  int64_t chunk = 1; ///< rows that the epilogue takes at a time
  bool sparse = false;
  SparsePattern pattern;
  int64_t elementBytes = 2;
  int64_t biasBytes = 0, residualBytes = 0; ///< of an element; 0: none
  bool hasFactor = false;                   ///< scale as a step of the epilogue

  /// Kept elements and bytes of their indices of `in` elements of a row.
  int64_t kept(int64_t in) const {
    return sparse ? in / pattern.m * pattern.n : in;
  }
  int64_t indexBytes(int64_t in) const {
    return support::ceilDiv(kept(in) * pattern.indexBits(), int64_t(8));
  }
  /// Of the scratchpad, with the padding between buffers.
  int64_t bytes() const;
};

/// The plan within `capacity` bytes, or why there is none. biasBytes and
/// residualBytes are those of an element, of no account if the epilogue has
/// none. Needs a shape and a tiling that evaluateProjection accepts.
Result<ProjectionPlan> planProjection(const Device &device,
                                      const model::ProjectionShape &shape,
                                      const model::ProjectionTiling &tiling,
                                      Type type, const Epilogue &epilogue,
                                      int64_t biasBytes, int64_t residualBytes,
                                      int64_t capacity);

/// Whether `device` can run the shape with the tiling, in elements of `type`.
Status checkProjection(const Device &device,
                       const model::ProjectionShape &shape,
                       const model::ProjectionTiling &tiling, Type type);

/// Whether the tensors are those of the shape. Needs what checkProjection
/// accepts.
Status checkTensors(const Builder &builder, const model::ProjectionShape &shape,
                    Type type, TensorId input, const Weight &weight,
                    TensorId output, const Epilogue &epilogue,
                    int64_t inputColumn, int64_t outputColumn,
                    const ProjectionRows &rows);

} // namespace nm::isa

#endif // NM_LIB_ISA_KERNELS_PROJECTION_H
