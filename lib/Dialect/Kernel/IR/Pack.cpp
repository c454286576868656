//===- Pack.cpp - kernel.pack -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Kernel/IR/KernelDialect.h"

using namespace mlir;
using namespace mlir::kernel;

/// Bytes of the number that scales a row or column.
constexpr int64_t kScaleBytes = 4;

/// Whether elements of `from` can be those of `to`.
static bool converts(Type from, Type to) {
  if (isa<FloatType>(to))
    return true;
  return isa<IntegerType>(from) &&
         from.getIntOrFloatBitWidth() <= to.getIntOrFloatBitWidth();
}

static LogicalResult verifyScales(PackOp op) {
  MemRefType scales = op.getScales().getType();
  MemRefType source = op.getSource().getType();
  int64_t axis = op.getAxis(), count = scales.getDimSize(0);
  if (!op.getPanel().getType().getElementType().isF32())
    return op.emitOpError("pack_c4: scales ")
           << op.getPanel().getType() << ", expected a panel of f32";
  bool agrees = ShapedType::isDynamic(count) || source.isDynamicDim(axis) ||
                count == source.getDimSize(axis);
  if (!agrees || scales.getDimSize(1) != kScaleBytes)
    return op.emitOpError("pack_c4: has scales of type ")
           << scales << ", expected " << kScaleBytes
           << " bytes for each of the " << (axis == 0 ? "rows" : "columns")
           << " of " << source;
  return success();
}

void PackOp::build(OpBuilder &builder, OperationState &state, Value source,
                   Value panel) {
  build(builder, state, source, /*scales=*/Value(), panel,
        /*factor=*/FloatAttr());
}

LogicalResult PackOp::verify() {
  MemRefType source = getSource().getType(), panel = getPanel().getType();
  for (MemRefType type : {source, panel}) {
    if (!type.isStrided())
      return emitOpError("pack_c1: has ") << type << ", expected strides";
    if (type.getElementTypeBitWidth() % 8 != 0)
      return emitOpError("pack_c1: has elements of ")
             << type.getElementType() << ", expected whole bytes";
  }
  if (!converts(source.getElementType(), panel.getElementType()))
    return emitOpError("pack_c2: packs ")
           << source.getElementType() << " into a panel of "
           << panel.getElementType()
           << ", expected floats, or integers as wide for integers";
  if (!source.isDynamicDim(0) && !panel.isDynamicDim(0) &&
      source.getDimSize(0) > panel.getDimSize(0))
    return emitOpError("pack_c3: packs ")
           << source.getDimSize(0) << " rows into a panel of "
           << panel.getDimSize(0);
  if (getScales()) {
    if (failed(verifyScales(*this)))
      return failure();
  } else if (getAxis() != 0) {
    return emitOpError("pack_c6: has an axis of scales, but no scales");
  }
  if (getFactor() && !isa<FloatType>(panel.getElementType()))
    return emitOpError("pack_c5: has a factor for a panel of ")
           << panel.getElementType() << ", expected floats";
  return success();
}
