//===- PackedBits.cpp - Masks in memory: one bit an element -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PackedBits.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::step;

static VectorType bitVector(ImplicitLocOpBuilder &b, int64_t lanes) {
  return VectorType::get({lanes}, b.getI1Type());
}

/// An integer that holds `lanes` bits at any of the 8 places in a byte.
static IntegerType wordFor(ImplicitLocOpBuilder &b, int64_t lanes) {
  return b.getIntegerType(llvm::PowerOf2Ceil(lanes + 7));
}

Value PackedBits::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

static Value constant(ImplicitLocOpBuilder &b, Type type, int64_t value) {
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
}

/// An integer as vector<lanes x i1>, its lowest bit first.
static Value spread(ImplicitLocOpBuilder &b, Value word, int64_t lanes) {
  int64_t width = word.getType().getIntOrFloatBitWidth();
  Value one = vector::BroadcastOp::create(
      b, VectorType::get({1}, word.getType()), word);
  Value bits = vector::BitCastOp::create(b, bitVector(b, width), one);
  if (width == lanes)
    return bits;
  return vector::ExtractStridedSliceOp::create(b, bits, ArrayRef<int64_t>{0},
                                               ArrayRef<int64_t>{lanes},
                                               ArrayRef<int64_t>{1});
}

/// vector<lanes x i1> as an integer; bits above are 0.
static Value gather(ImplicitLocOpBuilder &b, Value bits, IntegerType type) {
  int64_t lanes = cast<VectorType>(bits.getType()).getNumElements();
  int64_t width = type.getWidth();
  if (width != lanes) {
    Value none =
        arith::ConstantOp::create(b, b.getZeroAttr(bitVector(b, width)));
    bits = vector::InsertStridedSliceOp::create(
        b, bits, none, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{1});
  }
  Value one = vector::BitCastOp::create(b, VectorType::get({1}, type), bits);
  return vector::ExtractOp::create(b, one, ArrayRef<int64_t>{0});
}

Value PackedBits::toLanes(ImplicitLocOpBuilder &b, Value word) {
  return spread(b, word, 16);
}

Value PackedBits::toWord(ImplicitLocOpBuilder &b, Value lanes) {
  return gather(b, lanes, b.getI16Type());
}

//===----------------------------------------------------------------------===//
// Byte by byte
//===----------------------------------------------------------------------===//

namespace {

/// Where `count` bits from `first` on lie.
struct Bytes {
  Bytes(ImplicitLocOpBuilder &b, Value first, Value count) {
    Value eight = arith::ConstantIndexOp::create(b, 8);
    start = arith::DivUIOp::create(b, first, eight);
    shift = arith::RemUIOp::create(b, first, eight);
    Value end = arith::AddIOp::create(b, shift, count);
    number = arith::CeilDivUIOp::create(b, end, eight);
  }

  Value start;  ///< number of the first byte
  Value shift;  ///< of the first bit in it
  Value number; ///< of bytes
};

} // namespace

Value PackedBits::loadBytes(Value first, Value count, IntegerType type) {
  Bytes bytes(b, first, count);
  auto loop = scf::ForOp::create(b, index(0), bytes.number, index(1),
                                 ValueRange{constant(b, type, 0)});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value i = loop.getInductionVar();
    Value at = arith::AddIOp::create(b, bytes.start, i);
    Value byte = memref::LoadOp::create(b, memory, ValueRange{at});
    Value wide = arith::ExtUIOp::create(b, type, byte);
    Value place = arith::IndexCastOp::create(
        b, type, arith::MulIOp::create(b, i, index(8)));
    Value moved = arith::ShLIOp::create(b, wide, place);
    scf::YieldOp::create(
        b, ValueRange{arith::OrIOp::create(b, loop.getRegionIterArg(0), moved)
                          .getResult()});
  }
  Value shift = arith::IndexCastOp::create(b, type, bytes.shift);
  return arith::ShRUIOp::create(b, loop.getResult(0), shift);
}

