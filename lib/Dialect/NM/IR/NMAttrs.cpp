//===- NMAttrs.cpp - Sparsity and layout attributes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/NM/IR/GroupForm.h"

using namespace mlir;
using namespace mlir::nm;

//===----------------------------------------------------------------------===//
// SparsityAttr
//===----------------------------------------------------------------------===//

std::string SparsityAttr::getPatternString() const {
  std::string text = std::to_string(getN()) + ":" + std::to_string(getM());
  if (isQuantized())
    text += " i" + std::to_string(getBits()) + ":" + std::to_string(getGroup());
  if (getScale())
    text += " of " +
            std::string(::nm::support::dtypeName(getGroupForm(*this).scale));
  if (getZeros())
    text += " with zero points";
  return text;
}

::nm::rt::GroupForm mlir::nm::getGroupForm(SparsityAttr sparsity) {
  ::nm::rt::GroupForm form;
  if (!sparsity)
    return form;
  if (Type scale = sparsity.getScale())
    form.scale =
        scale.isBF16() ? ::nm::support::DType::BF16 : ::nm::support::DType::F32;
  form.zeros = sparsity.getZeros();
  if (sparsity.isQuantized())
    form.bits = sparsity.getBits();
  return form;
}

SparsityAttr mlir::nm::withGroups(SparsityAttr sparsity, int64_t group,
                                  const ::nm::rt::GroupForm &form) {
  MLIRContext *context = sparsity.getContext();
  Type scale;
  if (form.scale == ::nm::support::DType::BF16)
    scale = BFloat16Type::get(context);
  else if (form.scale == ::nm::support::DType::F32)
    scale = Float32Type::get(context);
  return SparsityAttr::get(context, sparsity.getN(), sparsity.getM(),
                           sparsity.getAxis(), form.bits, group, scale,
                           form.zeros);
}

LogicalResult SparsityAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t n, int64_t m, int64_t axis,
                                   int64_t bits, int64_t group, Type scale,
                                   bool zeros) {
  if (m < 1 || m > 64)
    return emitError() << "nm_sparsity_c1: group size M must be in 1..64, got "
                       << m;
  if (n < 1 || n > m)
    return emitError() << "nm_sparsity_c1: N must be in 1..M, got " << n << ":"
                       << m;
  if (axis < 0)
    return emitError() << "nm_sparsity_c2: axis must not be negative, got "
                       << axis;
  if ((bits != 0 || group != 0) &&
      ((bits != 4 && bits != 8) ||
       (group != 32 && group != 64 && group != 128)))
    return emitError()
           << "nm_sparsity_c5: expected 4 or 8 bits in groups of 32, "
              "64 or 128, got "
           << bits << " bits in groups of " << group;
  if (bits == 0 && (scale || zeros))
    return emitError() << "nm_sparsity_c5: scale and zeros need bits and group";
  if (scale && !scale.isBF16() && !scale.isF32())
    return emitError() << "nm_sparsity_c5: scale must be f16, bf16 or f32, got "
                       << scale;
  return success();
}

LogicalResult SparsityAttr::verifyEncoding(
    ArrayRef<int64_t> shape, Type elementType,
    function_ref<InFlightDiagnostic()> emitError) const {
  if (getAxis() >= static_cast<int64_t>(shape.size()))
    return emitError() << "nm_sparsity_c2: axis " << getAxis()
                       << " is out of range for a tensor of rank "
                       << shape.size();
  int64_t size = shape[getAxis()];
  if (ShapedType::isDynamic(size))
    return emitError() << "nm_sparsity_c3: dimension " << getAxis()
                       << ", the sparse axis, must be static";
  if (size % getM() != 0)
    return emitError() << "nm_sparsity_c3: dimension " << getAxis()
                       << " has size " << size << ", which " << getM()
                       << " (M of " << getPatternString()
                       << ") does not divide";
  if (!elementType.isF32() && !elementType.isBF16() && !elementType.isF16() &&
      !elementType.isSignlessInteger(8))
    return emitError()
           << "nm_sparsity_c4: element type must be f32, bf16, f16 or i8, got "
           << elementType;
  if (!isQuantized())
    return success();
  if (!elementType.isF32())
    return emitError() << "nm_sparsity_c5: element type must be f32 where a "
                          "scale and integers make the values, got "
                       << elementType;
  if (size % getGroup() != 0)
    return emitError() << "nm_sparsity_c5: dimension " << getAxis()
                       << " has size " << size << ", which groups of "
                       << getGroup() << " do not divide";
  return success();
}

SparsityAttr mlir::nm::getSparsity(Type type) {
  auto ranked = dyn_cast<RankedTensorType>(type);
  return ranked ? dyn_cast_or_null<SparsityAttr>(ranked.getEncoding())
                : SparsityAttr();
}

RankedTensorType mlir::nm::getDenseType(RankedTensorType type) {
  return RankedTensorType::get(type.getShape(), type.getElementType());
}

RankedTensorType mlir::nm::getEncodedType(RankedTensorType type,
                                          SparsityAttr sparsity) {
  return RankedTensorType::get(type.getShape(), type.getElementType(),
                               sparsity);
}
