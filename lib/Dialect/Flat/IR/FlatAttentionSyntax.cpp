//===- FlatAttentionSyntax.cpp - Syntax of flat.attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Flat/IR/FlatDialect.h"

using namespace mlir;
using namespace mlir::flat;

/// `(%a, %b : T, U)`; `expected` operands if that is not negative.
static ParseResult parseShaped(OpAsmParser &parser, StringRef group,
                               int expected, SmallVectorImpl<Value> &values) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> types;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLParen() || parser.parseOperandList(operands) ||
      parser.parseColonTypeList(types) || parser.parseRParen())
    return failure();
  if (expected >= 0 && operands.size() != static_cast<size_t>(expected))
    return parser.emitError(loc) << "expected " << expected << " operand"
                                 << (expected == 1 ? "" : "s") << " in '"
                                 << group << "', got " << operands.size();
  return parser.resolveOperands(operands, types, loc, values);
}

/// `(%a)` of a type that needs no spelling.
static ParseResult parseScalar(OpAsmParser &parser, Type type,
                               SmallVectorImpl<Value> &values) {
  OpAsmParser::UnresolvedOperand operand;
  if (parser.parseLParen() || parser.parseOperand(operand) ||
      parser.parseRParen())
    return failure();
  return parser.resolveOperand(operand, type, values);
}

/// `(%a)` or `(0.125)`.
static ParseResult parseScale(OpAsmParser &parser, OperationState &state,
                              SmallVectorImpl<Value> &values) {
  Builder &builder = parser.getBuilder();
  if (parser.parseLParen())
    return failure();
  OpAsmParser::UnresolvedOperand operand;
  OptionalParseResult parsed = parser.parseOptionalOperand(operand);
  if (parsed.has_value()) {
    if (failed(*parsed) ||
        parser.resolveOperand(operand, builder.getF32Type(), values))
      return failure();
    return parser.parseRParen();
  }
  FloatAttr value;
  if (parser.parseAttribute(value, builder.getF32Type(), "scale_value",
                            state.attributes))
    return failure();
  return parser.parseRParen();
}

static ParseResult parseMap(OpAsmParser &parser, StringRef name,
                            OperationState &state) {
  AffineMapAttr map;
  return failure(parser.parseKeyword("map") ||
                 parser.parseAttribute(map, name, state.attributes));
}

static ParseResult parseOrders(OpAsmParser &parser, OperationState &state) {
  return parser.parseCommaSeparatedList(
      AsmParser::Delimiter::Paren, [&]() -> ParseResult {
        SMLoc loc = parser.getCurrentLocation();
        StringRef operand, letters;
        if (parser.parseKeyword(&operand) || parser.parseEqual())
          return failure();
        if (operand != "q" && operand != "k" && operand != "v" &&
            operand != "o")
          return parser.emitError(loc)
                 << "expected q, k, v or o, got '" << operand << "'";
        SMLoc lettersLoc = parser.getCurrentLocation();
        if (parser.parseKeyword(&letters))
          return failure();
        OrderAttr order =
            OrderAttr::getFromLetters(parser.getContext(), letters);
        if (!order)
          return parser.emitError(lettersLoc)
                 << "flat_order_c1: expected each of the letters b, h, n, d "
                    "once, got '"
                 << letters << "'";
        std::string name = operand.str() + "_order";
        if (state.attributes.get(name))
          return parser.emitError(loc)
                 << "order of '" << operand << "' given twice";
        state.addAttribute(name, order);
        return success();
      });
}

/// `(none)`.
static ParseResult parseGuard(OpAsmParser &parser, OperationState &state) {
  SMLoc loc;
  StringRef name;
  if (parser.parseLParen() || parser.getCurrentLocation(&loc) ||
      parser.parseKeyword(&name))
    return failure();
  std::optional<Guard> guard = symbolizeGuard(name);
  if (!guard)
    return parser.emitError(loc)
           << "expected none, unseen or undefined, got '" << name << "'";
  state.addAttribute("guard", GuardAttr::get(parser.getContext(), *guard));
  return parser.parseRParen();
}

