//===- AttaccStructure.cpp - Verifiers of programs, memory and loops -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verify.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "nm/Dialect/Attacc/IR/ProgramReader.h"

using namespace mlir;
using namespace mlir::attacc;

LogicalResult ProgramOp::verifyRegions() {
  return ProgramReader(*this, /*hasData=*/false).read();
}

/// attacc_tensor_c5.
static LogicalResult verifyContent(TensorOp op) {
  bool isConstant = op.getRole() == Role::Constant;
  std::optional<ElementsAttr> data = op.getData();
  if (isConstant != data.has_value())
    return op.emitOpError("[attacc_tensor_c5] is ")
           << stringifyRole(op.getRole())
           << (data ? " with data" : " without data")
           << ", expected data of constants only";
  if (!data)
    return success();
  if (!isa<DenseElementsAttr, DenseResourceElementsAttr>(*data) ||
      data->getShapedType().getShape() != op.getType().getShape() ||
      data->getElementType() != op.getType().getElementType())
    return op.emitOpError("[attacc_tensor_c5] has data of type ")
           << data->getShapedType() << ", expected dense elements for "
           << op.getType();
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(*data)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    int64_t bytes = op.getType().getBytes();
    if (blob && int64_t(blob->getData().size()) != bytes)
      return op.emitOpError("[attacc_tensor_c5] has ")
             << blob->getData().size() << " bytes of data, expected " << bytes;
  }
  return success();
}

/// What the rules of nm/Isa cannot see: attributes of other types.
LogicalResult TensorOp::verify() {
  if (std::optional<Type> type = getHostType())
    if (!type->isF32() && !type->isF16() && !type->isBF16() &&
        !type->isInteger(8))
      return emitOpError("[attacc_tensor_c3] has the host type ")
             << *type << ", expected f32, f16, bf16 or i8";
  if (getHostShape() && getHostShape()->empty())
    return emitOpError("[attacc_tensor_c3] has a host shape of rank 0, "
                       "expected 1 to 16");
  if (getPattern() && getPattern()->size() != 2)
    return emitOpError("[attacc_tensor_c4] has a pattern of ")
           << getPattern()->size() << " numbers, expected [N, M]";
  return verifyContent(*this);
}

LogicalResult LoopOp::verifyRegions() {
  if (getBody().getNumArguments() != 1 ||
      !getBody().getArgument(0).getType().isIndex())
    return emitOpError("[attacc_loop_c2] expected one argument of type index");
  return success();
}

LogicalResult attacc::verifyCounters(Operation *op, StringRef rule,
                                     ValueRange counters) {
  for (auto [i, counter] : llvm::enumerate(counters)) {
    auto argument = dyn_cast<BlockArgument>(counter);
    if (!argument ||
        !isa_and_nonnull<LoopOp>(argument.getOwner()->getParentOp()))
      return op->emitOpError("[")
             << rule << "] expected the counter of a loop around it";
    if (llvm::is_contained(counters.take_front(i), counter))
      return op->emitOpError("[")
             << rule << "] follows a counter twice, expected once";
  }
  return success();
}

/// What the rules of nm/Isa cannot see: numbers of entries, and types.
LogicalResult TileOp::verify() {
  RegionType source = getSource().getType(), result = getType();
  int64_t rank = source.getRank(), counters = getCounters().size();
  if (result.getElementType() != source.getElementType() ||
      result.getSpace() != source.getSpace())
    return emitOpError("[attacc_tile_c2] makes ")
           << result << " of " << source
           << ", expected equal elements and memory";
  if (!getDims() && result.getRank() != rank)
    return emitOpError("[attacc_tile_c2] makes ")
           << result << " of " << source << ", expected equal rank or dims";
  if (getDims() && int64_t(getDims()->size()) != result.getRank())
    return emitOpError("[attacc_tile_c2] has ")
           << getDims()->size() << " dims, expected " << result.getRank();
  if (int64_t(getOffsets().size()) != rank)
    return emitOpError("[attacc_tile_c1] has ")
           << getOffsets().size() << " offsets, expected " << rank;
  if (getSteps() && int64_t(getSteps()->size()) != rank * counters)
    return emitOpError("[attacc_tile_c1] has ")
           << getSteps()->size() << " steps, expected " << rank * counters;
  if (getSlots() && int64_t(getSlots()->size()) != counters)
    return emitOpError("[attacc_tile_c1] has ")
           << getSlots()->size() << " slots, expected " << counters;
  if (!isa_and_nonnull<TensorOp, BufferOp>(getSource().getDefiningOp()))
    return emitOpError("[attacc_tile_c4] expected a tensor or a buffer");
  return verifyCounters(*this, "attacc_tile_c5", getCounters());
}
