//===- PifoCases.h - Who competes at what -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_PIFOCASES_H
#define NM_BENCHMARKS_PIFOCASES_H

#include <functional>
#include <string>
#include <vector>

namespace nm::bench {

/// A queue or scheduler with packets inside.
struct Competitor {
  std::string name;
  /// Takes out a packet and puts one in, so many times.
  std::function<void(size_t)> run;
};

struct PifoCase {
  std::string name;
  /// Builds and fills all that compete, which takes a while; the compiled
  /// scheduler comes first.
  std::function<std::vector<Competitor>()> build;
};

/// The departures of every competitor are compared with those over
/// std::priority_queue. Prints who differs and returns false.
bool verifyPifos();

/// One PIFO of 1,024 to 1,048,576 packets, whose next rank is up to 1,023
/// (`narrow`) or 65,535 (`wide`) after the one that left, so that the ranks
/// inside keep their distribution (the hold model of event queues: Jones, CACM
/// 1986); two-level HPFQ; STFQ in one to five levels; HPFQ with shaped leaves.
std::vector<PifoCase> pifoCases(bool quick);

} // namespace nm::bench

#endif // NM_BENCHMARKS_PIFOCASES_H
