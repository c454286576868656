//===- Shapes.cpp - Reshapes, slices, products -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"

namespace mlir::nm::onnx {

using utils::IteratorType;

namespace {
/// `from` dimensions [i, i + p) hold what `to` dimensions [j, j + q) hold.
struct Group {
  size_t from, fromEnd, to, toEnd;
};
} // namespace

/// Pairs up runs of dimensions with equal products; false where sizes that only
/// the call knows leave it open.
static bool pairDimensions(Emit &e, ArrayRef<OpFoldResult> from,
                           ArrayRef<OpFoldResult> to,
                           SmallVectorImpl<Group> &groups) {
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    bool found = false;
    size_t most = from.size() - i + to.size() - j;
    for (size_t total = 2; total <= most && !found; ++total)
      for (size_t p = 1; p < total && !found; ++p) {
        size_t q = total - p;
        if (i + p > from.size() || j + q > to.size())
          continue;
        // Sizes are asked for only where both sides can agree.
        auto left = e.product(from.slice(i, p)),
             right = e.product(to.slice(j, q));
        if (!Emit::same(left, right))
          continue;
        groups.push_back({i, i + p, j, j + q});
        i += p;
        j += q;
        found = true;
      }
    if (!found)
      return false;
  }
  auto isOne = [](OpFoldResult size) { return Emit::constant(size) == 1; };
  if (!llvm::all_of(from.drop_front(i), isOne) ||
      !llvm::all_of(to.drop_front(j), isOne))
    return false;
  if (groups.empty())
    return from.empty() || to.empty();
  groups.back().fromEnd = from.size();
  groups.back().toEnd = to.size();
  return true;
}

Value Emit::reshape(Value input, ArrayRef<OpFoldResult> from,
                    ArrayRef<OpFoldResult> to) {
  if (from.size() == to.size() && llvm::all_of_zip(from, to, same))
    return input;
  Type element = llvm::cast<RankedTensorType>(input.getType()).getElementType();
  SmallVector<Group> groups;
  if (pairDimensions(*this, from, to, groups)) {
    Dims middle;
    SmallVector<ReassociationIndices> down, up;
    for (const Group &group : groups) {
      ReassociationIndices &below = down.emplace_back();
      for (size_t d = group.from; d < group.fromEnd; ++d)
        below.push_back(static_cast<int64_t>(d));
      ReassociationIndices &above = up.emplace_back();
      for (size_t d = group.to; d < group.toEnd; ++d)
        above.push_back(static_cast<int64_t>(d));
      bool keepsFrom = group.fromEnd - group.from == 1;
      middle.push_back(
          keepsFrom ? from[group.from]
          : group.toEnd - group.to == 1
              ? to[group.to]
              : product(from.slice(group.from, group.fromEnd - group.from)));
    }
    if (middle.size() < from.size())
      input = tensor::CollapseShapeOp::create(
          b, loc, tensorType(middle, element), input, down);
    if (middle.size() < to.size())
      input = tensor::ExpandShapeOp::create(b, loc, tensorType(to, element),
                                            input, up, to);
    return input;
  }
  Val shape = known(Int64, size(to.size()), to);
  SmallVector<Value> sizes = indices(to);
  Value list = tensor::FromElementsOp::create(b, loc, sizes);
  return tensor::ReshapeOp::create(b, loc, tensorType(to, element), input,
                                   list);
}

Val Emit::reshape(Val &input, ArrayRef<OpFoldResult> to) {
  if (input.content) {
    Val result = known(input.type, to, *input.content);
    if (input.tensor)
      result.tensor = reshape(input.tensor, input.shape, to);
    return result;
  }
  return make(reshape(tensor(input), input.shape, to), input.type, to);
}

/// The element numbers, row-major, of constant sizes.
static std::optional<SmallVector<int64_t>> constants(ArrayRef<OpFoldResult> s) {
  SmallVector<int64_t> sizes;
  for (OpFoldResult one : s) {
    std::optional<int64_t> value = Emit::constant(one);
    if (!value)
      return std::nullopt;
    sizes.push_back(*value);
  }
  return sizes;
}

