//===- TileDialect.h - The tile dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_TILE_IR_TILEDIALECT_H
#define NM_DIALECT_TILE_IR_TILEDIALECT_H

#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "nm/Dialect/Attacc/IR/AttaccDialect.h"
#include "nm/Isa/Program.h"

namespace mlir::tiles {

/// A tensor that the scratchpad can hold: static sizes and element types that
/// instructions have.
bool isTileType(Type type);

/// What engines do with a semaphore has an order: such an operation stays.
void addSyncEffects(
    Operation *op,
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects);

// Of TileInstructions.td.
LogicalResult verifyComputation(Operation *op);
LogicalResult verifyTransfer(Operation *op);
LogicalResult verifySync(Operation *op);

/// Attributes that passes leave on instructions.
inline constexpr llvm::StringLiteral kChannel =
                                         "tile.channel", ///< of a transfer
    kSlots = "tile.slots",                               ///< of each result
    kAddresses = "tile.addresses"; ///< of each result, in bytes

/// The element type as instructions have it.
::nm::isa::Type elementTypeOf(Type type);

/// The opcode of what `op` becomes.
::nm::isa::Opcode opcodeOf(Operation *op);

/// Gives the results of `op`, an instruction that computes or a view, the
/// shapes that its operands ask for now, `rows` being those of a block. Element
/// types stay.
void updateResultTypes(Operation *op, int64_t rows);

/// What an accumulating instruction adds to, or null. Its result lies there.
Value getTied(Operation *op);

} // namespace mlir::tiles

#include "nm/Dialect/Tile/IR/TileDialect.h.inc"
#include "nm/Dialect/Tile/IR/TileInterfaces.h.inc"
#define GET_OP_CLASSES
#include "nm/Dialect/Tile/IR/TileOps.h.inc"

#endif // NM_DIALECT_TILE_IR_TILEDIALECT_H
