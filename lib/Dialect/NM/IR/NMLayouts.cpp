//===- NMLayouts.cpp - Layouts of N:M weights -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NMLayouts.h"
#include "nm/Dialect/NM/IR/GroupForm.h"

using namespace mlir;
using namespace mlir::nm;

#include "nm/Dialect/NM/IR/NMLayoutInterface.cpp.inc"

LogicalResult
mlir::nm::verifyLayout(function_ref<InFlightDiagnostic()> emitError,
                       const ::nm::rt::LayoutSpec &spec) {
  ::nm::rt::Status status = ::nm::rt::checkLayout(spec);
  if (status.ok())
    return success();
  return emitError() << "nm_" << spec.name()
                     << "_c1: " << status.error().message;
}

std::string mlir::nm::printSpec(::nm::rt::LayoutSpec spec, Attribute sparsity) {
  if (spec.hasForm())
    spec.form = getGroupForm(dyn_cast_or_null<SparsityAttr>(sparsity));
  return spec.str();
}

::nm::rt::LayoutSpec mlir::nm::getSpec(LayoutAttr layout,
                                       SparsityAttr sparsity) {
  auto spec = ::nm::rt::parseLayoutSpec(layout.getSpecString(sparsity));
  assert(spec.ok() && "the runtime parses the layouts that it prints");
  return *spec;
}

bool LayoutAttr::isDense() const { return isa<DenseLayoutAttr>(*this); }

FailureOr<SmallVector<RankedTensorType>> LayoutAttr::getStorageTypes(
    RankedTensorType type, function_ref<InFlightDiagnostic()> emitError) const {
  if (isDense())
    return SmallVector<RankedTensorType>{getDenseType(type)};
  SparsityAttr sparsity = mlir::nm::getSparsity(type);
  if (!sparsity || !type.hasStaticShape()) {
    emitError() << "layout " << *this
                << " holds static tensors with an #nm.sparsity encoding, got "
                << type;
    return failure();
  }
  int64_t bytes = type.getElementType().getIntOrFloatBitWidth() / 8;
  auto shapes = ::nm::rt::storageShapes(
      getSpec(*this, sparsity), std::vector<int64_t>(type.getShape()),
      sparsity.getAxis(), sparsity.getN(), sparsity.getM(), bytes);
  if (!shapes) {
    emitError() << shapes.error().message;
    return failure();
  }
  auto typeOf = [&](const ::nm::rt::PartShape &part, Type element) {
    return RankedTensorType::get(part.shape, element);
  };
  auto integers = [&](const ::nm::rt::PartShape &part) {
    return IntegerType::get(getContext(), part.elemBytes * 8);
  };
  // Values of another size are the elements no more.
  Type stored = shapes->values.elemBytes == bytes ? type.getElementType()
                                                  : integers(shapes->values);
  SmallVector<RankedTensorType> result{typeOf(shapes->values, stored)};
  if (shapes->metadata.present())
    result.push_back(typeOf(shapes->metadata, integers(shapes->metadata)));
  return result;
}
