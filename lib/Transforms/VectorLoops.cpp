//===- VectorLoops.cpp - Vector loop nests for linalg on buffers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorLoops.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "nm/Transforms/RegionVectorizer.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

/// The operation that folds a reduction's elements: `out = combiner(out, x)`.
struct Reduction {
  Operation *combiner = nullptr;
  vector::CombiningKind kind = vector::CombiningKind::ADD;
};

/// Recognises a body whose last step combines the single output with a value
/// that does not depend on it.
FailureOr<Reduction> matchReduction(linalg::LinalgOp op) {
  if (op.getNumDpsInits() != 1)
    return failure();
  Block *block = op.getBlock();
  Operation *combiner = block->getTerminator()->getOperand(0).getDefiningOp();
  Value accumulator = block->getArguments().back();
  if (!combiner || combiner->getNumOperands() != 2 ||
      !accumulator.hasOneUse() || *accumulator.user_begin() != combiner)
    return failure();
  Reduction result{combiner};
  if (isa<arith::AddFOp, arith::AddIOp>(combiner))
    result.kind = vector::CombiningKind::ADD;
  else if (isa<arith::MaximumFOp>(combiner))
    result.kind = vector::CombiningKind::MAXIMUMF;
  else if (isa<arith::MaxNumFOp>(combiner))
    result.kind = vector::CombiningKind::MAXNUMF;
  else if (isa<arith::MinimumFOp>(combiner))
    result.kind = vector::CombiningKind::MINIMUMF;
  else
    return failure();
  return result;
}

class NestEmitter {
public:
  NestEmitter(RewriterBase &rewriter, linalg::LinalgOp op,
              const VectorLoopOptions &options)
      : op(op), options(options), b(op.getLoc(), rewriter) {}

  LogicalResult check() {
    inner = op.getNumLoops() - 1;
    if (op.getNumLoops() == 0 || !op.hasPureBufferSemantics())
      return failure();
    reduces =
        op.getIteratorTypesArray()[inner] == utils::IteratorType::reduction;
    if (reduces) {
      FailureOr<Reduction> matched = matchReduction(op);
      if (failed(matched))
        return failure();
      reduction = *matched;
    }
    if (!isVectorizable(*op.getBlock()))
      return failure();
    for (OpOperand &operand : op->getOpOperands())
      if (failed(checkAccess(operand)))
        return failure();
    return success();
  }

