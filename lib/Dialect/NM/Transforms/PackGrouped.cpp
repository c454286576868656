//===- PackGrouped.cpp - Activations rounded to 8 bits -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every 32 activations become a scale times integers of at most 127. Of eight
// scales, the largest magnitude over 127, 126.3, ... 122.1, that is taken whose
// nearest integers have the least squared error; these then get the scale that
// fits them best. It takes some 200 instructions for 32 activations, which
// thousands of rows read. A NaN or an infinity makes the scale a NaN, and so
// every sum that it enters.
//
//===----------------------------------------------------------------------===//

#include "GroupedColumns.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

constexpr int64_t kFold = GroupedColumns::kFold;
/// Scales that are tried, and what rounds a float to an integer.
constexpr int64_t kScales = 8;
constexpr float kShift = 0x1.8p23F;

struct FoldPacker {
  KernelBuilder &b;
  const KernelShape &shape;
  GroupedColumns columns;
  Value x, packed;
  bool transposed;

  Value splat(VectorType type, Attribute value) {
    return arith::ConstantOp::create(
        b, cast<TypedAttr>(DenseElementsAttr::get(type, value)));
  }
  Value splat(int64_t lanes, float value) {
    return splat(VectorType::get({lanes}, b.getF32Type()),
                 b.getF32FloatAttr(value));
  }
  Value splat(int64_t lanes, int32_t value) {
    return splat(VectorType::get({lanes}, b.getI32Type()),
                 b.getI32IntegerAttr(value));
  }
  Value splatByte(int64_t lanes, int64_t value) {
    return splat(VectorType::get({lanes}, b.getI8Type()),
                 b.getIntegerAttr(b.getI8Type(), value));
  }
  Value bitcast(Value value, int64_t lanes, Type element) {
    return vector::BitCastOp::create(b, VectorType::get({lanes}, element),
                                     value);
  }

  /// 32 elements of column `at` from `k` on.
  Value load(Value at, Value k) {
    Value loaded;
    if (transposed) {
      loaded = b.loadVector(x, {at, k}, kFold);
    } else {
      SmallVector<Value> scalars;
      for (int64_t i = 0; i < kFold; ++i)
        scalars.push_back(
            memref::LoadOp::create(b, x, ValueRange{b.add(k, i), at}));
      loaded = vector::FromElementsOp::create(
          b, VectorType::get({kFold}, scalars[0].getType()), scalars);
    }
    return b.convert(loaded, b.getF32Type());
  }

  VectorType floats(int64_t lanes) {
    return VectorType::get({lanes}, b.getF32Type());
  }
  Value broadcast(Value scalar, int64_t lanes) {
    return vector::BroadcastOp::create(b, floats(lanes), scalar);
  }
  Value constant(float value) {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  }
  Value reduce(vector::CombiningKind kind, Value values) {
    return vector::ReductionOp::create(b, kind, values);
  }
  /// Adding 1.5 * 2^23 rounds to the nearest integer, which is then in the low
  /// bits.
  Value addShift(Value scaled) {
    return arith::AddFOp::create(
        b, scaled,
        splat(cast<VectorType>(scaled.getType()).getNumElements(), kShift));
  }
  /// The integer as a float.
  Value dropShift(Value shifted) {
    return arith::SubFOp::create(
        b, shifted,
        splat(cast<VectorType>(shifted.getType()).getNumElements(), kShift));
  }

  /// Elements `first` to `first + count`.
  Value part(Value values, int64_t first, int64_t count) {
    return b.shuffle(values, values,
                     llvm::to_vector(llvm::seq(first, first + count)));
  }

  /// The squared error of rounding `values`, times `factor`, as sums of every
  /// eighth.
  Value squaredErrors(Value values, float factor) {
    Value scaled =
        arith::MulFOp::create(b, values, broadcast(constant(factor), kFold));
    Value error = arith::SubFOp::create(b, scaled, dropShift(addShift(scaled)));
    Value low = part(error, 0, 16), high = part(error, 16, 16);
    Value sums = b.multiplyAdd(high, high, arith::MulFOp::create(b, low, low));
    return b.addNumbers(part(sums, 0, 8), part(sums, 8, 8));
  }

