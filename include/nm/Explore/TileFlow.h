//===- TileFlow.h - Mappings as TileFlow writes them -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mapping of attention as TileFlow's tree of tiles (Zheng et al., TileFlow,
// MICRO 2023): a scope below which the two products take turns, tiles above it
// that they share, tiles below it that are theirs. Dimensions are B, H, M for
// the queries, L for the keys, A and N for the widths of Q and V; products are
// ProduceC and ProduceO. docs/model.md says what of them means what here.
//
//===----------------------------------------------------------------------===//

#ifndef NM_EXPLORE_TILEFLOW_H
#define NM_EXPLORE_TILEFLOW_H

#include "nm/Model/Mapping.h"

namespace nm::explore {

/// The mapping as YAML, with the levels L2 (DRAM), L1 (the chip) and L0. Fails
/// where a factor would not be whole, or what a tree of tiles cannot say.
model::Result<std::string> printTileFlow(const model::Device &device,
                                         const model::Mapping &mapping);

/// Messages begin with `where`, the name of the file.
model::Result<model::Mapping> parseTileFlow(const std::string &text,
                                            const std::string &where);

} // namespace nm::explore

#endif // NM_EXPLORE_TILEFLOW_H
