//===- Control.cpp - Constants, branches, what passes through -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Node.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::nm::onnx {

namespace {

LogicalResult constant(NodeEmit &n) {
  auto whole = [&](ArrayRef<int64_t> values, bool isScalar) {
    SmallVector<OpFoldResult> content;
    for (int64_t value : values)
      content.push_back(n.size(value));
    Dims shape;
    if (!isScalar)
      shape.push_back(n.size(static_cast<int64_t>(values.size())));
    return n.set(n.known(Int64, shape, content));
  };
  auto real = [&](ArrayRef<float> values, bool isScalar) {
    SmallVector<OpFoldResult> content;
    for (float value : values)
      content.push_back(n.b.getF64FloatAttr(value));
    Dims shape;
    if (!isScalar)
      shape.push_back(n.size(static_cast<int64_t>(values.size())));
    return n.set(n.known(Float, shape, content));
  };
  if (const pb::Attribute *value = n.attribute("value"); value && value->t) {
    FailureOr<Val> made = importTensor(n, *value->t);
    return failed(made) ? failure() : n.set(*made);
  }
  if (const pb::Attribute *value = n.attribute("sparse_value");
      value && value->sparse) {
    FailureOr<Val> made = importSparse(n, *value->sparse);
    return failed(made) ? failure() : n.set(*made);
  }
  if (auto value = n.intAttribute("value_int"))
    return whole(*value, true);
  if (auto values = n.intsAttribute("value_ints"))
    return whole(*values, false);
  if (const pb::Attribute *value = n.attribute("value_float"))
    return real(value->f, true);
  if (const pb::Attribute *value = n.attribute("value_floats"))
    return real(value->floats, false);
  if (n.attribute("value_string") || n.attribute("value_strings"))
    return n.fail("the constant holds strings, expected numbers");
  return n.fail("the constant has no value");
}

LogicalResult constantOfShape(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  FailureOr<SmallVector<OpFoldResult>> sizes = n.sizes(0, "shape");
  if (failed(sizes))
    return failure();
  Val value = n.scalarConstant(Float, 0);
  if (const pb::Attribute *given = n.attribute("value"); given && given->t) {
    FailureOr<Val> made = importTensor(n, *given->t);
    if (failed(made))
      return failure();
    value = *made;
  }
  if (!value.content || value.content->size() != 1)
    return n.fail("its value has more than one element");
  std::optional<int64_t> count = Emit::constant(n.product(*sizes));
  constexpr int64_t most = 64;
  if (count && *count >= 0 && *count <= most) {
    SmallVector<OpFoldResult> content(*count, value.content->front());
    return n.set(n.known(value.type, *sizes, content));
  }
  return n.set(n.make(n.filled(*sizes, n.scalar(value)), value.type, *sizes));
}

LogicalResult identity(NodeEmit &n) {
  return failed(n.needs(1)) ? failure() : n.set(*n.in(0));
}

/// At inference nothing is dropped; what training draws is random.
LogicalResult dropout(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  if (n.has(2)) {
    FailureOr<SmallVector<int64_t>> training =
        n.constantInts(2, "training mode");
    if (failed(training))
      return failure();
    bool drops = !n.has(1) || !n.isZero(1);
    if (!training->empty() && training->front() && drops)
      return n.fail("in training mode it draws random numbers; export for "
                    "inference, with training_mode = 0");
  }
  if (n.wants(1)) {
    Value yes = n.integer(n.b.getI1Type(), 1);
    (void)n.set(n.make(n.filled(x.shape, yes), Bool, x.shape), 1);
  }
  return n.set(x);
}

} // namespace

void addControl(OperatorTable &t) {
  t.family("constants and control");
  t.add("Constant", constant, 1, "strings");
  t.add("ConstantOfShape", constantOfShape, 9);
  t.add("Dropout", dropout, 1, "random masks of training");
  t.add("Identity", identity, 1, "sequences and optionals");
  t.add("If", branch, 1,
        "sequences and optionals; results of other types or ranks in the two "
        "branches, where only the call knows the condition");
}

} // namespace mlir::nm::onnx