Val Emit::transpose(Val &input, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation,
                  llvm::seq<int64_t>(0, static_cast<int64_t>(input.rank()))))
    return input;
  Dims shape;
  for (int64_t from : permutation)
    shape.push_back(input.shape[from]);
  Value init = empty(shape, elementType(input.type));
  auto op =
      linalg::TransposeOp::create(b, loc, tensor(input), init, permutation);
  return make(op.getResult()[0], input.type, shape);
}

Val Emit::slice(Val &input, ArrayRef<OpFoldResult> offsets,
                ArrayRef<OpFoldResult> sizes, ArrayRef<OpFoldResult> strides) {
  SmallVector<OpFoldResult> steps(strides);
  if (steps.empty())
    steps.assign(input.rank(), size(1));
  auto start = constants(offsets), count = constants(sizes),
       step = constants(steps), shape = constants(input.shape);
  Val result = make({}, input.type, sizes);
  if (input.content && start && count && step && shape) {
    // The elements themselves.
    result.content.emplace();
    int64_t total = 1;
    for (int64_t one : *count)
      total *= one;
    for (int64_t n = 0; n < total; ++n) {
      int64_t rest = n, place = 0, width = 1;
      for (int64_t d = input.rank() - 1; d >= 0; --d) {
        place += ((*start)[d] + rest % (*count)[d] * (*step)[d]) * width;
        rest /= (*count)[d];
        width *= (*shape)[d];
      }
      result.content->push_back((*input.content)[place]);
    }
    return result;
  }
  if (llvm::any_of(sizes, [](OpFoldResult s) { return constant(s) == 0; })) {
    result.tensor = empty(sizes, elementType(input.type));
    return result;
  }
  bool forward = step && llvm::all_of(*step, [](int64_t s) { return s > 0; });
  if (forward) {
    result.tensor = tensor::ExtractSliceOp::create(
        b, loc, tensorType(sizes, elementType(input.type)), tensor(input),
        offsets, sizes, steps);
    return result;
  }
  Value source = tensor(input);
  SmallVector<Value> begin = indices(offsets), by = indices(steps);
  return generate(
      input.type, sizes,
      [&](OpBuilder &n, Location w, ValueRange place) -> Value {
        SmallVector<Value> from;
        for (size_t d = 0; d < place.size(); ++d)
          from.push_back(arith::AddIOp::create(
              n, w, begin[d], arith::MulIOp::create(n, w, place[d], by[d])));
        return tensor::ExtractOp::create(n, w, source, from);
      });
}

Val Emit::sliceAxis(Val &input, int64_t axis, OpFoldResult offset,
                    OpFoldResult count) {
  SmallVector<OpFoldResult> offsets(input.rank(), size(0));
  Dims sizes = input.shape;
  offsets[axis] = offset;
  sizes[axis] = count;
  return slice(input, offsets, sizes);
}

Val Emit::concat(ArrayRef<Val *> inputs, int64_t axis) {
  Dims shape = inputs[0]->shape;
  shape[axis] = size(0);
  bool listed = inputs[0]->rank() == 1;
  for (Val *input : inputs) {
    shape[axis] = add(shape[axis], input->shape[axis]);
    listed &= input->content.has_value();
  }
  if (listed) {
    SmallVector<OpFoldResult> content;
    for (Val *input : inputs)
      llvm::append_range(content, *input->content);
    return known(inputs[0]->type, shape, content);
  }
  if (inputs.size() == 1)
    return *inputs[0];
  Value result = empty(shape, elementType(inputs[0]->type));
  SmallVector<OpFoldResult> offsets(shape.size(), size(0));
  SmallVector<OpFoldResult> ones(shape.size(), size(1));
  for (Val *input : inputs) {
    if (constant(input->shape[axis]) == 0)
      continue;
    // Other dimensions agree with the first operand's.
    Dims sizes = shape;
    sizes[axis] = input->shape[axis];
    Value piece = tensor(*input);
    RankedTensorType expected = tensorType(sizes, elementType(input->type));
    if (piece.getType() != expected)
      piece = tensor::CastOp::create(b, loc, expected, piece);
    result = tensor::InsertSliceOp::create(b, loc, piece, result, offsets,
                                           sizes, ones);
    offsets[axis] = add(offsets[axis], input->shape[axis]);
  }
  return make(result, inputs[0]->type, shape);
}

