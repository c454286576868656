//===- AttaccEngines.cpp - Verifiers of instructions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "nm/Dialect/Attacc/IR/AttaccDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::attacc;

/// A number without the type that an i64 attribute prints.
static ParseResult parseNumber(OpAsmParser &parser, IntegerAttr &value) {
  int64_t number;
  if (parser.parseInteger(number))
    return failure();
  value = parser.getBuilder().getI64IntegerAttr(number);
  return success();
}

static void printNumber(OpAsmPrinter &printer, Operation *, IntegerAttr value) {
  printer << value.getInt();
}

#define GET_OP_CLASSES
#include "nm/Dialect/Attacc/IR/AttaccOps.cpp.inc"

static LogicalResult verifyMove(Operation *op, RegionType source,
                                RegionType dest, int64_t channel) {
  if (source.getShape() != dest.getShape() ||
      source.getElementType() != dest.getElementType())
    return op->emitOpError("[attacc_move_c1] moves ")
           << source << " to " << dest
           << ", expected equal shapes and elements";
  auto program = op->getParentOfType<ProgramOp>();
  if (!program)
    return op->emitOpError("[attacc_program_c1] expected an attacc.program "
                           "around it");
  int64_t channels = program.getDevice().getChannels();
  if (channel < 0 || channel >= channels)
    return op->emitOpError("[attacc_move_c2] has channel ")
           << channel << ", expected 0 to " << channels - 1;
  return success();
}

LogicalResult LoadOp::verify() {
  return verifyMove(*this, getSource().getType(), getDest().getType(),
                    getChannel());
}

LogicalResult StoreOp::verify() {
  return verifyMove(*this, getSource().getType(), getDest().getType(),
                    getChannel());
}

/// attacc_gemm_c2 and attacc_nm_gemm_c4.
static LogicalResult verifyProductTypes(Operation *op, StringRef rule,
                                        RegionType lhs, RegionType rhs,
                                        RegionType dest) {
  Type type = lhs.getElementType();
  if (type.isInteger(8) || rhs.getElementType() != type)
    return op->emitOpError("[")
           << rule << "] multiplies " << type << " by " << rhs.getElementType()
           << ", expected equal f16, bf16 or f32";
  if (dest.getElementType() != type && !dest.getElementType().isF32())
    return op->emitOpError("[") << rule << "] writes " << dest.getElementType()
                                << ", expected " << type << " or f32";
  return success();
}

LogicalResult GemmOp::verify() {
  RegionType lhs = getLhs().getType(), rhs = getRhs().getType(),
             dest = getDest().getType();
  bool tl = getTransposeLhs(), tr = getTransposeRhs();
  if (lhs.getRank() != 2 || rhs.getRank() != 2 || dest.getRank() != 2 ||
      lhs.getShape()[!tl] != rhs.getShape()[tr] ||
      dest.getShape()[0] != lhs.getShape()[tl] ||
      dest.getShape()[1] != rhs.getShape()[!tr])
    return emitOpError("[attacc_gemm_c1] multiplies ")
           << lhs << " by " << rhs << " into " << dest
           << ", expected M x K by K x N into M x N after the transposes";
  return verifyProductTypes(*this, "attacc_gemm_c2", lhs, rhs, dest);
}

LogicalResult NMGemmOp::verify() {
  int64_t n = getN(), m = getM();
  auto program = (*this)->getParentOfType<ProgramOp>();
  if (!program)
    return emitOpError("[attacc_program_c1] expected an attacc.program around "
                       "it");
  if (n < 1 || n >= m || m > 64)
    return emitOpError("[attacc_nm_gemm_c1] has the pattern ")
           << n << ":" << m << ", expected 1 <= N < M <= 64";
  if (!program.getDevice().decodes(n, m))
    return emitOpError("[attacc_nm_gemm_c1] has the pattern ")
           << n << ":" << m << ", expected one of the device's: '"
           << program.getDevice().getPatterns() << "'";
  RegionType lhs = getLhs().getType(), values = getValues().getType(),
             indices = getIndices().getType(), dest = getDest().getType();
  if (lhs.getRank() != 2 || values.getRank() != 2 || indices.getRank() != 2 ||
      dest.getRank() != 2)
    return emitOpError("[attacc_nm_gemm_c3] expected regions of rank 2");
  int64_t depth = lhs.getShape()[1], columns = values.getShape()[0];
  if (depth % m)
    return emitOpError("[attacc_nm_gemm_c2] has depth ")
           << depth << ", expected a multiple of " << m;
  int64_t kept = depth / m * n;
  int64_t bytes = llvm::divideCeil(kept * llvm::Log2_64_Ceil(m), 8);
  if (values.getShape()[1] != kept || indices.getShape()[0] != columns ||
      indices.getShape()[1] != bytes ||
      dest.getShape()[0] != lhs.getShape()[0] || dest.getShape()[1] != columns)
    return emitOpError("[attacc_nm_gemm_c3] has values ")
           << values << ", indices " << indices << " and dest " << dest
           << ", expected " << columns << " x " << kept << ", " << columns
           << " x " << bytes << " and " << lhs.getShape()[0] << " x "
           << columns;
  if (!indices.getElementType().isInteger(8))
    return emitOpError("[attacc_nm_gemm_c4] has indices of type ")
           << indices.getElementType() << ", expected i8";
  return verifyProductTypes(*this, "attacc_nm_gemm_c4", lhs, values, dest);
}

