//===- Tile.td - The tile dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_TILE_IR_TILE_TD
#define NM_DIALECT_TILE_IR_TILE_TD

include "nm/Dialect/Tile/IR/TileBase.td"
include "nm/Dialect/Tile/IR/TileStructure.td"
include "nm/Dialect/Tile/IR/TileSteps.td"
include "nm/Dialect/Tile/IR/TileInstructions.td"

#endif // NM_DIALECT_TILE_IR_TILE_TD
