//===- Values.h - What instructions compute -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_SIMULATOR_VALUES_H
#define NM_LIB_SIMULATOR_VALUES_H

#include "Pool.h"
#include "nm/Isa/Sequencer.h"
#include "nm/Simulator/Simulator.h"

namespace nm::sim {

using isa::Counters;
using isa::Sequencer;

/// Bytes of this machine. A larger request may be granted and kill the process
/// later.
long double hostMemory();

/// A tile in the host's memory, with the tile's own dimensions.
struct View {
  uint8_t *base = nullptr;
  isa::Type type = isa::Type::F32;
  int rank = 0;
  std::array<int64_t, isa::kMaxRank> sizes{}, strides{}; ///< in elements

  int64_t bytes() const { return isa::typeBytes(type); }
  uint8_t *at(int64_t element) const { return base + element * bytes(); }
  /// Number `i` of the first dimension, which goes.
  View row(int64_t i) const;
};

/// Work space that instructions reuse, and threads for the large ones.
struct Scratch {
  explicit Scratch(int threads) : pool(threads) {}
  std::vector<float> first, second, third, fourth;
  Pool pool;
};

// Each computes one instruction on views of its operands.
/// Bit by bit, of equal types.
void computeCopy(const View &from, const View &to);
void computeGemm(const isa::Instruction &instruction, const View *operands,
                 Scratch &scratch);
void computeNMGemm(const isa::Instruction &instruction, const View *operands,
                   Scratch &scratch);
/// `counters` are for Mask.
void computeSpecial(const isa::Instruction &instruction, const View *operands,
                    const Counters &counters, Scratch &scratch);

/// The scratchpad and the DRAM tensors of a run.
class Values {
public:
  Values(const Program &program, Memory &memory, int threads);
  /// With `seen`, what it read and wrote is noted there.
  void execute(int32_t instruction, const Counters &counters,
               Observation *seen);

private:
  View viewOf(const isa::Tile &tile, const Counters &counters);

  const Program &program;
  Memory &memory;
  std::vector<uint8_t> pad;
  std::vector<std::vector<int64_t>> tensorStrides, bufferStrides;
  std::vector<int64_t> slotSizes;
  Scratch scratch;
};

} // namespace nm::sim

#endif // NM_LIB_SIMULATOR_VALUES_H