void PackedBits::storeBytes(Value bits, Value first, Value count) {
  Type type = bits.getType();
  Bytes bytes(b, first, count);
  Value shift = arith::IndexCastOp::create(b, type, bytes.shift);
  Value number = arith::IndexCastOp::create(b, type, count);
  Value one = constant(b, type, 1);
  Value ones =
      arith::SubIOp::create(b, arith::ShLIOp::create(b, one, number), one);
  Value written =
      arith::ShLIOp::create(b, arith::AndIOp::create(b, bits, ones), shift);
  Value mask = arith::ShLIOp::create(b, ones, shift);
  auto loop = scf::ForOp::create(b, index(0), bytes.number, index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value i = loop.getInductionVar();
  Value at = arith::AddIOp::create(b, bytes.start, i);
  Value place = arith::IndexCastOp::create(
      b, type, arith::MulIOp::create(b, i, index(8)));
  auto byteOf = [&](Value word) -> Value {
    return arith::TruncIOp::create(b, b.getI8Type(),
                                   arith::ShRUIOp::create(b, word, place));
  };
  Value old = memref::LoadOp::create(b, memory, ValueRange{at});
  Value others =
      arith::XOrIOp::create(b, byteOf(mask), constant(b, b.getI8Type(), -1));
  Value kept = arith::AndIOp::create(b, old, others);
  Value byte = arith::OrIOp::create(b, kept, byteOf(written));
  memref::StoreOp::create(b, byte, memory, ValueRange{at});
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

Value PackedBits::load(Value first, int64_t lanes, Value count,
                       bool isAligned) {
  if (isAligned && !count && lanes % 8 == 0) {
    auto type = VectorType::get({lanes / 8}, b.getI8Type());
    Value byte = arith::DivUIOp::create(b, first, index(8));
    Value bytes = vector::LoadOp::create(b, type, memory, ValueRange{byte});
    return vector::BitCastOp::create(b, bitVector(b, lanes), bytes);
  }
  Value number = count ? count : index(lanes);
  return spread(b, loadBytes(first, number, wordFor(b, lanes)), lanes);
}

void PackedBits::store(Value bits, Value first, Value count, bool isAligned) {
  int64_t lanes = cast<VectorType>(bits.getType()).getNumElements();
  if (isAligned && !count && lanes % 8 == 0) {
    auto type = VectorType::get({lanes / 8}, b.getI8Type());
    Value byte = arith::DivUIOp::create(b, first, index(8));
    vector::StoreOp::create(b, vector::BitCastOp::create(b, type, bits), memory,
                            ValueRange{byte});
    return;
  }
  Value number = count ? count : index(lanes);
  storeBytes(gather(b, bits, wordFor(b, lanes)), first, number);
}

//===----------------------------------------------------------------------===//
// Words of 16 lanes
//===----------------------------------------------------------------------===//

/// Whether 16 bits from `first` on are two whole bytes.
static Value areWholeBytes(ImplicitLocOpBuilder &b, Value first) {
  Value rest =
      arith::RemUIOp::create(b, first, arith::ConstantIndexOp::create(b, 8));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, rest,
                               arith::ConstantIndexOp::create(b, 0));
}

Value PackedBits::loadWord(Value first, Value count) {
  Type word = b.getI16Type();
  auto slow = [&]() -> Value {
    Value number = count ? count : index(16);
    Value bits = loadBytes(first, number, b.getIntegerType(32));
    return arith::TruncIOp::create(b, word, bits);
  };
  if (count)
    return slow();
  auto either = scf::IfOp::create(b, TypeRange{word}, areWholeBytes(b, first),
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&either.getThenRegion().front());
  Value lanes = load(first, 16, nullptr, /*isAligned=*/true);
  scf::YieldOp::create(b, ValueRange{toWord(b, lanes)});
  b.setInsertionPointToStart(&either.getElseRegion().front());
  scf::YieldOp::create(b, ValueRange{slow()});
  return either.getResult(0);
}

void PackedBits::storeWord(Value word, Value first, Value count) {
  auto slow = [&] {
    Value bits = arith::ExtUIOp::create(b, b.getIntegerType(32), word);
    storeBytes(bits, first, count ? count : index(16));
  };
  if (count)
    return slow();
  auto either = scf::IfOp::create(b, TypeRange{}, areWholeBytes(b, first),
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&either.getThenRegion().front());
  store(toLanes(b, word), first, nullptr, /*isAligned=*/true);
  b.setInsertionPointToStart(&either.getElseRegion().front());
  slow();
}
