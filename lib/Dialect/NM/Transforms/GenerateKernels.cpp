//===- GenerateKernels.cpp - Loops around the generated micro-kernels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loop order, outermost first: tasks of `rowBlock` weight rows by one panel of
// columns (parallel), contraction blocks, row groups, stored slots. A panel
// block (depth x cols) stays in L1 while the row groups of the task stream past
// it; the partial sums of the task live in a scratch tile; the task's weights
// stay in L2 for the next panel.
//
//===----------------------------------------------------------------------===//

#include "ActivationGroups.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "nm/Dialect/NM/IR/GroupForm.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "nm/Dialect/NM/Transforms/ProductKernel.h"
#include "nm/Runtime/Layout.h"
#include <numeric>

namespace mlir::nm {
#define GEN_PASS_DEF_GENERATEKERNELS
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

/// Alignment of scratch and panel buffers: a cache line.
constexpr int64_t kAlignment = 64;

class ProductEmitter {
public:
  ProductEmitter(PackedMatmulOp op, KernelShape shape, bool parallel)
      : op(op), shape(std::move(shape)), parallel(parallel),
        b(op.getLoc(), op.getContext()) {
    b.setInsertionPoint(op);
  }

  /// Reads the activations from `shared`, or packs them if that is null, and
  /// returns where they are.
  Value emit(Value shared) {
    values = op.getStorage()[0];
    offsets = op.getStorage().size() > 1 ? op.getStorage()[1] : Value();
    columns = memref::DimOp::create(b, op.getX(), op.getTransposeX() ? 0 : 1);
    panels = b.ceilDiv(columns, shape.cols);
    packed = shared ? shared : packPanels();
    Value rowTasks =
        b.index((shape.weightRows + shape.rowBlock - 1) / shape.rowBlock);
    b.forEach({rowTasks, panels}, parallel,
              [&](ValueRange ivs) { emitTask(ivs[0], ivs[1]); });
    return packed;
  }

private:
  Value packPanels() {
    auto type = MemRefType::get({ShapedType::kDynamic}, shape.accumulator);
    Value size = b.mul(panels, shape.contraction * shape.cols);
    Value result = memref::AllocOp::create(b, type, ValueRange{size},
                                           b.getI64IntegerAttr(kAlignment));
    b.forEach({panels, b.index(shape.blocks())}, parallel, [&](ValueRange ivs) {
      Value k0 = b.mul(ivs[1], shape.depth);
      Value length =
          b.min(b.index(shape.depth), b.sub(b.index(shape.contraction), k0));
      emitPackPanel(b, shape, op.getX(), op.getTransposeX(), columns, result,
                    ivs[0], k0, length);
    });
    return result;
  }

  /// Accumulates and writes rows [rowTask * rowBlock, ...) of one panel.
  void emitTask(Value rowTask, Value panel) {
    Value row0 = b.mul(rowTask, shape.rowBlock);
    Value rows =
        b.min(b.index(shape.rowBlock), b.sub(b.index(shape.weightRows), row0));
    Value column0 = b.mul(panel, shape.cols);
    Value cols = b.min(b.index(shape.cols), b.sub(columns, column0));
    auto tileType =
        MemRefType::get({shape.rowBlock, shape.cols}, shape.accumulator);
    Value tile =
        memref::AllocOp::create(b, tileType, b.getI64IntegerAttr(kAlignment));
    task = {row0, rows, column0, cols, tile};
    emitAccumulation(rowTask, panel);
    if (op.getTransposeC())
      writeTransposed();
    memref::DeallocOp::create(b, tile);
  }

  /// Rows `first` to `first + shape.rows` of the tile are complete, and in L1:
  /// to C with those that it has.
  void writeRows(Value first) {
    Value count = b.min(b.index(shape.rows), b.sub(task.rows, first));
    Value view = memref::SubViewOp::create(
        b, task.tile, ArrayRef<OpFoldResult>{first, b.getIndexAttr(0)},
        ArrayRef<OpFoldResult>{b.getIndexAttr(shape.rows),
                               b.getIndexAttr(shape.cols)},
        ArrayRef<OpFoldResult>{b.getIndexAttr(1), b.getIndexAttr(1)});
    emitEpilogue(b, shape, op, view, count, task.cols, b.add(task.row0, first),
                 task.column0);
  }

