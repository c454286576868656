//===- OperationWork.cpp - What an operation on buffers has to do ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OperationWork.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/Flat/IR/ScoreAnalysis.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::nm;

static Value asValue(OpBuilder &b, Location loc, OpFoldResult number) {
  return getValueOrCreateConstantIndexOp(b, loc, number);
}

OpFoldResult mlir::nm::buildProduct(OpBuilder &b, Location loc, OpFoldResult a,
                                    OpFoldResult c) {
  std::optional<int64_t> left = getConstantIntValue(a),
                         right = getConstantIntValue(c);
  if (left && right)
    return b.getIndexAttr(*left * *right);
  return arith::MulIOp::create(b, loc, asValue(b, loc, a), asValue(b, loc, c))
      .getResult();
}

static OpFoldResult buildSum(OpBuilder &b, Location loc, OpFoldResult a,
                             OpFoldResult c) {
  std::optional<int64_t> left = getConstantIntValue(a),
                         right = getConstantIntValue(c);
  if (left && right)
    return b.getIndexAttr(*left + *right);
  return arith::AddIOp::create(b, loc, asValue(b, loc, a), asValue(b, loc, c))
      .getResult();
}

static int64_t bytesOf(Type element) {
  return isa<IndexType>(element)
             ? 8
             : llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

OpFoldResult mlir::nm::buildBytes(OpBuilder &b, Location loc, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  OpFoldResult bytes = b.getIndexAttr(bytesOf(type.getElementType()));
  for (OpFoldResult size : memref::getMixedSizes(b, loc, memref))
    bytes = buildProduct(b, loc, bytes, size);
  return bytes;
}

int64_t mlir::nm::countFlops(Block &body) {
  int64_t flops = 0;
  body.walk([&](Operation *op) {
    if (op->getNumResults() != 1 ||
        !isa<FloatType>(getElementTypeOrSelf(op->getResult(0))))
      return;
    if (isa<math::FmaOp>(op))
      flops += 2;
    else if (isa<math::MathDialect>(op->getDialect()))
      flops += 1;
    else if (isa<arith::ArithDialect>(op->getDialect()))
      flops += !isa<arith::ConstantOp, arith::SelectOp, arith::ExtFOp,
                    arith::TruncFOp, arith::SIToFPOp, arith::UIToFPOp,
                    arith::BitcastOp>(op);
  });
  return flops;
}

int64_t mlir::nm::countColumnFlops(PackedMatmulOp op, bool isDense) {
  int64_t weights = op.getRows() * op.getDepth();
  SparsityAttr sparsity = op.getSparsity();
  // Of a group that is stored whole all elements are multiplied.
  if (!isDense && !isa<WholeLayoutAttr>(op.getLayout()))
    weights = weights / sparsity.getM() * sparsity.getN();
  int64_t epilogue =
      op.hasEpilogue() ? countFlops(op.getEpilogue().front()) : 0;
  return 2 * weights + epilogue * op.getRows();
}

namespace {

/// Adds up the work of one operation.
class WorkBuilder {
public:
  WorkBuilder(OpBuilder &b, Operation *op)
      : b(b), loc(op->getLoc()), work{zero(), zero(), zero()} {
    TypeSwitch<Operation *>(op)
        .Case([&](PackedMatmulOp product) { count(product); })
        .Case([&](flat::AttentionOp attention) { count(attention); })
        .Case([&](memref::CopyOp copy) {
          read(copy.getSource());
          write(copy.getTarget());
        })
        .Case([&](linalg::LinalgOp linalg) { count(linalg); })
        .Default([&](Operation *) { work.isCounted = false; });
  }

  OperationWork take() { return work; }

private:
  OpFoldResult zero() { return b.getIndexAttr(0); }
  OpFoldResult product(ArrayRef<OpFoldResult> factors) {
    OpFoldResult result = b.getIndexAttr(1);
    for (OpFoldResult factor : factors)
      result = buildProduct(b, loc, result, factor);
    return result;
  }
  OpFoldResult times(OpFoldResult a, int64_t factor) {
    return buildProduct(b, loc, a, b.getIndexAttr(factor));
  }
  void add(OpFoldResult &sum, OpFoldResult term) {
    sum = buildSum(b, loc, sum, term);
  }
  /// Once for each operand.
  void read(Value memref) {
    if (isa<MemRefType>(memref.getType()) && seen.insert(memref).second)
      add(work.read, buildBytes(b, loc, memref));
  }
  void write(Value memref) { add(work.written, buildBytes(b, loc, memref)); }

  void count(linalg::LinalgOp op) {
    SmallVector<OpFoldResult> sizes;
    for (Range range : op.createLoopRanges(b, loc))
      sizes.push_back(range.size);
    OpFoldResult points = product(sizes);
    Block &body = *op.getBlock();
    work.flops = times(points, countFlops(body));
    for (OpOperand &operand : op->getOpOperands()) {
      if (op.payloadUsesValueFromOperand(&operand))
        read(operand.get());
      if (op.isDpsInit(&operand))
        write(operand.get());
    }
    body.walk([&](memref::LoadOp load) {
      add(work.read, times(points, bytesOf(load.getType())));
    });
  }

  void count(PackedMatmulOp op) {
    for (Value part : op.getStorage())
      read(part);
    read(op.getX());
    for (Value operand : op.getEpilogueOperands())
      read(operand);
    write(op.getC());
    OpFoldResult columns =
        memref::getMixedSize(b, loc, op.getX(), op.getTransposeX() ? 0 : 1);
    work.flops = times(columns, countColumnFlops(op, /*isDense=*/false));
  }

  void count(flat::AttentionOp op) {
    using Op = flat::AttentionOp;
    using Role = Op::Role;
    auto size = [&](Role role, int64_t dim) {
      return op.getMixedSize(b, role, dim);
    };
    OpFoldResult keys = size(Role::K, Op::Sequence);
    if (Value length = op.getLength())
      keys = arith::MinSIOp::create(b, loc, asValue(b, loc, keys), length)
                 .getResult();
    countPairs(op, keys);
    read(op.getQ());
    // Keys behind the length are not looked at.
    for (Role role : {Role::K, Role::V}) {
      ShapedType type = op.getShapedType(role);
      OpFoldResult row = size(role, Op::Width);
      if (op.isQuantized(role)) // with their scales
        row = b.getIndexAttr(type.getDimSize(op.getPosition(role, Op::Width)));
      add(work.read, times(product({size(role, Op::Batch), size(role, Op::Head),
                                    keys, row}),
                           bytesOf(type.getElementType())));
    }
    if (op.getMask())
      read(op.getMask());
    for (Value operand : op.getScoreOperands())
      read(operand);
    write(op.getInit());
  }

  void countPairs(flat::AttentionOp op, OpFoldResult keys) {
    using Op = flat::AttentionOp;
    using Role = Op::Role;
    OpFoldResult queries = op.getMixedSize(b, Role::Q, Op::Sequence);
    std::optional<OpFoldResult> pairs = seenPairs(op, queries, keys);
    if (!pairs) {
      work.isCounted = false;
      return;
    }
    OpFoldResult depth = op.getMixedSize(b, Role::Q, Op::Width),
                 width = op.getMixedSize(b, Role::V, Op::Width);
    int64_t others = 5; // scale, maximum, difference, exponential, sum
    if (op.hasScoreRegion())
      others += countFlops(op.getScore().front());
    if (op.getMask() &&
        isa<FloatType>(
            cast<ShapedType>(op.getMask().getType()).getElementType()))
      others += 1;
    OpFoldResult each = times(depth, 2);
    add(each, times(width, 2));
    add(each, b.getIndexAttr(others));
    OpFoldResult head = product({*pairs, each});
    add(head, product({queries, width}));
    work.flops = product({op.getMixedSize(b, Role::Q, Op::Batch),
                          op.getMixedSize(b, Role::Q, Op::Head), head});
  }

  /// Queries and keys that they may see by their positions; nothing if only
  /// the call can tell.
  std::optional<OpFoldResult>
  seenPairs(flat::AttentionOp op, OpFoldResult queries, OpFoldResult keys) {
    flat::ScoreAnalysis score;
    if (op.hasScoreRegion())
      score = flat::analyzeScore(op);
    if (!score.left && !score.right)
      return product({queries, keys});
    std::optional<int64_t> rows = getConstantIntValue(queries),
                           columns = getConstantIntValue(keys);
    std::optional<int64_t> offset =
        op.getOffset() ? getConstantIntValue(op.getOffset()) : 0;
    if (!rows || !columns || !offset)
      return std::nullopt;
    int64_t pairs = 0;
    for (int64_t p = *offset; p != *offset + *rows; ++p) {
      int64_t first = score.left ? std::max<int64_t>(p - *score.left, 0) : 0;
      int64_t end =
          score.right ? std::min(p + *score.right + 1, *columns) : *columns;
      pairs += std::max<int64_t>(end - first, 0);
    }
    return OpFoldResult(b.getIndexAttr(pairs));
  }

private:
  OpBuilder &b;
  Location loc;
  OperationWork work;
  SmallPtrSet<Value, 8> seen;
};

} // namespace

OperationWork mlir::nm::buildWork(OpBuilder &b, Operation *op) {
  return WorkBuilder(b, op).take();
}
