//===- NMMatmulOp.cpp - The nm.matmul operation -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EpilogueSyntax.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/NM/IR/NMDialect.h"

using namespace mlir;
using namespace mlir::nm;

//===----------------------------------------------------------------------===//
// Construction and syntax
//===----------------------------------------------------------------------===//

void MatmulOp::build(OpBuilder &builder, OperationState &state, Value lhs,
                     Value rhs, Value init, bool transposeLhs,
                     bool transposeRhs, ValueRange epilogueOperands,
                     ArrayRef<AffineMap> epilogueMaps) {
  state.addOperands({lhs, rhs});
  state.addOperands(epilogueOperands);
  state.addOperands(init);
  Properties &properties = state.getOrAddProperties<Properties>();
  if (transposeLhs)
    properties.transpose_lhs = builder.getUnitAttr();
  if (transposeRhs)
    properties.transpose_rhs = builder.getUnitAttr();
  properties.epilogue_maps = builder.getAffineMapArrayAttr(epilogueMaps);
  state.addRegion();
  state.addTypes(init.getType());
}

/// `keyword(...)` with that many operands.
static ParseResult parseOperands(OpAsmParser &parser, OperationState &state,
                                 StringRef keyword, int32_t expected,
                                 StringRef words) {
  int32_t count = 0;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(keyword) || parser.parseLParen() ||
      epilogue::parseTypedOperands(parser, state, count))
    return failure();
  if (count != expected)
    return parser.emitError(loc)
           << "expected " << words << " in '" << keyword << "', got " << count;
  return success();
}

ParseResult MatmulOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  for (StringRef flag : {"transpose_lhs", "transpose_rhs"})
    if (succeeded(parser.parseOptionalKeyword(flag)))
      state.addAttribute(flag, builder.getUnitAttr());

  int32_t epilogue = 0;
  if (parseOperands(parser, state, "ins", 2, "two operands") ||
      epilogue::parseEpilogue(parser, state, epilogue) ||
      parseOperands(parser, state, "outs", 1, "one operand") ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes) ||
      epilogue::parseEpilogueRegion(parser, state) ||
      parser.parseArrowTypeList(state.types))
    return failure();
  return success();
}

void MatmulOp::print(OpAsmPrinter &printer) {
  if (getTransposeLhs())
    printer << " transpose_lhs";
  if (getTransposeRhs())
    printer << " transpose_rhs";
  printer << " ins(" << getLhs() << ", " << getRhs() << " : "
          << getLhs().getType() << ", " << getRhs().getType() << ")";
  epilogue::printEpilogue(printer, getEpilogueOperands(), getEpilogueMaps());
  printer << " outs(" << getInit() << " : " << getInit().getType() << ")";
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(), {"transpose_lhs", "transpose_rhs", "epilogue_maps"});
  epilogue::printEpilogueRegion(printer, getEpilogue());
  printer << " -> " << getResult().getType();
}