  /// Numbers of column vectors that a panel can have: one for whole panels and
  /// one for the last, or any if the number of columns is dynamic.
  SmallVector<int64_t> vectorCounts() {
    int64_t count = op.getX().getType().getDimSize(op.getTransposeX() ? 0 : 1);
    SmallVector<int64_t> counts;
    for (int64_t v = 1; v <= shape.vectors(); ++v) {
      bool isWhole = v == shape.vectors() && count >= shape.cols;
      bool isLast = (count % shape.cols + shape.lanes - 1) / shape.lanes == v;
      if (ShapedType::isDynamic(count) || isWhole || isLast)
        counts.push_back(v);
    }
    return counts;
  }

  /// One variant of the loops for each number of column vectors in use.
  void emitAccumulation(Value rowTask, Value panel) {
    SmallVector<int64_t> cases = vectorCounts();
    if (cases.empty()) // no columns, hence no panel
      return;
    int64_t last = cases.pop_back_val();
    if (cases.empty())
      return emitBlocks(rowTask, panel, last);
    auto switchOp = scf::IndexSwitchOp::create(
        b, TypeRange{}, b.ceilDiv(task.cols, shape.lanes), cases, cases.size());
    OpBuilder::InsertionGuard guard(b);
    auto fill = [&](Region &region, int64_t v) {
      b.createBlock(&region);
      emitBlocks(rowTask, panel, v);
      scf::YieldOp::create(b);
    };
    for (auto [region, v] : llvm::zip(switchOp.getCaseRegions(), cases))
      fill(region, v);
    fill(switchOp.getDefaultRegion(), last);
  }

  void emitBlocks(Value rowTask, Value panel, int64_t vectors) {
    Value firstGroup = b.mul(rowTask, shape.rowBlock / shape.rows);
    Value groups = b.ceilDiv(task.rows, shape.rows);
    auto isBlock = [&](Value block, int64_t number) -> Value {
      return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, block,
                                   b.index(number));
    };
    auto emitBlock = [&](Value block, int64_t length) {
      int64_t groupSlots = shape.rows * shape.slots(length);
      // Every block before the last has the full depth.
      Value blockBase = b.mul(block, shape.rowGroups() * shape.rows *
                                         shape.slots(shape.depth));
      Value panelView = viewPanel(panel, block, length);
      Value isFirst, isLast = isBlock(block, shape.blocks() - 1);
      if (shape.blocks() > 1)
        isFirst = isBlock(block, 0);
      b.loop(b.index(0), groups, 1, [&](Value group) {
        prefetchBlock(panelView, length, group);
        Value base =
            b.add(blockBase, b.mul(b.add(firstGroup, group), groupSlots));
        emitMicroKernel(b, shape, vectors, length, values, offsets, base,
                        panelView, task.tile, b.mul(group, shape.rows),
                        isFirst);
        if (!op.getTransposeC())
          b.ifThen(isLast, [&] { writeRows(b.mul(group, shape.rows)); });
      });
    };
    int64_t full = shape.fullBlocks();
    if (full > 0)
      b.loop(b.index(0), b.index(full), 1,
             [&](Value block) { emitBlock(block, shape.depth); });
    if (full < shape.blocks())
      emitBlock(b.index(full), shape.blockDepth(full));
  }

  /// Row group `group` of a task asks for its share of the panel block that
  /// follows `view` in memory, be it the panel's next or the next panel's
  /// first. The offsets reach a block in no order that the hardware could
  /// foresee: unless it is in L2 by then, its first touches wait for L3.
  void prefetchBlock(Value view, int64_t length, Value group) {
    int64_t line =
        shape.target.getLine() * 8 / shape.accumulator.getIntOrFloatBitWidth();
    int64_t lines = (shape.depth * shape.cols + line - 1) / line;
    int64_t groups = shape.rowBlock / shape.rows;
    int64_t share = (lines + groups - 1) / groups;
    Value first = b.add(b.mul(group, share * line), length * shape.cols);
    for (int64_t i = 0; i < share; ++i)
      memref::PrefetchOp::create(b, view, ValueRange{b.add(first, i * line)},
                                 /*isWrite=*/false,
                                 /*localityHint=*/2, /*isDataCache=*/true);
  }

