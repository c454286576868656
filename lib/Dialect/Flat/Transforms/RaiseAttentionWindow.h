//===- RaiseAttentionWindow.h - Which keys a term hides -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exporters store causal masks: as truth values, bytes or floats, whole or as a
// slice of a longer buffer. A mask of memory is read and added for every key; a
// window says which keys are not looked at at all. Here a constant is shown to
// be a window by looking at every element of it.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONWINDOW_H
#define NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONWINDOW_H

#include "RaiseAttentionMatch.h"

namespace mlir::flat::raise {

/// Exporters write the lowest finite number where they mean minus infinity.
inline bool isVeryNegative(double value) { return value <= -1e30; }

/// Keys from query - left to query + right; either side may be open.
struct KeyWindow {
  std::optional<int64_t> left, right;
  /// What hides is very negative, not infinite.
  bool isSoft = false;
};

/// How a term hides keys.
enum class HidingForm {
  Added,   ///< it is 0, or very negative, and added to the score
  SeenIf,  ///< a key is seen where it holds
  HiddenIf ///< a key is hidden where it holds
};

/// The window that `term`, a function of a constant over queries and keys,
/// shows of each query; nothing if it is no window. `hidden` is the score of a
/// hidden key where the term is a condition.
std::optional<KeyWindow> readWindow(const Term *term, HidingForm form,
                                    double hidden, const Match &match,
                                    const AxisTable &table);

} // namespace mlir::flat::raise

#endif // NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONWINDOW_H
