//===- PackGrouped.cpp - Activations rounded to 8 bits -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every 32 activations become a scale, their largest magnitude / 127, times
// integers, the nearest. A NaN or an infinity makes the scale one, and so every
// sum that it enters.
//
//===----------------------------------------------------------------------===//

#include "GroupedColumns.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

constexpr int64_t kFold = GroupedColumns::kFold;

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

  /// 32 elements of column `column` from `k` on.
  Value load(int64_t column, Value k) {
    Value at = b.index(column);
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

  /// The scale, as a vector of one, and the 32 integers as bytes.
  std::pair<Value, Value> round(Value values) {
    // As integers, magnitudes order like numbers, infinity and NaN above them.
    // Under 2^-100 the integers are those of 2^-100, whose inverse is finite.
    Value bits = bitcast(values, kFold, b.getI32Type());
    Value magnitudes =
        arith::AndIOp::create(b, bits, splat(kFold, int32_t(0x7fffffff)));
    Value most = vector::ReductionOp::create(b, vector::CombiningKind::MAXUI,
                                             magnitudes);
    Value least = arith::ConstantOp::create(
        b, b.getI32IntegerAttr(llvm::bit_cast<int32_t>(0x1p-100F)));
    most = arith::MaxUIOp::create(b, most, least);
    most = arith::BitcastOp::create(b, b.getF32Type(), most);
    auto constant = [&](float value) -> Value {
      return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
    };
    Value scale = arith::MulFOp::create(b, most, constant(1.0F / 127.0F));
    Value inverse = arith::DivFOp::create(b, constant(127.0F), most);
    Value scaled = arith::MulFOp::create(
        b, values,
        vector::BroadcastOp::create(b, VectorType::get({kFold}, b.getF32Type()),
                                    inverse));
    // Adding 1.5 * 2^23 rounds to the nearest integer, which is then in the low
    // bits.
    Value rounded = arith::AddFOp::create(b, scaled, splat(kFold, 0x1.8p23F));
    Value low = bitcast(rounded, kFold, b.getI32Type());
    Value integers = arith::TruncIOp::create(
        b, VectorType::get({kFold}, b.getI8Type()), low);
    Value vector = vector::BroadcastOp::create(
        b, VectorType::get({1}, b.getF32Type()), scale);
    return {vector, integers};
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

  void packFold(int64_t column, Value fold) {
    auto [scale, integers] = round(load(column, b.mul(fold, kFold)));
    Value base = b.index(column * columns.bytes());
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
  void clearPadding(int64_t column) {
    int64_t base = column * columns.bytes();
    auto clear = [&](int64_t start, int64_t bytes) {
      for (int64_t at = columns.usedFolds() * bytes,
                   end = columns.folds() * bytes;
           at < end; at += 4)
        vector::StoreOp::create(b, splatByte(4, 0), packed,
                                ValueRange{b.index(base + start + at)});
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
  for (int64_t column = 0; column < columns; ++column) {
    b.loop(b.index(0), b.index(packer.columns.usedFolds()), 1,
           [&](Value fold) { packer.packFold(column, fold); });
    packer.clearPadding(column);
  }
}