  void emit() {
    for (Range range : op.createLoopRanges(b, op.getLoc()))
      extents.push_back(
          getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
    zero = arith::ConstantIndexOp::create(b, 0);
    one = arith::ConstantIndexOp::create(b, 1);
    emitLoop(0);
  }

private:
  /// Along the innermost dimension an operand is contiguous or constant.
  LogicalResult checkAccess(OpOperand &operand) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type)
      return success(map.getNumResults() == 0 &&
                     operand.get().getType().isIntOrFloat());
    if (!type.getElementType().isIntOrFloat() ||
        type.getElementTypeBitWidth() < 8)
      return failure();
    bool moving = false;
    for (auto [position, expr] : llvm::enumerate(map.getResults())) {
      if (!expr.isFunctionOfDim(inner))
        continue;
      if (expr != b.getAffineDimExpr(inner) ||
          position + 1 != map.getNumResults() || !type.isLastDimUnitStride())
        return failure();
      moving = true;
    }
    if (op.isDpsInit(&operand) && moving == reduces)
      return failure();
    return success();
  }

  bool isMoving(OpOperand &operand) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    return map.getNumResults() > 0 &&
           map.getResults().back().isFunctionOfDim(inner);
  }

  SmallVector<Value> indicesOf(OpOperand &operand, Value innermost) {
    SmallVector<Value> dims(ivs);
    dims.push_back(innermost);
    return indicesAt(b, op, operand, dims);
  }

  Value load(OpOperand &operand, Value innermost, int64_t lanes) {
    if (!isa<MemRefType>(operand.get().getType()))
      return operand.get();
    SmallVector<Value> indices = indicesOf(operand, innermost);
    return loadLanes(b, operand.get(), indices, isMoving(operand) ? lanes : 1);
  }

  /// Loads the operands at `innermost` and runs the body up to `stop` (or to
  /// the terminator); returns the mapping of its values.
  IRMapping runBody(Value innermost, int64_t lanes, Operation *stop) {
    IRMapping mapping;
    Block *block = op.getBlock();
    for (OpOperand &operand : op->getOpOperands()) {
      Value argument = block->getArgument(operand.getOperandNumber());
      bool isAccumulator = reduces && op.isDpsInit(&operand);
      if (!argument.use_empty() && !isAccumulator)
        mapping.map(argument, load(operand, innermost, lanes));
    }
    for (Operation &operation : block->without_terminator())
      if (&operation != stop)
        cloneWide(b, operation, lanes, mapping);
    return mapping;
  }

  void emitLoop(unsigned dim) {
    if (dim == inner)
      return reduces ? emitReduction() : emitElementwise();
    OpBuilder::InsertionGuard guard(b);
    if (shouldDistribute(dim)) {
      distributed = true;
      auto loop = scf::ParallelOp::create(
          b, ValueRange{zero}, ValueRange{extents[dim]}, ValueRange{one});
      b.setInsertionPointToStart(loop.getBody());
      ivs.push_back(loop.getInductionVars()[0]);
    } else {
      auto loop = scf::ForOp::create(b, zero, extents[dim], one);
      b.setInsertionPointToStart(loop.getBody());
      ivs.push_back(loop.getInductionVar());
    }
    emitLoop(dim + 1);
    ivs.pop_back();
  }

  /// The first parallel dimension longer than one, if the whole is worth it.
  bool shouldDistribute(unsigned dim) {
    if (!options.parallel || distributed ||
        op.getIteratorTypesArray()[dim] != utils::IteratorType::parallel)
      return false;
    return isWorthThreads(op, dim, options);
  }

  Value vectorEnd() {
    Value lanes = arith::ConstantIndexOp::create(b, options.lanes);
    Value rest = arith::RemUIOp::create(b, extents[inner], lanes);
    return arith::SubIOp::create(b, extents[inner], rest);
  }

  /// The rest of a loop runs a few times. LLVM would vectorise and unroll it
  /// all the same, at a cost of many times the vector loop's.
  void keepShort(scf::ForOp loop) {
    MLIRContext *context = b.getContext();
    BoolAttr yes = b.getBoolAttr(true);
    loop->setAttr(
        "loop_annotation",
        LLVM::LoopAnnotationAttr::get(
            context, /*disableNonforced=*/{},
            LLVM::LoopVectorizeAttr::get(context, yes, {}, {}, {}, {}, {}, {}),
            /*interleave=*/{},
            LLVM::LoopUnrollAttr::get(context, yes, {}, {}, {}, {}, {}, {}), {},
            {}, {}, {}, {}, {}, {}, {}, {}, {}, {}));
  }

  void emitElementwise() {
    Value end = vectorEnd();
    auto emitRange = [&](Value from, Value to, int64_t lanes) {
      auto loop = scf::ForOp::create(b, from, to,
                                     arith::ConstantIndexOp::create(b, lanes));
      if (lanes == 1)
        keepShort(loop);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Value iv = loop.getInductionVar();
      IRMapping mapping = runBody(iv, lanes, nullptr);
      for (auto [operand, yielded] :
           llvm::zip(op.getDpsInitsMutable(),
                     op.getBlock()->getTerminator()->getOperands())) {
        Value value = broadcastTo(b, op.getLoc(),
                                  mapping.lookupOrDefault(yielded), lanes);
        SmallVector<Value> indices = indicesOf(operand, iv);
        storeLanes(b, value, operand.get(), indices, lanes);
      }
    };
    emitRange(zero, end, options.lanes);
    emitRange(end, extents[inner], 1);
  }

  Value combine(Value a, Value x) {
    OperationState state(op.getLoc(), reduction.combiner->getName(), {a, x},
                         {a.getType()}, reduction.combiner->getAttrs());
    return b.create(state)->getResult(0);
  }

  /// Pairs, then pairs of pairs.
  Value combineAll(ArrayRef<Value> values) {
    if (values.size() == 1)
      return values.front();
    size_t half = values.size() / 2;
    Value first = combineAll(values.take_front(half));
    return combine(first, combineAll(values.drop_front(half)));
  }

  /// The element that the combiner folds into the accumulator.
  Value contribution(const IRMapping &mapping) {
    Value accumulator = op.getBlock()->getArguments().back();
    for (Value operand : reduction.combiner->getOperands())
      if (operand != accumulator)
        return mapping.lookupOrDefault(operand);
    llvm_unreachable("a reduction combines the accumulator with something");
  }

  void emitReduction() {
    OpOperand &output = *op.getDpsInitOperand(0);
    SmallVector<Value> indices = indicesOf(output, zero);
    Value initial = memref::LoadOp::create(b, output.get(), indices);
    auto element = initial.getType();
    auto wide = VectorType::get({options.lanes}, element);
    // Several chains hide the latency of the combiner.
    const int64_t count = options.chains;
    Value end = vectorEnd();
    Value stride = arith::ConstantIndexOp::create(b, options.lanes * count);
    Value unrolledEnd = arith::SubIOp::create(
        b, extents[inner], arith::RemUIOp::create(b, extents[inner], stride));
    Value neutral = arith::ConstantOp::create(
        b, DenseElementsAttr::get(
               wide, arith::getIdentityValueAttr(*identityKind(), element, b,
                                                 op.getLoc())));
    auto emitRange = [&](Value from, Value to, int64_t step, int64_t chains,
                         int64_t lanes, ValueRange init) {
      auto loop = scf::ForOp::create(
          b, from, to, arith::ConstantIndexOp::create(b, step), init);
      if (chains == 1)
        keepShort(loop);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      SmallVector<Value> next;
      for (int64_t chain = 0; chain < chains; ++chain) {
        Value at = loop.getInductionVar();
        if (chain != 0)
          at = arith::AddIOp::create(
              b, at, arith::ConstantIndexOp::create(b, chain * lanes));
        Value x = broadcastTo(
            b, op.getLoc(),
            contribution(runBody(at, lanes, reduction.combiner)), lanes);
        next.push_back(combine(loop.getRegionIterArgs()[chain], x));
      }
      scf::YieldOp::create(b, next);
      return SmallVector<Value>(loop.getResults());
    };
    SmallVector<Value> chains(count, neutral);
    chains = emitRange(zero, unrolledEnd, options.lanes * count, count,
                       options.lanes, chains);
    Value sum = combineAll(chains);
    sum = emitRange(unrolledEnd, end, options.lanes, 1, options.lanes, sum)[0];
    Value scalar = vector::ReductionOp::create(
        b, reduction.kind, sum,
        isa<FloatType>(element) ? arith::FastMathFlags::reassoc
                                : arith::FastMathFlags::none);
    scalar = combine(initial, scalar);
    scalar = emitRange(end, extents[inner], 1, 1, 1, scalar)[0];
    memref::StoreOp::create(b, scalar, output.get(), indices);
  }

  std::optional<arith::AtomicRMWKind> identityKind() {
    bool isFloat = isa<FloatType>(reduction.combiner->getResult(0).getType());
    switch (reduction.kind) {
    case vector::CombiningKind::MAXIMUMF:
      return arith::AtomicRMWKind::maximumf;
    case vector::CombiningKind::MAXNUMF:
      return arith::AtomicRMWKind::maxnumf;
    case vector::CombiningKind::MINIMUMF:
      return arith::AtomicRMWKind::minimumf;
    default:
      return isFloat ? arith::AtomicRMWKind::addf : arith::AtomicRMWKind::addi;
    }
  }

  linalg::LinalgOp op;
  const VectorLoopOptions &options;
  ImplicitLocOpBuilder b;
  unsigned inner = 0;
  bool reduces = false, distributed = false;
  Reduction reduction;
  SmallVector<Value> extents, ivs;
  Value zero, one;
};

} // namespace