  Value viewPanel(Value panel, Value block, int64_t length) {
    Value offset =
        b.mul(b.add(b.mul(panel, shape.contraction), b.mul(block, shape.depth)),
              shape.cols);
    return memref::SubViewOp::create(
        b, packed, ArrayRef<OpFoldResult>{offset},
        ArrayRef<OpFoldResult>{b.getIndexAttr(length * shape.cols)},
        ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
  }

  /// Turns the tile and writes it: `lanes` columns at a time, so that each row
  /// of C is written in one piece and few of them at a time. Rows of a length
  /// that is a power of two meet in one set of the cache.
  void writeTransposed() {
    int64_t lanes = shape.lanes;
    auto type = MemRefType::get({lanes, lanes}, shape.accumulator);
    Value edge =
        memref::AllocOp::create(b, type, b.getI64IntegerAttr(kAlignment));
    b.loop(b.index(0), task.cols, lanes, [&](Value col) {
      b.loop(b.index(0), task.rows, lanes, [&](Value row) {
        SmallVector<Value> vectors;
        for (int64_t lane = 0; lane < lanes; ++lane)
          vectors.push_back(
              b.loadVector(task.tile, {b.add(row, lane), col}, lanes));
        vectors = b.transpose(vectors);
        Value rowsLeft = b.sub(task.rows, row);
        Value colsLeft = b.sub(task.cols, col);
        Value row0 = b.add(task.column0, col), col0 = b.add(task.row0, row);
        auto writeEdge = [&] {
          for (auto [lane, vector] : llvm::enumerate(vectors))
            vector::StoreOp::create(b, vector, edge,
                                    ValueRange{b.index(lane), b.index(0)});
          Value whole = b.index(lanes);
          emitEpilogue(b, shape, op, edge, b.min(whole, colsLeft),
                       b.min(whole, rowsLeft), row0, col0);
        };
        if (!isShortEpilogue(op))
          return writeEdge();
        Value isWhole =
            arith::CmpIOp::create(b, arith::CmpIPredicate::sge,
                                  b.min(rowsLeft, colsLeft), b.index(lanes));
        auto branch = scf::IfOp::create(b, isWhole, /*withElseRegion=*/true);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(branch.thenBlock());
        emitEpilogue(b, shape, op, vectors, row0, col0);
        b.setInsertionPointToStart(branch.elseBlock());
        writeEdge();
      });
    });
    memref::DeallocOp::create(b, edge);
  }

  PackedMatmulOp op;
  KernelShape shape;
  bool parallel;
  KernelBuilder b;
  Value values, offsets, columns, panels, packed;
  /// What is being emitted: rows and columns of C, and the tile of their sums.
  struct Task {
    Value row0, rows, column0, cols, tile;
  } task;
};

/// A product with few columns, by the lane or the nibble layout.
class FewColumnsEmitter {
public:
  FewColumnsEmitter(PackedMatmulOp op, KernelShape shape, int64_t columns,
                    bool parallel)
      : op(op), shape(std::move(shape)), columns(columns), parallel(parallel),
        b(op.getLoc(), op.getContext()) {
    b.setInsertionPoint(op);
  }

  /// As ProductEmitter::emit.
  Value emit(Value shared) {
    Value packed = shared;
    if (!packed && isNibble()) {
      packed = memref::AllocOp::create(
          b,
          MemRefType::get({columns * nibbleColumnBytes(shape)}, b.getI8Type()),
          ValueRange{}, b.getI64IntegerAttr(kAlignment));
      emitPackNibbles(b, shape, op.getX(), op.getTransposeX(), columns, packed);
    } else if (!packed) {
      int64_t padded =
          (shape.contraction + shape.lanes - 1) / shape.lanes * shape.lanes;
      packed = memref::AllocOp::create(
          b, MemRefType::get({columns, padded}, shape.accumulator),
          ValueRange{}, b.getI64IntegerAttr(kAlignment));
      emitPackColumns(b, shape, op.getX(), op.getTransposeX(), b.index(columns),
                      packed);
    }
    int64_t tasks = (shape.weightRows + shape.rowBlock - 1) / shape.rowBlock;
    {
      OpBuilder::InsertionGuard guard(b);
      Value task;
      if (parallel) {
        auto loop = scf::ParallelOp::create(b, ValueRange{b.index(0)},
                                            ValueRange{b.index(tasks)},
                                            ValueRange{b.index(1)});
        b.setInsertionPointToStart(loop.getBody());
        task = loop.getInductionVars()[0];
      } else {
        auto loop =
            scf::ForOp::create(b, b.index(0), b.index(tasks), b.index(1));
        b.setInsertionPointToStart(loop.getBody());
        task = loop.getInductionVar();
      }
      emitTask(task, packed);
    }
    return packed;
  }

private:
  bool isNibble() { return op.getLayout().getKind() == LayoutKind::Nibble; }

