//===- ArenaLayout.h - Where buffers lie in one piece of memory -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRANSFORMS_ARENALAYOUT_H
#define NM_TRANSFORMS_ARENALAYOUT_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace mlir::nm {

/// A buffer that is used from statement `first` to statement `last`, both
/// included.
struct Lifetime {
  int64_t first, last, bytes;
};

struct ArenaLayout {
  /// In bytes, multiples of the alignment, in the order of the buffers.
  std::vector<int64_t> offsets;
  int64_t bytes = 0;
  /// The most that is in use at one statement, each buffer rounded up to the
  /// alignment: no layout needs less.
  int64_t largestLive = 0;
};

/// Offsets for buffers such that those of which the lifetimes meet do not
/// overlap. Each goes, in the order of their first use, to the tightest gap
/// that is free by then; time grows with the number of buffers times that of
/// those in use at once.
ArenaLayout layOut(llvm::ArrayRef<Lifetime> buffers, int64_t alignment = 64);

} // namespace mlir::nm

#endif // NM_TRANSFORMS_ARENALAYOUT_H
