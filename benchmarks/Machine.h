//===- Machine.h - Measured ceilings of this machine -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_MACHINE_H
#define NM_BENCHMARKS_MACHINE_H

#include "llvm/Support/raw_ostream.h"
#include <string>

namespace nm::bench {

/// Ceilings of one thread, measured, not looked up.
struct Machine {
  double flops;     ///< f32 multiply-adds, FLOP/s (two per multiply-add)
  double bandwidth; ///< read bandwidth from DRAM, bytes/s
};

/// Takes about half a second.
Machine measureMachine();

/// Read bandwidth of so many threads together, each on memory of its own: of
/// DRAM, as three times the last cache is read.
double measureReadBandwidth(int threads);

/// The line above a table.
void printMachine(llvm::raw_ostream &os, const Machine &machine, int threads);

/// Seconds that `flops` and `bytes` need at least on `threads` threads.
double boundSeconds(const Machine &machine, double flops, double bytes,
                    int threads);

} // namespace nm::bench

#endif // NM_BENCHMARKS_MACHINE_H
