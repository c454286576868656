//===- WindowLoops.cpp - Vector loop nests for sliding windows -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Convolutions of several groups and pooling reduce over a few elements, too
// few for a vector. Neighbouring results read neighbouring elements, so the
// results' last dimension is the one that widens: a vector of them stays in a
// register while the loops over the window go inside.
//
//===----------------------------------------------------------------------===//

#include "VectorLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "nm/Transforms/RegionVectorizer.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

class WindowEmitter {
public:
  WindowEmitter(RewriterBase &rewriter, linalg::LinalgOp op,
                const VectorLoopOptions &options)
      : op(op), options(options), b(op.getLoc(), rewriter) {}

  LogicalResult check() {
    if (op.getNumDpsInits() != 1 || !op.hasPureBufferSemantics() ||
        op.getNumReductionLoops() == 0 || !isVectorizable(*op.getBlock()))
      return failure();
    AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    if (out.getNumResults() == 0 ||
        !out.isProjectedPermutation(/*allowZeroInResults=*/true))
      return failure();
    auto last = dyn_cast<AffineDimExpr>(out.getResults().back());
    if (!last)
      return failure();
    wide = last.getPosition();
    return success(llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) {
      return isAccessible(operand);
    }));
  }

  void emit() {
    for (Range range : op.createLoopRanges(b, op.getLoc()))
      extents.push_back(
          getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
    for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray()))
      if (kind == utils::IteratorType::reduction)
        window.push_back(loop);
      else if (loop != wide)
        outer.push_back(loop);
    zero = arith::ConstantIndexOp::create(b, 0);
    one = arith::ConstantIndexOp::create(b, 1);
    ivs.assign(extents.size(), zero);
    emitOuter(0);
  }

private:
  AffineExpr wideDim() { return b.getAffineDimExpr(wide); }

  /// Whether the operand does not change along the wide loop.
  bool isFixed(OpOperand &operand) {
    return !op.getMatchingIndexingMap(&operand).isFunctionOfDim(wide);
  }

  /// Whether an operand is the same for all lanes, or they are neighbours.
  bool isAccessible(OpOperand &operand) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type)
      return operand.get().getType().isIntOrFloat();
    if (!type.getElementType().isIntOrFloat() ||
        type.getElementTypeBitWidth() < 8)
      return false;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (isFixed(operand))
      return true;
    AffineExpr last = map.getResults().back();
    // What is left of it without the wide loop is the same for all lanes.
    bool isUnit = !simplifyAffineExpr(last - wideDim(), map.getNumDims(), 0)
                       .isFunctionOfDim(wide);
    return isUnit && type.isLastDimUnitStride() &&
           llvm::none_of(map.getResults().drop_back(), [&](AffineExpr expr) {
             return expr.isFunctionOfDim(wide);
           });
  }

  /// The first parallel loop longer than one is shared by threads, if the whole
  /// is worth it.
  bool shouldDistribute(unsigned loop) {
    if (!options.parallel || isDistributed)
      return false;
    return isWorthThreads(op, loop, options);
  }

  void emitOuter(size_t number) {
    if (number == outer.size())
      return emitRow();
    unsigned loop = outer[number];
    OpBuilder::InsertionGuard guard(b);
    if (shouldDistribute(loop)) {
      isDistributed = true;
      auto shared = scf::ParallelOp::create(
          b, ValueRange{zero}, ValueRange{extents[loop]}, ValueRange{one});
      b.setInsertionPointToStart(shared.getBody());
      ivs[loop] = shared.getInductionVars()[0];
    } else {
      auto serial = scf::ForOp::create(b, zero, extents[loop], one);
      b.setInsertionPointToStart(serial.getBody());
      ivs[loop] = serial.getInductionVar();
    }
    emitOuter(number + 1);
  }

  /// Several registers at once, so that their sums overlap and share what they
  /// are multiplied by; then narrower vectors for what remains.
  void emitRow() {
    constexpr int64_t kRegisters = 4;
    Value from = zero, extent = extents[wide];
    for (int64_t lanes = kRegisters * options.lanes; lanes >= 1; lanes /= 2) {
      int64_t size = op.getStaticLoopRanges()[wide];
      if (!ShapedType::isDynamic(size) && size < lanes)
        continue;
      Value step = arith::ConstantIndexOp::create(b, lanes);
      Value rest = arith::RemUIOp::create(b, extent, step);
      Value to = arith::SubIOp::create(b, extent, rest);
      auto loop = scf::ForOp::create(b, from, to, step);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      ivs[wide] = loop.getInductionVar();
      emitVector(lanes);
      from = to;
    }
  }

  void emitVector(int64_t lanes) {
    OpOperand &output = *op.getDpsInitOperand(0);
    SmallVector<Value> place = indicesAt(b, op, output, ivs);
    Value sum = emitWindow(0, load(output, lanes), lanes);
    storeLanes(b, sum, output.get(), place, lanes);
  }

  Value emitWindow(size_t number, Value sum, int64_t lanes) {
    if (number == window.size())
      return emitBody(sum, lanes);
    unsigned loop = window[number];
    auto reduction = scf::ForOp::create(b, zero, extents[loop], one, sum);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(reduction.getBody());
    ivs[loop] = reduction.getInductionVar();
    Value next =
        emitWindow(number + 1, reduction.getRegionIterArgs()[0], lanes);
    scf::YieldOp::create(b, next);
    ivs[loop] = zero; // it ends here
    return reduction.getResult(0);
  }

  Value emitBody(Value sum, int64_t lanes) {
    IRMapping mapping;
    Block *block = op.getBlock();
    for (OpOperand &operand : op->getOpOperands()) {
      Value argument = block->getArgument(operand.getOperandNumber());
      if (op.isDpsInit(&operand))
        mapping.map(argument, sum);
      else if (!argument.use_empty())
        mapping.map(argument, load(operand, lanes));
    }
    for (Operation &inner : block->without_terminator())
      cloneWide(b, inner, lanes, mapping);
    Value yielded = block->getTerminator()->getOperand(0);
    return broadcastTo(b, op.getLoc(), mapping.lookupOrDefault(yielded), lanes);
  }

  Value load(OpOperand &operand, int64_t lanes) {
    if (!isa<MemRefType>(operand.get().getType()))
      return operand.get();
    return loadLanes(b, operand.get(), indicesAt(b, op, operand, ivs),
                     isFixed(operand) ? 1 : lanes);
  }

  linalg::LinalgOp op;
  const VectorLoopOptions &options;
  ImplicitLocOpBuilder b;
  unsigned wide = 0;
  bool isDistributed = false;
  SmallVector<unsigned> outer, window;
  SmallVector<Value> extents, ivs; ///< by loop
  Value zero, one;
};

} // namespace

LogicalResult mlir::nm::emitWindowLoops(RewriterBase &rewriter,
                                        linalg::LinalgOp op,
                                        const VectorLoopOptions &options) {
  return replaceByLoops<WindowEmitter>(rewriter, op, options);
}
