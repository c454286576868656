//===- Kernels.h - Programs of the operators of a transformer -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each generator appends the instructions of one operator to a program: loops,
// transfers and products with the tokens between them. A kernel begins and ends
// with no instruction under way that concerns it: it puts a barrier behind
// itself and gives its part of the scratchpad back. It moves exactly the DRAM
// bytes that the extended cost model counts for its shape and tiling.
//
// DRAM tensors of activations have rank 2, [rows, cols], whatever their rank in
// the source: leading dimensions are rows.
//
//===----------------------------------------------------------------------===//

#ifndef NM_ISA_KERNELS_KERNELS_H
#define NM_ISA_KERNELS_KERNELS_H

#include "nm/Isa/Builder.h"
#include "nm/Model/Extended.h"
#include <optional>

namespace nm::isa {

using model::Device;

/// Where an index of a logical dimension takes a box: `step` elements along
/// dimension `dim` of the tensor.
struct Axis {
  int dim = 0;
  int64_t step = 1;
};

/// Q, K, V or the output of attention within a tensor [rows, cols]. Element
/// (b, h, n, d) lies at the sums of the axes' steps; n and d have step 1 and
/// different dims. [B, S, H, D] as [B * S, H * D]: batch {0, S}, head {1, D},
/// position {0, 1}, width {1, 1}. [B, H, S, D] as [B * H * S, D]: batch
/// {0, H * S}, head {0, S}, position {0, 1}, width {1, 1}.
struct HeadsView {
  TensorId tensor;
  Axis batch, head;
  Axis position{0, 1}, width{1, 1};
  int64_t offsets[2] = {0, 0}; ///< of element (0, 0, 0, 0)
};

/// What attention adds to the cost model's shape. A logit is scaled, capped,
/// then keyBias and bias are added; what the window hides is minus infinity
/// whatever was added.
struct AttentionScore {
  float scale = 1;
  float softCap = 0;  ///< c of c * tanh(logit / c); 0: none
  int64_t window = 0; ///< sliding window; 0: none
  /// Query i is at position i + offset; AttentionShape::causal has keys -
  /// queries here.
  int64_t offset = 0;
  /// Added to the logits of all heads and queries of a sample: [batch or 1,
  /// keys], rank 2, as an additive key padding mask; none if absent.
  std::optional<TensorId> keyBias;
  /// Added to each logit: as queries of the same heads and as wide as keys.
  /// Steps of 0 share it among samples or heads. Elements of any float type.
  std::optional<HeadsView> bias;
  /// Rows that see no key give NaN, as 0 / 0 does; else zeros. Only fused
  /// dataflows do.
  bool dividesByZero = false;
};

/// Attention in the dataflow `flow`, base (unfused) or fused, for any point
/// that checkExtended accepts. `type` is that of the tensors; logits on chip
/// have it too, running statistics f32.
Status emitAttention(Builder &builder, const Device &device,
                     const model::AttentionShape &shape,
                     const model::Dataflow &flow, Type type, const HeadsView &q,
                     const HeadsView &k, const HeadsView &v,
                     const HeadsView &output, const AttentionScore &score);

} // namespace nm::isa

#endif // NM_ISA_KERNELS_KERNELS_H
