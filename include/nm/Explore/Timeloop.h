//===- Timeloop.h - Mappings as Timeloop writes them -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mapping of attention as two mappings of Timeloop, one for each product, as
// the artifact of FuseMax (MICRO 2024) writes FLAT's: ranks B and H, P for the
// queries, M for the keys, E and F for the widths of Q and V; tensors Q, K, QK
// and A, V, AV; levels DRAM, L3, PE_col and PE. docs/model.md says what of them
// means what here.
//
//===----------------------------------------------------------------------===//

#ifndef NM_EXPLORE_TIMELOOP_H
#define NM_EXPLORE_TIMELOOP_H

#include "nm/Model/Mapping.h"

namespace nm::explore {

/// The mappings of the two products, as YAML. Fails where a factor would not be
/// whole, or what the two cannot say: grouped heads, masks, packed heads.
model::Result<model::TimeloopMapping>
printTimeloop(const model::Device &device, const model::Mapping &mapping);

/// Reads both; messages begin with the name of the one that is wrong.
model::Result<model::Mapping> parseTimeloop(const std::string &logit,
                                            const std::string &attend,
                                            const std::string &logitWhere,
                                            const std::string &attendWhere);

} // namespace nm::explore

#endif // NM_EXPLORE_TIMELOOP_H
