//===- PieceOps.cpp - Operators that cut, pad and join -*- C++ -*-===//
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

LogicalResult concat(NodeEmit &n) {
  SmallVector<Val *> inputs;
  for (Val *input : n.inputs)
    if (input)
      inputs.push_back(input);
  if (inputs.empty())
    return n.fail("has no inputs");
  int64_t rank = inputs[0]->rank();
  FailureOr<int64_t> axis = n.axis(n.intOr("axis", n.opset < 4 ? 1 : 0), rank);
  if (failed(axis))
    return failure();
  for (Val *input : inputs) {
    if (input->rank() != rank || input->type != inputs[0]->type)
      return n.fail("inputs differ in rank or element type");
    for (int64_t d = 0; d < rank; ++d)
      if (d != *axis && !n.require(input->shape[d], inputs[0]->shape[d],
                                   "dimension " + Twine(d) + " of an input"))
        return n.fail("inputs differ in dimension " + Twine(d));
  }
  return n.set(n.concat(inputs, *axis));
}

LogicalResult split(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  FailureOr<int64_t> axis = n.axis(n.intOr("axis", 0), x.rank());
  if (failed(axis))
    return failure();
  SmallVector<OpFoldResult> parts;
  auto count = static_cast<int64_t>(n.node.outputs.size());
  if (auto given = n.intsAttribute("split")) {
    for (int64_t one : *given)
      parts.push_back(n.size(one));
  } else if (n.has(1)) {
    FailureOr<SmallVector<OpFoldResult>> sizes = n.sizes(1, "split");
    if (failed(sizes))
      return failure();
    parts = *sizes;
  } else {
    count = n.intOr("num_outputs", count);
    OpFoldResult each =
        n.compute(Emit::Arith::CeilDiv, x.shape[*axis], n.size(count));
    OpFoldResult left = x.shape[*axis];
    for (int64_t i = 0; i < count; ++i) {
      OpFoldResult part = n.compute(Emit::Arith::Min, each, left);
      parts.push_back(part);
      left = n.sub(left, part);
    }
  }
  if (parts.size() < n.node.outputs.size())
    return n.fail("has " + Twine(n.node.outputs.size()) + " outputs, but " +
                  Twine(parts.size()) + " parts");
  OpFoldResult offset = n.size(0);
  for (auto [i, part] : llvm::enumerate(parts)) {
    if (std::optional<int64_t> known = Emit::constant(part);
        known && *known < 0)
      return n.fail("part " + Twine(i) + " has size " + Twine(*known));
    if (n.wants(i))
      (void)n.set(n.sliceAxis(x, *axis, offset, part), i);
    offset = n.add(offset, part);
  }
  if (!n.require(offset, x.shape[*axis], "the sum of the parts"))
    return n.fail("the parts have " + Twine(*Emit::constant(offset)) +
                  " elements together, the axis has " +
                  Twine(*Emit::constant(x.shape[*axis])));
  return success();
}

/// One bound of a slice, from the end if negative, kept within [low, high].
OpFoldResult clampBound(NodeEmit &n, OpFoldResult bound, OpFoldResult size,
                        OpFoldResult low, OpFoldResult high) {
  std::optional<int64_t> known = Emit::constant(bound);
  if (known) {
    // Bounds such as the largest number stand for the end.
    constexpr int64_t far = int64_t(1) << 40;
    bound = n.size(std::clamp(*known, -far, far));
    if (*known < 0)
      bound = n.add(bound, size);
  } else {
    Value value = n.index(bound), zero = n.indexConstant(0);
    Value negative = arith::CmpIOp::create(
        n.b, n.loc, arith::CmpIPredicate::slt, value, zero);
    Value wrapped = arith::AddIOp::create(n.b, n.loc, value, n.index(size));
    bound = arith::SelectOp::create(n.b, n.loc, negative, wrapped, value)
                .getResult();
  }
  bound = n.compute(Emit::Arith::Min, bound, high);
  return n.compute(Emit::Arith::Max, bound, low);
}

