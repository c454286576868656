//===- RaiseAttentionLimits.h - Which keys comparisons hide -----*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How many keys a cache holds is a number that keys are compared with. What the
// comparisons say is read off their normal form (nm/Analysis/Conditions.h),
// whatever their words are, and with them what they say of query and key.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONLIMITS_H
#define NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONLIMITS_H

#include "RaiseAttentionMatch.h"

namespace mlir::flat::raise {

/// The keys before a number (a scalar, or the one element of a tensor) and
/// `offset` more.
struct KeyBound {
  const Term *value;
  int64_t offset = 0;
};

/// A bound of the keys, and the keys from query - left to query + right; either
/// side may be open.
struct KeyLimits {
  KeyBound bound;
  std::optional<int64_t> left, right;
};

/// What `condition`, or its opposite, says if that is a number of keys that is
/// the same for all rows, and at most a window besides.
std::optional<KeyLimits> readLimits(const Term *condition, bool isNegated,
                                    const Match &match, const AxisTable &table);

/// How many of `keys` keys the bound leaves: an index from 0 to `keys`.
Value makeLength(const KeyBound &bound, OpFoldResult keys, OpBuilder &builder,
                 Location loc);

} // namespace mlir::flat::raise

#endif // NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONLIMITS_H