LogicalResult mlir::nm::emitVectorLoops(RewriterBase &rewriter,
                                        linalg::LinalgOp op,
                                        const VectorLoopOptions &options) {
  return replaceByLoops<NestEmitter>(rewriter, op, options);
}

bool mlir::nm::isWorthThreads(linalg::LinalgOp op, unsigned loop,
                              const VectorLoopOptions &options) {
  int64_t work = 1;
  for (int64_t size : op.getStaticLoopRanges())
    work *= ShapedType::isDynamic(size) ? 64 : size;
  return op.getStaticLoopRanges()[loop] != 1 && work >= options.minParallelWork;
}

SmallVector<Value> mlir::nm::indicesAt(ImplicitLocOpBuilder &b,
                                       linalg::LinalgOp op, OpOperand &operand,
                                       ValueRange ivs) {
  SmallVector<Value> indices;
  AffineMap map = op.getMatchingIndexingMap(&operand);
  for (AffineExpr expr : map.getResults()) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      indices.push_back(ivs[dim.getPosition()]);
      continue;
    }
    AffineMap single = AffineMap::get(map.getNumDims(), 0, expr);
    indices.push_back(affine::AffineApplyOp::create(b, single, ivs));
  }
  return indices;
}

Value mlir::nm::loadLanes(ImplicitLocOpBuilder &b, Value memref,
                          ValueRange indices, int64_t lanes) {
  if (lanes == 1)
    return memref::LoadOp::create(b, memref, indices);
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  return vector::LoadOp::create(b, VectorType::get({lanes}, element), memref,
                                indices);
}

void mlir::nm::storeLanes(ImplicitLocOpBuilder &b, Value value, Value memref,
                          ValueRange indices, int64_t lanes) {
  if (lanes == 1)
    memref::StoreOp::create(b, value, memref, indices);
  else
    vector::StoreOp::create(b, value, memref, indices);
}
