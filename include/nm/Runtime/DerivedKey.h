//===- DerivedKey.h - tensors that are made of those in a file -----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A parameter may be something that no checkpoint holds as it is: integers with
// scales (Dequantize.h), or a weight in another order of its elements
// (Rearrange.h). Its key then says in JSON what it is made of, and stands
// wherever a key does; see docs/runtime.md.
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_DERIVEDKEY_H
#define NM_RUNTIME_DERIVEDKEY_H

#include "nm/Runtime/Weight.h"

namespace nm::rt {

/// A tensor of a checkpoint, read by loops: iteration i_0, i_1, ... reads
/// element sum i_k * strides_k, counted row by row. Or a number.
struct StoredOperand {
  std::string key; ///< empty: `number` instead
  DType dtype = DType::F32;
  std::vector<int64_t> shape, strides;
  double number = 0;

  bool isNumber() const { return key.empty(); }
};

/// Whether a key has the form of a derived one.
bool isDerivedKey(std::string_view key);

/// The key of the tensor that a derived key begins with, for people; else the
/// key.
std::string shownKey(std::string_view key);

/// What a derived key says, of a checkpoint, with the mask that belongs to it.
Result<Weight> readDerived(const Checkpoint &checkpoint, std::string_view key,
                           const MaskOptions &options);

} // namespace nm::rt

#endif // NM_RUNTIME_DERIVEDKEY_H
