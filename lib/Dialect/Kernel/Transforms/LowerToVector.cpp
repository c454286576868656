//===- LowerToVector.cpp - Micro-kernels to loops over vectors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowerings.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "nm/Dialect/Kernel/Transforms/KernelBuilder.h"
#include "nm/Dialect/Kernel/Transforms/Passes.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"

namespace mlir::kernel {
#define GEN_PASS_DEF_LOWERTOVECTOR
#include "nm/Dialect/Kernel/Transforms/Passes.h.inc"
} // namespace mlir::kernel

using namespace mlir;
using namespace mlir::kernel;

void mlir::kernel::replaceTile(Operation *op, Value acc,
                               ArrayRef<Value> vectors) {
  auto type = cast<VectorType>(acc.getType());
  int64_t rows = type.getDimSize(0), columns = type.getDimSize(1);
  for (Operation *user : llvm::make_early_inc_range(op->getUsers())) {
    auto extract = dyn_cast<vector::ExtractOp>(user);
    if (!extract || extract.getStaticPosition().size() != 2 ||
        extract.hasDynamicPosition())
      continue;
    ArrayRef<int64_t> at = extract.getStaticPosition();
    extract.replaceAllUsesWith(vectors[at[0] * columns + at[1]]);
    extract.erase();
  }
  if (!op->use_empty())
    op->getResult(0).replaceAllUsesWith(
        KernelBuilder(op->getLoc(), op).joinTile(vectors, rows));
  op->erase();
  // A tile that was put together of its vectors.
  while (auto insert = acc.getDefiningOp<vector::InsertOp>()) {
    if (!insert->use_empty())
      break;
    acc = insert.getDest();
    insert.erase();
  }
}

namespace {

/// The loop of one product. Sums are [set][row][vector].
class TileProductLowering {
public:
  explicit TileProductLowering(TileProductOp op)
      : op(op), target(mlir::nm::getCPUTarget(op)), b(op.getLoc(), op),
        rows(op.getRows()), vectors(op.getVectors()), lanes(op.getLanes()),
        interleave(op.getInterleave()), sets(op.getSets()),
        element(op.getAcc().getType().getElementType()),
        type(VectorType::get({lanes}, element)) {}

  /// The sums in place of the operation, [row][vector].
  SmallVector<Value> emit() {
    int64_t chains = rows * vectors;
    SmallVector<Value> sums = b.splitTile(op.getAcc());
    sums.resize(chains * sets, sets > 1 ? b.zero(type) : Value());
    sums = emitLoops(sums);
    for (int64_t set = 1; set < sets; ++set)
      for (int64_t i = 0; i < chains; ++i)
        sums[i] = b.addNumbers(sums[i], sums[set * chains + i]);
    sums.truncate(chains);
    return sums;
  }

private:
  /// Whole iterations, single steps, and what is left of a step.
  SmallVector<Value> emitLoops(SmallVector<Value> sums) {
    int64_t unroll = op.getCommon() ? 1 : op.getUnroll(),
            depth = op.getStaticDepth();
    bool isStatic = ShapedType::isStatic(depth);
    int64_t full = isStatic ? depth / interleave : 0;
    Value steps = isStatic ? b.index(full)
                           : Value(memref::DimOp::create(
                                 b, op.getLhs(), op.isInterleaved() ? 0 : 1));
    Value whole = steps;
    if (unroll > 1)
      whole = isStatic
                  ? b.index(full / unroll * unroll)
                  : b.mul(arith::DivUIOp::create(b, steps, b.index(unroll)),
                          unroll);
    Value first = b.index(0);
    if (Value common = op.getCommon()) {
      readsOnce = true;
      sums = emitLoop(first, common, 1, sums);
      readsOnce = false;
      first = common;
    }
    if (!isStatic || full >= unroll)
      sums = emitLoop(first, whole, unroll, sums);
    if (unroll > 1 && (!isStatic || full % unroll != 0))
      sums = emitLoop(whole, steps, 1, sums);
    if (isStatic && depth % interleave != 0)
      sums = emitStep(steps, 0, depth % interleave, sums);
    return sums;
  }

  SmallVector<Value> emitLoop(Value from, Value to, int64_t unroll,
                              ValueRange init) {
    auto loop = scf::ForOp::create(b, from, to, b.index(unroll), init);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> sums(loop.getRegionIterArgs());
    for (int64_t i = 0; i < unroll; ++i)
      sums = emitStep(b.add(loop.getInductionVar(), i), i * interleave,
                      interleave, sums);
    scf::YieldOp::create(b, sums);
    return SmallVector<Value>(loop.getResults());
  }

