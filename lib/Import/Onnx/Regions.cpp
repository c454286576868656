//===- Regions.cpp - What loops and branches share ------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Regions.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::nm::onnx {

std::string shapeText(const Val &value) {
  std::string text;
  for (OpFoldResult size : value.shape) {
    std::optional<int64_t> known = Emit::constant(size);
    text += (text.empty() ? "" : ", ") + (known ? std::to_string(*known) : "?");
  }
  return "[" + text + "]";
}

bool isOneElement(const Val &value) {
  return llvm::all_of(value.shape, [](OpFoldResult size) {
    return Emit::constant(size).value_or(1) == 1;
  });
}

Value fitted(Emit &e, Val &value, ArrayRef<OpFoldResult> shape) {
  Value tensor = e.tensor(value);
  RankedTensorType type = e.tensorType(shape, e.elementType(value.type));
  if (tensor.getType() == type)
    return tensor;
  return tensor::CastOp::create(e.b, e.loc, type, tensor);
}

/// An element of known place in a tensor that has it, whatever runs.
static bool isElementThere(tensor::ExtractOp extract) {
  RankedTensorType type = extract.getTensor().getType();
  return llvm::all_of(llvm::enumerate(extract.getIndices()), [&](auto one) {
    std::optional<int64_t> place = getConstantIntValue(one.value());
    return place && *place >= 0 && !type.isDynamicDim(one.index()) &&
           *place < type.getDimSize(one.index());
  });
}

std::optional<OpFoldResult> Hoist::operator()(Region &region,
                                              OpFoldResult size) {
  auto value = llvm::dyn_cast_if_present<Value>(size);
  if (!value)
    return size;
  FailureOr<Value> own = hoist(region, value);
  return succeeded(own) ? std::optional<OpFoldResult>(*own) : std::nullopt;
}

FailureOr<Value> Hoist::hoist(Region &region, Value value) {
  if (!region.isAncestor(value.getParentRegion()))
    return value;
  if (Value known = moved.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  auto extract = llvm::dyn_cast_if_present<tensor::ExtractOp>(op);
  if (!op || op->getNumRegions() != 0 || !isPure(op) ||
      (extract && !isElementThere(extract)))
    return failure();
  for (Value operand : op->getOperands()) {
    FailureOr<Value> own = hoist(region, operand);
    if (failed(own))
      return failure();
    moved.map(operand, *own);
  }
  copy(op);
  return moved.lookup(value);
}

void Hoist::copy(Operation *op) {
  Operation *made = e.b.clone(*op, moved);
  for (Operation *other : copies)
    if (OperationEquivalence::isEquivalentTo(
            made, other, OperationEquivalence::IgnoreLocations)) {
      moved.map(op->getResults(), other->getResults());
      made->erase();
      return;
    }
  copies.push_back(made);
}

} // namespace mlir::nm::onnx