LogicalResult slice(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  SmallVector<OpFoldResult> starts, ends, offsets(x.rank(), n.size(0)),
      steps(x.rank(), n.size(1));
  SmallVector<int64_t> axes, strides;
  if (auto given = n.intsAttribute("starts")) {
    auto last = n.intsAttribute("ends");
    if (!last || last->size() != given->size())
      return n.fail("has " + Twine(given->size()) +
                    " starts and another number of ends");
    for (auto [start, end] : llvm::zip(*given, *last)) {
      starts.push_back(n.size(start));
      ends.push_back(n.size(end));
    }
    if (auto list = n.intsAttribute("axes"))
      axes = *list;
  } else {
    FailureOr<SmallVector<OpFoldResult>> first = n.sizes(1, "starts");
    if (failed(first))
      return failure();
    FailureOr<SmallVector<OpFoldResult>> last = n.sizes(2, "ends");
    if (failed(last))
      return failure();
    starts = *first;
    ends = *last;
    if (n.has(3)) {
      FailureOr<SmallVector<int64_t>> list = n.constantInts(3, "axes");
      if (failed(list))
        return failure();
      axes = *list;
    }
    if (n.has(4)) {
      FailureOr<SmallVector<int64_t>> list = n.constantInts(4, "steps");
      if (failed(list))
        return failure();
      strides = *list;
    }
  }
  if (axes.empty())
    llvm::append_range(
        axes, llvm::seq<int64_t>(0, static_cast<int64_t>(starts.size())));
  strides.resize(std::max(strides.size(), starts.size()), 1);
  FailureOr<SmallVector<int64_t>> places = n.axes(axes, x.rank());
  if (failed(places))
    return failure();
  if (starts.size() != ends.size() || starts.size() != places->size())
    return n.fail("has " + Twine(starts.size()) + " starts, " +
                  Twine(ends.size()) + " ends and " + Twine(places->size()) +
                  " axes");
  Dims sizes = x.shape;
  for (auto [i, axis] : llvm::enumerate(*places)) {
    int64_t step = strides[i];
    if (step == 0)
      return n.fail("a step is 0");
    OpFoldResult size = x.shape[axis], zero = n.size(0), minus = n.size(-1);
    OpFoldResult top = n.sub(size, n.size(1));
    bool forward = step > 0;
    // The largest negative number means before the first element.
    OpFoldResult start =
        clampBound(n, starts[i], size, zero, forward ? size : top);
    OpFoldResult end = clampBound(n, ends[i], size, forward ? zero : minus,
                                  forward ? size : top);
    OpFoldResult span = forward ? n.sub(end, start) : n.sub(start, end);
    OpFoldResult count =
        n.compute(Emit::Arith::CeilDiv, span,
                  n.size(forward ? step : -std::max(step, -INT64_MAX)));
    sizes[axis] = n.compute(Emit::Arith::Max, count, zero);
    offsets[axis] = start;
    steps[axis] = n.size(step);
  }
  return n.set(n.slice(x, offsets, sizes, steps));
}

LogicalResult tile(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val &x = *n.in(0);
  FailureOr<SmallVector<OpFoldResult>> repeats = n.sizes(1, "repeats");
  if (failed(repeats))
    return failure();
  if (static_cast<int64_t>(repeats->size()) != x.rank())
    return n.fail("has " + Twine(repeats->size()) +
                  " repeats for a tensor of rank " + Twine(x.rank()));
  Dims shape;
  for (auto [one, count] : llvm::zip(x.shape, *repeats))
    shape.push_back(n.mul(one, count));
  Value source = n.tensor(x);
  SmallVector<Value> sizes = n.indices(x.shape);
  return n.set(n.generate(
      x.type, shape, [&](OpBuilder &b, Location loc, ValueRange place) {
        SmallVector<Value> from;
        for (auto [index, size] : llvm::zip(place, sizes))
          from.push_back(arith::RemSIOp::create(b, loc, index, size));
        return tensor::ExtractOp::create(b, loc, source, from).getResult();
      }));
}

/// Where an index beyond the edges is read from.
Value mapPadded(OpBuilder &b, Location loc, StringRef mode, Value index,
                Value size) {
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value top = arith::SubIOp::create(b, loc, size, one);
  if (mode == "edge") {
    Value low = arith::MaxSIOp::create(b, loc, index, zero);
    return arith::MinSIOp::create(b, loc, low, top);
  }
  auto wrap = [&](Value value, Value period) -> Value {
    Value rest = arith::RemSIOp::create(b, loc, value, period);
    Value negative =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, rest, zero);
    Value up = arith::AddIOp::create(b, loc, rest, period);
    return arith::SelectOp::create(b, loc, negative, up, rest);
  };
  if (mode == "wrap")
    return wrap(index, size);
  // reflect: forth and back, the edges once.
  Value period = arith::AddIOp::create(b, loc, top, top);
  Value atLeast = arith::MaxSIOp::create(b, loc, period, one);
  Value phase = wrap(index, atLeast);
  Value back = arith::SubIOp::create(b, loc, period, phase);
  Value mirrored = arith::MinSIOp::create(b, loc, phase, back);
  return arith::MaxSIOp::create(b, loc, mirrored, zero);
}

