//===- LaneKernel.cpp - Products with few columns by in-register permutes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops over chunks of columns and over row groups, of which several are in
// flight, each a stream of one kernel.lane_product. What a row has in the lanes
// of its sums is added at the end.
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "nm/Dialect/NM/Transforms/ProductKernel.h"
#include "nm/Runtime/Layout.h"

using namespace mlir;
using namespace mlir::nm;
using ::nm::rt::LaneShape;

/// Vector registers of the target that a register of the layout takes.
static int64_t registersOf(const KernelShape &shape) {
  return shape.lanes / shape.target.getLanes();
}

namespace {

struct LaneKernel {
  KernelBuilder &b;
  const KernelShape &shape;
  LaneShape lane;
  Value values, words, x;
  int64_t columns; ///< columns of the chunk
  int64_t groups;  ///< row groups in flight, each its own stream
  Value stride;    ///< from one row group in flight to the next

  int64_t steps() const {
    return llvm::divideCeil(shape.contraction, shape.lanes);
  }

  /// Two sums per chain hide the latency of the multiply-add when few chains
  /// are in flight. Narrow weights take registers, and as long to widen as to
  /// multiply: half as many chains keep up with them.
  int64_t sets() const {
    int64_t chains = shape.target.getChains() / (shape.interleave == 1 ? 1 : 2);
    return registersOf(shape) == 1 && groups * columns < chains ? 2 : 1;
  }

  /// An eighth of L1, for weights that are narrow: few columns of them wait for
  /// memory at the start of every page, where the hardware does not look ahead.
  /// Weights of 32 bits give it time enough.
  int64_t ahead() const {
    int64_t bytes = shape.weightElement.getIntOrFloatBitWidth() / 8;
    return shape.interleave == 1 ? 0 : shape.target.getL1() / 8 / bytes;
  }

  /// Row groups from `firstGroup` on, `stride` apart, of what holds `rows` rows
  /// of `width` elements for each.
  Value streams(Value buffer, Value firstGroup, int64_t rows, int64_t width) {
    auto number = [&](int64_t value) -> OpFoldResult {
      return b.getIndexAttr(value);
    };
    return b.view(buffer, b.mul(firstGroup, rows * width),
                  {number(groups), number(rows), number(width)},
                  {b.mul(stride, rows * width), number(width), number(1)});
  }

  /// The sums of the chunk, [group][column][lane].
  Value emitProduct(Value firstGroup, Value column0) {
    int64_t runs = llvm::divideCeil(steps(), shape.interleave);
    int64_t wordsOfGroup = llvm::divideCeil(steps(), lane.stepsPerWord());
    Value weights =
        streams(values, firstGroup, runs, shape.lanes * shape.interleave);
    Value indices;
    if (lane.hasIndices())
      indices = streams(words, firstGroup, wordsOfGroup, shape.lanes);
    SmallVector<OpFoldResult> sizes{b.getIndexAttr(columns),
                                    b.getIndexAttr(steps() * shape.lanes)};
    Value chunk = b.slice(x, {column0, b.getIndexAttr(0)}, sizes, sizes);
    Value zero = b.zero(
        VectorType::get({groups, columns, shape.lanes}, shape.accumulator));
    auto segmented = [&](int64_t value) {
      return indices ? b.getI64IntegerAttr(value) : IntegerAttr();
    };
    return kernel::LaneProductOp::create(
        b, zero.getType(), weights, indices, chunk, zero,
        b.getI64IntegerAttr(lane.stepsPerWord()), segmented(lane.segment),
        segmented(lane.kept), b.getI64IntegerAttr(sets()),
        b.getI64IntegerAttr(ahead()));
  }

  /// Sums of a register's rows: lanes are [segment][row][kept].
  SmallVector<Value> foldRows(Value acc) {
    int64_t width = shape.lanes;
    auto halves = [&](ArrayRef<int64_t> low, ArrayRef<int64_t> high) {
      acc = b.addNumbers(b.shuffle(acc, acc, low), b.shuffle(acc, acc, high));
      width /= 2;
    };
    while (width > lane.segment)
      halves(llvm::to_vector(llvm::seq<int64_t>(0, width / 2)),
             llvm::to_vector(llvm::seq<int64_t>(width / 2, width)));
    int64_t kept = lane.kept;
    bool even = llvm::isPowerOf2_64(kept) && lane.rows * kept == width;
    for (; even && kept > 1; kept /= 2) {
      SmallVector<int64_t> low, high;
      for (int64_t i = 0; i < width; i += 2) {
        low.push_back(i);
        high.push_back(i + 1);
      }
      halves(low, high);
    }
    SmallVector<Value> sums;
    for (int64_t row = 0; row < lane.rows; ++row) {
      Value sum;
      for (int64_t k = 0; k < kept; ++k) {
        Value part = vector::ExtractOp::create(b, acc, row * kept + k);
        sum = sum ? b.addNumbers(sum, part) : part;
      }
      sums.push_back(sum);
    }
    return sums;
  }

