//===- ExploreRun.h - Parts of the explorer -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_MODEL_EXPLORERUN_H
#define NM_LIB_MODEL_EXPLORERUN_H

#include "nm/Model/Explore.h"
#include "nm/Support/CommandFiles.h"

namespace nm::model {

/// Point `index` without its outcome, and the text of its key columns.
SweepPoint sweepKey(const Sweep &sweep, int64_t index);
std::string sweepKeyText(const Sweep &sweep, const SweepPoint &point);

/// Utilisation, seconds and energy over the axis that varies, one file for each
/// device and model, and the Pareto fronts.
Status writePlots(const Sweep &sweep, const std::vector<SweepPoint> &points,
                  const std::string &prefix, support::CommandFiles &files);

} // namespace nm::model

#endif // NM_LIB_MODEL_EXPLORERUN_H
