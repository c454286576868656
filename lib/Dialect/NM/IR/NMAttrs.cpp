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
  return form;
}

SparsityAttr mlir::nm::withGroups(SparsityAttr sparsity, int64_t bits,
                                  int64_t group,
                                  const ::nm::rt::GroupForm &form) {
  MLIRContext *context = sparsity.getContext();
  Type scale;
  if (form.scale == ::nm::support::DType::BF16)
    scale = BFloat16Type::get(context);
  else if (form.scale == ::nm::support::DType::F32)
    scale = Float32Type::get(context);
  return SparsityAttr::get(context, sparsity.getN(), sparsity.getM(),
                           sparsity.getAxis(), bits, group, scale, form.zeros);
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
      (bits != 4 || (group != 32 && group != 64 && group != 128)))
    return emitError() << "nm_sparsity_c5: expected 4 bits in groups of 32, 64 "
                          "or 128, got "
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

//===----------------------------------------------------------------------===//
// LayoutAttr
//===----------------------------------------------------------------------===//

Attribute LayoutAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseLess() || parser.parseKeyword(&keyword))
    return {};
  std::optional<LayoutKind> kind = symbolizeLayoutKind(keyword);
  if (!kind) {
    parser.emitError(loc)
        << "unknown layout '" << keyword
        << "', expected dense, canonical, panel, lane, shared or nibble";
    return {};
  }
  int64_t rows = 0, cols = 0, depth = 0, lanes = 0, interleave = 0;
  while (succeeded(parser.parseOptionalComma())) {
    SMLoc fieldLoc = parser.getCurrentLocation();
    StringRef field;
    if (parser.parseKeyword(&field) || parser.parseEqual())
      return {};
    int64_t *target = field == "rows"         ? &rows
                      : field == "cols"       ? &cols
                      : field == "depth"      ? &depth
                      : field == "lanes"      ? &lanes
                      : field == "interleave" ? &interleave
                                              : nullptr;
    if (!target) {
      parser.emitError(fieldLoc) << "unknown layout parameter '" << field
                                 << "', expected rows, cols, depth, lanes "
                                    "or interleave";
      return {};
    }
    if (parser.parseInteger(*target))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<LayoutAttr>(
      loc, parser.getContext(), *kind, rows, cols, depth, lanes,
      kind == LayoutKind::Lane && !interleave ? 1 : interleave);
}

void LayoutAttr::print(AsmPrinter &printer) const {
  printer << "<" << stringifyLayoutKind(getKind());
  if (hasPanels())
    printer << ", rows = " << getRows() << ", cols = " << getCols()
            << ", depth = " << getDepth();
  if (getKind() == LayoutKind::Nibble)
    printer << ", rows = " << getRows() << ", depth = " << getDepth();
  if (getKind() == LayoutKind::Lane)
    printer << ", lanes = " << getLanes();
  if (getInterleave() > 1)
    printer << ", interleave = " << getInterleave();
  printer << ">";
}

