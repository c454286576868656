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
#include "nm/Dialect/NM/IR/CPUTarget.h"
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
        offsets(product.offsets),
        columns(
            memref::DimOp::create(b, op.getX(), op.getTransposeX() ? 0 : 1)),
        panels(b.ceilDiv(columns, shape.cols)) {}

  /// Elements of all panels.
  Value elements() { return b.mul(panels, shape.contraction * shape.cols); }

  void pack(Value result) {
    b.forEach({panels, b.index(shape.blocks())}, parallel, [&](ValueRange ivs) {
      Value k0 = b.mul(ivs[1], shape.depth);
      Value length =
          b.min(b.index(shape.depth), b.sub(b.index(shape.contraction), k0));
      emitPackPanel(b, shape, op.getX(), op.getTransposeX(), columns, result,
                    ivs[0], k0, length);
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
      return emitAccumulation(rowTask, panel);
    }
    auto tileType =
        MemRefType::get({shape.rowBlock, shape.cols}, shape.accumulator);
    task.tile =
        memref::AllocOp::create(b, tileType, b.getI64IntegerAttr(kAlignment));
    emitAccumulation(rowTask, panel);
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

  /// The rows of a group are complete, and in L1: to C with those that it has.
  void writeRows(const RowGroup &group) {
    // Rows in order are written together.
    int64_t together = shape.window > 0 ? 1 : shape.rows;
    for (int64_t row = 0; row < shape.rows; row += together) {
      Value first = group.rows[row];
      if (results) {
        for (int64_t i = 0; i < together; ++i)
          emitEpilogueInPlace(b, shape, op, task.tile, group.rows[row + i],
                              task.cols, b.add(task.row0, group.rows[row + i]),
                              task.column0);
        continue;
      }
      Value count = b.min(b.index(together), b.sub(task.rows, first));
      Value view = memref::SubViewOp::create(
          b, task.tile, ArrayRef<OpFoldResult>{first, b.getIndexAttr(0)},
          ArrayRef<OpFoldResult>{b.getIndexAttr(together),
                                 b.getIndexAttr(shape.cols)},
          ArrayRef<OpFoldResult>{b.getIndexAttr(1), b.getIndexAttr(1)});
      emitEpilogue(b, shape, op, view, count, task.cols,
                   b.add(task.row0, first), task.column0);
    }
  }

  /// Row group `number` of the task of which `first` is the first group, in
  /// block `block`, of which `base` is the first slot and `length` the depth.
  RowGroup groupOf(Value number, Value first, Value block, Value base,
                   int64_t length) {
    Value inWeight = b.add(first, number);
    RowGroup group;
    group.base = b.add(base, b.mul(inWeight, shape.rows * shape.slots(length)));
    Value row = b.mul(number, shape.rows);
    if (shape.window == 0) {
      for (int64_t i = 0; i < shape.rows; ++i)
        group.rows.push_back(b.add(row, i));
      return group;
    }
    // The head of the pair: rows of the window, and common steps.
    int64_t lastSlots = shape.contraction % shape.depth == 0
                            ? 0
                            : shape.slots(shape.contraction % shape.depth);
    int64_t slots = shape.fullBlocks() * shape.slots(shape.depth) + lastSlots;
    Value head = b.add(
        b.mul(b.add(b.mul(block, shape.rowGroups()), inWeight), kStepSlots),
        shape.rowGroups() * shape.rows * slots);
    auto numberOf = [&](int64_t i) -> Value {
      Value stored =
          memref::LoadOp::create(b, offsets, ValueRange{b.add(head, i)});
      return arith::IndexCastUIOp::create(b, b.getIndexType(), stored);
    };
    Value window = b.mul(arith::DivUIOp::create(b, row, b.index(shape.window)),
                         shape.window);
    for (int64_t i = 0; i < shape.rows; ++i)
      group.rows.push_back(b.add(window, numberOf(i)));
    group.common = numberOf(shape.rows);
    return group;
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
      // Every block before the last has the full depth.
      Value blockBase = b.mul(block, shape.rowGroups() * shape.rows *
                                         shape.slots(shape.depth));
      Value panelView = viewPanel(panel, block, length);
      Value isFirst, isLast = isBlock(block, shape.blocks() - 1);
      if (shape.blocks() > 1)
        isFirst = isBlock(block, 0);
      b.loop(b.index(0), groups, 1, [&](Value number) {
        prefetchBlock(panelView, length, number);
        RowGroup group = groupOf(number, firstGroup, block, blockBase, length);
        emitMicroKernel(b, shape, vectors, length, values, offsets, group,
                        panelView, task.tile, isFirst);
        if (results ? op.hasEpilogue() : !op.getTransposeC())
          b.ifThen(isLast, [&] { writeRows(group); });
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
      b.prefetch(view, b.add(first, i * line));
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

double mlir::nm::panelCost(const ProductQuery &query, const PanelTile &tile,
                           double loads, double sharing) {
  double density =
      double(query.sparsity.getN()) / double(query.sparsity.getM());
  double cost = 0;
  for (int64_t columns : query.counts) {
    double vectors =
        std::ceil(double(columns) / double(query.target.getLanes()));
    double tiles = std::ceil(vectors / double(tile.vectors));
    double perElement =
        (vectors / sharing + tiles * loads) * query.target.getLoadCost();
    cost += density * std::max(vectors, perElement);
  }
  return cost;
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
  // Sums stay where they are, so they are of the results' type; row groups and
  // windows end with the weight, since what follows is another panel's.
  Type element = cast<ShapedType>(op.getC().getType()).getElementType();
  int64_t unit =
      std::lcm(product.blocks.rows, std::max<int64_t>(product.window, 1));
  if (element != op.getAccumulatorType() || op.getRows() % unit != 0)
    return "";
  unsigned column = op.getTransposeC() ? 0 : 1;
  bool followsColumns =
      op.hasEpilogue() &&
      llvm::any_of(op.getEpilogueMapArray(),
                   [&](AffineMap map) { return map.isFunctionOfDim(column); });
  return followsColumns ? "" : panelForm(product.blocks.cols);
}