//===----------------------------------------------------------------------===//
// Special function unit
//===----------------------------------------------------------------------===//

static LogicalResult verifyFloats(Operation *op) {
  for (Value operand : op->getOperands())
    if (auto type = dyn_cast<RegionType>(operand.getType()))
      if (type.getElementType().isInteger(8))
        return op->emitOpError("[attacc_special_c1] has an operand of i8, "
                               "expected f32, f16 or bf16");
  return success();
}

/// attacc_row_c1: `matrix` is R x C and each of `vectors` R.
static LogicalResult verifyRows(Operation *op, RegionType matrix,
                                ValueRange vectors) {
  if (matrix.getRank() != 2)
    return op->emitOpError("[attacc_row_c1] has ")
           << matrix << ", expected rank 2";
  for (Value vector : vectors)
    if (cast<RegionType>(vector.getType()).getShape() !=
        matrix.getShape().take_front())
      return op->emitOpError("[attacc_row_c1] has the row vector ")
             << vector.getType() << ", expected " << matrix.getShape()[0]
             << " elements";
  return verifyFloats(op);
}

static LogicalResult verifySame(Operation *op, RegionType a, RegionType b) {
  if (a.getShape() != b.getShape())
    return op->emitOpError("[attacc_elements_c1] has ")
           << a << " and " << b << ", expected equal shapes";
  return verifyFloats(op);
}

LogicalResult RowMaxOp::verify() {
  return verifyRows(*this, getSource().getType(), getDest());
}

LogicalResult ExpSumOp::verify() {
  if (failed(verifySame(*this, getSource().getType(), getDest().getType())))
    return failure();
  return verifyRows(*this, getSource().getType(), {getMax(), getSum()});
}

LogicalResult RescaleOp::verify() {
  return verifyRows(*this, getDest().getType(),
                    {getOldMax(), getNewMax(), getSum()});
}

LogicalResult ScaleOp::verify() {
  if (failed(verifySame(*this, getSource().getType(), getDest().getType())))
    return failure();
  return verifyRows(*this, getSource().getType(), getFactor());
}

LogicalResult SoftmaxOp::verify() {
  if (failed(verifySame(*this, getSource().getType(), getDest().getType())))
    return failure();
  return verifyRows(*this, getSource().getType(), {});
}

LogicalResult CausalMaskOp::verify() {
  if (getDest().getType().getRank() != 2 || int64_t(getRow()) < 0 ||
      int64_t(getColumn()) < 0)
    return emitOpError("[attacc_causal_mask_c1] masks ")
           << getDest().getType() << " at " << int64_t(getRow()) << ", "
           << int64_t(getColumn())
           << ", expected rank 2 and an origin that is not negative";
  return verifyFloats(*this);
}

LogicalResult LayerNormOp::verify() {
  RegionType source = getSource().getType();
  if (failed(verifySame(*this, source, getDest().getType())))
    return failure();
  if (source.getRank() != 2 ||
      getGamma().getType().getShape() != source.getShape().drop_front() ||
      getBeta().getType().getShape() != source.getShape().drop_front() ||
      !getEpsilon().isFinite() || !(getEpsilon().convertToFloat() > 0))
    return emitOpError("[attacc_layernorm_c1] has ")
           << source << ", gamma " << getGamma().getType() << " and beta "
           << getBeta().getType()
           << ", expected R x C, C and C, and a positive epsilon";
  return success();
}

LogicalResult GeluOp::verify() {
  return verifySame(*this, getSource().getType(), getDest().getType());
}

LogicalResult ElementwiseOp::verify() {
  RegionType lhs = getLhs().getType(), rhs = getRhs().getType();
  if (getDest().getType().getShape() != lhs.getShape() ||
      (rhs.getShape() != lhs.getShape() &&
       rhs.getShape() != lhs.getShape().take_back()))
    return emitOpError("[attacc_elementwise_c1] has ")
           << lhs << ", " << rhs << " and dest " << getDest().getType()
           << ", expected equal shapes or a vector as rhs";
  return verifyFloats(*this);
}

LogicalResult FillOp::verify() { return verifyFloats(*this); }