LogicalResult pad(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &x = *n.in(0);
  SmallVector<OpFoldResult> given;
  std::optional<SmallVector<int64_t>> old = n.intsAttribute("pads");
  if (!old)
    old = n.intsAttribute("paddings");
  if (old) {
    for (int64_t one : *old)
      given.push_back(n.size(one));
  } else {
    FailureOr<SmallVector<OpFoldResult>> sizes = n.sizes(1, "pads");
    if (failed(sizes))
      return failure();
    given = *sizes;
  }
  SmallVector<int64_t> axes;
  if (n.has(3)) {
    FailureOr<SmallVector<int64_t>> list = n.constantInts(3, "axes");
    if (failed(list))
      return failure();
    axes = *list;
  } else {
    llvm::append_range(axes, llvm::seq<int64_t>(0, x.rank()));
  }
  FailureOr<SmallVector<int64_t>> places = n.axes(axes, x.rank());
  if (failed(places))
    return failure();
  if (given.size() != 2 * places->size())
    return n.fail("has " + Twine(given.size()) + " pads for " +
                  Twine(places->size()) + " axes");
  SmallVector<OpFoldResult> before(x.rank(), n.size(0));
  Dims shape = x.shape;
  for (auto [i, axis] : llvm::enumerate(*places)) {
    before[axis] = given[i];
    shape[axis] =
        n.add(shape[axis], n.add(given[i], given[i + places->size()]));
    if (std::optional<int64_t> known = Emit::constant(shape[axis]);
        known && *known < 0)
      return n.fail("pads take more from axis " + Twine(axis) + " than it has");
  }
  StringRef mode = n.stringOr("mode", "constant");
  if (mode != "constant" && mode != "edge" && mode != "reflect" &&
      mode != "wrap")
    return n.fail("mode is '" + mode +
                  "', expected constant, edge, reflect or wrap");
  Value fill;
  Type element = n.elementType(x.type);
  if (n.has(2))
    fill = n.scalar(*n.in(2));
  else
    fill = n.number(element, n.floatOr("value", 0));
  if (Emit::constant(n.product(x.shape)) == 0) {
    if (mode != "constant" && Emit::constant(n.product(shape)) != 0)
      return n.fail("pads an empty tensor with what is at its edges");
    return n.set(n.make(n.filled(shape, fill), x.type, shape));
  }
  Value source = n.tensor(x);
  SmallVector<Value> starts = n.indices(before), sizes = n.indices(x.shape);
  return n.set(n.generate(
      x.type, shape, [&](OpBuilder &b, Location loc, ValueRange place) {
        SmallVector<Value> from;
        Value inside;
        for (auto [index, start, size] : llvm::zip(place, starts, sizes)) {
          Value at = arith::SubIOp::create(b, loc, index, start);
          if (mode != "constant") {
            from.push_back(mapPadded(b, loc, mode, at, size));
            continue;
          }
          Value fits = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                             at, size);
          inside = inside
                       ? arith::AndIOp::create(b, loc, inside, fits).getResult()
                       : fits;
          from.push_back(mapPadded(b, loc, "edge", at, size));
        }
        if (!inside) {
          return tensor::ExtractOp::create(b, loc, source, from).getResult();
        }
        Value element = tensor::ExtractOp::create(b, loc, source, from);
        return arith::SelectOp::create(b, loc, inside, element, fill)
            .getResult();
      }));
}

/// The block size of DepthToSpace and SpaceToDepth, which are two reshapes
/// around a transposition of [N, C, H, W].
FailureOr<int64_t> readBlockSize(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  int64_t block = n.intOr("blocksize", 1);
  if (n.in(0)->rank() != 4 || block < 1)
    return n.fail("expected a tensor of rank 4 and a block size from 1");
  return block;
}

LogicalResult depthToSpace(NodeEmit &n) {
  FailureOr<int64_t> block = readBlockSize(n);
  if (failed(block))
    return failure();
  Val &x = *n.in(0);
  OpFoldResult size = n.size(*block), area = n.size(*block * *block);
  OpFoldResult depth = n.compute(Emit::Arith::Div, x.shape[1], area);
  bool columns = n.stringOr("mode", "DCR") == "CRD";
  Dims apart =
      columns ? Dims{x.shape[0], depth, size, size, x.shape[2], x.shape[3]}
              : Dims{x.shape[0], size, size, depth, x.shape[2], x.shape[3]};
  Val parts = n.reshape(x, apart);
  Val moved = n.transpose(parts, columns ? ArrayRef<int64_t>{0, 1, 4, 2, 5, 3}
                                         : ArrayRef<int64_t>{0, 3, 4, 1, 5, 2});
  return n.set(n.reshape(moved, {x.shape[0], depth, n.mul(x.shape[2], size),
                                 n.mul(x.shape[3], size)}));
}

LogicalResult spaceToDepth(NodeEmit &n) {
  FailureOr<int64_t> block = readBlockSize(n);
  if (failed(block))
    return failure();
  Val &x = *n.in(0);
  OpFoldResult size = n.size(*block);
  OpFoldResult high = n.compute(Emit::Arith::Div, x.shape[2], size);
  OpFoldResult wide = n.compute(Emit::Arith::Div, x.shape[3], size);
  Val parts = n.reshape(x, {x.shape[0], x.shape[1], high, size, wide, size});
  Val moved = n.transpose(parts, {0, 3, 5, 1, 2, 4});
  return n.set(
      n.reshape(moved, {x.shape[0], n.mul(x.shape[1], n.size(*block * *block)),
                        high, wide}));
}

} // namespace

void addPieces(OperatorTable &t) {
  t.family("shapes");
  t.add("Concat", concat);
  t.add("DepthToSpace", depthToSpace);
  t.add("Pad", pad);
  t.add("Slice", slice, 1, "steps and axes known only when the model runs");
  t.add("SpaceToDepth", spaceToDepth);
  t.add("Split", split);
  t.add("Tile", tile);
}

} // namespace mlir::nm::onnx
