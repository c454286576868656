//===- Cost.h - What an instruction asks of the machine -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_SIMULATOR_COST_H
#define NM_LIB_SIMULATOR_COST_H

#include "nm/Isa/Program.h"

namespace nm::sim {

/// Independent of loop counters: sizes of tiles are fixed.
struct Cost {
  double latency = 0;    ///< cycles from a request to its first byte or sum:
                         ///< DMA set-up and DRAM, or filling the array
  double overhead = 0;   ///< cycles to set the array up for another product
  double work = 0;       ///< cycles of the engine at full speed
  double array = 0;      ///< cycles of all PEs, where others may want them too
  double dram = 0;       ///< bytes of whole bursts
  double scratchpad = 0; ///< bytes
  int32_t product = -1;  ///< equal for products that need no set-up between

  // For the counters; `payload` is that of a transfer.
  int64_t payload = 0, macs = 0, specialOps = 0, laneCycles = 0, decodes = 0;
};

/// Costs of all instructions of a program that passed checkProgram.
std::vector<Cost> costsOf(const isa::Program &program,
                          const model::Device &device);

} // namespace nm::sim

#endif // NM_LIB_SIMULATOR_COST_H
