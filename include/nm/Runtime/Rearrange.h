//===- Rearrange.h - weights in another order than in their file ---------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Transposes and reshapes that a model applies to a weight before a product
// takes it, such as the kernel of a convolution as a matrix, are done when it
// is loaded.
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_REARRANGE_H
#define NM_RUNTIME_REARRANGE_H

#include "nm/Runtime/DerivedKey.h"

namespace nm::rt {

/// The iterations of `loops` give the elements of the result, row by row.
struct Rearranged {
  StoredOperand values; ///< no number
  std::vector<int64_t> loops;
  std::vector<int64_t> shape; ///< of the result

  /// The derived key.
  std::string key() const;

  /// The dimension of the result in which groups of `m` consecutive elements
  /// along dimension `axis` of the stored tensor are consecutive, too; nothing
  /// if they are in none.
  std::optional<int64_t> axisOf(int64_t axis, int64_t m) const;
};

/// A byte for each element of the result, such as a mask's, in the order of the
/// stored tensor.
std::string restoreBytes(const Rearranged &tensor, std::string_view bytes);

/// Whether a key has the form of one of a rearranged tensor.
bool isRearrangedKey(std::string_view key);

/// Reads and checks such a key: each element of the stored tensor is read once.
Result<Rearranged> parseRearranged(std::string_view key);

/// The result of a checkpoint, and of its mask, if it has one.
Result<Weight> readRearranged(const Checkpoint &checkpoint,
                              std::string_view key, const MaskOptions &options);

} // namespace nm::rt

#endif // NM_RUNTIME_REARRANGE_H
