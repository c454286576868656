//===- AttentionDataflows.h - Measured ranking of dataflows -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_ATTENTIONDATAFLOWS_H
#define NM_BENCHMARKS_ATTENTIONDATAFLOWS_H

#include "AttentionCase.h"

namespace nm::bench {

/// Runs the cost model's best-ranked dataflows for this machine, interleaved,
/// and prints each one's minimum beside its rank, and how far the first one
/// lies behind the fastest. False if something failed; says so on stderr.
bool compareDataflows(const AttentionCase &attention, int threads, int rounds);

} // namespace nm::bench

#endif // NM_BENCHMARKS_ATTENTIONDATAFLOWS_H
