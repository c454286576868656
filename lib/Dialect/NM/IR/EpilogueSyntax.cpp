//===- EpilogueSyntax.cpp - Shared syntax and checks of epilogue regions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EpilogueSyntax.h"

using namespace mlir;
using namespace mlir::nm;

ParseResult epilogue::parseTypedOperands(OpAsmParser &parser,
                                         OperationState &state,
                                         int32_t &count) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> types;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperandList(operands) || parser.parseColonTypeList(types) ||
      parser.parseRParen())
    return failure();
  count = operands.size();
  return parser.resolveOperands(operands, types, loc, state.operands);
}

ParseResult epilogue::parseEpilogue(OpAsmParser &parser, OperationState &state,
                                    int32_t &count) {
  count = 0;
  if (failed(parser.parseOptionalKeyword("epilogue")))
    return success();
  ArrayAttr maps;
  if (parser.parseLParen() || parseTypedOperands(parser, state, count) ||
      parser.parseKeyword("maps") ||
      parser.parseAttribute(maps, "epilogue_maps", state.attributes))
    return failure();
  return success();
}

void epilogue::printEpilogue(OpAsmPrinter &printer, ValueRange operands,
                             ArrayAttr maps) {
  if (operands.empty())
    return;
  printer << " epilogue(" << operands << " : " << operands.getTypes()
          << ") maps " << maps;
}

ParseResult epilogue::parseEpilogueRegion(OpAsmParser &parser,
                                          OperationState &state) {
  Region *region = state.addRegion();
  OptionalParseResult parsed = parser.parseOptionalRegion(*region);
  return parsed.has_value() ? ParseResult(*parsed) : success();
}

void epilogue::printEpilogueRegion(OpAsmPrinter &printer, Region &region) {
  if (region.empty())
    return;
  printer << " ";
  printer.printRegion(region);
}

LogicalResult epilogue::verifyEpilogueMaps(Operation *op, ValueRange operands,
                                           ArrayAttr maps, ShapedType output,
                                           StringRef constraint) {
  if (maps.size() != operands.size())
    return op->emitOpError()
           << constraint << ": " << operands.size()
           << " epilogue operands need as many maps, got " << maps.size();
  for (auto [index, operand, attr] : llvm::enumerate(operands, maps)) {
    AffineMap map = cast<AffineMapAttr>(attr).getValue();
    auto type = cast<ShapedType>(operand.getType());
    if (map.getNumDims() != output.getRank() || map.getNumSymbols() != 0 ||
        !map.isProjectedPermutation())
      return op->emitOpError()
             << constraint << ": map " << index
             << " must be a projected permutation of the result's "
             << output.getRank() << " dimensions, got " << attr;
    if (map.getNumResults() != type.getRank())
      return op->emitOpError()
             << constraint << ": map " << index << " has "
             << map.getNumResults() << " results for an operand of rank "
             << type.getRank();
    for (auto [dim, size] : llvm::enumerate(type.getShape())) {
      int64_t expected = output.getDimSize(map.getDimPosition(dim));
      if (!ShapedType::isDynamic(size) && !ShapedType::isDynamic(expected) &&
          size != expected)
        return op->emitOpError()
               << constraint << ": dimension " << dim << " of epilogue operand "
               << index << " has size " << size << ", expected " << expected;
    }
  }
  return success();
}

LogicalResult epilogue::verifyEpilogueRegion(Operation *op, Region &region,
                                             Type accumulator,
                                             ValueRange operands,
                                             Type resultElement,
                                             StringRef signatureConstraint,
                                             StringRef purityConstraint) {
  if (region.empty()) {
    if (!operands.empty())
      return op->emitOpError() << signatureConstraint
                               << ": epilogue operands need an epilogue region";
    return success();
  }
  Block &block = region.front();
  SmallVector<Type> expected{accumulator};
  for (Value operand : operands)
    expected.push_back(cast<ShapedType>(operand.getType()).getElementType());
  if (!llvm::equal(block.getArgumentTypes(), expected))
    return op->emitOpError()
           << signatureConstraint << ": epilogue takes ("
           << block.getArgumentTypes() << "), expected (" << expected << ")";
  auto yield = cast<YieldOp>(block.getTerminator());
  if (yield->getNumOperands() != 1 ||
      yield->getOperand(0).getType() != resultElement) {
    InFlightDiagnostic diag = op->emitOpError()
                              << signatureConstraint << ": epilogue yields ("
                              << yield->getOperandTypes() << "), expected ("
                              << resultElement << ")";
    diag.attachNote(yield.getLoc()) << "yielded here";
    return diag;
  }
  for (Operation &inner : block.without_terminator()) {
    bool scalar = llvm::all_of(inner.getResultTypes(), [](Type type) {
      return type.isIntOrIndexOrFloat();
    });
    if (!scalar || inner.getNumRegions() != 0 || !isMemoryEffectFree(&inner)) {
      InFlightDiagnostic diag = op->emitOpError()
                                << purityConstraint
                                << ": epilogue may hold only side-effect free "
                                   "scalar operations, found '"
                                << inner.getName() << "'";
      diag.attachNote(inner.getLoc()) << "operation is here";
      return diag;
    }
  }
  return success();
}

void epilogue::nameEpilogueArguments(
    Region &region, function_ref<void(Value, StringRef)> setName) {
  if (region.empty() || region.front().getNumArguments() == 0)
    return;
  setName(region.front().getArgument(0), "acc");
  for (BlockArgument argument : region.front().getArguments().drop_front())
    setName(argument, "e");
}

SmallVector<AffineMap> epilogue::toAffineMaps(ArrayAttr maps) {
  return llvm::map_to_vector(maps, [](Attribute attr) {
    return cast<AffineMapAttr>(attr).getValue();
  });
}
