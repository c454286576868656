//===- ByteProducts.cpp - Products of bytes in registers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ByteProducts.h"

using namespace mlir;
using namespace mlir::nm;

/// Bytes of a register of NEON.
static constexpr int64_t kNeon = 16;

Value ByteProducts::part(Value value, int64_t first, int64_t count) {
  return b.shuffle(value, value,
                   llvm::to_vector(llvm::seq(first, first + count)));
}

Value ByteProducts::join(ArrayRef<Value> parts) {
  SmallVector<Value> level(parts);
  while (level.size() > 1) {
    SmallVector<Value> next;
    for (size_t i = 0; i < level.size(); i += 2) {
      int64_t count = cast<VectorType>(level[i].getType()).getNumElements();
      next.push_back(
          b.shuffle(level[i], level[i + 1],
                    llvm::to_vector(llvm::seq<int64_t>(0, 2 * count))));
    }
    level = std::move(next);
  }
  return level.front();
}

Value ByteProducts::select(Value table, Value control) {
  if (!isSigned(target))
    return b.callIntrinsic(bytes == 64 ? "llvm.x86.avx512.pshuf.b.512"
                                       : "llvm.x86.avx2.pshuf.b",
                           whole(8), {table, control});
  SmallVector<Value> parts;
  for (int64_t at = 0; at < bytes; at += kNeon)
    parts.push_back(b.callIntrinsic(
        "llvm.aarch64.neon.tbl1.v16i8", typeOf(kNeon, b.getI8Type()),
        {part(table, at, kNeon), part(control, at, kNeon)}));
  return join(parts);
}

Value ByteProducts::multiplyPairs(Value first, Value second) {
  if (!isSigned(target))
    return b.callIntrinsic(bytes == 64 ? "llvm.x86.avx512.pmaddubs.w.512"
                                       : "llvm.x86.avx2.pmadd.ub.sw",
                           whole(16), {first, second});
  VectorType wide = typeOf(kNeon, b.getI16Type());
  SmallVector<Value> parts;
  for (int64_t at = 0; at < bytes; at += kNeon) {
    Value left = arith::ExtSIOp::create(b, wide, part(first, at, kNeon));
    Value right = arith::ExtSIOp::create(b, wide, part(second, at, kNeon));
    Value product = b.mul(left, right);
    parts.push_back(b.callIntrinsic(
        "llvm.aarch64.neon.addp.v8i16", typeOf(kNeon / 2, b.getI16Type()),
        {part(product, 0, kNeon / 2), part(product, kNeon / 2, kNeon / 2)}));
  }
  return join(parts);
}

Value ByteProducts::addPairs(Value words) {
  if (!isSigned(target)) {
    Value ones = arith::ConstantOp::create(
        b, DenseElementsAttr::get(whole(16), b.getI16IntegerAttr(1)));
    return multiplyWords(words, ones);
  }
  SmallVector<Value> parts;
  for (int64_t at = 0; at < bytes / 2; at += kNeon / 2)
    parts.push_back(b.callIntrinsic("llvm.aarch64.neon.saddlp.v4i32.v8i16",
                                    typeOf(kNeon / 4, b.getI32Type()),
                                    {part(words, at, kNeon / 2)}));
  return join(parts);
}

Value ByteProducts::multiplyWords(Value first, Value second) {
  if (isSigned(target)) {
    constexpr int64_t kWords = kNeon / 2;
    VectorType wide = typeOf(kWords, b.getI32Type());
    SmallVector<Value> parts;
    for (int64_t at = 0; at < bytes / 2; at += kWords) {
      Value left = arith::ExtSIOp::create(b, wide, part(first, at, kWords));
      Value right = arith::ExtSIOp::create(b, wide, part(second, at, kWords));
      Value product = b.mul(left, right);
      parts.push_back(b.callIntrinsic("llvm.aarch64.neon.addp.v4i32",
                                      typeOf(kWords / 2, b.getI32Type()),
                                      {part(product, 0, kWords / 2),
                                       part(product, kWords / 2, kWords / 2)}));
    }
    return join(parts);
  }
  return b.callIntrinsic(bytes == 64 ? "llvm.x86.avx512.pmaddw.d.512"
                                     : "llvm.x86.avx2.pmadd.wd",
                         whole(32), {first, second});
}

Value ByteProducts::addQuads(Value sums, Value first, Value second) {
  return b.callIntrinsic("llvm.x86.avx512.vpdpbusd.512", whole(32),
                         {sums, first, second});
}

Value ByteProducts::addSignedQuads(Value sums, Value first, Value second) {
  if (!isSigned(target)) {
    // |first| times second with the sign of first: two of 128 * 127 fit 16
    // bits.
    Value zero = arith::ConstantOp::create(
        b,
        DenseElementsAttr::get(whole(8), b.getIntegerAttr(b.getI8Type(), 0)));
    if (bytes == 32) {
      second =
          b.callIntrinsic("llvm.x86.avx2.psign.b", whole(8), {second, first});
    } else {
      Value isNegative =
          arith::CmpIOp::create(b, arith::CmpIPredicate::slt, first, zero);
      second =
          arith::SelectOp::create(b, isNegative, b.sub(zero, second), second);
    }
    first = arith::MaxSIOp::create(b, first, b.sub(zero, first));
  }
  return b.add(sums, addPairs(multiplyPairs(first, second)));
}

Value ByteProducts::interleavePairs(Value first, Value second, bool isUpper) {
  VectorType words = whole(16);
  const int64_t count = bytes / 2;
  SmallVector<int64_t> positions;
  for (int64_t lane = 0; lane < count; lane += kNeon / 2)
    for (int64_t i = 0; i < kNeon / 4; ++i) {
      int64_t from = lane + (isUpper ? kNeon / 4 : 0) + i;
      positions.append({from, count + from});
    }
  Value joined =
      b.shuffle(vector::BitCastOp::create(b, words, first),
                vector::BitCastOp::create(b, words, second), positions);
  return vector::BitCastOp::create(b, whole(8), joined);
}