LogicalResult LayoutAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 LayoutKind kind, int64_t rows, int64_t cols,
                                 int64_t depth, int64_t lanes,
                                 int64_t interleave) {
  bool hasPanels = kind == LayoutKind::Panel || kind == LayoutKind::Shared;
  bool isNibble = kind == LayoutKind::Nibble;
  if (isNibble && ((rows != 16 && rows != 32) || cols != 0 ||
                   (depth != 32 && depth != 64 && depth != 128)))
    return emitError() << "nm_layout_c1: layout nibble needs 16 or 32 rows, a "
                          "depth of 32, 64 or 128 and no cols, got "
                       << rows << ", " << depth << " and " << cols;
  if (!hasPanels && !isNibble && (rows || cols || depth))
    return emitError() << "nm_layout_c1: layout " << stringifyLayoutKind(kind)
                       << " takes no rows, cols or depth";
  if (kind != LayoutKind::Lane && (lanes || interleave))
    return emitError() << "nm_layout_c1: layout " << stringifyLayoutKind(kind)
                       << " takes no lanes or interleave";
  if (kind == LayoutKind::Lane &&
      (lanes < 4 || lanes > 64 || (lanes & (lanes - 1)) != 0))
    return emitError() << "nm_layout_c1: layout lane needs a power of two of "
                          "lanes from 4 to 64, got "
                       << lanes;
  if (kind == LayoutKind::Lane && interleave != 1 && interleave != 2 &&
      interleave != 4)
    return emitError() << "nm_layout_c1: layout lane needs an interleave of 1, "
                          "2 or 4, got "
                       << interleave;
  if (!hasPanels)
    return success();
  if (rows <= 0 || cols <= 0 || depth <= 0)
    return emitError() << "nm_layout_c1: layout " << stringifyLayoutKind(kind)
                       << " needs positive rows, cols and depth, got " << rows
                       << ", " << cols << ", " << depth;
  if (depth > 65536 / cols)
    return emitError() << "nm_layout_c2: depth * cols must be at most 65536, "
                          "got "
                       << depth << " * " << cols;
  return success();
}

/// The runtime library's description of the same layout: it owns the formulas.
static ::nm::rt::LayoutSpec toSpec(LayoutAttr layout, SparsityAttr sparsity) {
  switch (layout.getKind()) {
  case LayoutKind::Dense:
    return ::nm::rt::LayoutSpec::dense();
  case LayoutKind::Canonical:
    return ::nm::rt::LayoutSpec::canonical();
  case LayoutKind::Panel:
    return ::nm::rt::LayoutSpec::panel(layout.getRows(), layout.getCols(),
                                       layout.getDepth());
  case LayoutKind::Shared:
    return ::nm::rt::LayoutSpec::shared(layout.getRows(), layout.getCols(),
                                        layout.getDepth());
  case LayoutKind::Lane:
    return ::nm::rt::LayoutSpec::lane(layout.getLanes(),
                                      layout.getInterleave());
  case LayoutKind::Nibble:
    return ::nm::rt::LayoutSpec::nibble(layout.getRows(), layout.getDepth(),
                                        getGroupForm(sparsity));
  }
  llvm_unreachable("unknown layout kind");
}

std::string LayoutAttr::getSpecString(SparsityAttr sparsity) const {
  return toSpec(*this, sparsity).str();
}

FailureOr<SmallVector<RankedTensorType>> LayoutAttr::getStorageTypes(
    RankedTensorType type, function_ref<InFlightDiagnostic()> emitError) const {
  if (getKind() == LayoutKind::Dense)
    return SmallVector<RankedTensorType>{getDenseType(type)};
  SparsityAttr sparsity = nm::getSparsity(type);
  if (!sparsity || !type.hasStaticShape()) {
    emitError() << "layout " << *this
                << " holds static tensors with an #nm.sparsity encoding, got "
                << type;
    return failure();
  }
  int64_t bits = type.getElementType().getIntOrFloatBitWidth();
  auto shapes = ::nm::rt::storageShapes(
      toSpec(*this, sparsity), std::vector<int64_t>(type.getShape()),
      sparsity.getAxis(), sparsity.getN(), sparsity.getM(), bits / 8);
  if (!shapes) {
    emitError() << shapes.error().message;
    return failure();
  }
  // Scales, positions and integers of one stream are bytes.
  Type stored = getKind() == LayoutKind::Nibble
                    ? Type(IntegerType::get(getContext(), 8))
                    : type.getElementType();
  SmallVector<RankedTensorType> result{
      RankedTensorType::get(shapes->values.shape, stored)};
  if (shapes->metadata.present())
    result.push_back(RankedTensorType::get(
        shapes->metadata.shape,
        IntegerType::get(getContext(), shapes->metadata.elemBytes * 8)));
  return result;
}
