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

/// A weight in DRAM.
struct Weight {
  /// Dense: [out, in], or [in, out] if `transposed`. N:M: kept values
  /// [out, in / M * N].
  TensorId values;
  bool transposed = false;
  /// N:M only: Part::Indices, [out, bytes].
  TensorId indices;
  SparsePattern pattern; ///< n == m: dense
};

/// What happens to a product before it is written, in this order.
struct Epilogue {
  float scale = 1;
  std::optional<TensorId> bias; ///< [out], rank 1
  std::optional<UnaryKind> activation;
  std::optional<TensorId> residual; ///< [tokens, out]; added
};

/// The rows of the tensors at which a product begins, where several products
/// share them: of the input, of the weight as it is stored, and of the output
/// and the residual.
struct ProjectionRows {
  int64_t input = 0, weight = 0, output = 0;
};

/// output [tokens, out] = epilogue(input [tokens, in] times weight). The
/// tensors may be larger than the shape: columns and rows are where input,
/// weight and output begin. Only a dense weight may begin elsewhere.
Status emitProjection(Builder &builder, const Device &device,
                      const model::ProjectionShape &shape,
                      const model::ProjectionTiling &tiling, Type type,
                      TensorId input, const Weight &weight, TensorId output,
                      const Epilogue &epilogue = {}, int64_t inputColumn = 0,
                      int64_t outputColumn = 0,
                      const ProjectionRows &rows = {});

/// The tiling to use on `device`: the cost model's best that the generator can
/// emit with this epilogue in the scratchpad.
Result<model::ProjectionTiling>
chooseProjection(const Device &device, const model::ProjectionShape &shape,
                 Type type, const Epilogue &epilogue);

} // namespace nm::isa

#endif // NM_ISA_KERNELS_KERNELS_H
