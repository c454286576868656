//===- Microsoft.cpp - Fused operators of ONNX Runtime -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The domain com.microsoft, as ONNX Runtime's docs/ContribOperators.md
// describes it.
//
//===----------------------------------------------------------------------===//

#include "Normalize.h"
#include "Scalars.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Common/ElementTypes.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Runtime/PackedBits.h"

namespace mlir::nm::onnx {

void addMicrosoftAttention(OperatorTable &table);

namespace {

FailureOr<Val> sum(NodeEmit &n, Val &a, Val *b) {
  if (!b)
    return a;
  std::optional<Dims> shape = n.broadcastShapes({&a, b});
  if (!shape)
    return failure();
  if (a.type != b->type)
    return n.fail("adds " + elementTypeName(a.type) + " and " +
                  elementTypeName(b->type));
  return n.elementwise({&a, b}, a.type, *shape,
                       [](OpBuilder &nb, Location loc, ValueRange v) {
                         return Scalar(nb, loc).add(v[0], v[1]);
                       });
}

/// Layer or RMS norm over the last dimension, as the first output.
LogicalResult normalizeLast(NodeEmit &n, Val &input, Val *scale, Val *bias,
                            bool centered) {
  if (input.rank() < 1 || failed(checkScale(n, input, scale, "gamma")) ||
      failed(checkScale(n, input, bias, "beta")))
    return failure();
  return n.set(normalizeRows(n, input, input.rank() - 1, centered, scale, bias,
                             stashType(n, input.type), input.type));
}

/// The same of a sum that is the fourth output; the second and third are its
/// mean and what the norm multiplied by.
LogicalResult normalizeSum(NodeEmit &n, Val &sum, Val *scale, Val *bias,
                           bool centered) {
  (void)n.set(sum, 3);
  if (n.wants(1) || n.wants(2)) {
    Val x = n.castTo(sum, stashType(n, sum.type));
    Moments m = normalizedMoments(n, x, x.rank() - 1,
                                  n.floatOr("epsilon", 1e-5f), centered);
    if (n.wants(1) && !centered)
      return n.fail("returns a mean, which an RMS norm has none of");
    (void)n.set(m.mean, 1);
    (void)n.set(m.inverse, 2);
  }
  return normalizeLast(n, sum, scale, bias, centered);
}

LogicalResult skipLayerNorm(NodeEmit &n) {
  if (failed(n.needs(3)))
    return failure();
  FailureOr<Val> total = sum(n, *n.in(0), n.in(1));
  if (failed(total))
    return failure();
  total = sum(n, *total, n.in(4));
  if (failed(total))
    return failure();
  return normalizeSum(n, *total, n.in(2), n.in(3), true);
}

LogicalResult skipSimplifiedLayerNorm(NodeEmit &n) {
  if (failed(n.needs(3)))
    return failure();
  FailureOr<Val> total = sum(n, *n.in(0), n.in(1));
  if (failed(total))
    return failure();
  total = sum(n, *total, n.in(3));
  if (failed(total))
    return failure();
  return normalizeSum(n, *total, n.in(2), nullptr, false);
}

LogicalResult embedLayerNorm(NodeEmit &n) {
  for (size_t i : {0, 2, 3, 5, 6})
    if (!n.has(i))
      return n.fail("has no input " + Twine(i));
  Val &ids = *n.in(0);
  if (ids.rank() != 2)
    return n.fail("input_ids have rank " + Twine(ids.rank()) + ", expected 2");
  Val words = n.gatherAlong(*n.in(2), ids, 0);
  Val positions;
  if (n.has(8)) {
    positions = n.gatherAlong(*n.in(3), *n.in(8), 0);
  } else {
    positions = n.sliceAxis(*n.in(3), 0, n.size(0), ids.shape[1]);
  }
  FailureOr<Val> total = sum(n, words, &positions);
  if (failed(total))
    return failure();
  if (n.has(1) && n.has(4)) {
    Val segments = n.gatherAlong(*n.in(4), *n.in(1), 0);
    total = sum(n, *total, &segments);
    if (failed(total))
      return failure();
  }
  if (n.wants(1)) {
    if (n.has(7)) {
      // The number of ones in each row of the mask.
      Val mask = n.castTo(*n.in(7), Int32);
      Value zero = n.integer(n.b.getI32Type(), 0);
      Value count = n.reduce(
          n.tensor(mask), mask.shape, int64_t(1), zero,
          [](OpBuilder &b, Location loc, Value e, Value s) {
            Scalar t(b, loc);
            return t.add(s, e);
          },
          false);
      (void)n.set(n.make(count, Int32, {mask.shape[0]}), 1);
    } else {
      (void)n.set(
          n.make(n.filled({ids.shape[0]}, n.integer(n.b.getI32Type(), 0)),
                 Int32, {ids.shape[0]}),
          1);
    }
  }
  (void)n.set(*total, 2);
  return normalizeLast(n, *total, n.in(5), n.in(6), true);
}

/// An activation of the input plus a bias, which may be left out.
LogicalResult biased(NodeEmit &n,
                     llvm::function_ref<Value(Scalar &, Value)> body) {
  if (failed(n.needs(1)))
    return failure();
  FailureOr<Val> total = sum(n, *n.in(0), n.in(1));
  if (failed(total))
    return failure();
  if (!isFloatType(total->type))
    return n.fail("elements are " + elementTypeName(total->type) +
                  ", expected floating-point numbers");
  return n.set(n.unary(*total, [&](OpBuilder &b, Location loc, ValueRange a) {
    Scalar s(b, loc);
    return body(s, a[0]);
  }));
}

LogicalResult fastGelu(NodeEmit &n) {
  return biased(n, [](Scalar &s, Value x) { return s.geluTanh(x); });
}
LogicalResult biasGelu(NodeEmit &n) {
  return biased(n, [](Scalar &s, Value x) { return s.gelu(x); });
}
LogicalResult quickGelu(NodeEmit &n) {
  double alpha = n.floatOr("alpha", 1.702f);
  return biased(n, [&](Scalar &s, Value x) { return s.swish(x, alpha); });
}

LogicalResult fusedMatmul(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  if (n.intOr("transBatchA", 0) || n.intOr("transBatchB", 0))
    return n.fail("transposes batches, which is not supported");
  Val a = *n.in(0), w = *n.in(1);
  if (n.intOr("transA", 0) && a.rank() >= 2) {
    SmallVector<int64_t> order =
        llvm::to_vector(llvm::seq<int64_t>(0, a.rank()));
    std::swap(order[a.rank() - 1], order[a.rank() - 2]);
    a = n.transpose(a, order);
  }
  std::optional<Val> product =
      n.matmul(a, w, n.intOr("transB", 0) && w.rank() >= 2);
  if (!product)
    return n.fail("the shapes of its operands do not fit a product");
  double alpha = n.floatOr("alpha", 1);
  if (alpha == 1)
    return n.set(*product);
  return n.set(n.unary(*product, [&](OpBuilder &b, Location loc, ValueRange v) {
    Scalar s(b, loc);
    return s.mul(v[0], s.number(v[0], alpha));
  }));
}

/// A, whose last dimension is `k`, times the transpose of the weight, plus the
/// bias.
LogicalResult multiplyPacked(NodeEmit &n, Val &weight, int64_t k) {
  std::optional<Val> product = n.matmul(*n.in(0), weight, true);
  if (!product)
    return n.fail("the input does not fit K = " + Twine(k));
  FailureOr<Val> result = sum(n, *product, n.in(5));
  return failed(result) ? failure() : n.set(*result);
}

/// What a derived key says of a parameter, nothing if it is none.
std::optional<::nm::rt::StoredOperand> storedOperand(const Val *value,
                                                     bool isUnsigned) {
  ::nm::rt::StoredOperand operand;
  if (!value)
    return operand;
  auto param =
      value->tensor ? value->tensor.getDefiningOp<ParamOp>() : ParamOp();
  if (!param)
    return std::nullopt;
  auto type = param.getResult().getType();
  operand.key = param.getKey().str();
  operand.dtype = toDType(type.getElementType(), isUnsigned);
  operand.shape.assign(type.getShape().begin(), type.getShape().end());
  return operand;
}

/// The weight of a MatMulNBits whose parts are all in the file: a parameter
/// that is worked out when it is loaded.
std::optional<Val> packedParameter(NodeEmit &n, int64_t bits, int64_t block,
                                   int64_t rows, int64_t columns) {
  ::nm::rt::PackedBits weight;
  auto values = storedOperand(n.in(1), true);
  auto scale = storedOperand(n.in(2), false);
  Val *zeros = n.in(3);
  auto zero = storedOperand(zeros, zeros && zeros->type == Uint8);
  if (!values || !scale || !zero)
    return std::nullopt;
  weight.values = *values;
  weight.scale = *scale;
  weight.zero = *zero;
  weight.bits = bits;
  weight.block = block;
  weight.rows = rows;
  weight.columns = columns;
  if (n.in(0)->type != Float || !::nm::rt::checkPackedBits(weight))
    return std::nullopt;
  Dims shape{n.size(rows), n.size(columns)};
  Value param =
      ParamOp::create(n.b, n.loc, n.tensorType(shape, n.b.getF32Type()),
                      n.b.getStringAttr(weight.key()), StringAttr());
  return n.make(param, Float, shape);
}

/// A times the transpose of a weight [N, K] in blocks along K, each with a
/// scale; elements are packed from the lowest bits on.
LogicalResult matmulNBits(NodeEmit &n) {
  if (failed(n.needs(3)))
    return failure();
  int64_t k = n.intOr("K", 0), columns = n.intOr("N", 0);
  int64_t bits = n.intOr("bits", 4), block = n.intOr("block_size", 0);
  if (k < 1 || columns < 1 || block < 16 || (block & (block - 1)) ||
      (bits != 2 && bits != 4 && bits != 8))
    return n.fail("K, N, bits or block_size is not what MatMulNBits takes: "
                  "bits 2, 4 or 8 and blocks of a power of two from 16");
  int64_t blocks = llvm::divideCeil(k, block), perByte = 8 / bits;
  int64_t blob = block / perByte;
  Val &packed = *n.in(1), &scales = *n.in(2);
  auto holds = [&](Val &value, int64_t count) {
    std::optional<int64_t> found = Emit::constant(n.product(value.shape));
    return found && *found == count;
  };
  if (packed.type != Uint8 || !holds(packed, columns * blocks * blob) ||
      !holds(scales, columns * blocks))
    return n.fail("the packed weight or the scales do not fit N = " +
                  Twine(columns) + " and " + Twine(blocks) + " blocks");
  Val bytes =
      n.reshape(packed, {n.size(columns), n.size(blocks), n.size(blob)});
  Val factors = n.reshape(scales, {n.size(columns), n.size(blocks)});
  Val zeros;
  bool packedZeros = false;
  if (n.has(3)) {
    zeros = *n.in(3);
    packedZeros = zeros.type == Uint8;
    int64_t row = packedZeros ? llvm::divideCeil(blocks, perByte) : blocks;
    if (!holds(zeros, columns * row))
      return n.fail("the zero points do not fit " + Twine(blocks) + " blocks");
    zeros = n.reshape(zeros, {n.size(columns), n.size(row)});
  }
  // The block of each element of K, where they are not in order (act_order).
  Value order;
  if (n.has(4)) {
    Val &groups = *n.in(4);
    std::optional<int64_t> count = Emit::constant(n.product(groups.shape));
    if (groups.type != Int32 || !count || *count < k)
      return n.fail("its g_idx is not a list of i32 for K = " + Twine(k));
    if (std::optional<SmallVector<int64_t>> known = groups.ints())
      for (int64_t group : *known)
        if (group < 0 || group >= blocks)
          return n.fail("its g_idx has " + Twine(group) + ", expected 0 to " +
                        Twine(blocks - 1));
    order = n.tensor(groups);
  } else if (auto weight = packedParameter(n, bits, block, columns, k)) {
    return multiplyPacked(n, *weight, k);
  }
  int32_t type = n.in(0)->type, scaleType = scales.type;
  Value source = n.tensor(bytes), scale = n.tensor(factors);
  Value zero = n.has(3) ? n.tensor(zeros) : Value();
  int32_t zeroType = zeros.type;
  Val weight = n.generate(
      type, {n.size(columns), n.size(k)},
      [&](OpBuilder &b, Location loc, ValueRange place) {
        Emit e(b, loc);
        Scalar s(b, loc);
        Type i32 = b.getI32Type(), i8 = b.getI8Type();
        auto index = [&](int64_t value) -> Value {
          return arith::ConstantIndexOp::create(b, loc, value);
        };
        auto over = [&](Value a, int64_t by) -> Value {
          return arith::DivUIOp::create(b, loc, a, index(by));
        };
        auto rest = [&](Value a, int64_t by) -> Value {
          return arith::RemUIOp::create(b, loc, a, index(by));
        };
        // Element `slot` of a byte, as i32.
        auto unpack = [&](Value byte, Value slot) -> Value {
          Value shift = arith::IndexCastOp::create(
              b, loc, i8, arith::MulIOp::create(b, loc, slot, index(bits)));
          Value low = arith::ShRUIOp::create(b, loc, byte, shift);
          Value mask = e.integer(i8, bits == 8 ? -1 : (1 << bits) - 1);
          return arith::ExtUIOp::create(
              b, loc, i32, arith::AndIOp::create(b, loc, low, mask));
        };
        Value group = over(place[1], block), inside = rest(place[1], block);
        Value byte = tensor::ExtractOp::create(
            b, loc, source, ValueRange{place[0], group, over(inside, perByte)});
        Value number =
            e.cast(unpack(byte, rest(inside, perByte)), Int32, Float);
        if (order) {
          group = arith::IndexCastOp::create(
              b, loc, b.getIndexType(),
              tensor::ExtractOp::create(b, loc, order, place[1]));
          group = arith::MinUIOp::create(b, loc, group, index(blocks - 1));
        }
        Value middle;
        if (!zero) {
          middle = s.number(number, std::exp2(bits - 1));
        } else if (packedZeros) {
          Value at = tensor::ExtractOp::create(
              b, loc, zero, ValueRange{place[0], over(group, perByte)});
          middle = e.cast(unpack(at, rest(group, perByte)), Int32, Float);
        } else {
          middle = e.cast(tensor::ExtractOp::create(
                              b, loc, zero, ValueRange{place[0], group}),
                          zeroType, Float);
        }
        Value factor = e.cast(tensor::ExtractOp::create(
                                  b, loc, scale, ValueRange{place[0], group}),
                              scaleType, Float);
        return e.cast(s.mul(s.sub(number, middle), factor), Float, type);
      });
  return multiplyPacked(n, weight, k);
}

} // namespace

void addMicrosoft(OperatorTable &t) {
  t.family("ONNX Runtime's", "com.microsoft");
  t.add("BiasGelu", biasGelu);
  t.add("EmbedLayerNormalization", embedLayerNorm);
  t.add("FastGelu", fastGelu);
  t.add("FusedMatMul", fusedMatmul, 1, "transposed batches");
  t.add("Gelu", biasGelu);
  t.add("MatMulNBits", matmulNBits);
  t.add("QuickGelu", quickGelu);
  t.add("SkipLayerNormalization", skipLayerNorm);
  t.add("SkipSimplifiedLayerNormalization", skipSimplifiedLayerNorm, 1,
        "the output mean");
  addMicrosoftAttention(t);
}

} // namespace mlir::nm::onnx