  /// Of `values`, whose largest magnitude is 127: the factor before rounding
  /// that gives the least squared error, in all lanes.
  Value chooseFactor(Value values) {
    SmallVector<float> factors, weights;
    SmallVector<Value> sums;
    for (int64_t i = 0; i < kScales; ++i) {
      factors.push_back(float((127.0 - 0.7 * double(i)) / 127.0));
      weights.push_back(float(1.0 / (double(factors[i]) * factors[i])));
      sums.push_back(squaredErrors(values, factors[i]));
    }
    auto lanes = [&](ArrayRef<float> of) -> Value {
      return arith::ConstantOp::create(
          b, DenseElementsAttr::get(floats(kScales), of));
    };
    // A lane for each scale.
    sums = b.transpose(sums);
    for (int64_t width = 4; width > 0; width /= 2)
      for (int64_t i = 0; i < width; ++i)
        sums[i] = b.addNumbers(sums[i], sums[i + width]);
    Value total = arith::MulFOp::create(b, sums[0], lanes(weights));
    // As integers again, which orders numbers that are not negative, and takes
    // a few steps where floats take a step for each lane.
    Value bits = bitcast(total, kScales, b.getI32Type());
    Value least = vector::BroadcastOp::create(
        b, bits.getType(), reduce(vector::CombiningKind::MINUI, bits));
    Value isBest =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, bits, least);
    Value best = arith::SelectOp::create(
        b, isBest, bitcast(lanes(factors), kScales, b.getI32Type()),
        splat(kScales, int32_t(0)));
    best = arith::BitcastOp::create(b, b.getF32Type(),
                                    reduce(vector::CombiningKind::MAXUI, best));
    return broadcast(best, kFold);
  }

  /// The sum of 32 floats.
  Value addAll(Value values) {
    for (int64_t width = kFold / 2; width > 0; width /= 2)
      values = b.addNumbers(part(values, 0, width), part(values, width, width));
    return vector::ExtractOp::create(b, values, 0);
  }

  /// The scale, as a vector of one, and the 32 integers as bytes.
  std::pair<Value, Value> round(Value values) {
    // As integers, magnitudes order like numbers, infinity and NaN above them.
    // Under 2^-100 the integers are those of 2^-100, whose inverse is finite.
    Value bits = bitcast(values, kFold, b.getI32Type());
    Value magnitudes =
        arith::AndIOp::create(b, bits, splat(kFold, int32_t(0x7fffffff)));
    Value most = reduce(vector::CombiningKind::MAXUI, magnitudes);
    Value least = arith::ConstantOp::create(
        b, b.getI32IntegerAttr(llvm::bit_cast<int32_t>(0x1p-100F)));
    most = arith::MaxUIOp::create(b, most, least);
    most = arith::BitcastOp::create(b, b.getF32Type(), most);
    Value inverse = arith::DivFOp::create(b, constant(127.0F), most);
    Value scaled = arith::MulFOp::create(b, values, broadcast(inverse, kFold));
    Value shifted =
        addShift(arith::MulFOp::create(b, scaled, chooseFactor(scaled)));
    Value integers =
        arith::TruncIOp::create(b, VectorType::get({kFold}, b.getI8Type()),
                                bitcast(shifted, kFold, b.getI32Type()));
    // The least squared error is that of sum(x q) / sum(q^2).
    Value nearest = dropShift(shifted);
    Value products = addAll(arith::MulFOp::create(b, scaled, nearest));
    Value squares = arith::MaxNumFOp::create(
        b, addAll(arith::MulFOp::create(b, nearest, nearest)), constant(1));
    Value scale = arith::MulFOp::create(
        b, arith::MulFOp::create(b, most, constant(1.0F / 127.0F)),
        arith::DivFOp::create(b, products, squares));
    return {broadcast(scale, 1), integers};
  }

  /// By code of a pair, the position of its first or second element. Codes 6
  /// and 7 name no pair.
  static int64_t positionOf(int64_t code, bool isSecond) {
    constexpr int64_t first[] = {0, 0, 0, 1, 1, 2, 0, 0};
    constexpr int64_t second[] = {1, 2, 3, 2, 3, 3, 1, 1};
    return isSecond ? second[code] : first[code];
  }

  /// The tables of 32 bytes: of each two groups their firsts, their seconds.
  void storeTables(Value bytes, Value at) {
    for (int64_t step = 0; step < 4; ++step) {
      SmallVector<int64_t> mask;
      for (bool isSecond : {false, true})
        for (int64_t group : {2 * step, 2 * step + 1})
          for (int64_t code = 0; code < 8; ++code)
            mask.push_back(4 * group + positionOf(code, isSecond));
      vector::StoreOp::create(b, b.shuffle(bytes, bytes, mask), packed,
                              ValueRange{b.add(at, step * 32)});
    }
  }

  /// What sums of dense weights as they are stored start from: -8 times the
  /// activations, by the parity of their pair, or, for the kernel to multiply
  /// by zero points, -1 times those.
  Value startOf(Value integers) {
    Value wide = arith::ExtSIOp::create(
        b, VectorType::get({kFold}, b.getI16Type()), integers);
    int64_t width = kFold;
    auto addParts = [&](ArrayRef<int64_t> low, ArrayRef<int64_t> high) {
      wide = b.add(b.shuffle(wide, wide, low), b.shuffle(wide, wide, high));
      width /= 2;
    };
    SmallVector<int64_t> even, odd;
    for (int64_t i = 0; i < kFold; i += 2) {
      even.push_back(i);
      odd.push_back(i + 1);
    }
    addParts(even, odd);
    while (width > 2)
      addParts(llvm::to_vector(llvm::seq<int64_t>(0, width / 2)),
               llvm::to_vector(llvm::seq<int64_t>(width / 2, width)));
    auto type = VectorType::get({2}, b.getI16Type());
    return b.mul(wide, splat(type, b.getI16IntegerAttr(
                                       columns.startsFromOnes() ? -1 : -8)));
  }

  void storeBytes(Value value, Value at) {
    auto type = cast<VectorType>(value.getType());
    int64_t bytes = type.getNumElements() * type.getElementTypeBitWidth() / 8;
    vector::StoreOp::create(b, bitcast(value, bytes, b.getI8Type()), packed,
                            ValueRange{at});
  }

  void packFold(Value column, Value fold) {
    auto [scale, integers] = round(load(column, b.mul(fold, kFold)));
    Value base = b.mul(column, columns.bytes());
    Value at = b.add(base, b.mul(fold, columns.foldBytes()));
    Value four = b.mul(fold, 4);
    storeBytes(scale, b.add(b.add(base, columns.scalesAt()), four));
    if (columns.isDense()) {
      vector::StoreOp::create(b, integers, packed, ValueRange{at});
      storeBytes(startOf(integers),
                 b.add(b.add(base, columns.startsAt()), four));
      return;
    }
    Value offset = integers;
    if (columns.isOffset())
      offset = arith::XOrIOp::create(b, integers, splatByte(kFold, -128));
    if (columns.isPairs())
      storeTables(offset, at);
    else
      vector::StoreOp::create(b, offset, packed, ValueRange{at});
  }

  /// The folds that pad the last block: their weights are zero, and so is their
  /// scale.
  void clearPadding(Value column) {
    Value base = b.mul(column, columns.bytes());
    auto clear = [&](int64_t start, int64_t bytes) {
      for (int64_t at = columns.usedFolds() * bytes,
                   end = columns.folds() * bytes;
           at < end; at += 4)
        vector::StoreOp::create(b, splatByte(4, 0), packed,
                                ValueRange{b.add(base, start + at)});
    };
    clear(0, columns.foldBytes());
    clear(columns.scalesAt(), 4);
    if (columns.isDense())
      clear(columns.startsAt(), 4);
  }
};

} // namespace

int64_t mlir::nm::groupedColumnBytes(const KernelShape &shape) {
  return GroupedColumns(shape).bytes();
}

void mlir::nm::emitPackGrouped(KernelBuilder &b, const KernelShape &shape,
                               Value x, bool transposed, int64_t columns,
                               Value packed) {
  FoldPacker packer{b, shape, GroupedColumns(shape), x, packed, transposed};
  b.loop(b.index(0), b.index(columns), 1, [&](Value column) {
    b.loop(b.index(0), b.index(packer.columns.usedFolds()), 1,
           [&](Value fold) { packer.packFold(column, fold); });
    packer.clearPadding(column);
  });
}
