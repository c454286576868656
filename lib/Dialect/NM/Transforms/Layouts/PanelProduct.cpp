//===- PanelProduct.cpp - Products that read packed panels -*- C++ -*-===//
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

#include "PanelProduct.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "nm/Machine/RegisterTile.h"
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace mlir::nm;

namespace {

class PanelEmitter {
public:
  PanelEmitter(const KernelBuilder &at, const PanelProduct &product,
               const KernelOptions &options)
      : b(at), op(product.op), shape(shapeOf(product, options)),
        parallel(isWorthThreads(op, shape, options)), values(product.values),
        offsets(product.offsets), columns(b.createOrFold<memref::DimOp>(
                                      op.getX(), op.getTransposeX() ? 0 : 1)),
        panels(b.ceilDiv(columns, shape.cols)) {}

  /// Elements of all panels.
  Value elements() { return b.mul(panels, shape.contraction * shape.cols); }

  void pack(Value result) {
    b.forEach({panels, b.index(shape.blocks())}, parallel, [&](ValueRange ivs) {
      Value column = b.mul(ivs[0], shape.cols), k = b.mul(ivs[1], shape.depth);
      OpFoldResult length = b.getIndexAttr(shape.blockDepth(0));
      if (shape.fullBlocks() > 0 && shape.fullBlocks() < shape.blocks())
        length =
            b.min(b.index(shape.depth), b.sub(b.index(shape.contraction), k));
      Value x = viewActivations(b, op, k, column, length,
                                b.restFrom(column, columns, shape.cols));
      Value first =
          b.mul(b.add(b.mul(ivs[0], shape.contraction), k), shape.cols);
      OpFoldResult cols = b.getIndexAttr(shape.cols);
      Value panel =
          b.view(result, first, {length, cols}, {cols, b.getIndexAttr(1)});
      kernel::PackOp::create(b, x, panel);
    });
  }

  /// `panelsOfC` as in ProductPanels.
  void emit(Value panelsOfX, Value panelsOfC = {}) {
    packed = panelsOfX;
    results = panelsOfC;
    Value rowTasks =
        b.index(llvm::divideCeil(shape.weightRows, shape.rowBlock));
    b.forEach({rowTasks, panels}, parallel,
              [&](ValueRange ivs) { emitTask(ivs[0], ivs[1]); });
  }

  static KernelShape shapeOf(const PanelProduct &product,
                             const KernelOptions &options) {
    int64_t lanes = getCPUTarget(product.op).getLanes();
    // Tasks hold whole windows.
    KernelShape shape =
        kernelShapeOf(product.op, lanes,
                      std::max(product.blocks.rows, product.window), options);
    shape.rows = product.blocks.rows;
    shape.window = product.window;
    shape.cols = product.blocks.cols;
    shape.depth = product.blocks.depth;
    shape.sharesOffsets = product.sharesOffsets;
    if (product.isWhole)
      shape.n = shape.m;
    if (options.rowBlock == 0)
      shape.rowBlock = chooseTaskRows(product, shape, options);
    return shape;
  }

  /// Every task reads all of a panel from L2: the more rows it has, the less
  /// often. Bounded by an eighth of L2 for their sums, by half of it for their
  /// weights if another panel follows and finds them there, and by a task for
  /// every core. All tasks have about as many rows.
  static int64_t chooseTaskRows(const PanelProduct &product,
                                const KernelShape &shape,
                                const KernelOptions &options) {
    int64_t l2 = shape.target.getL2(), columns = columnsOf(product.op);
    int64_t rows = shape.weightRows;
    if (rows <= kLeastTaskRows)
      return shape.rowBlock;
    bool isOpen = ShapedType::isDynamic(columns);
    int64_t panels = isOpen ? 1 : llvm::divideCeil(columns, shape.cols);
    int64_t most = l2 / 8 / (shape.cols * bytesOf(shape.accumulator));
    if (isOpen || panels > 1) {
      int64_t slotBytes =
          bytesOf(shape.weightElement) + (product.offsets ? 2 : 0);
      most = std::min(
          most,
          l2 / 2 /
              std::max<int64_t>(1, shape.slots(shape.contraction) * slotBytes));
    }
    if (isWorthThreads(product.op, shape, options))
      most = std::min<int64_t>(
          most, llvm::divideCeil(
                    rows, llvm::divideCeil(shape.target.getCores(),
                                           std::max<int64_t>(1, panels))));
    most = std::max(most, kLeastTaskRows);
    int64_t unit =
        std::lcm(std::max(product.blocks.rows, product.window), shape.lanes);
    int64_t even = llvm::divideCeil(rows, llvm::divideCeil(rows, most));
    return llvm::divideCeil(even, unit) * unit;
  }
  static int64_t bytesOf(Type element) {
    return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  }

private:
  /// Accumulates and writes rows [rowTask * rowBlock, ...) of one panel.
  void emitTask(Value rowTask, Value panel) {
    Value row0 = b.mul(rowTask, shape.rowBlock);
    Value rows =
        b.min(b.index(shape.rowBlock), b.sub(b.index(shape.weightRows), row0));
    Value column0 = b.mul(panel, shape.cols);
    Value cols = b.min(b.index(shape.cols), b.sub(columns, column0));
    task = {row0, rows, column0, cols, {}};
    if (results) {
      task.tile = viewResults(panel);
      return emitAccumulation(panel);
    }
    auto tileType =
        MemRefType::get({shape.rowBlock, shape.cols}, shape.accumulator);
    task.tile =
        memref::AllocOp::create(b, tileType, b.getI64IntegerAttr(kAlignment));
    emitAccumulation(panel);
    if (op.getTransposeC())
      writeTransposed();
    memref::DeallocOp::create(b, task.tile);
  }

