//===- LaneKernel.cpp - Products with few columns by in-register permutes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each step loads one register of activations and, for every row group in
// flight, one register of kept weights; a permute by the stored indices brings
// to every weight the activation that it multiplies. A weight is read once, in
// order, for all columns of the chunk: memory bandwidth bounds the product as
// soon as the weights leave the caches.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "nm/Runtime/Layout.h"

using namespace mlir;
using namespace mlir::nm;
using ::nm::rt::LaneShape;

namespace {

struct LaneKernel {
  KernelBuilder &b;
  const KernelShape &shape;
  LaneShape lane;
  Value values, words, x;
  int64_t columns; ///< columns of the chunk
  int64_t groups;  ///< row groups in flight, each its own stream

  int64_t steps() const {
    return (shape.contraction + shape.lanes - 1) / shape.lanes;
  }
  int64_t superblocks() const {
    return (steps() + lane.stepsPerWord() - 1) / lane.stepsPerWord();
  }
  bool permutes() const { return shape.n != shape.m; }
  /// Two sums per chain hide the latency of the multiply-add when few chains
  /// are in flight.
  int64_t sets() const { return groups * columns < 8 ? 2 : 1; }
  VectorType vectorType(Type element) const {
    return VectorType::get({shape.lanes}, element);
  }

  /// `source` with lane i replaced by the lane of its segment that the low bits
  /// of index i name. The instructions ignore the bits above.
  Value permute(Value source, Value indices) {
    Type f32 = b.getF32Type();
    bool isFloat = isa<FloatType>(shape.accumulator);
    if (!isFloat)
      source = vector::BitCastOp::create(b, vectorType(f32), source);
    StringRef name = lane.segment == 4 ? "llvm.x86.avx.vpermilvar.ps.256"
                                       : "llvm.x86.avx2.permps";
    Value result =
        LLVM::CallIntrinsicOp::create(b, vectorType(f32), b.getStringAttr(name),
                                      ValueRange{source, indices})
            ->getResult(0);
    if (!isFloat)
      result =
          vector::BitCastOp::create(b, vectorType(shape.accumulator), result);
    return result;
  }

  Value multiplyAdd(Value a, Value v, Value acc) {
    if (isa<FloatType>(shape.accumulator))
      return vector::FMAOp::create(b, a, v, acc);
    return b.add(acc, b.mul(a, v));
  }

  Value addValues(Value a, Value c) {
    return isa<FloatType>(shape.accumulator)
               ? Value(arith::AddFOp::create(b, a, c))
               : b.add(a, c);
  }

  /// `count` steps of superblock `superblock`; accs is [set][group][column].
  SmallVector<Value> superblockSteps(Value firstGroup, Value column0,
                                     Value superblock, int64_t count,
                                     ValueRange accs) {
    SmallVector<Value> result(accs), indices;
    for (int64_t g = 0; g < groups && permutes(); ++g) {
      Value at = b.add(b.mul(b.add(firstGroup, g), superblocks()), superblock);
      indices.push_back(
          b.loadVector(words, b.mul(at, shape.lanes), shape.lanes));
    }
    Value firstStep = b.mul(superblock, lane.stepsPerWord());
    for (int64_t s = 0; s < count; ++s) {
      Value step = b.add(firstStep, s);
      SmallVector<Value> inputs;
      for (int64_t c = 0; c < columns; ++c)
        inputs.push_back(b.loadVector(
            x, {b.add(column0, c), b.mul(step, shape.lanes)}, shape.lanes));
      for (int64_t g = 0; g < groups; ++g) {
        Value at = b.mul(b.add(b.mul(b.add(firstGroup, g), steps()), step),
                         shape.lanes);
        Value weight =
            b.convert(b.loadVector(values, at, shape.lanes), shape.accumulator);
        Value shifted;
        if (permutes()) {
          shifted = indices[g];
          if (s != 0)
            shifted = arith::ShRUIOp::create(
                b, shifted,
                arith::ConstantOp::create(
                    b, DenseElementsAttr::get(
                           vectorType(b.getI32Type()),
                           b.getI32IntegerAttr(s * lane.bits))));
        }
        for (int64_t c = 0; c < columns; ++c) {
          Value input = permutes() ? permute(inputs[c], shifted) : inputs[c];
          Value &acc = result[((s % sets()) * groups + g) * columns + c];
          acc = multiplyAdd(weight, input, acc);
        }
      }
    }
    return result;
  }

