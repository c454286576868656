//===- NMPackedMatmulOp.cpp - The nm.packed_matmul operation -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EpilogueSyntax.h"
#include "LayoutSyntax.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "llvm/Support/InterleavedRange.h"

using namespace mlir;
using namespace mlir::nm;

ParseResult PackedMatmulOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  for (StringRef flag : {"transpose_x", "transpose_c"})
    if (succeeded(parser.parseOptionalKeyword(flag)))
      state.addAttribute(flag, builder.getUnitAttr());

  int32_t storage = 0, x = 0, epilogue = 0, c = 0;
  TypeAttr weightType;
  LayoutAttr layout;
  if (parser.parseKeyword("weight") || parser.parseLParen() ||
      epilogue::parseTypedOperands(parser, state, storage) ||
      parser.parseKeyword("of") ||
      parser.parseAttribute(weightType, "weight_type", state.attributes) ||
      parser.parseKeyword("layout") || parseLayout(parser, layout))
    return failure();
  state.addAttribute("layout", layout);
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword("ins") || parser.parseLParen() ||
      epilogue::parseTypedOperands(parser, state, x) ||
      epilogue::parseEpilogue(parser, state, epilogue) ||
      parser.parseKeyword("outs") || parser.parseLParen() ||
      epilogue::parseTypedOperands(parser, state, c))
    return failure();
  if (x != 1 || c != 1)
    return parser.emitError(loc)
           << "expected one operand each in 'ins' and 'outs', got " << x
           << " and " << c;
  state.getOrAddProperties<Properties>().operandSegmentSizes = {storage, 1,
                                                                epilogue, 1};
  if (parser.parseOptionalAttrDictWithKeyword(state.attributes) ||
      epilogue::parseEpilogueRegion(parser, state) ||
      parser.parseOptionalArrowTypeList(state.types))
    return failure();
  return success();
}

void PackedMatmulOp::print(OpAsmPrinter &printer) {
  if (getTransposeX())
    printer << " transpose_x";
  if (getTransposeC())
    printer << " transpose_c";
  printer << " weight(" << getStorage() << " : " << getStorage().getTypes()
          << ") of " << getWeightType() << " layout ";
  printLayout(printer, *this, getLayout());
  printer << " ins(" << getX() << " : " << getX().getType() << ")";
  epilogue::printEpilogue(printer, getEpilogueOperands(), getEpilogueMaps());
  printer << " outs(" << getC() << " : " << getC().getType() << ")";
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(), {"operandSegmentSizes", "transpose_x", "transpose_c",
                            "weight_type", "layout", "epilogue_maps"});
  epilogue::printEpilogueRegion(printer, getEpilogue());
  if (getResult())
    printer << " -> " << getResult().getType();
}

void PackedMatmulOp::getAsmBlockArgumentNames(Region &region,
                                              OpAsmSetValueNameFn setName) {
  epilogue::nameEpilogueArguments(region, setName);
}

Type PackedMatmulOp::getAccumulatorType() {
  bool integer = getEncodedType().getElementType().isInteger(8) &&
                 getX().getType().getElementType().isInteger(8);
  Builder builder(getContext());
  return integer ? Type(builder.getI32Type()) : Type(builder.getF32Type());
}

SmallVector<AffineMap> PackedMatmulOp::getEpilogueMapArray() {
  return epilogue::toAffineMaps(getEpilogueMaps());
}

void PackedMatmulOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (OpOperand &operand : (*this)->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    if (operand.get() == getC() &&
        operand.getOperandNumber() + 1 == (*this)->getNumOperands())
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
    else
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
  }
}

LogicalResult PackedMatmulOp::verify() {
  auto weight = dyn_cast<RankedTensorType>(getWeightType());
  if (!weight || weight.getRank() != 2 || !weight.hasStaticShape() ||
      !nm::getSparsity(weight))
    return emitOpError("nm_packed_matmul_c1: weight type must be a static "
                       "rank-2 tensor with an #nm.sparsity encoding, got ")
           << getWeightType();
  FailureOr<SmallVector<RankedTensorType>> expected =
      getLayout().getStorageTypes(
          weight, [&] { return emitOpError() << "nm_packed_matmul_c1: "; });
  if (failed(expected))
    return failure();
  bool same = expected->size() == getStorage().size();
  for (size_t i = 0; same && i < expected->size(); ++i) {
    auto type = cast<ShapedType>(getStorage()[i].getType());
    same = type.getShape() == (*expected)[i].getShape() &&
           type.getElementType() == (*expected)[i].getElementType();
  }
  if (!same)
    return emitOpError("nm_packed_matmul_c1: storage of ")
           << weight << " in layout " << getLayout() << " must be ("
           << llvm::interleaved(*expected) << "), got ("
           << getStorage().getTypes() << ")";

  ShapedType x = getX().getType(), c = getC().getType();
  if (getResult() && getResult().getType() != c)
    return emitOpError("nm_packed_matmul_c2: result type ")
           << getResult().getType() << " must equal the destination type " << c;
  if (x.getRank() != 2 || c.getRank() != 2)
    return emitOpError("nm_packed_matmul_c2: x and c must have rank 2, got ")
           << x << " and " << c;
  int64_t xK = x.getDimSize(getTransposeX() ? 1 : 0);
  int64_t xN = x.getDimSize(getTransposeX() ? 0 : 1);
  int64_t cM = c.getDimSize(getTransposeC() ? 1 : 0);
  int64_t cN = c.getDimSize(getTransposeC() ? 0 : 1);
  auto agree = [](int64_t a, int64_t b) {
    return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
  };
  if (!agree(xK, getDepth()) || !agree(cM, getRows()) || !agree(xN, cN))
    return emitOpError("nm_packed_matmul_c2: a weight of ")
           << getRows() << " x " << getDepth() << " does not multiply x " << x
           << " into c " << c;
  return epilogue::verifyEpilogueMaps(*this, getEpilogueOperands(),
                                      getEpilogueMaps(), c,
                                      "nm_packed_matmul_c3");
}

LogicalResult PackedMatmulOp::verifyRegions() {
  return epilogue::verifyEpilogueRegion(
      *this, getEpilogue(), getAccumulatorType(), getEpilogueOperands(),
      getC().getType().getElementType(), "nm_packed_matmul_c3",
      "nm_packed_matmul_c3");
}