  void emit(Value firstGroup, Value column0, Value tile, Value tileRow) {
    SmallVector<Value> sums = b.splitTile(emitProduct(firstGroup, column0));
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t c = 0; c < columns; ++c)
        for (auto [row, sum] : llvm::enumerate(foldRows(sums[g * columns + c])))
          memref::StoreOp::create(
              b, sum, tile,
              ValueRange{
                  b.add(column0, c),
                  b.add(tileRow, b.add(b.mul(stride, g * lane.rows), row))});
  }
};

} // namespace

/// Most columns that a kernel multiplies at once, a power of two.
static int64_t mostColumns(const KernelShape &shape) {
  return std::max<int64_t>(1, 4 / registersOf(shape));
}

/// Products with the `chunk` columns from `column0` on; the fewer they are, the
/// more row groups are in flight.
static void emitChunk(KernelBuilder &b, const KernelShape &shape, int64_t chunk,
                      Value column0, Value values, Value words, Value x,
                      Value firstGroup, Value groups, Value tile) {
  LaneShape lane = ::nm::rt::laneShape(shape.n, shape.m);
  int64_t registers = registersOf(shape);
  int64_t inFlight = std::max<int64_t>(1, (chunk == 1 ? 4 : 2) / registers);
  // Without permuted parts in registers there is room for twice as many sums.
  if (chunk == 1 && !lane.hasIndices() && registers > 1)
    inFlight *= 2;
  auto emitGroups = [&](Value from, Value to, int64_t step, int64_t count,
                        Value stride) {
    b.loop(from, to, step, [&](Value group) {
      LaneKernel kernel{b, shape, lane, values, words, x, chunk, count, stride};
      kernel.emit(b.add(firstGroup, group), column0, tile,
                  b.mul(group, lane.rows));
    });
  };
  // Each of the row groups in flight belongs to a part of the task of its
  // own: what it reads lies in one piece, and the hardware's prefetchers,
  // which start anew at the end of a page, follow it across row groups. For
  // NEON neighbours are in flight: with four places in memory LLVM spills a
  // constant of the permutes.
  Value one = b.index(1);
  Value perPart = arith::DivUIOp::create(b, groups, b.index(inFlight));
  Value even = b.mul(perPart, inFlight);
  if (shape.target.hasFeature("neon"))
    emitGroups(b.index(0), even, inFlight, inFlight, one);
  else
    emitGroups(b.index(0), perPart, 1, inFlight, perPart);
  emitGroups(even, groups, 1, 1, one);
}

void mlir::nm::emitLaneRows(KernelBuilder &b, const KernelShape &shape,
                            int64_t columns, Value values, Value words, Value x,
                            Value firstGroup, Value groups, Value tile) {
  // Chunks of four, two or one columns.
  for (int64_t done = 0; done < columns;) {
    int64_t chunk = std::min<int64_t>(
        mostColumns(shape), llvm::bit_floor<uint64_t>(columns - done));
    emitChunk(b, shape, chunk, b.index(done), values, words, x, firstGroup,
              groups, tile);
    done += chunk;
  }
}

void mlir::nm::emitLaneRows(KernelBuilder &b, const KernelShape &shape,
                            Value columns, Value values, Value words, Value x,
                            Value firstGroup, Value groups, Value tile) {
  int64_t most = mostColumns(shape);
  // All columns but those of the bits below `chunk`.
  auto before = [&](int64_t chunk) -> Value {
    return b.mul(arith::DivUIOp::create(b, columns, b.index(chunk)), chunk);
  };
  b.loop(b.index(0), before(most), most, [&](Value column) {
    emitChunk(b, shape, most, column, values, words, x, firstGroup, groups,
              tile);
  });
  for (int64_t chunk = most / 2; chunk > 0; chunk /= 2) {
    Value first = before(2 * chunk);
    Value isSet = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, first,
                                        before(chunk));
    b.ifThen(isSet, [&] {
      emitChunk(b, shape, chunk, first, values, words, x, firstGroup, groups,
                tile);
    });
  }
}
