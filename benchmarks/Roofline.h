//===- Roofline.h - Roofline picture -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_ROOFLINE_H
#define NM_BENCHMARKS_ROOFLINE_H

#include "Machine.h"
#include <string>
#include <vector>

namespace nm::bench {

struct RooflinePoint {
  std::string name;
  double intensity; ///< FLOP per byte
  double flops;     ///< FLOP/s reached
};

/// An SVG of the points under the machine's two ceilings, log-log.
std::string drawRoofline(const Machine &machine, int threads,
                         const std::vector<RooflinePoint> &points);

} // namespace nm::bench

#endif // NM_BENCHMARKS_ROOFLINE_H