  /// Sums of a register's rows: lanes are [segment][row][kept].
  SmallVector<Value> foldRows(Value acc) {
    int64_t width = shape.lanes;
    auto halves = [&](ArrayRef<int64_t> low, ArrayRef<int64_t> high) {
      acc = addValues(b.shuffle(acc, acc, low), b.shuffle(acc, acc, high));
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
        sum = sum ? addValues(sum, part) : part;
      }
      sums.push_back(sum);
    }
    return sums;
  }

  void emit(Value firstGroup, Value column0, Value tile, Value tileRow) {
    SmallVector<Value> accs(sets() * groups * columns,
                            b.zero(vectorType(shape.accumulator)));
    int64_t perWord = lane.stepsPerWord();
    int64_t full = steps() / perWord;
    auto loop =
        scf::ForOp::create(b, b.index(0), b.index(full), b.index(1), accs);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      scf::YieldOp::create(b, superblockSteps(firstGroup, column0,
                                              loop.getInductionVar(), perWord,
                                              loop.getRegionIterArgs()));
    }
    accs.assign(loop.getResults().begin(), loop.getResults().end());
    if (steps() % perWord != 0)
      accs = superblockSteps(firstGroup, column0, b.index(full),
                             steps() % perWord, accs);
    for (int64_t g = 0; g < groups; ++g) {
      for (int64_t c = 0; c < columns; ++c) {
        Value acc = accs[g * columns + c];
        for (int64_t set = 1; set < sets(); ++set)
          acc = addValues(acc, accs[(set * groups + g) * columns + c]);
        for (auto [row, sum] : llvm::enumerate(foldRows(acc)))
          memref::StoreOp::create(
              b, sum, tile,
              ValueRange{b.add(column0, c),
                         b.add(tileRow, g * lane.rows + row)});
      }
    }
  }
};

} // namespace

void mlir::nm::emitLaneRows(KernelBuilder &b, const KernelShape &shape,
                            int64_t columns, Value values, Value words, Value x,
                            Value firstGroup, Value groups, Value tile) {
  LaneShape lane = ::nm::rt::laneShape(shape.n, shape.m);
  for (int64_t done = 0; done < columns;) {
    // Chunks of four, two or one columns; the fewer, the more row groups.
    int64_t chunk = columns - done >= 4 ? 4 : columns - done >= 2 ? 2 : 1;
    int64_t inFlight = chunk == 1 ? 4 : 2;
    Value column0 = b.index(done);
    auto emitGroups = [&](Value from, Value to, int64_t count) {
      b.loop(from, to, count, [&](Value group) {
        LaneKernel kernel{b, shape, lane, values, words, x, chunk, count};
        kernel.emit(b.add(firstGroup, group), column0, tile,
                    b.mul(group, lane.rows));
      });
    };
    Value even =
        b.sub(groups, arith::RemUIOp::create(b, groups, b.index(inFlight)));
    emitGroups(b.index(0), even, inFlight);
    emitGroups(even, groups, 1);
    done += chunk;
  }
}

void mlir::nm::emitPackColumns(KernelBuilder &b, const KernelShape &shape,
                               Value x, bool transposed, Value columns,
                               Value packed) {
  int64_t padded =
      (shape.contraction + shape.lanes - 1) / shape.lanes * shape.lanes;
  b.loop(b.index(0), columns, 1, [&](Value column) {
    b.loop(b.index(0), b.index(shape.contraction), 1, [&](Value k) {
      Value loaded = memref::LoadOp::create(
          b, x, transposed ? ValueRange{column, k} : ValueRange{k, column});
      memref::StoreOp::create(b, b.convert(loaded, shape.accumulator), packed,
                              ValueRange{column, k});
    });
    b.loop(b.index(shape.contraction), b.index(padded), 1, [&](Value k) {
      memref::StoreOp::create(b, b.zero(shape.accumulator), packed,
                              ValueRange{column, k});
    });
  });
}