void MatmulOp::getAsmBlockArgumentNames(Region &region,
                                        OpAsmSetValueNameFn setName) {
  epilogue::nameEpilogueArguments(region, setName);
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

OpOperand *MatmulOp::getSparseOperand() {
  for (OpOperand *operand : {&getLhsMutable(), &getRhsMutable()})
    if (nm::getSparsity(operand->get().getType()))
      return operand;
  return nullptr;
}

SparsityAttr MatmulOp::getSparsity() {
  OpOperand *operand = getSparseOperand();
  return operand ? nm::getSparsity(operand->get().getType()) : SparsityAttr();
}

bool MatmulOp::isLhsSparse() {
  return static_cast<bool>(nm::getSparsity(getLhs().getType()));
}

Type MatmulOp::getAccumulatorType() {
  bool integer = getLhs().getType().getElementType().isInteger(8) &&
                 getRhs().getType().getElementType().isInteger(8);
  Builder builder(getContext());
  return integer ? Type(builder.getI32Type()) : Type(builder.getF32Type());
}

SmallVector<AffineMap> MatmulOp::getEpilogueMapArray() {
  return epilogue::toAffineMaps(getEpilogueMaps());
}

LogicalResult MatmulOp::reifyResultShapes(OpBuilder &builder,
                                          ReifiedRankedShapedTypeDims &dims) {
  dims.push_back(tensor::getMixedSizes(builder, getLoc(), getInit()));
  return success();
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

static bool sizesAgree(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

LogicalResult MatmulOp::verify() {
  RankedTensorType lhs = getLhs().getType(), rhs = getRhs().getType(),
                   result = getResult().getType();
  if (getInit().getType() != result)
    return emitOpError("nm_matmul_c1: destination type ")
           << getInit().getType() << " must equal the result type " << result;
  for (auto [name, type] : {std::pair("lhs", lhs), std::pair("rhs", rhs),
                            std::pair("result", result)})
    if (type.getRank() < 2)
      return emitOpError("nm_matmul_c1: ")
             << name << " must have rank 2 or more, got " << type;
  ArrayRef<int64_t> batch = result.getShape().drop_back(2);
  for (auto [name, type] : {std::pair("lhs", lhs), std::pair("rhs", rhs)}) {
    ArrayRef<int64_t> own = type.getShape().drop_back(2);
    bool agrees = own.empty() || own.size() == batch.size();
    for (size_t i = 0; agrees && i < own.size(); ++i)
      agrees = sizesAgree(own[i], batch[i]);
    if (!agrees)
      return emitOpError("nm_matmul_c1: batch dimensions of ")
             << name << " must be absent or equal the result's (" << batch
             << "), got (" << own << ")";
  }

  struct {
    const char *name;
    int64_t a, b;
  } sizes[] = {
      {"i (rows of lhs and result)", lhs.getDimSize(getLhsRowDim()),
       result.getDimSize(result.getRank() - 2)},
      {"j (columns of rhs and result)", rhs.getDimSize(getRhsColumnDim()),
       result.getDimSize(result.getRank() - 1)},
      {"k (contraction of lhs and rhs)", lhs.getDimSize(getLhsReductionDim()),
       rhs.getDimSize(getRhsReductionDim())}};
  for (auto &size : sizes)
    if (!sizesAgree(size.a, size.b))
      return emitOpError("nm_matmul_c2: sizes along ")
             << size.name << " must agree, got " << size.a << " and " << size.b;

  SparsityAttr left = nm::getSparsity(lhs), right = nm::getSparsity(rhs);
  if (left && right)
    return emitOpError("nm_matmul_c3: at most one operand may be encoded");
  if (left && left.getAxis() != getLhsReductionDim())
    return emitOpError("nm_matmul_c3: sparse axis of lhs must be the "
                       "contraction, dimension ")
           << getLhsReductionDim() << ", got " << left.getAxis();
  if (right && right.getAxis() != getRhsReductionDim())
    return emitOpError("nm_matmul_c3: sparse axis of rhs must be the "
                       "contraction, dimension ")
           << getRhsReductionDim() << ", got " << right.getAxis();

  Type lhsElement = lhs.getElementType(), rhsElement = rhs.getElementType();
  auto isSupported = [](Type type) {
    return type.isF32() || type.isBF16() || type.isF16() ||
           type.isSignlessInteger(8);
  };
  for (Type type : {lhsElement, rhsElement})
    if (!isSupported(type))
      return emitOpError("nm_matmul_c4: element types must be f32, bf16, f16 "
                         "or i8, got ")
             << type;
  Type dense = left ? rhsElement : lhsElement;
  Type weight = left ? lhsElement : rhsElement;
  if (dense.isInteger(8) && !weight.isInteger(8))
    return emitOpError("nm_matmul_c4: an i8 dense operand needs an i8 weight, "
                       "got ")
           << weight;
  return epilogue::verifyEpilogueMaps(
      *this, getEpilogueOperands(), getEpilogueMaps(), result, "nm_matmul_c5");
}

LogicalResult MatmulOp::verifyRegions() {
  if (!hasEpilogue() && getAccumulatorType().isInteger() &&
      !getResult().getType().getElementType().isInteger(32))
    return emitOpError("nm_matmul_c6: without an epilogue the result of an i8 "
                       "product must be i32, got ")
           << getResult().getType().getElementType();
  if (!hasEpilogue() && getAccumulatorType().isF32() &&
      !isa<FloatType>(getResult().getType().getElementType()))
    return emitOpError("nm_matmul_c6: without an epilogue the result of a "
                       "floating-point product must be a float, got ")
           << getResult().getType().getElementType();
  return epilogue::verifyEpilogueRegion(
      *this, getEpilogue(), getAccumulatorType(), getEpilogueOperands(),
      getResult().getType().getElementType(), "nm_matmul_c6", "nm_matmul_c7");
}