  /// The first `count` elements of step `step`, of which the first is number
  /// `first` of an iteration.
  SmallVector<Value> emitStep(Value step, int64_t first, int64_t count,
                              ArrayRef<Value> sums) {
    if (op.getOffsets() && !op.sharesOffsets() && !readsOnce)
      return emitOwnOffsets(step, first, sums);
    return emitSharedRows(step, first, count, sums);
  }

  /// Each row has panel rows of its own. One element is repeated in a register
  /// and multiplied with the vectors at its offset.
  SmallVector<Value> emitOwnOffsets(Value step, int64_t first,
                                    ArrayRef<Value> sums) {
    SmallVector<Value> result(sums), words, fourfolds;
    prefetchStep(step);
    auto load = [&](int64_t row) {
      fourfolds.push_back(loadFourfold(step, row));
      words.push_back(loadOffsets({step, b.index(row), b.index(0)}));
    };
    auto multiply = [&](int64_t row, int64_t slot) {
      Value weight = splat(fourfolds[row], step, row, slot);
      Value place = offsetOf(words[row], slot);
      for (int64_t v = 0; v < vectors; ++v) {
        Value x = b.loadVector(op.getRhs(), b.add(place, v * lanes), lanes);
        addProduct(result, first + slot, row, v, weight, x);
      }
    };
    // Rows alternate where each takes no register but for its sums: those of
    // one alone hide the latency of a multiply-add, and nothing else.
    if (broadcastsLoads()) {
      for (int64_t row = 0; row < rows; ++row)
        load(row);
      for (int64_t slot = 0; slot < interleave; ++slot)
        for (int64_t row = 0; row < rows; ++row)
          multiply(row, slot);
      return result;
    }
    for (int64_t row = 0; row < rows; ++row) {
      load(row);
      for (int64_t slot = 0; slot < interleave; ++slot)
        multiply(row, slot);
    }
    return result;
  }

  /// The panel's vectors are loaded once for all rows.
  SmallVector<Value> emitSharedRows(Value step, int64_t first, int64_t count,
                                    ArrayRef<Value> sums) {
    SmallVector<Value> result(sums);
    SmallVector<Value> fourfolds(rows);
    Value word;
    if (op.sharesOffsets())
      word = loadOffsets({step, b.index(0)});
    else if (op.getOffsets())
      word = loadOffsets({step, b.index(0), b.index(0)});
    prefetchStep(step);
    for (int64_t row = 0; readsOnce && row < rows; ++row)
      fourfolds[row] = loadFourfold(step, row);
    Value panelRow = b.mul(step, interleave);
    for (int64_t slot = 0; slot < count; ++slot) {
      SmallVector<Value> inputs;
      Value place = word ? offsetOf(word, slot) : Value();
      for (int64_t v = 0; v < vectors; ++v) {
        SmallVector<Value> at =
            word
                ? SmallVector<Value>{b.add(place, v * lanes)}
                : SmallVector<Value>{b.add(panelRow, slot), b.index(v * lanes)};
        inputs.push_back(b.loadVector(op.getRhs(), at, lanes));
      }
      for (int64_t row = 0; row < rows; ++row) {
        Value weight = splat(fourfolds[row], step, row, slot);
        for (int64_t v = 0; v < vectors; ++v)
          addProduct(result, first + slot, row, v, weight, inputs[v]);
      }
    }
    return result;
  }

  void addProduct(MutableArrayRef<Value> sums, int64_t number, int64_t row,
                  int64_t v, Value a, Value x) {
    Value &sum = sums[((number % sets) * rows + row) * vectors + v];
    sum = b.multiplyAdd(a, x, sum);
  }

  Value loadElement(Value step, int64_t row, int64_t slot) {
    SmallVector<Value> at{step, b.index(row), b.index(slot)};
    if (!op.isInterleaved())
      at = {b.index(row), step};
    return memref::LoadOp::create(b, op.getLhs(), at);
  }

  /// Whether each element is loaded by itself. One load for four of them leaves
  /// a permute for each, which shares a port with multiply-adds on some
  /// processors; where rows have common loads of the panel, and a broadcast
  /// serves four vectors or more, loads are no limit.
  bool broadcastsLoads() {
    return op.getCommon() && vectors >= 4 && lanes > interleave &&
           op.getLhs().getType().getElementType() == element;
  }