  /// Where the task's results lie in panels: rows of the weight are the
  /// contraction of whoever reads them.
  Value viewResults(Value panel) {
    Value first =
        b.mul(b.add(b.mul(panel, shape.weightRows), task.row0), shape.cols);
    OpFoldResult cols = b.getIndexAttr(shape.cols);
    return b.view(results, first, {task.rows, cols}, {cols, b.getIndexAttr(1)});
  }

  /// Neighbours of which all sums are complete, and in L1: to C with those that
  /// it has.
  void writeRows(ArrayRef<Value> rows) {
    if (results) {
      for (Value row : rows)
        emitEpilogueInPlace(b, shape, op, task.tile, row, task.cols,
                            b.add(task.row0, row), task.column0);
      return;
    }
    auto together = static_cast<int64_t>(rows.size());
    Value count = b.min(b.index(together), b.sub(task.rows, rows[0]));
    Value view = memref::SubViewOp::create(
        b, task.tile, ArrayRef<OpFoldResult>{rows[0], b.getIndexAttr(0)},
        ArrayRef<OpFoldResult>{b.getIndexAttr(together),
                               b.getIndexAttr(shape.cols)},
        ArrayRef<OpFoldResult>{b.getIndexAttr(1), b.getIndexAttr(1)});
    emitEpilogue(b, shape, op, view, count, task.cols,
                 b.add(task.row0, rows[0]), task.column0);
  }
  bool writesRows() { return results ? op.hasEpilogue() : !op.getTransposeC(); }

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
  void emitAccumulation(Value panel) {
    SmallVector<int64_t> cases = vectorCounts();
    if (cases.empty()) // no columns, hence no panel
      return;
    int64_t last = cases.pop_back_val();
    if (cases.empty())
      return emitBlocks(panel, last);
    auto switchOp = scf::IndexSwitchOp::create(
        b, TypeRange{}, b.ceilDiv(task.cols, shape.lanes), cases, cases.size());
    OpBuilder::InsertionGuard guard(b);
    auto fill = [&](Region &region, int64_t v) {
      b.createBlock(&region);
      emitBlocks(panel, v);
      scf::YieldOp::create(b);
    };
    for (auto [region, v] : llvm::zip(switchOp.getCaseRegions(), cases))
      fill(region, v);
    fill(switchOp.getDefaultRegion(), last);
  }

  /// A contraction block of one panel.
  struct Block {
    Value number, base; ///< `base`: its first slot
    int64_t length, vectors;
    Value panel;           ///< a view of the panel
    Value isFirst, isLast; ///< `isFirst` is null where there is no other
  };

  void emitBlocks(Value panel, int64_t vectors) {
    auto isBlock = [&](Value block, int64_t number) -> Value {
      return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, block,
                                   b.index(number));
    };
    auto emitBlock = [&](Value number, int64_t length) {
      // Every block before the last has the full depth.
      Value base = b.mul(number, shape.rowGroups() * shape.rows *
                                     shape.slots(shape.depth));
      Block block{number,
                  base,
                  length,
                  vectors,
                  viewPanel(panel, number, length),
                  {},
                  isBlock(number, shape.blocks() - 1)};
      if (shape.blocks() > 1)
        block.isFirst = isBlock(number, 0);
      if (shape.window > 0)
        emitWindows(block);
      else
        emitRowGroups(block);
    };
    int64_t full = shape.fullBlocks();
    if (full > 0)
      b.loop(b.index(0), b.index(full), 1,
             [&](Value block) { emitBlock(block, shape.depth); });
    if (full < shape.blocks())
      emitBlock(b.index(full), shape.blockDepth(full));
  }

