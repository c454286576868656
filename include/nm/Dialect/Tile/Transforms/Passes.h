//===- Passes.h - From values to instructions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_TILE_TRANSFORMS_PASSES_H
#define NM_DIALECT_TILE_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"
#include "nm/Dialect/Tile/IR/TileDialect.h"
#include "nm/Machine/Device.h"

namespace mlir::tiles {

#define GEN_PASS_DECL
#include "nm/Dialect/Tile/Transforms/Passes.h.inc"

/// For a description that no name or file says.
std::unique_ptr<Pass> createBlockRows(const ::nm::model::Device &device);
std::unique_ptr<Pass> createBlockProducts(const ::nm::model::Device &device);
std::unique_ptr<Pass> createBlockAttention(const ::nm::model::Device &device);

#define GEN_PASS_REGISTRATION
#include "nm/Dialect/Tile/Transforms/Passes.h.inc"

/// Operators to kernels in blocks, and what else a kernel needs to become
/// instructions: channels, slots, semaphores, addresses.
void buildBlocksPipeline(OpPassManager &pm, const ::nm::model::Device &device);
void buildPlacesPipeline(OpPassManager &pm);
/// All of them in their order, on the programs of a module: nothing of the tile
/// dialect is left.
void buildTilePipeline(OpPassManager &pm, const ::nm::model::Device &device);
/// The same for a device that a name or a file says.
void buildTilePipeline(OpPassManager &pm, StringRef device);

} // namespace mlir::tiles

#endif // NM_DIALECT_TILE_TRANSFORMS_PASSES_H