ParseResult AttentionOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  SmallVector<Value> inputs, mask, scale, offset, length, operands, init;
  if (parser.parseKeyword("ins") || parseShaped(parser, "ins", 3, inputs))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("mask")) &&
      (parseShaped(parser, "mask", 1, mask) ||
       parseMap(parser, "mask_map", state)))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("scale")) &&
      parseScale(parser, state, scale))
    return failure();
  for (auto [name, values] :
       {std::pair("offset", &offset), std::pair("length", &length)})
    if (succeeded(parser.parseOptionalKeyword(name)) &&
        parseScalar(parser, builder.getIndexType(), *values))
      return failure();
  if (parser.parseKeyword("outs") || parseShaped(parser, "outs", 1, init))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("orders")) &&
      parseOrders(parser, state))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("guard")) &&
      parseGuard(parser, state))
    return failure();
  DataflowAttr dataflow;
  if (succeeded(parser.parseOptionalKeyword("dataflow")) &&
      parser.parseAttribute(dataflow, "dataflow", state.attributes))
    return failure();
  if (parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  Region *region = state.addRegion();
  if (succeeded(parser.parseOptionalKeyword("score"))) {
    ArrayAttr maps;
    if (succeeded(parser.parseOptionalKeyword("operands")) &&
        (parseShaped(parser, "operands", -1, operands) ||
         parser.parseKeyword("maps") ||
         parser.parseAttribute(maps, "score_maps", state.attributes)))
      return failure();
    if (parser.parseRegion(*region))
      return failure();
    if (region->empty())
      return parser.emitError(parser.getNameLoc())
             << "expected a block in the score region";
  }
  SmallVector<int32_t> segments;
  for (const SmallVector<Value> *group :
       {&inputs, &mask, &scale, &offset, &length, &operands, &init}) {
    state.addOperands(*group);
    // q, k and v are operand groups of their own.
    if (group == &inputs)
      segments.append(3, 1);
    else
      segments.push_back(group->size());
  }
  llvm::copy(
      segments,
      state.getOrAddProperties<Properties>().operandSegmentSizes.begin());
  return parser.parseOptionalArrowTypeList(state.types);
}

void AttentionOp::print(OpAsmPrinter &printer) {
  printer << " ins(" << getQ() << ", " << getK() << ", " << getV() << " : "
          << getQ().getType() << ", " << getK().getType() << ", "
          << getV().getType() << ")";
  if (Value mask = getMask())
    printer << " mask(" << mask << " : " << mask.getType() << ") map "
            << getMaskMapAttr();
  if (Value scale = getScale())
    printer << " scale(" << scale << ")";
  if (FloatAttr value = getScaleValueAttr()) {
    printer << " scale(";
    printer.printAttributeWithoutType(value);
    printer << ")";
  }
  if (Value offset = getOffset())
    printer << " offset(" << offset << ")";
  if (Value length = getLength())
    printer << " length(" << length << ")";
  printer << " outs(" << getInit() << " : " << getInit().getType() << ")";
  std::pair<StringRef, OrderAttr> orders[] = {{"q", getQOrderAttr()},
                                              {"k", getKOrderAttr()},
                                              {"v", getVOrderAttr()},
                                              {"o", getOOrderAttr()}};
  if (llvm::any_of(orders, [](auto &entry) { return bool(entry.second); })) {
    printer << " orders(";
    llvm::ListSeparator separator;
    for (auto &[name, order] : orders)
      if (order)
        printer << StringRef(separator) << name << " = " << order.getLetters();
    printer << ")";
  }
  if (getGuard() != Guard::Unseen)
    printer << " guard(" << stringifyGuard(getGuard()) << ")";
  if (DataflowAttr dataflow = getDataflowAttr())
    printer << " dataflow " << dataflow;
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(),
      {getOperandSegmentSizesAttrName(), getMaskMapAttrName(),
       getScaleValueAttrName(), getScoreMapsAttrName(), getQOrderAttrName(),
       getKOrderAttrName(), getVOrderAttrName(), getOOrderAttrName(),
       getGuardAttrName(), getDataflowAttrName()});
  if (hasScoreRegion()) {
    printer << " score ";
    if (!getScoreOperands().empty())
      printer << "operands(" << getScoreOperands() << " : "
              << getScoreOperands().getTypes() << ") maps " << getScoreMaps()
              << " ";
    printer.printRegion(getScore());
  }
  if (getResult())
    printer << " -> " << getResult().getType();
}

void AttentionOp::getAsmBlockArgumentNames(Region &region,
                                           OpAsmSetValueNameFn setName) {
  if (region.empty())
    return;
  StringRef names[] = {"score", "b", "h", "i", "j"};
  for (auto [index, argument] : llvm::enumerate(region.front().getArguments()))
    setName(argument, index < 5 ? names[index] : "e");
}