  void emitTask(Value task, Value packed) {
    int64_t groupRows =
        isNibble() ? shape.rows : ::nm::rt::laneShape(shape.n, shape.m).rows;
    Value row0 = b.mul(task, shape.rowBlock);
    Value rows =
        b.min(b.index(shape.rowBlock), b.sub(b.index(shape.weightRows), row0));
    auto allocate = [&](int64_t a, int64_t c) -> Value {
      return memref::AllocOp::create(
          b, MemRefType::get({a, c}, shape.accumulator), ValueRange{},
          b.getI64IntegerAttr(kAlignment));
    };
    Value tile = allocate(columns, shape.rowBlock);
    Value words = op.getStorage().size() > 1 ? op.getStorage()[1] : Value();
    Value firstGroup = b.mul(task, shape.rowBlock / groupRows);
    Value groups = b.ceilDiv(rows, groupRows);
    if (isNibble())
      emitNibbleRows(b, shape, columns, op.getStorage()[0], packed, firstGroup,
                     groups, tile);
    else
      emitLaneRows(b, shape, columns, op.getStorage()[0], words, packed,
                   firstGroup, groups, tile);
    Value zero = b.index(0), cols = b.index(columns);
    if (op.getTransposeC()) {
      emitEpilogue(b, shape, op, tile, cols, rows, zero, row0);
    } else {
      Value turned = allocate(shape.rowBlock, columns);
      b.loop(zero, rows, 1, [&](Value row) {
        for (int64_t c = 0; c < columns; ++c) {
          Value value =
              memref::LoadOp::create(b, tile, ValueRange{b.index(c), row});
          memref::StoreOp::create(b, value, turned,
                                  ValueRange{row, b.index(c)});
        }
      });
      emitEpilogue(b, shape, op, turned, rows, cols, row0, zero);
      memref::DeallocOp::create(b, turned);
    }
    memref::DeallocOp::create(b, tile);
  }

