//===- Spans.h - Loops over blocks whose last one is smaller -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_ISA_KERNELS_SPANS_H
#define NM_LIB_ISA_KERNELS_SPANS_H

#include "nm/Isa/Builder.h"
#include "nm/Support/Arithmetic.h"

namespace nm::isa {

/// Equal blocks of a dimension that a loop visits, or one of them.
struct Span {
  LoopId loop;
  int64_t begin = 0; ///< of the first block, in elements
  int64_t size = 0;  ///< of each block, and the step from one to the next
  int64_t index = 0; ///< number of the first block

  /// The tile, which begins with the dimension, at these blocks of it.
  TileRef at(const TileRef &tile, int dim) const {
    return tile.by(loop, dim, size);
  }
};

/// A dimension in blocks; the last one may be smaller.
struct Blocks {
  int64_t total = 0, block = 1;

  int64_t whole() const { return total / block; }
  int64_t rest() const { return total % block; }
  int64_t count() const { return support::ceilDiv(total, block); }

  /// Calls `body(span)` for the whole blocks, in a loop, and for the last one.
  template <typename Body> void forEach(Builder &builder, Body body) const {
    if (whole()) {
      LoopId loop = builder.beginLoop(whole());
      body(Span{loop, 0, block, 0});
      builder.endLoop(loop);
    }
    if (rest())
      body(Span{{}, whole() * block, rest(), whole()});
  }
};

/// Which use of a stream an instruction is, counted from its first; selects the
/// slot.
class StreamPosition {
public:
  /// The next level: blocks of `span`, each of which uses the stream `uses`
  /// times, but for the last one, which may use it less often.
  StreamPosition in(const Span &span, int64_t uses) const {
    StreamPosition result(*this);
    result.first += span.index * uses;
    if (span.loop.depth >= 0)
      result.steps.push_back({span.loop, uses});
    return result;
  }
  TileRef slotOf(const TileRef &tile, int64_t slots) const {
    TileRef result = tile.slot(first % slots);
    for (auto [loop, step] : steps)
      result = result.slotBy(loop, step % slots);
    return result;
  }

private:
  int64_t first = 0;
  std::vector<std::pair<LoopId, int64_t>> steps;
};

} // namespace nm::isa

#endif // NM_LIB_ISA_KERNELS_SPANS_H
