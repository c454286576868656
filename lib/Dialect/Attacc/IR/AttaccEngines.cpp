//===- AttaccEngines.cpp - Verifiers of instructions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Verify.h"
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

/// attacc_move_c2.
static LogicalResult verifyChannel(Operation *op, int64_t channel) {
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

static LogicalResult verifyMove(Operation *op, RegionType source,
                                RegionType dest, int64_t channel) {
  if (source.getShape() != dest.getShape() ||
      source.getElementType() != dest.getElementType())
    return op->emitOpError("[attacc_move_c1] moves ")
           << source << " to " << dest
           << ", expected equal shapes and elements";
  return verifyChannel(op, channel);
}

LogicalResult LoadOp::verify() {
  return verifyMove(*this, getSource().getType(), getDest().getType(),
                    getChannel());
}

LogicalResult StoreOp::verify() {
  Value object = getDest();
  if (auto tile = object.getDefiningOp<TileOp>())
    object = tile.getSource();
  if (auto tensor = object.getDefiningOp<TensorOp>())
    if (tensor.getRole() != Role::Out && tensor.getRole() != Role::Scratch) {
      InFlightDiagnostic diag = emitOpError("[attacc_move_c3] writes '")
                                << tensor.getName() << "', which is "
                                << stringifyRole(tensor.getRole())
                                << ", expected out or scratch";
      diag.attachNote(tensor.getLoc()) << "the tensor";
      return diag;
    }
  return verifyMove(*this, getSource().getType(), getDest().getType(),
                    getChannel());
}

LogicalResult SyncOp::verify() {
  bool isMove = getUnit() == Engine::Load || getUnit() == Engine::Store;
  if (!isMove && getChannel() != 0)
    return emitOpError("[attacc_sync_c1] has channel ")
           << int64_t(getChannel()) << " on " << stringifyEngine(getUnit())
           << ", expected 0";
  return verifyChannel(*this, getChannel());
}

/// attacc_gemm_c2 and attacc_nm_gemm_c4.
static LogicalResult verifyProductTypes(Operation *op, StringRef rule,
                                        RegionType lhs, RegionType rhs,
                                        RegionType dest, APFloat scale) {
  if (!scale.isFinite())
    return op->emitOpError("[")
           << rule << "] has the scale " << scale.convertToFloat()
           << ", expected a finite one";
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
  ArrayRef<int64_t> l = lhs.getShape(), r = rhs.getShape(), d = dest.getShape();
  bool fits = l.size() == r.size() && l.size() == d.size() &&
              (l.size() == 2 || l.size() == 3);
  if (fits && l.size() == 3) {
    fits = l[0] == r[0] && l[0] == d[0];
    auto program = (*this)->getParentOfType<ProgramOp>();
    if (!program)
      return emitOpError("[attacc_program_c1] expected an attacc.program "
                         "around it");
    int64_t segments = program.getDevice().getSegments();
    if (fits && l[0] > segments)
      return emitOpError("[attacc_gemm_c3] has ")
             << l[0] << " products side by side, expected at most the "
             << segments << " segments of the array";
    l = l.drop_front();
    r = r.drop_front();
    d = d.drop_front();
  }
  if (!fits || l[!tl] != r[tr] || d[0] != l[tl] || d[1] != r[!tr])
    return emitOpError("[attacc_gemm_c1] multiplies ")
           << lhs << " by " << rhs << " into " << dest
           << ", expected M x K by K x N into M x N after the transposes";
  return verifyProductTypes(*this, "attacc_gemm_c2", lhs, rhs, dest,
                            getScale());
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
  return verifyProductTypes(*this, "attacc_nm_gemm_c4", lhs, values, dest,
                            getScale());
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
  if (!getScale().isFinite())
    return emitOpError("[attacc_elements_c1] has the scale ")
           << getScale().convertToFloat() << ", expected a finite one";
  return verifyRows(*this, getSource().getType(), {});
}

/// attacc_mask_c2 for one of row and column.
static LogicalResult verifyPlace(Operation *op, StringRef what, int64_t base,
                                 ValueRange counters,
                                 std::optional<ArrayRef<int64_t>> steps) {
  constexpr int64_t kFar = int64_t(1) << 56;
  size_t count = steps ? steps->size() : 0;
  if (count != counters.size())
    return op->emitOpError("[attacc_mask_c2] has ")
           << count << " steps of the " << what << ", expected "
           << counters.size();
  if (failed(verifyCounters(op, "attacc_mask_c2", counters)))
    return failure();
  int64_t low = base;
  bool fits = base >= -INT32_MAX && base <= INT32_MAX;
  for (auto [i, counter] : llvm::enumerate(counters)) {
    int64_t step = (*steps)[i];
    if (!fits || step < -INT32_MAX || step > INT32_MAX) {
      fits = false;
      break;
    }
    int64_t reach = step * (tripsOf(counter) - 1);
    fits = reach >= -kFar && reach <= kFar;
    low += std::min<int64_t>(reach, 0);
  }
  if (!fits || low < 0)
    return op->emitOpError("[attacc_mask_c2] has a ")
           << what << " that begins at " << low
           << ", expected a place that is never negative";
  return success();
}

LogicalResult MaskOp::verify() {
  int64_t window = getWindow(), keys = getKeys(), group = getGroup();
  auto isSize = [](int64_t value) { return value >= 0 && value <= INT32_MAX; };
  if (getDest().getType().getRank() != 2 || group < 1 || !isSize(group) ||
      !isSize(window) || !isSize(keys))
    return emitOpError("[attacc_mask_c1] masks ")
           << getDest().getType() << " with a group of " << group
           << ", a window of " << window << " and " << keys
           << " keys, expected rank 2, a group of at least 1 and the others "
              "not negative";
  if (failed(verifyPlace(*this, "row", getRow(), getRowCounters(),
                         getRowSteps())) ||
      failed(verifyPlace(*this, "column", getColumn(), getColumnCounters(),
                         getColumnSteps())))
    return failure();
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

LogicalResult UnaryOp::verify() {
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