Val Emit::gatherAlong(Val &data, Val &indices, int64_t axis) {
  Dims shape(data.shape.begin(), data.shape.begin() + axis);
  llvm::append_range(shape, indices.shape);
  shape.append(data.shape.begin() + axis + 1, data.shape.end());
  std::optional<SmallVector<int64_t>> places = indices.ints();
  std::optional<int64_t> count = constant(data.shape[axis]);
  if (places && count) {
    for (int64_t &place : *places)
      place += place < 0 ? *count : 0;
    if (data.content && data.rank() == 1) {
      SmallVector<OpFoldResult> content;
      for (int64_t place : *places)
        content.push_back((*data.content)[place]);
      return known(data.type, shape, content);
    }
    if (places->size() == 1) {
      Val row = sliceAxis(data, axis, size(places->front()), size(1));
      return reshape(row, shape);
    }
  }
  Value source = tensor(data);
  if (axis == 0 && data.rank() > 1 && isFloatType(data.type)) {
    Value init = empty(shape, elementType(data.type));
    auto op = layer::EmbeddingOp::create(b, loc, init.getType(),
                                         tensor(indices), source, init,
                                         /*from_end=*/true);
    return make(op.getResult(), data.type, shape);
  }
  Value wrap = index(data.shape[axis]);
  int64_t inner = indices.rank();
  // The indices stay an operand, so that their range is checked before.
  SmallVector<AffineExpr> exprs;
  for (int64_t d = 0; d < inner; ++d)
    exprs.push_back(b.getAffineDimExpr(axis + d));
  SmallVector<AffineMap> maps{
      AffineMap::get(shape.size(), 0, exprs, b.getContext()),
      b.getMultiDimIdentityMap(shape.size())};
  SmallVector<IteratorType> iterators(shape.size(), IteratorType::parallel);
  Value init = empty(shape, elementType(data.type));
  auto op = linalg::GenericOp::create(
      b, loc, init.getType(), tensor(indices), init, maps, iterators,
      [&](OpBuilder &n, Location w, ValueRange arguments) {
        Value place =
            arith::IndexCastOp::create(n, w, n.getIndexType(), arguments[0]);
        Value zero = arith::ConstantIndexOp::create(n, w, 0);
        Value negative =
            arith::CmpIOp::create(n, w, arith::CmpIPredicate::slt, place, zero);
        place = arith::SelectOp::create(
            n, w, negative, arith::AddIOp::create(n, w, place, wrap), place);
        SmallVector<Value> from;
        for (int64_t d = 0; d < data.rank(); ++d)
          from.push_back(d == axis ? place
                                   : linalg::IndexOp::create(
                                         n, w, d < axis ? d : d + inner - 1)
                                         .getResult());
        linalg::YieldOp::create(
            n, w, tensor::ExtractOp::create(n, w, source, from).getResult());
      });
  return make(op.getResult(0), data.type, shape);
}

Value Emit::contract(ArrayRef<Value> operands, ArrayRef<AffineMap> maps,
                     ArrayRef<IteratorType> iterators,
                     ArrayRef<OpFoldResult> shape, Type accumulator) {
  Value init = filled(shape, number(accumulator, 0));
  auto op = linalg::GenericOp::create(
      b, loc, init.getType(), operands, init, maps, iterators,
      [&](OpBuilder &n, Location w, ValueRange arguments) {
        Value term;
        for (Value factor : arguments.drop_back()) {
          if (isa<FloatType>(accumulator)) {
            if (factor.getType() != accumulator)
              factor = arith::ExtFOp::create(n, w, accumulator, factor);
            term = term ? arith::MulFOp::create(n, w, term, factor) : factor;
          } else {
            if (factor.getType() != accumulator)
              factor = arith::ExtSIOp::create(n, w, accumulator, factor);
            term = term ? arith::MulIOp::create(n, w, term, factor) : factor;
          }
        }
        Value sum = arguments.back();
        sum = isa<FloatType>(accumulator)
                  ? arith::AddFOp::create(n, w, sum, term).getResult()
                  : arith::AddIOp::create(n, w, sum, term).getResult();
        linalg::YieldOp::create(n, w, sum);
      });
  return op.getResult(0);
}