  SmallVector<Value> multiply(const Block &block, const RowGroup &group,
                              ArrayRef<Value> sums = {}) {
    return emitMicroKernel(b, shape, block.vectors, block.length, values,
                           offsets, group, block.panel, sums);
  }

  /// Sums of the block for rows that are neighbours.
  void finish(const Block &block, ArrayRef<Value> sums, ArrayRef<Value> rows,
              Value isFirst, Value isLast) {
    emitSums(b, shape, sums, rows, task.tile, isFirst);
    if (writesRows())
      b.ifThen(isLast, [&] { writeRows(rows); });
  }

  void emitRowGroups(const Block &block) {
    Value groups = b.ceilDiv(task.rows, shape.rows);
    b.loop(b.index(0), groups, 1, [&](Value number) {
      prefetchBlock(block, number, shape.rowBlock / shape.rows);
      RowGroup group;
      Value row = b.mul(number, shape.rows);
      group.base = b.add(
          block.base, b.mul(b.add(task.row0, row), shape.slots(block.length)));
      for (int64_t i = 0; i < shape.rows; ++i)
        group.rows.push_back(b.add(row, i));
      finish(block, multiply(block, group), group.rows, block.isFirst,
             block.isLast);
    });
  }

  /// Rows of a window follow one another in the order of a chain: the sums of
  /// two are in registers, of the one that the last step began and of the one
  /// that the next will end.
  void emitWindows(const Block &block) {
    Value rows = b.mul(b.ceilDiv(task.rows, shape.rows), shape.rows);
    SmallVector<Value> zeros(
        block.vectors,
        b.zero(VectorType::get({shape.lanes}, shape.accumulator)));
    b.loop(b.index(0), rows, shape.window, [&](Value window) {
      Value count = b.min(b.index(shape.window), b.sub(rows, window));
      // Two links at a time: which registers begin and which end alternates.
      auto loop = scf::ForOp::create(b, b.index(0), count, b.index(2), zeros);
      {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(loop.getBody());
        Value number = b.add(window, loop.getInductionVar());
        // The window's first row is complete when its last one is.
        Value follows =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ne, number, window);
        Value isComplete = arith::AndIOp::create(b, block.isLast, follows);
        SmallVector<Value> begun(loop.getRegionIterArgs());
        begun = emitLink(block, window, number, begun, isComplete);
        begun = emitLink(block, window, b.add(number, 1), begun, block.isLast);
        scf::YieldOp::create(b, begun);
      }
      finish(block, SmallVector<Value>(loop.getResults()),
             linkOf(block, window, window).rows,
             arith::ConstantIntOp::create(b, 0, 1), block.isLast);
    });
  }

  /// Ends the row of which `begun` are sums; returns those of the next one.
  SmallVector<Value> emitLink(const Block &block, Value window, Value number,
                              ArrayRef<Value> begun, Value isComplete) {
    prefetchBlock(block, number, shape.rowBlock, /*lines=*/2);
    RowGroup link = linkOf(block, window, number);
    SmallVector<Value> sums(begun);
    sums.resize(2 * begun.size(), b.zero(begun.front().getType()));
    sums = multiply(block, link, sums);
    ArrayRef<Value> all(sums);
    finish(block, all.take_front(block.vectors), link.rows, block.isFirst,
           isComplete);
    return SmallVector<Value>(all.drop_front(block.vectors));
  }

  /// Link `number` of the task, in the window that begins at row `window` of
  /// it: its head says which row of the window ends, and how many steps it has
  /// in common with the one that begins.
  RowGroup linkOf(const Block &block, Value window, Value number) {
    Value place = b.add(task.row0, number);
    int64_t lastSlots = shape.contraction % shape.depth == 0
                            ? 0
                            : shape.slots(shape.contraction % shape.depth);
    int64_t slots = shape.fullBlocks() * shape.slots(shape.depth) + lastSlots;
    int64_t rows = shape.rowGroups() * shape.rows;
    Value head =
        b.add(b.mul(b.add(b.mul(block.number, rows), place), 2), rows * slots);
    auto numberAt = [&](int64_t i) -> Value {
      Value stored =
          memref::LoadOp::create(b, offsets, ValueRange{b.add(head, i)});
      return arith::IndexCastUIOp::create(b, b.getIndexType(), stored);
    };
    RowGroup link;
    link.base = b.add(block.base, b.mul(place, shape.slots(block.length)));
    link.rows.push_back(b.add(window, numberAt(0)));
    link.common = numberAt(1);
    return link;
  }

  /// Step `number` of the `steps` of a task asks for its share of the panel
  /// block that follows in memory, be it the panel's next or the next panel's
  /// first. The offsets reach a block in no order that the hardware could
  /// foresee: unless it is in L2 by then, its first touches wait for L3.
  /// One request asks for `lines` neighbours.
  void prefetchBlock(const Block &block, Value number, int64_t steps,
                     int64_t lines = 1) {
    int64_t request = shape.target.getLine() * 8 /
                      shape.accumulator.getIntOrFloatBitWidth() * lines;
    int64_t requests = llvm::divideCeil(shape.depth * shape.cols, request);
    int64_t share = llvm::divideCeil(requests, steps);
    Value first =
        b.add(b.mul(number, share * request), block.length * shape.cols);
    for (int64_t i = 0; i < share; ++i)
      b.prefetch(block.panel, b.add(first, i * request));
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
        b.either(
            isWhole, [&] { emitEpilogue(b, shape, op, vectors, row0, col0); },
            writeEdge);
      });
    });
    memref::DeallocOp::create(b, edge);
  }

  KernelBuilder b;
  PackedMatmulOp op;
  KernelShape shape;
  bool parallel;
  Value values, offsets, columns, panels, packed, results;
  /// What is being emitted: rows and columns of C, and the tile of their sums.
  struct Task {
    Value row0, rows, column0, cols, tile;
  } task;
};

} // namespace

