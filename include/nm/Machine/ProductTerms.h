//===- ProductTerms.h - One product on the array -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the cost model and the simulator share about the time of a product: the
// simulator takes productCycles from here, so a test that compares the two says
// nothing about this formula; unittests/Simulator/TimeTest.cpp states it anew.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MACHINE_PRODUCTTERMS_H
#define NM_MACHINE_PRODUCTTERMS_H

#include "nm/Machine/Device.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>

namespace nm::machine {

/// Cycles of one product [m, k] by [k, n] on `a` x `b` MACs. A stationary
/// operand is loaded row by row behind the previous tile's work.
inline int64_t productCycles(Stationarity stationarity, int64_t a, int64_t b,
                             int64_t m, int64_t k, int64_t n) {
  using support::ceilDiv;
  switch (stationarity) {
  case Stationarity::Output:
    return ceilDiv(m, a) * ceilDiv(n, b) * k;
  case Stationarity::Weight:
    return ceilDiv(k, a) * ceilDiv(n, b) * std::max(m, std::min(k, a));
  case Stationarity::Input:
    return ceilDiv(m, a) * ceilDiv(k, b) * std::max(n, std::min(m, a));
  }
  return 0;
}

/// The same where the lhs is stationary and there already: nothing is loaded.
inline int64_t productCyclesInPlace(int64_t a, int64_t b, int64_t m, int64_t k,
                                    int64_t n) {
  return support::ceilDiv(m, a) * support::ceilDiv(k, b) * n;
}

/// Elements that one product moves between scratchpad and array.
inline int64_t productTraffic(Stationarity stationarity, int64_t a, int64_t b,
                              int64_t m, int64_t k, int64_t n) {
  using support::ceilDiv;
  switch (stationarity) {
  case Stationarity::Output:
    return m * k * ceilDiv(n, b) + k * n * ceilDiv(m, a) + m * n;
  case Stationarity::Weight:
    return m * k * ceilDiv(n, b) + k * n + m * n * (2 * ceilDiv(k, a) - 1);
  case Stationarity::Input:
    return m * k + k * n * ceilDiv(m, a) + m * n * (2 * ceilDiv(k, b) - 1);
  }
  return 0;
}

} // namespace nm::machine

#endif // NM_MACHINE_PRODUCTTERMS_H