std::optional<Val> Emit::matmul(Val &a, Val &c, bool transposeRhs) {
  // Vectors are matrices of one row or column, which go at the end.
  Dims left = a.shape, right = c.shape;
  if (a.rank() == 0 || c.rank() == 0)
    return std::nullopt;
  if (a.rank() == 1)
    left = {size(1), left[0]};
  if (c.rank() == 1)
    right = transposeRhs ? Dims{size(1), right[0]} : Dims{right[0], size(1)};
  Val lhs = reshape(a, left), rhs = reshape(c, right);
  size_t kDim = right.size() - (transposeRhs ? 1 : 2);
  size_t nDim = right.size() - (transposeRhs ? 2 : 1);
  OpFoldResult m = left[left.size() - 2], n = right[nDim];
  if (!require(right[kDim], left.back(), "the second operand of a product"))
    return std::nullopt;
  Dims leftBatch(left.begin(), left.end() - 2);
  Dims rightBatch(right.begin(), right.end() - 2);
  std::optional<Dims> batch = broadcast({leftBatch, rightBatch});
  if (!batch)
    return std::nullopt;
  int32_t type = a.type;
  Type element = elementType(type);
  Type sum = element.isF16() || element.isBF16() ? b.getF32Type() : element;
  auto one = [](OpFoldResult size) { return constant(size) == 1; };
  Dims shape = *batch;
  shape.push_back(m);
  shape.push_back(n);

  Value result;
  if (llvm::all_of(rightBatch, one)) {
    // One matrix for all rows: their dimensions are one.
    Dims matrix{right[right.size() - 2], right.back()};
    Val weight = reshape(rhs, matrix);
    OpFoldResult total = mul(product(leftBatch), m);
    Val rows = reshape(lhs, {total, left.back()});
    Value init = filled({total, n}, number(sum, 0));
    if (transposeRhs) {
      AffineExpr i, j, k;
      bindDims(b.getContext(), i, j, k);
      auto map = [&](ArrayRef<AffineExpr> exprs) {
        return AffineMap::get(3, 0, exprs, b.getContext());
      };
      result = contract({tensor(rows), tensor(weight)},
                        {map({i, k}), map({j, k}), map({i, j})},
                        {IteratorType::parallel, IteratorType::parallel,
                         IteratorType::reduction},
                        {total, n}, sum);
    } else {
      result = linalg::MatmulOp::create(
                   b, loc, ValueRange{tensor(rows), tensor(weight)}, init)
                   .getResult(0);
    }
    result = reshape(result, {total, n}, shape);
  } else {
    size_t rank = shape.size();
    auto mapOf = [&](ArrayRef<OpFoldResult> own, unsigned row,
                     unsigned column) {
      AffineMap map = broadcastMap(own, *batch);
      SmallVector<AffineExpr> exprs(map.getResults());
      exprs.push_back(b.getAffineDimExpr(row));
      exprs.push_back(b.getAffineDimExpr(column));
      return AffineMap::get(rank + 1, 0, exprs, b.getContext());
    };
    SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
    iterators.push_back(IteratorType::reduction);
    unsigned i = rank - 2, j = rank - 1, k = rank;
    result = contract(
        {tensor(lhs), tensor(rhs)},
        {mapOf(leftBatch, i, k),
         transposeRhs ? mapOf(rightBatch, j, k) : mapOf(rightBatch, k, j),
         b.getMultiDimIdentityMap(rank + 1).getMajorSubMap(rank)},
        iterators, shape, sum);
  }
  Dims final = *batch;
  if (a.rank() > 1)
    final.push_back(m);
  if (c.rank() > 1)
    final.push_back(n);
  result = reshape(result, shape, final);
  Val product = make(result, sum == element ? type : int32_t(Float), final);
  return castTo(product, type);
}

} // namespace mlir::nm::onnx
