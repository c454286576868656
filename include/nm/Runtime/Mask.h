//===- Mask.h - which elements of a weight are kept -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_MASK_H
#define NM_RUNTIME_MASK_H

#include "nm/Runtime/Result.h"
#include "nm/Runtime/Tensor.h"
#include <cstdint>
#include <memory>
#include <vector>

namespace nm::rt {

/// Order of the bits of a packed mask within a byte.
enum class BitOrder : uint8_t { LsbFirst = 0, MsbFirst = 1 };

/// A boolean tensor of the weight's shape, in one of the forms found in
/// checkpoints. Immutable; `owner` keeps the data alive.
struct Mask {
  enum class Form : uint8_t {
    /// One byte an element, row-major, 0 or 1.
    Bytes,
    /// One bit an element; every innermost row starts on a byte.
    RowBits,
    /// One bit an element; the flattened tensor is packed without gaps.
    FlatBits
  };

  Form form = Form::Bytes;
  BitOrder order = BitOrder::LsbFirst;
  std::vector<int64_t> shape;
  const unsigned char *data = nullptr;
  std::shared_ptr<const void> owner;

  /// Whether the element with this row-major index is kept.
  bool test(int64_t index) const;

  /// Writes `count` bytes (0 or 1) for the elements from row-major index
  /// `first` on.
  void expand(int64_t first, int64_t count, unsigned char *out) const;
};

/// Reads `tensor` as the mask of a weight of `shape`. Accepted: bool, u8, i8 or
/// a float type of that very shape with values 0 and 1 only; u8 with the last
/// dimension replaced by ceil(last / 8) (bit-packed rows); 1-D u8 of
/// ceil(count / 8) (bit-packed, flattened). `name` is the mask's name.
Result<Mask> readMask(const Tensor &tensor, const std::string &name,
                      const std::vector<int64_t> &shape, BitOrder order);

} // namespace nm::rt

#endif // NM_RUNTIME_MASK_H
