//===- Activations.cpp - Activations of ONNX -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"

namespace mlir::nm::onnx {

namespace {

LogicalResult relu(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  return n.set(n.unary(*n.in(0), [](OpBuilder &b, Location loc, ValueRange a) {
    return Scalar(b, loc).relu(a[0]);
  }));
}

LogicalResult leakyRelu(NodeEmit &n) {
  double alpha = n.floatOr("alpha", 0.01f);
  return unary(n, [&](Scalar &s, Value x) { return s.leakyRelu(x, alpha); });
}

LogicalResult pRelu(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &x = *n.in(0), &slope = *n.in(1);
  std::optional<Dims> shape = n.broadcastShapes({&x, &slope});
  if (!shape)
    return failure();
  bool isUnsigned = isUnsignedType(x.type);
  return n.set(n.elementwise({&x, &slope}, x.type, *shape,
                             [&](OpBuilder &b, Location loc, ValueRange a) {
                               Scalar s(b, loc);
                               Value low = s.greater(s.number(a[0], 0), a[0],
                                                     isUnsigned);
                               return s.select(low, s.mul(a[0], a[1]), a[0]);
                             }));
}

LogicalResult elu(NodeEmit &n) {
  double alpha = n.floatOr("alpha", 1);
  return unary(n, [&](Scalar &s, Value x) { return s.elu(x, alpha); });
}

LogicalResult celu(NodeEmit &n) {
  double alpha = n.floatOr("alpha", 1);
  return unary(n, [&](Scalar &s, Value x) {
    Value scaled = s.div(x, s.number(x, alpha), false);
    return s.select(s.greater(s.number(x, 0), x, false),
                    s.mul(s.number(x, alpha), s.expm1(scaled)), x);
  });
}

LogicalResult selu(NodeEmit &n) {
  double alpha = n.floatOr("alpha", 1.67326319217681884765625);
  double gamma = n.floatOr("gamma", 1.05070102214813232421875);
  return unary(n, [&](Scalar &s, Value x) {
    Value low = s.mul(s.number(x, alpha), s.expm1(x));
    Value chosen = s.select(s.greater(x, s.number(x, 0), false), x, low);
    return s.mul(s.number(x, gamma), chosen);
  });
}

LogicalResult hardSigmoid(NodeEmit &n) {
  double alpha = n.floatOr("alpha", 0.2f), beta = n.floatOr("beta", 0.5);
  return unary(
      n, [&](Scalar &s, Value x) { return s.hardSigmoid(x, alpha, beta); });
}

LogicalResult thresholdedRelu(NodeEmit &n) {
  double alpha = n.floatOr("alpha", 1);
  return unary(n,
               [&](Scalar &s, Value x) { return s.thresholdedRelu(x, alpha); });
}

LogicalResult shrink(NodeEmit &n) {
  double bias = n.floatOr("bias", 0), lambda = n.floatOr("lambd", 0.5);
  return unary(n, [&](Scalar &s, Value x) {
    Value low = s.greater(s.number(x, -lambda), x, false);
    Value high = s.greater(x, s.number(x, lambda), false);
    return s.select(
        low, s.add(x, s.number(x, bias)),
        s.select(high, s.sub(x, s.number(x, bias)), s.number(x, 0)));
  });
}

LogicalResult swish(NodeEmit &n) {
  double alpha = n.floatOr("alpha", 1);
  return unary(n, [&](Scalar &s, Value x) { return s.swish(x, alpha); });
}

LogicalResult gelu(NodeEmit &n) {
  bool tanh = n.stringOr("approximate", "none") == "tanh";
  return unary(
      n, [&](Scalar &s, Value x) { return tanh ? s.geluTanh(x) : s.gelu(x); });
}

/// Swish of the first operand times the second.
LogicalResult swiGlu(NodeEmit &n) {
  if (failed(n.needs(2)) || failed(sameTypes(n)))
    return failure();
  double alpha = n.floatOr("alpha", 1);
  std::optional<Dims> shape = n.broadcastShapes({n.in(0), n.in(1)});
  if (!shape)
    return failure();
  int32_t type = n.in(0)->type;
  return n.set(n.elementwise({n.in(0), n.in(1)}, type, *shape,
                             [&](OpBuilder &b, Location loc, ValueRange a) {
                               Emit e(b, loc);
                               Scalar s(b, loc);
                               int32_t wide = computedType(type);
                               Value x = e.cast(a[0], type, wide);
                               Value gate = s.mul(s.swish(x, alpha),
                                                  e.cast(a[1], type, wide));
                               return e.cast(gate, wide, type);
                             }));
}

Value hardSwish(Scalar &s, Value x) {
  return s.mul(x, s.hardSigmoid(x, 1.0 / 6, 0.5));
}
Value mish(Scalar &s, Value x) { return s.mul(x, s.tanh(s.softplus(x))); }
Value sigmoid(Scalar &s, Value x) { return s.sigmoid(x); }
Value softplus(Scalar &s, Value x) { return s.softplus(x); }
Value softsign(Scalar &s, Value x) { return s.softsign(x); }

} // namespace

void addActivations(OperatorTable &t) {
  t.family("activations");
  t.add("Celu", celu, 12);
  t.add("Elu", elu);
  t.add("Gelu", gelu, 20);
  t.add("HardSigmoid", hardSigmoid);
  t.add("HardSwish", unary<hardSwish>, 14);
  t.add("LeakyRelu", leakyRelu);
  t.add("Mish", unary<mish>, 18);
  t.add("PRelu", pRelu);
  t.add("Relu", relu);
  t.add("Selu", selu);
  t.add("Shrink", shrink, 9);
  t.add("Sigmoid", unary<sigmoid>);
  t.add("Softplus", unary<softplus>);
  t.add("Softsign", unary<softsign>);
  t.add("SwiGLU", swiGlu, 28);
  t.add("Swish", swish, 24);
  t.add("ThresholdedRelu", thresholdedRelu, 10);
}

} // namespace mlir::nm::onnx
