//===- StepAttrs.cpp - Syntax and constraints of patterns -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectImplementation.h"
#include "nm/Dialect/Step/IR/StepDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::step;

#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/Step/IR/StepAttrs.cpp.inc"

void StepDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "nm/Dialect/Step/IR/StepAttrs.cpp.inc"
      >();
}

/// The largest group: structure decay begins with 8 times groups of 64.
static constexpr int64_t kMaxGroup = 512;

bool PatternAttr::hasUnitBlock() const {
  return llvm::all_of(getBlock(), [](int64_t size) { return size == 1; });
}

LogicalResult PatternAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t n, int64_t m, int64_t axis,
                                  int64_t stride, ArrayRef<int64_t> block) {
  if (m < 1 || m > kMaxGroup || (!ShapedType::isDynamic(n) && (n < 1 || n > m)))
    return emitError() << "step_pattern_c1: expected 1 <= N <= M <= "
                       << kMaxGroup << " or N '?', got "
                       << (ShapedType::isDynamic(n) ? "?" : std::to_string(n))
                       << ":" << m;
  if (axis < 0 || stride < 1)
    return emitError() << "step_pattern_c2: expected axis >= 0 and stride >= "
                       << "1, got axis " << axis << " and stride " << stride;
  for (int64_t size : block)
    if (size < 1)
      return emitError()
             << "step_pattern_c3: sizes of a block must be positive, got "
             << size;
  return success();
}

LogicalResult
PatternAttr::verifyFits(RankedTensorType type,
                        function_ref<InFlightDiagnostic()> emitError) const {
  int64_t rank = type.getRank();
  if (getAxis() >= rank)
    return emitError() << "step_pattern_c4: axis " << getAxis()
                       << " is no dimension of " << type;
  if (!getBlock().empty() && static_cast<int64_t>(getBlock().size()) != rank)
    return emitError() << "step_pattern_c4: the block has " << getBlock().size()
                       << " sizes, expected " << rank << " for " << type;
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t unit = dim == getAxis() ? getPeriod() : getBlockSize(dim);
    if (!type.isDynamicDim(dim) && type.getDimSize(dim) % unit != 0)
      return emitError() << "step_pattern_c5: size " << type.getDimSize(dim)
                         << " of dimension " << dim << " is no multiple of "
                         << unit;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Syntax: <2:4, axis = 1, stride = 2, block = [4, 1]>
//===----------------------------------------------------------------------===//

void PatternAttr::print(AsmPrinter &printer) const {
  printer << "<";
  if (isDynamic())
    printer << "?";
  else
    printer << getN();
  printer << ":" << getM() << ", axis = " << getAxis();
  if (getStride() != 1)
    printer << ", stride = " << getStride();
  if (!getBlock().empty()) {
    printer << ", block = [";
    llvm::interleaveComma(getBlock(), printer);
    printer << "]";
  }
  printer << ">";
}

Attribute PatternAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  int64_t n = ShapedType::kDynamic, m = 0, axis = 0, stride = 1;
  SmallVector<int64_t> block;
  if (parser.parseLess())
    return {};
  if (failed(parser.parseOptionalQuestion()) && parser.parseInteger(n))
    return {};
  if (parser.parseColon() || parser.parseInteger(m) || parser.parseComma() ||
      parser.parseKeyword("axis") || parser.parseEqual() ||
      parser.parseInteger(axis))
    return {};
  bool hasStride = false, hasBlock = false;
  while (succeeded(parser.parseOptionalComma())) {
    if (!hasStride && !hasBlock &&
        succeeded(parser.parseOptionalKeyword("stride"))) {
      hasStride = true;
      if (parser.parseEqual() || parser.parseInteger(stride))
        return {};
      continue;
    }
    if (!hasBlock && succeeded(parser.parseOptionalKeyword("block"))) {
      hasBlock = true;
      if (parser.parseEqual() ||
          parser.parseCommaSeparatedList(
              AsmParser::Delimiter::Square, [&]() -> ParseResult {
                return parser.parseInteger(block.emplace_back());
              }))
        return {};
      continue;
    }
    parser.emitError(parser.getCurrentLocation(),
                     "expected 'stride' or 'block', once each and in this "
                     "order");
    return {};
  }
  if (parser.parseGreater())
    return {};
  return PatternAttr::getChecked([&] { return parser.emitError(loc); },
                                 parser.getContext(), n, m, axis, stride,
                                 block);
}
