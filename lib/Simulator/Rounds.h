//===- Rounds.h - Rounds of outermost loops -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_SIMULATOR_ROUNDS_H
#define NM_LIB_SIMULATOR_ROUNDS_H

#include "nm/Isa/Sequencer.h"

namespace nm::sim {

/// Counts the rounds of all outermost loops of a program, one loop after the
/// other, and knows what of the scratchpad each part between two barriers
/// names.
class Rounds {
public:
  explicit Rounds(const isa::Program &program);

  int64_t ended = 0; ///< the caller's: rounds that all engines have ended

  /// How many rounds end before the place where the engine stands.
  int64_t behind(const isa::Sequencer &engine) const;
  /// Bytes of the scratchpad that instructions between the barriers around that
  /// place name, each once.
  int64_t liveBytes(const isa::Sequencer &engine) const;

private:
  struct Place {
    int64_t rounds = 0; ///< before the outermost loop around it, or before it
    bool isInside = false; ///< of a loop
    size_t part = 0;       ///< between which barriers
  };
  std::vector<Place> places;  ///< by instruction, one more for the end
  std::vector<int64_t> bytes; ///< by part

  const Place &placeOf(const isa::Sequencer &engine) const;
};

} // namespace nm::sim

#endif // NM_LIB_SIMULATOR_ROUNDS_H
