//===- AttentionViews.h - The tensors of attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_ISA_ATTENTIONVIEWS_H
#define NM_ISA_ATTENTIONVIEWS_H

#include "nm/Isa/Builder.h"
#include <optional>

namespace nm::isa {

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

} // namespace nm::isa

#endif // NM_ISA_ATTENTIONVIEWS_H
