//===- TransferTerms.h - One transfer of DRAM -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What cost model, simulator and the passes that make programs share about the
// time of a transfer between DRAM and scratchpad.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MACHINE_TRANSFERTERMS_H
#define NM_MACHINE_TRANSFERTERMS_H

#include "nm/Machine/Device.h"

namespace nm::machine {

/// Cycles from the request of a transfer to its first byte: set-up of DMA, and
/// latency of DRAM.
inline double transferLatency(const Device &device) {
  return static_cast<double>(device.dma.setupCycles) +
         static_cast<double>(device.dram.latencyCycles);
}

} // namespace nm::machine

#endif // NM_MACHINE_TRANSFERTERMS_H
