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
    kAddresses = "tile.addresses", ///< of each result, in bytes
    /// The result takes the place of the first operand, whose last use this is.
    kInPlace = "tile.in_place";

/// The element type as instructions have it.
::nm::isa::Type elementTypeOf(Type type);

/// The opcode of what `op` becomes.
::nm::isa::Opcode opcodeOf(Operation *op);

/// The shape of a result of `op`, an instruction that computes or a view, where
/// its operands have the shapes that `shapeOf` says of their numbers; `rows`
/// are those of a block.
SmallVector<int64_t>
shapeOfResult(OpResult result, int64_t rows,
              function_ref<ArrayRef<int64_t>(unsigned)> shapeOf);
/// Gives the results of `op` the shapes that its operands ask for now. Element
/// types stay.
void updateResultTypes(Operation *op, int64_t rows);

/// What an accumulating instruction adds to, or null. Its result lies there.
Value getTied(Operation *op);
/// The operand in whose place the result lies, or null.
Value getPlace(Operation *op);

class ForOp;
/// The loop that an index counts the blocks of, or null.
ForOp getLoopOf(Value counter);

/// A DRAM tensor, or a box of one that no loop moves.
struct DramBox {
  Value tensor;                 ///< null if it is something else
  SmallVector<int64_t> offsets; ///< in the tensor
};
DramBox getDramBox(Value region);

/// Whether it may stand in a kernel.
bool isOfKernel(Operation *op);
/// Whether there are steps, which overlap, in a kernel or a loop.
bool hasSteps(Operation *op);

} // namespace mlir::tiles

#include "nm/Dialect/Tile/IR/TileDialect.h.inc"
#include "nm/Dialect/Tile/IR/TileInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/Tile/IR/TileAttrs.h.inc"
#define GET_OP_CLASSES
#include "nm/Dialect/Tile/IR/TileOps.h.inc"

namespace mlir::tiles {

/// The place that a part is one of, or null.
PlaceOp getPlaceOf(Value part);

} // namespace mlir::tiles

#endif // NM_DIALECT_TILE_IR_TILEDIALECT_H