PanelTile mlir::nm::makePanelTile(CPUAttr target, int64_t rows, int64_t vectors,
                                  double part) {
  int64_t rowBytes = vectors * target.getLanes() * 4;
  // An offset fits 16 bits.
  int64_t depth = std::min(int64_t(double(target.getL1()) * part) / rowBytes,
                           65536 * 4 / rowBytes);
  return {std::max<int64_t>(rows, 1), vectors, std::max<int64_t>(depth, 1)};
}

PanelTile mlir::nm::chooseDenseTile(CPUAttr target) {
  auto [rows, vectors] = ::nm::machine::productTile(target.getRegisters());
  return makePanelTile(target, rows, vectors, 3.0 / 4);
}

PanelBlocks mlir::nm::choosePanelBlocks(const ProductQuery &query,
                                        const PanelTile &tile) {
  const LayoutOptions &options = query.options;
  int64_t rows = options.rows > 0 ? options.rows : tile.rows;
  int64_t vectors = options.vectors > 0 ? options.vectors : tile.vectors;
  int64_t cols = vectors * query.target.getLanes();
  int64_t depth = options.depth > 0 ? options.depth : tile.depth;
  // A contraction of up to 1.5 blocks stays whole if the panel still fits: one
  // pass over the partial sums less.
  int64_t k = query.weight.getDimSize(query.sparsity.getAxis());
  int64_t m = query.sparsity.getM();
  int64_t block = std::max(m, depth / m * m);
  if (k <= block + block / 2 && k * cols <= 65536)
    block = k;
  return {rows, cols, block};
}

double mlir::nm::blockEndCost(CPUAttr target, int64_t rows) {
  return target.getLoadCost() * 2 + double(target.getChains()) / double(rows);
}

/// Multiply-adds that could start in the time of one of the kernel's: sums that
/// are fewer than the chains that hide its latency wait for themselves.
static double chainCost(CPUAttr target, const PanelTile &tile, double vectors,
                        const PanelWork &work) {
  auto side = static_cast<int64_t>(std::min(vectors, double(tile.vectors)));
  int64_t sums = tile.rows * side *
                 setsOfSums(target, tile.rows, side, kStepSlots,
                            /*sharesLoads=*/work.sharing == double(tile.rows));
  return std::max(1.0, double(target.getChains()) / double(sums));
}

