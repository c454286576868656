//===- QuantizedCache.cpp - Caches that an operator keeps as integers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QuantizedCache.h"
#include "Scalars.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

/// What an integer of four bits is more by where it is stored.
static constexpr int64_t kExcess = 8;

FailureOr<std::optional<CacheIntegers>>
CacheIntegers::read(NodeEmit &n, StringRef part, size_t past, size_t scales,
                    OpFoldResult heads, OpFoldResult width) {
  std::string kindName = (part + "_quant_type").str(),
              scaleName = (part + "_scale").str(),
              pastName = part == "k" ? "past_key" : "past_value";
  StringRef kind = n.stringOr(kindName, "NONE");
  if (kind == "NONE") {
    if (n.has(scales))
      return n.fail("has a " + scaleName + ", but " + kindName +
                    " is NONE; expected PER_TENSOR or PER_CHANNEL");
    if (n.has(past) && !isFloatType(n.in(past)->type))
      return n.fail("its " + pastName + " is of " +
                    elementTypeName(n.in(past)->type) + ", but " + kindName +
                    " is NONE; expected floats, or PER_TENSOR or PER_CHANNEL");
    return std::optional<CacheIntegers>();
  }
  bool isOne = kind == "PER_TENSOR";
  if (!isOne && kind != "PER_CHANNEL")
    return n.fail(Twine(kindName) + " is '" + kind +
                  "', expected NONE, PER_TENSOR or PER_CHANNEL");
  if (!n.has(scales))
    return n.fail("has no " + scaleName + ", which " + kindName + " " +
                  Twine(kind) + " asks for");
  Val &scale = *n.in(scales);
  if (scale.type != Float)
    return n.fail("its " + scaleName + " is of " + elementTypeName(scale.type) +
                  ", expected float32");
  CacheIntegers form{n.intOr("kv_cache_bit_width", 8), {}, width};
  if (form.bits != 8 && form.bits != 4)
    return n.fail("kv_cache_bit_width is " + Twine(form.bits) +
                  ", expected 8 or 4");
  OpFoldResult count = n.product(scale.shape),
               expected = isOne ? n.size(1) : n.mul(heads, width);
  if (!n.require(count, expected, "the number of scales of " + scaleName))
    return n.fail("its " + scaleName + " has " + Twine(*Emit::constant(count)) +
                  " elements, expected " + Twine(*Emit::constant(expected)) +
                  (isOne ? ", for PER_TENSOR"
                         : ", one for each head and channel, for PER_CHANNEL"));
  form.scale = isOne ? n.reshape(scale, {})
                     : n.reshape(scale, {heads, n.size(1), width});
  if (!n.has(past))
    return std::optional(form);
  Val &before = *n.in(past);
  int32_t type = form.bits == 8 ? Int8 : Uint8;
  if (before.type != type)
    return n.fail("its " + pastName + " is of " + elementTypeName(before.type) +
                  ", expected " + elementTypeName(type) +
                  " for kv_cache_bit_width " + Twine(form.bits));
  OpFoldResult bytes = form.rowBytes(n);
  if (before.rank() != 4)
    return n.fail("its " + pastName + " has rank " + Twine(before.rank()) +
                  ", expected 4");
  if (!n.require(before.shape[3], bytes, "the bytes of a row of " + pastName))
    return n.fail("its " + pastName + " has rows of " +
                  Twine(*Emit::constant(before.shape[3])) +
                  " bytes, expected " + Twine(*Emit::constant(bytes)) +
                  " for kv_cache_bit_width " + Twine(form.bits));
  return std::optional(form);
}

OpFoldResult CacheIntegers::rowBytes(NodeEmit &n) const {
  return bits == 8 ? width : n.compute(Emit::Arith::CeilDiv, width, n.size(2));
}

Val CacheIntegers::quantize(NodeEmit &n, Val &rows) const {
  Val numbers = n.castTo(rows, Float), factors = scale;
  const bool isByte = bits == 8;
  Type byte = n.b.getI8Type();
  // As ONNX Runtime: times the inverse, and by a scale of 0 as they are.
  Val integers = n.elementwise(
      {&numbers, &factors}, isByte ? Int8 : Uint8, rows.shape,
      [&](OpBuilder &b, Location loc, ValueRange a) {
        Scalar s(b, loc);
        Value one = s.number(a[0], 1), none = s.number(a[0], 0);
        Value isNone = s.compare(arith::CmpFPredicate::OEQ, a[1], none);
        Value by = s.div(one, s.select(isNone, one, a[1]), false);
        Value scaled = s.mul(a[0], by);
        if (isByte)
          return s.quantize(scaled, none, byte, false);
        scaled = s.min(s.max(scaled, s.number(scaled, -kExcess), false),
                       s.number(scaled, kExcess - 1), false);
        return s.quantize(scaled, s.number(scaled, kExcess), byte, true);
      });
  if (isByte)
    return integers;
  Dims shape(rows.shape);
  shape[3] = rowBytes(n);
  Value source = n.tensor(integers), channels = n.index(width);
  return n.generate(
      Uint8, shape, [&](OpBuilder &b, Location loc, ValueRange place) {
        SmallVector<Value> from(place);
        auto constant = [&](int64_t value) -> Value {
          return arith::ConstantIndexOp::create(b, loc, value);
        };
        from[3] = arith::MulIOp::create(b, loc, place[3], constant(2));
        Value low = tensor::ExtractOp::create(b, loc, source, from);
        // Behind an odd number of channels stands a zero.
        Value next = arith::AddIOp::create(b, loc, from[3], constant(1));
        Value isThere = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                              next, channels);
        from[3] = arith::SelectOp::create(b, loc, isThere, next, from[3]);
        Value high = tensor::ExtractOp::create(b, loc, source, from);
        Scalar s(b, loc);
        high = s.select(isThere, high, s.number(high, kExcess));
        return s.add(low, s.mul(high, s.number(high, 16)));
      });
}

Val CacheIntegers::dequantize(NodeEmit &n, Val &cache, int32_t type) const {
  Val integers = cache, factors = scale;
  Dims shape(cache.shape);
  shape[3] = width;
  if (bits == 4) {
    Value source = n.tensor(cache);
    integers = n.generate(
        Int8, shape, [&](OpBuilder &b, Location loc, ValueRange place) {
          SmallVector<Value> from(place);
          Value two = arith::ConstantIndexOp::create(b, loc, 2);
          from[3] = arith::DivUIOp::create(b, loc, place[3], two);
          Value byte = tensor::ExtractOp::create(b, loc, source, from);
          Scalar s(b, loc);
          Value isOdd =
              arith::IndexCastOp::create(b, loc, b.getI1Type(), place[3]);
          Value high = arith::ShRUIOp::create(b, loc, byte, s.number(byte, 4));
          Value low = arith::AndIOp::create(b, loc, byte, s.number(byte, 15));
          return s.sub(s.select(isOdd, high, low), s.number(byte, kExcess));
        });
  }
  return n.elementwise({&integers, &factors}, type, shape,
                       [&](OpBuilder &b, Location loc, ValueRange a) {
                         Emit e(b, loc);
                         Value real = Scalar(b, loc).mul(
                             e.cast(a[0], Int8, Float), a[1]);
                         return e.cast(real, Float, type);
                       });
}

} // namespace mlir::nm::onnx
