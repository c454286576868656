//===- TileDialect.cpp - Registration and what passes leave ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Tile/IR/TileDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "nm/Dialect/Common/ElementTypes.h"
#include "nm/Isa/Instructions.h"
#include "nm/Isa/Names.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::tiles;
namespace code = ::nm::isa;

#include "nm/Dialect/Tile/IR/TileDialect.cpp.inc"
#include "nm/Dialect/Tile/IR/TileInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/Tile/IR/TileAttrs.cpp.inc"

void TileDialect::initialize() {
#include "nm/Dialect/Tile/IR/TileRegister.cpp.inc"
}

bool tiles::isTileType(Type type) {
  constexpr int64_t kMostElements = int64_t(1) << 48; // as of a region
  auto tensor = dyn_cast<RankedTensorType>(type);
  code::Type element;
  return tensor && tensor.hasStaticShape() && !tensor.getEncoding() &&
         tensor.getRank() >= 1 && tensor.getRank() <= code::kMaxRank &&
         llvm::all_of(tensor.getShape(),
                      [](int64_t size) {
                        return size >= 1 && size <= code::kMaxSize;
                      }) &&
         code::numElements(tensor.getShape().vec()) <= kMostElements &&
         code::typeOf(nm::toDType(tensor.getElementType()), element);
}

code::Type tiles::elementTypeOf(Type type) {
  code::Type element = code::Type::I8;
  code::typeOf(nm::toDType(getElementTypeOrSelf(type)), element);
  return element;
}

code::Opcode tiles::opcodeOf(Operation *op) {
  code::Opcode opcode = code::Opcode::Sync;
  [[maybe_unused]] bool isKnown =
      code::parseName(op->getName().stripDialect(), opcode);
  assert(isKnown && "instructions have the names of what they become");
  return opcode;
}

void tiles::addSyncEffects(
    Operation *op,
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  auto instruction = cast<tiles::Instruction>(op);
  MutableOperandRange waits = instruction.getWaitsMutable(),
                      signals = instruction.getSignalsMutable();
  if (!waits.empty() || !signals.empty())
    effects.emplace_back(MemoryEffects::Write::get());
}

Value tiles::getTied(Operation *op) {
  if (auto gemm = dyn_cast<GemmOp>(op))
    return gemm.getAcc();
  auto gemm = dyn_cast<NMGemmOp>(op);
  return gemm ? gemm.getAcc() : Value();
}

Value tiles::getPlace(Operation *op) {
  if (Value tied = getTied(op))
    return tied;
  return op->hasAttr(kInPlace) ? op->getOperand(0) : Value();
}

ForOp tiles::getLoopOf(Value counter) {
  auto argument = dyn_cast_or_null<BlockArgument>(counter);
  return argument && argument.getArgNumber() == 0
             ? dyn_cast<ForOp>(argument.getOwner()->getParentOp())
             : ForOp();
}

DramBox tiles::getDramBox(Value region) {
  if (region.getDefiningOp<attacc::TensorOp>())
    return {region,
            SmallVector<int64_t>(
                cast<attacc::RegionType>(region.getType()).getRank(), 0)};
  auto box = region.getDefiningOp<attacc::TileOp>();
  if (!box || !box.getCounters().empty() || box.getDims() ||
      !box.getSource().getDefiningOp<attacc::TensorOp>())
    return {};
  return {box.getSource(), SmallVector<int64_t>(box.getOffsets())};
}

LogicalResult TileDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  StringRef name = attribute.getName();
  auto refuse = [&](StringRef expected) {
    return op->emitOpError("[tile_attribute_c1] has ")
           << name << " " << attribute.getValue() << ", expected " << expected;
  };
  auto isIn = [&](int64_t low, int64_t high) {
    auto number = dyn_cast<IntegerAttr>(attribute.getValue());
    return number && number.getType().isInteger(64) && number.getInt() >= low &&
           number.getInt() <= high;
  };
  if (!isa<tiles::Instruction, PlaceOp, LoadHeadsOp, StoreHeadsOp>(op))
    return refuse("it on instructions only");
  if (name == kChannel)
    return isIn(0, code::kMaxChannels - 1) &&
                   isa<LoadOp, StoreOp, LoadHeadsOp, StoreHeadsOp>(op)
               ? success()
               : refuse("an i64 from 0 to 63 on a transfer");
  auto isList = [&](int64_t low, int64_t high) {
    auto list = dyn_cast<DenseI64ArrayAttr>(attribute.getValue());
    return list && list.size() == op->getNumResults() &&
           llvm::all_of(list.asArrayRef(), [&](int64_t number) {
             return number >= low && number <= high;
           });
  };
  if (name == kSlots)
    return isList(1, code::kMaxSlots)
               ? success()
               : refuse("a number from 1 to 256 for each result");
  if (name == kAddresses)
    return isList(0, int64_t(1) << 40)
               ? success()
               : refuse("an address of 0 to 2^40 for each result");
  if (name == kInPlace) {
    bool isAlike = op->getNumResults() == 1 && op->getNumOperands() &&
                   op->getOperand(0).getType() == op->getResult(0).getType();
    return isa<UnitAttr>(attribute.getValue()) && isAlike
               ? success()
               : refuse("it on one whose first operand has the result's type");
  }
  return refuse("tile.channel, tile.slots, tile.addresses or tile.in_place");
}
