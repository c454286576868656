//===- NMDialect.cpp - Registration of the nm dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/NM/IR/NMDialect.h"
#include "LayoutSyntax.h"
#include "NMLayouts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectImplementation.h"
#include "nm/Dialect/Common/InlineAnywhere.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::nm;

#include "nm/Dialect/NM/IR/NMDialect.cpp.inc"
#include "nm/Dialect/NM/IR/NMEnums.cpp.inc"

/// `, bits = B, group = G`, then `, scale = T` and `, zeros`, all optional.
static ParseResult parseGroupForm(AsmParser &parser, int64_t &bits,
                                  int64_t &group, Type &scale, bool &zeros) {
  while (succeeded(parser.parseOptionalComma())) {
    SMLoc at = parser.getCurrentLocation();
    StringRef field;
    if (parser.parseKeyword(&field))
      return failure();
    bool isKnown = field == "bits" || field == "group" || field == "scale" ||
                   field == "zeros";
    if (!isKnown)
      return parser.emitError(at) << "unknown field '" << field
                                  << "', expected bits, group, scale or zeros";
    bool isAgain = field == "bits"    ? bits != 0
                   : field == "group" ? group != 0
                   : field == "scale" ? scale != Type()
                                      : zeros;
    if (isAgain)
      return parser.emitError(at) << "'" << field << "' is given twice";
    if (field == "zeros") {
      zeros = true;
      continue;
    }
    if (parser.parseEqual())
      return failure();
    if (field == "scale" ? parser.parseType(scale)
                         : parser.parseInteger(field == "bits" ? bits : group))
      return failure();
  }
  if (scale && scale.isF16())
    scale = Type();
  return success();
}

static void printGroupForm(AsmPrinter &printer, int64_t bits, int64_t group,
                           Type scale, bool zeros) {
  if (bits != 0)
    printer << ", bits = " << bits;
  if (group != 0)
    printer << ", group = " << group;
  if (scale)
    printer << ", scale = " << scale;
  if (zeros)
    printer << ", zeros";
}

#define GET_ATTRDEF_CLASSES
#include "nm/Dialect/NM/IR/NMAttrs.cpp.inc"

ParseResult mlir::nm::parseLayout(AsmParser &parser, LayoutAttr &layout) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef mnemonic;
  Attribute attribute;
  OptionalParseResult result =
      generatedAttributeParser(parser, &mnemonic, Type(), attribute);
  if (result.has_value() && failed(*result))
    return failure();
  layout = dyn_cast_or_null<LayoutAttr>(attribute);
  if (layout)
    return success();
  return parser.emitError(loc) << "expected a layout such as 'panel<rows = 3, "
                                  "cols = 32, depth = 192>', got '"
                               << mnemonic << "'";
}

void mlir::nm::printLayout(AsmPrinter &printer, Operation *,
                           LayoutAttr layout) {
  [[maybe_unused]] LogicalResult printed =
      generatedAttributePrinter(layout, printer);
  assert(succeeded(printed) && "layouts are attributes of this dialect");
}

void NMDialect::initialize() {
  addInterfaces<InlineAnywhere>();
#include "nm/Dialect/NM/IR/NMRegister.cpp.inc"
}

/// Folds yield plain tensors: arith has constants for them.
Operation *NMDialect::materializeConstant(OpBuilder &builder, Attribute value,
                                          Type type, Location loc) {
  return arith::ConstantOp::materialize(builder, value, type, loc);
}