double mlir::nm::panelCost(const ProductQuery &query, const PanelTile &tile,
                           const PanelWork &work) {
  CPUAttr target = query.target;
  int64_t length = query.weight.getDimSize(query.sparsity.getAxis());
  // Sums of the first block are stored as they are.
  int64_t meetings = (length - 1) / choosePanelBlocks(query, tile).depth;
  double ends =
      blockEndCost(target, tile.rows) * double(meetings) / double(length);
  double exposed = double(target.getExposed()) / 100;
  double cost = 0;
  for (int64_t columns : query.counts) {
    if (columns == 0)
      continue;
    double vectors = std::ceil(double(columns) / double(target.getLanes()));
    double tiles = std::ceil(vectors / double(tile.vectors));
    double fmas = vectors * chainCost(target, tile, vectors, work);
    double loads =
        (vectors / work.sharing + tiles * work.loads) * target.getLoadCost();
    // Of the shorter of the two the other hides all but a part.
    double both = std::max(fmas, loads) + exposed * std::min(fmas, loads);
    cost += work.stored * both + vectors * ends;
  }
  return cost;
}

double mlir::nm::densePanelCost(const ProductQuery &query,
                                const PanelTile &tile) {
  return panelCost(query, tile, {1, 1, double(tile.rows)});
}

std::string mlir::nm::describePanel(const ProductQuery &query,
                                    const PanelBlocks &blocks) {
  return describeRegisters(query.target) + ", " + std::to_string(blocks.depth) +
         " x " + std::to_string(blocks.cols) + " panel in " +
         std::to_string(query.target.getL1()) + " bytes of L1";
}

LogicalResult mlir::nm::checkPanel(PackedMatmulOp op, int64_t cols) {
  int64_t lanes = getCPUTarget(op).getLanes();
  if (cols % lanes == 0)
    return success();
  return op.emitOpError("has panels of ")
         << cols << " columns, expected a multiple of the " << lanes
         << " lanes of a vector";
}

std::string mlir::nm::panelForm(int64_t cols) {
  return "panels of " + std::to_string(cols);
}

PanelProduct mlir::nm::panelProductOf(PackedMatmulOp op,
                                      const PanelBlocks &blocks,
                                      bool sharesOffsets) {
  auto storage = op.getStorage();
  return {op, blocks, sharesOffsets, storage[0],
          storage.size() > 1 ? storage[1] : Value()};
}

Value mlir::nm::panelElements(KernelBuilder &b, const PanelProduct &product) {
  return PanelEmitter(b, product, {}).elements();
}

void mlir::nm::packPanels(const KernelBuilder &at, const PanelProduct &product,
                          Value packed, const KernelOptions &options) {
  PanelEmitter(at, product, options).pack(packed);
}

void mlir::nm::emitPanelLoops(const KernelBuilder &at,
                              const PanelProduct &product, Value packed,
                              const KernelOptions &options) {
  PanelEmitter(at, product, options).emit(packed);
}

static KernelBuilder builderAt(const PanelProduct &product, Operation *at) {
  KernelBuilder b(product.op->getLoc(), product.op->getContext());
  b.setInsertionPoint(at);
  return b;
}

Value mlir::nm::allocatePanels(const PanelProduct &product, Operation *at) {
  KernelBuilder b = builderAt(product, at);
  PackedMatmulOp op = product.op;
  auto type = MemRefType::get({ShapedType::kDynamic}, op.getAccumulatorType());
  return memref::AllocOp::create(b, type, ValueRange{panelElements(b, product)},
                                 b.getI64IntegerAttr(kAlignment));
}

Value mlir::nm::emitPanelProduct(const PanelProduct &product,
                                 const ProductPanels &panels,
                                 const KernelOptions &options) {
  PackedMatmulOp op = product.op;
  Value packed = panels.x;
  if (!packed)
    packed = allocatePanels(product, op);
  KernelBuilder b = builderAt(product, op);
  PanelEmitter emitter(b, product, options);
  if (!panels.x)
    emitter.pack(packed);
  emitter.emit(packed, panels.c);
  return packed;
}

std::string mlir::nm::panelResultForm(const PanelProduct &product) {
  PackedMatmulOp op = product.op;
  // Sums stay where they are, so they are of the results' type; row groups end
  // with the weight, since what follows is another panel's.
  Type element = cast<ShapedType>(op.getC().getType()).getElementType();
  if (element != op.getAccumulatorType() ||
      op.getRows() % product.blocks.rows != 0)
    return "";
  unsigned column = op.getTransposeC() ? 0 : 1;
  bool followsColumns =
      op.hasEpilogue() &&
      llvm::any_of(op.getEpilogueMapArray(),
                   [&](AffineMap map) { return map.isFunctionOfDim(column); });
  return followsColumns ? "" : panelForm(product.blocks.cols);
}
