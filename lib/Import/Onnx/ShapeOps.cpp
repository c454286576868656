//===- ShapeOps.cpp - Operators that reshape and move -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Node.h"
#include "Scalars.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

namespace {

LogicalResult shapeOf(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  auto clamp = [&](int64_t value) {
    return std::clamp<int64_t>(value < 0 ? value + x.rank() : value, 0,
                               x.rank());
  };
  int64_t start = clamp(n.intOr("start", 0));
  int64_t end = std::max(start, clamp(n.intOr("end", x.rank())));
  ArrayRef<OpFoldResult> sizes = x.shape;
  return n.set(
      n.known(Int64, n.size(end - start), sizes.slice(start, end - start)));
}

LogicalResult sizeOf(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  return n.set(n.known(Int64, {}, n.product(n.in(0)->shape)));
}

/// Sizes that come from a tensor's elements may be 0 and -1, too; those of
/// tensors may not.
bool isSize(OpFoldResult size) {
  auto value = llvm::dyn_cast_if_present<Value>(size);
  return !value || !value.getDefiningOp<arith::IndexCastOp>();
}

/// Replaces elements that the call gives by the sizes they stand for.
void settleAtRunTime(NodeEmit &n, Val &x, SmallVectorImpl<OpFoldResult> &wanted,
                     bool zeroStays) {
  Value zero = n.indexConstant(0), one = n.indexConstant(1);
  Value minus = n.indexConstant(-1);
  auto equals = [&](Value a, Value c) -> Value {
    return arith::CmpIOp::create(n.b, n.loc, arith::CmpIPredicate::eq, a, c);
  };
  auto choose = [&](Value condition, Value a, Value c) -> Value {
    return arith::SelectOp::create(n.b, n.loc, condition, a, c);
  };
  Value rest = one;
  for (auto [d, size] : llvm::enumerate(wanted)) {
    Value value = n.index(size);
    if (!zeroStays && static_cast<int64_t>(d) < x.rank())
      value = choose(equals(value, zero), n.index(x.shape[d]), value);
    size = value;
    Value factor = choose(equals(value, minus), one, value);
    rest = arith::MulIOp::create(n.b, n.loc, rest, factor);
  }
  Value divisor = arith::MaxSIOp::create(n.b, n.loc, rest, one);
  Value open =
      arith::DivSIOp::create(n.b, n.loc, n.index(n.product(x.shape)), divisor);
  for (OpFoldResult &size : wanted) {
    Value value = n.index(size);
    size = choose(equals(value, minus), open, value);
  }
}

LogicalResult reshape(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  SmallVector<OpFoldResult> wanted;
  if (std::optional<SmallVector<int64_t>> old = n.intsAttribute("shape")) {
    for (int64_t one : *old)
      wanted.push_back(n.size(one));
  } else {
    FailureOr<SmallVector<OpFoldResult>> given = n.sizes(1, "shape");
    if (failed(given))
      return failure();
    wanted = *given;
  }
  bool zeroStays = n.intOr("allowzero", 0);
  if (!llvm::all_of(wanted, isSize))
    settleAtRunTime(n, x, wanted, zeroStays);
  std::optional<size_t> open;
  OpFoldResult rest = n.size(1);
  for (auto [d, one] : llvm::enumerate(wanted)) {
    std::optional<int64_t> known = Emit::constant(one);
    if (known == 0 && !zeroStays) {
      if (static_cast<int64_t>(d) >= x.rank())
        return n.fail("dimension " + Twine(d) +
                      " of the shape is 0, which copies a dimension that the "
                      "input does not have");
      one = x.shape[d];
    }
    if (known == -1) {
      if (open)
        return n.fail("two dimensions of the shape are -1");
      open = d;
      continue;
    }
    if (known && *known < -1)
      return n.fail("dimension " + Twine(d) + " of the shape is " +
                    Twine(*known));
    rest = n.mul(rest, one);
  }
  OpFoldResult total = n.product(x.shape);
  if (open) {
    std::optional<int64_t> left = Emit::constant(rest),
                           all = Emit::constant(total);
    if (left && all && (*left == 0 || *all % *left))
      return n.fail("cannot reshape " + Twine(*all) +
                    " elements: the other dimensions have " + Twine(*left));
    // Sizes that stand on both sides go before anything is divided.
    OpFoldResult above = n.size(1), below = n.size(1);
    SmallVector<OpFoldResult> others;
    for (auto [d, one] : llvm::enumerate(wanted))
      if (d != *open)
        others.push_back(one);
    for (OpFoldResult one : x.shape) {
      auto *twin = Emit::constant(one)
                       ? others.end()
                       : llvm::find_if(others, [&](OpFoldResult other) {
                           return Emit::same(one, other);
                         });
      if (twin != others.end())
        others.erase(twin);
      else
        above = n.mul(above, one);
    }
    for (OpFoldResult one : others)
      below = n.mul(below, one);
    wanted[*open] = n.compute(Emit::Arith::Div, above, below);
  } else if (!n.require(total, rest, "the reshaped tensor")) {
    return n.fail("cannot reshape " + Twine(*Emit::constant(total)) +
                  " elements to " + Twine(*Emit::constant(rest)));
  }
  return n.set(n.reshape(x, wanted));
}

LogicalResult flatten(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  int64_t axis = n.intOr("axis", 1);
  axis += axis < 0 ? x.rank() : 0;
  if (axis < 0 || axis > x.rank())
    return n.fail("axis " + Twine(axis) + " of a tensor of rank " +
                  Twine(x.rank()));
  ArrayRef<OpFoldResult> sizes = x.shape;
  return n.set(n.reshape(x, {n.product(sizes.take_front(axis)),
                             n.product(sizes.drop_front(axis))}));
}

/// The axes of Squeeze and Unsqueeze: an attribute, an input since opset 13;
/// nothing where the node has none.
FailureOr<std::optional<SmallVector<int64_t>>> readAxes(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  return n.attributeOrInput("axes", 1);
}

LogicalResult squeeze(NodeEmit &n) {
  auto given = readAxes(n);
  if (failed(given))
    return failure();
  Val &x = *n.in(0);
  SmallVector<int64_t> list;
  if (*given) {
    FailureOr<SmallVector<int64_t>> axes = n.axes(**given, x.rank());
    if (failed(axes))
      return failure();
    list = *axes;
  } else {
    for (auto [d, one] : llvm::enumerate(x.shape))
      if (Emit::constant(one) == 1)
        list.push_back(static_cast<int64_t>(d));
  }
  for (int64_t axis : list)
    if (!n.require(x.shape[axis], n.size(1),
                   "squeezed dimension " + Twine(axis)))
      return n.fail("squeezes dimension " + Twine(axis) + " of size " +
                    Twine(*Emit::constant(x.shape[axis])));
  return n.set(n.reshape(x, Emit::reducedShape(n.b, x.shape, list, false)));
}

LogicalResult unsqueeze(NodeEmit &n) {
  auto given = readAxes(n);
  if (failed(given))
    return failure();
  if (!*given)
    return n.fail("has no axes");
  Val &x = *n.in(0);
  int64_t rank = x.rank() + static_cast<int64_t>((*given)->size());
  FailureOr<SmallVector<int64_t>> axes = n.axes(**given, rank);
  if (failed(axes))
    return failure();
  Dims shape;
  size_t next = 0;
  for (int64_t d = 0; d < rank; ++d)
    shape.push_back(llvm::is_contained(*axes, d) ? n.size(1) : x.shape[next++]);
  return n.set(n.reshape(x, shape));
}

LogicalResult transpose(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  SmallVector<int64_t> order;
  if (auto given = n.intsAttribute("perm"))
    order = *given;
  else
    for (int64_t d = x.rank() - 1; d >= 0; --d)
      order.push_back(d);
  FailureOr<SmallVector<int64_t>> places = n.axes(order, x.rank());
  if (failed(places))
    return failure();
  if (static_cast<int64_t>(places->size()) != x.rank())
    return n.fail("perm has " + Twine(places->size()) +
                  " numbers for a tensor of rank " + Twine(x.rank()));
  return n.set(n.transpose(x, *places));
}

/// Sizes that only the call knows may be 1, which leaves the operand's own.
LogicalResult expand(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &x = *n.in(0);
  FailureOr<SmallVector<OpFoldResult>> given = n.sizes(1, "shape");
  if (failed(given))
    return failure();
  MutableArrayRef<OpFoldResult> wanted = *given;
  size_t shared = std::min(x.shape.size(), wanted.size());
  for (auto [own, size] : llvm::zip_equal(ArrayRef(x.shape).take_back(shared),
                                          wanted.take_back(shared))) {
    if (Emit::constant(own) == 1 || Emit::constant(size) ||
        Emit::same(own, size))
      continue;
    Value one = n.indexConstant(1), asked = n.index(size);
    Value isOne =
        arith::CmpIOp::create(n.b, n.loc, arith::CmpIPredicate::eq, asked, one);
    size = arith::SelectOp::create(n.b, n.loc, isOne, n.index(own), asked)
               .getResult();
  }
  Val target = n.make({}, x.type, *given);
  std::optional<Dims> shape = n.broadcastShapes({&x, &target});
  if (!shape)
    return failure();
  return n.set(n.expand(x, *shape));
}

} // namespace

void addShapes(OperatorTable &t) {
  t.family("shapes");
  t.add("Expand", expand, 8);
  t.add("Flatten", flatten);
  t.add("Reshape", reshape);
  t.add("Shape", shapeOf);
  t.add("Size", sizeOf);
  t.add("Squeeze", squeeze, 1, "axes known only when the model runs");
  t.add("Transpose", transpose);
  t.add("Unsqueeze", unsqueeze, 1, "axes known only when the model runs");
}

} // namespace mlir::nm::onnx