  PackedMatmulOp op;
  KernelShape shape;
  int64_t columns;
  bool parallel;
  KernelBuilder b;
};

struct GenerateKernelsPass
    : public mlir::nm::impl::GenerateKernelsBase<GenerateKernelsPass> {
  using GenerateKernelsBase::GenerateKernelsBase;

  void runOnOperation() override {
    SmallVector<PackedMatmulOp> ops;
    getOperation().walk([&](PackedMatmulOp op) { ops.push_back(op); });
    for (auto &group : groupByActivations(ops))
      if (failed(lower(group)))
        return signalPassFailure();
  }

  /// Lowers products that read the same packed activations.
  LogicalResult lower(MutableArrayRef<PackedMatmulOp> group) {
    if (group.size() > 1)
      remark::passed(group.front().getLoc(),
                     remark::RemarkOpts::name("shared-activations")
                         .category("nm-generate-kernels"))
          << "packed once for " << remark::metric("products", group.size());
    Value packed;
    for (PackedMatmulOp op : group) {
      FailureOr<Value> result = lower(op, packed);
      if (failed(result))
        return failure();
      packed = *result;
      if (op == group.back()) {
        OpBuilder builder(op);
        memref::DeallocOp::create(builder, op.getLoc(), packed);
      }
      op.erase();
    }
    return success();
  }

  /// Whether the target has a kernel for the product.
  LogicalResult check(PackedMatmulOp op) {
    LayoutAttr layout = op.getLayout();
    if (op.getResult())
      return op.emitOpError("is on tensors, expected buffers; run "
                            "one-shot-bufferize before nm-generate-kernels");
    bool isLane = layout.getKind() == LayoutKind::Lane;
    bool isNibble = layout.getKind() == LayoutKind::Nibble;
    if (!layout.hasPanels() && !isLane && !isNibble)
      return op.emitOpError("has layout ")
             << layout
             << ", expected a panel, shared, lane or nibble layout; choose one "
                "with nm-select-layout";
    SparsityAttr sparsity = op.getSparsity();
    CPUAttr target = getCPUTarget(op);
    int64_t lanes = target.getLanes();
    if (isLane && !target.permutesGroupsOf(sparsity.getM()))
      return op.emitOpError("has layout ")
             << layout << ", but the target permutes no groups of "
             << sparsity.getM() << "; use a panel layout";
    if (isNibble && layout.getRows() != target.getNibbleRows())
      return op.emitOpError("has blocks of ")
             << layout.getRows() << " rows, but the target's kernels take "
             << target.getNibbleRows() << "; use a panel layout";
    if (isNibble && op.getX().getType().getElementType().isInteger(8))
      return op.emitOpError("has layout ")
             << layout << " and activations of i8, expected floats";
    int64_t width = target.getLaneWidth(sparsity.getM());
    if (isLane && layout.getLanes() != width)
      return op.emitOpError("has registers of ")
             << layout.getLanes() << " elements, expected " << width
             << " for groups of " << sparsity.getM() << " and vectors of "
             << lanes << " lanes";
    unsigned bits = op.getEncodedType().getElementTypeBitWidth();
    if (isLane && layout.getInterleave() != 1 &&
        (layout.getInterleave() * bits != 32 ||
         op.getEncodedType().getElementType().isF16()))
      return op.emitOpError("interleaves ")
             << layout.getInterleave() << " registers of "
             << op.getEncodedType().getElementType()
             << ", expected two of bf16, four of i8 or one";
    if (layout.getCols() % lanes != 0)
      return op.emitOpError("has panels of ")
             << layout.getCols() << " columns, expected a multiple of the "
             << lanes << " lanes of a vector";
    return success();
  }

  /// Emits one product in front of `op`. Returns its packed activations, which
  /// are `packed` unless that is null.
  FailureOr<Value> lower(PackedMatmulOp op, Value packed) {
    if (failed(check(op)))
      return failure();
    LayoutAttr layout = op.getLayout();
    bool isLane = layout.getKind() == LayoutKind::Lane;
    SparsityAttr sparsity = op.getSparsity();
    CPUAttr target = getCPUTarget(op);
    int64_t lanes = target.getLanes();
    // The lane layout's registers may be several of the target's: LLVM takes
    // them apart.
    if (isLane)
      lanes = layout.getLanes();
    // A task holds whole row groups and whole vectors.
    int64_t groupRows =
        isLane ? ::nm::rt::laneShape(sparsity.getN(), sparsity.getM()).rows
               : layout.getRows();
    int64_t unit = std::lcm(groupRows, lanes);
    KernelShape shape{lanes,
                      layout.getRows(),
                      layout.getCols(),
                      layout.getDepth(),
                      sparsity.getN(),
                      sparsity.getM(),
                      op.getRows(),
                      op.getDepth(),
                      std::max(unit, rowBlock / unit * unit),
                      op.getAccumulatorType(),
                      op.getEncodedType().getElementType(),
                      layout.getInterleave(),
                      target,
                      layout.getKind() == LayoutKind::Shared,
                      getGroupForm(sparsity)};
    int64_t columns =
        op.getX().getType().getDimSize(op.getTransposeX() ? 0 : 1);
    double flops = 2.0 * shape.weightRows * shape.contraction * shape.n /
                   shape.m * std::max<int64_t>(1, columns);
    bool distribute =
        parallel && flops >= double(minParallelFlops < 0 ? target.getParallel()
                                                         : minParallelFlops);
    if (layout.hasPanels())
      return ProductEmitter(op, shape, distribute).emit(packed);
    if (ShapedType::isDynamic(columns))
      return op.emitOpError("has a dynamic number of columns, which layout ")
             << layout << " does not take; use a panel layout";
    return FewColumnsEmitter(op, shape, columns, distribute).emit(packed);
  }
};

} // namespace
