//===- Bandwidth.h - Shares of DRAM and scratchpad -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SIMULATOR_BANDWIDTH_H
#define NM_SIMULATOR_BANDWIDTH_H

#include <vector>

namespace nm::sim {

/// What bounds the speed of an instruction.
enum class Bound { Engine, Dram, Scratchpad, Array };

/// An instruction at work, as a fluid: it draws its bytes evenly over its time.
struct Flow {
  double cycles = 0;     ///< at full speed; 0: as fast as the bytes come
  double dram = 0;       ///< bytes
  double scratchpad = 0; ///< bytes
  double rate = 0;       ///< set by shareBandwidth: share of the work a cycle
  Bound bound = Bound::Engine;
  double alone = 0; ///< `cycles` while the PEs do nothing else; shareMachine
  double array = 0; ///< cycles of all PEs of the array; shareMachine
};

/// Sets rate and bound of each flow: max-min fair in bytes at both memories.
/// Who is slower than its engine waits for a memory that is used up and of
/// which nobody has more bytes a cycle; there is one such division (the text at
/// the head of Bandwidth.cpp says why). `dram` and `scratchpad` are bytes a
/// cycle. Every flow has cycles or bytes. The order of the flows does not
/// matter but for rounding.
void shareBandwidth(const std::vector<Flow *> &flows, double dram,
                    double scratchpad);

/// The same where flows share the PEs of the array, too: products, and the
/// softmax of an array that does it. Sets `cycles` from `alone`: who asks for
/// less than its share of the PEs leaves the rest to the other.
void shareMachine(const std::vector<Flow *> &flows, double dram,
                  double scratchpad);

} // namespace nm::sim

#endif // NM_SIMULATOR_BANDWIDTH_H