  /// The elements of a step of a row, repeated in a register; null where each
  /// is loaded by itself.
  Value loadFourfold(Value step, int64_t row) {
    if (broadcastsLoads())
      return {};
    Value four = b.convert(
        b.loadVector(op.getLhs(), {step, b.index(row), b.index(0)}, interleave),
        element);
    SmallVector<int64_t> mask;
    for (int64_t lane = 0; lane < lanes; ++lane)
      mask.push_back(lane % interleave);
    return opaque(b.shuffle(four, four, mask));
  }

  /// An element in all lanes.
  Value splat(Value fourfold, Value step, int64_t row, int64_t slot) {
    if (!fourfold)
      return vector::BroadcastOp::create(
          b, type, b.convert(loadElement(step, row, slot), element));
    SmallVector<int64_t> mask;
    for (int64_t lane = 0; lane < lanes; ++lane)
      mask.push_back(lane / interleave * interleave + slot);
    return b.shuffle(fourfold, fourfold, mask);
  }

  /// Hides from LLVM that a register holds a broadcast: it would otherwise
  /// replace every splat of it by a scalar broadcast load of its own, and loads
  /// are what bounds this loop.
  Value opaque(Value value) {
    std::string constraint = target.getRegisterConstraint().str();
    if (constraint.empty() ||
        lanes * element.getIntOrFloatBitWidth() > target.getVector())
      return value;
    return LLVM::InlineAsmOp::create(
               b, TypeRange{value.getType()}, ValueRange{value}, "",
               "=" + constraint + ",0", /*has_side_effects=*/false,
               /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None,
               LLVM::AsmDialectAttr(), ArrayAttr())
        .getResult(0);
  }

  /// The u16 offsets of the elements of a step, in one word.
  Value loadOffsets(ValueRange at) {
    Value all = b.loadVector(op.getOffsets(), at, interleave);
    auto word = b.getIntegerType(unsigned(16 * interleave));
    Value bits = vector::BitCastOp::create(b, VectorType::get({1}, word), all);
    return vector::ExtractOp::create(b, bits, ArrayRef<int64_t>{0});
  }
  /// The panel position of an element of a step.
  Value offsetOf(Value word, int64_t slot) {
    if (slot != 0)
      word = arith::ShRUIOp::create(
          b, word,
          arith::ConstantOp::create(
              b, b.getIntegerAttr(word.getType(), 16 * slot)));
    Value narrow = arith::TruncIOp::create(b, b.getI16Type(), word);
    return arith::IndexCastUIOp::create(b, b.getIndexType(), narrow);
  }

  /// Asks for what is read of the weight `ahead` steps behind `step`, if that
  /// is asked for. Offsets that rows share are a line in many steps, and come
  /// by themselves.
  void prefetchStep(Value step) {
    if (op.getAhead() == 0)
      return;
    Value behind = b.add(step, op.getAhead());
    prefetchLines(op.getLhs(), behind);
    if (op.getOffsets() && !op.sharesOffsets())
      prefetchLines(op.getOffsets(), behind);
  }

  /// The lines of a step of all rows.
  void prefetchLines(Value steps, Value step) {
    unsigned bits = cast<MemRefType>(steps.getType()).getElementTypeBitWidth();
    int64_t line = target.getLine() * 8 / bits;
    for (int64_t at = 0; at < rows * interleave; at += line)
      b.prefetch(steps,
                 {step, b.index(at / interleave), b.index(at % interleave)});
  }

  TileProductOp op;
  mlir::nm::CPUAttr target;
  KernelBuilder b;
  int64_t rows, vectors, lanes, interleave, sets;
  Type element;
  VectorType type;
  /// What is emitted are steps in which rows have the same offsets.
  bool readsOnce = false;
};

struct LowerToVectorPass
    : public mlir::kernel::impl::LowerToVectorBase<LowerToVectorPass> {
  template <typename Op> SmallVector<Op> all() {
    SmallVector<Op> ops;
    getOperation().walk([&](Op op) { ops.push_back(op); });
    return ops;
  }

  void runOnOperation() override {
    for (TileProductOp op : all<TileProductOp>())
      replaceTile(op, op.getAcc(), TileProductLowering(op).emit());
    for (LaneProductOp op : all<LaneProductOp>())
      if (failed(lowerLaneProduct(op)))
        return signalPassFailure();
    for (PackOp op : all<PackOp>())
      lowerPack(op);
  }
};

} // namespace
