//===- ErrorFeedback.h - rounding by what a weight multiplies -------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// GPTQ (Frantar et al., "GPTQ: Accurate Post-Training Quantization for
// Generative Pre-trained Transformers", arXiv 2210.17323, section 3) rounds a
// row w of a weight one feature after the other, in order, and moves the
// features that follow to make up for the error, so that |X (w - q)| stays
// small, X the inputs of calibration.
//
// Here it is done with H = X^T X + 0.01 mean(diag) I = L^T L, L lower
// triangular, where (w - q)^T H (w - q) = |L (w - q)|^2: entry k of L (w - q)
// is zero for q_k = w_k + sum_{j<k} L_kj (w_j - q_j) / L_kk, and q_k is the
// nearest to that which may be stored. The same integers as by the Cholesky
// factor of the inverse, L^-1, without inverting anything (Chen et al., "The
// Geometry of LLM Quantization: GPTQ as Babai's Nearest Plane Algorithm", arXiv
// 2507.18553). What a mask drops is zero, and its error is made up for as well
// (SparseGPT, arXiv 2301.00774).
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_ERRORFEEDBACK_H
#define NM_RUNTIME_ERRORFEEDBACK_H

#include "nm/Runtime/Quantize.h"
#include <memory>
#include <vector>

namespace nm::rt {

/// X^T X of inputs of `features` each, in f64: 8 features^2 bytes.
class InputGram {
public:
  /// Fails where there is no memory for it.
  static Result<std::unique_ptr<InputGram>> make(int64_t features);
  static uint64_t bytes(int64_t features);

  int64_t features() const { return size; }
  /// Adds `count` inputs, row-major. Numbers that are none stay none, and
  /// factor() says so.
  void add(const float *inputs, int64_t count);

private:
  friend class InputFactor;
  InputGram() = default;
  int64_t size = 0;
  /// Rows; the lower triangle counts.
  std::shared_ptr<unsigned char> storage;
  double *data() const { return reinterpret_cast<double *>(storage.get()); }
};

/// The lower triangular L of the comment above.
class InputFactor {
public:
  /// Takes the memory of `gram`. Features that were always zero keep to
  /// themselves. Fails where an input was no number.
  static Result<InputFactor> factor(std::unique_ptr<InputGram> gram);

  int64_t features() const { return gram->features(); }
  const double *row(int64_t k) const { return gram->data() + k * features(); }
  /// What was added to the diagonal.
  double damping(int64_t k) const { return added[size_t(k)]; }

private:
  std::unique_ptr<InputGram> gram;
  std::vector<double> added;
};

/// Squared norms of what rounding changes in the outputs of a product on the
/// inputs of calibration.
struct FeedbackStats {
  double outputs = 0; ///< of the outputs themselves
  double nearest = 0; ///< changed by rounding to nearest what the mask keeps
  double fed = 0;     ///< changed by rounding with feedback
};

/// Rounds row-major f32 `dense` in place, as quantizeGroups does but by the
/// comment above. The scale of a group is chosen for what its features are to
/// be when its first is rounded. What `mask` (null: nothing) drops becomes
/// zero. Fails as quantizeGroups does, and where the axis is not `factor`'s.
Result<FeedbackStats> roundWithFeedback(const WeightDesc &desc,
                                        const Groups &groups,
                                        const InputFactor &factor,
                                        const Mask *mask, float *dense,
                                        const std::string &name);

} // namespace nm::rt

#endif // NM_RUNTIME_ERRORFEEDBACK_H
