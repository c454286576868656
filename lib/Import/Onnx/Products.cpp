//===- Products.cpp - MatMul, Gemm, Einsum -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Node.h"
#include "Scalars.h"
#include "llvm/ADT/StringExtras.h"

namespace mlir::nm::onnx {

namespace {

using utils::IteratorType;

LogicalResult matmul(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  if (n.in(0)->type != n.in(1)->type)
    return n.fail("operands are " + elementTypeName(n.in(0)->type) + " and " +
                  elementTypeName(n.in(1)->type));
  std::optional<Val> result = n.matmul(*n.in(0), *n.in(1));
  if (!result)
    return n.fail("the shapes of its operands do not fit a product");
  return n.set(*result);
}

LogicalResult gemm(NodeEmit &n) {
  if (failed(n.needs(2)))
    return failure();
  Val a = *n.in(0), w = *n.in(1);
  if (a.rank() != 2 || w.rank() != 2 || a.type != w.type)
    return n.fail("expected two matrices of one element type");
  if (n.intOr("transA", 0))
    a = n.transpose(a, {1, 0});
  std::optional<Val> product = n.matmul(a, w, n.intOr("transB", 0));
  if (!product)
    return n.fail("the shapes of its operands do not fit a product");
  Val result = *product;
  int32_t type = result.type;
  double alpha = n.floatOr("alpha", 1), beta = n.floatOr("beta", 1);
  if (alpha != 1)
    result = n.unary(result, [&](OpBuilder &b, Location loc, ValueRange v) {
      Scalar s(b, loc);
      return s.mul(v[0], s.number(v[0], alpha));
    });
  if (!n.has(2) || beta == 0)
    return n.set(result);
  Val &c = *n.in(2);
  std::optional<Dims> shape = n.broadcastShapes({&result, &c});
  if (!shape)
    return failure();
  if (!llvm::all_of_zip(*shape, result.shape, Emit::same))
    return n.fail("the third operand is larger than the product");
  return n.set(n.elementwise({&result, &c}, type, *shape,
                             [&](OpBuilder &b, Location loc, ValueRange v) {
                               Scalar s(b, loc);
                               Value add = v[1];
                               if (beta != 1)
                                 add = s.mul(add, s.number(add, beta));
                               return s.add(v[0], add);
                             }));
}

/// The subscripts of an Einsum: one letter for each dimension; those of an
/// ellipsis are numbered from the last.
struct Subscripts {
  SmallVector<SmallVector<int>> operands;
  SmallVector<int> result;
};

/// Labels of the ellipsis lie behind all letters, the last dimension first.
constexpr int kEllipsis = 256;

std::optional<std::string> parseTerm(StringRef text, int64_t rank,
                                     SmallVectorImpl<int> &labels,
                                     int64_t &ellipsis) {
  SmallVector<int> before, after;
  bool dots = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ')
      continue;
    if (text.substr(i).starts_with("...")) {
      if (dots)
        return "two ellipses in one term";
      dots = true;
      i += 2;
      continue;
    }
    if (!llvm::isAlpha(text[i]))
      return "character '" + std::string(1, text[i]) + "'";
    (dots ? after : before).push_back(text[i]);
  }
  int64_t named = static_cast<int64_t>(before.size() + after.size());
  int64_t hidden = rank < 0 ? ellipsis : rank - named;
  if (hidden < 0 || (!dots && rank >= 0 && hidden != 0))
    return "a term of " + std::to_string(named) +
           " letters for a tensor of rank " + std::to_string(rank);
  if (rank >= 0 && dots)
    ellipsis = std::max(ellipsis, hidden);
  labels.assign(before.begin(), before.end());
  if (dots)
    for (int64_t i = hidden; i > 0; --i)
      labels.push_back(kEllipsis + static_cast<int>(i));
  labels.append(after);
  return std::nullopt;
}

LogicalResult einsum(NodeEmit &n) {
  std::string equation;
  for (char c : n.stringOr("equation", ""))
    if (c != ' ')
      equation += c;
  auto [left, right] = StringRef(equation).split("->");
  bool hasResult = StringRef(equation).contains("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != n.inputs.size() || failed(n.needs(terms.size())))
    return n.fail("equation '" + equation + "' has " + Twine(terms.size()) +
                  " terms for " + Twine(n.inputs.size()) + " inputs");
  Subscripts subscripts;
  int64_t ellipsis = 0;
  for (auto [term, input] : llvm::zip(terms, n.inputs)) {
    if (auto wrong = parseTerm(term, input->rank(),
                               subscripts.operands.emplace_back(), ellipsis))
      return n.fail("equation '" + equation + "': " + *wrong);
  }
  if (hasResult) {
    if (auto wrong = parseTerm(right, -1, subscripts.result, ellipsis))
      return n.fail("equation '" + equation + "': " + *wrong);
  } else {
    // The ellipsis, then letters that stand once, in the alphabet's order.
    for (int64_t i = ellipsis; i > 0; --i)
      subscripts.result.push_back(kEllipsis + static_cast<int>(i));
    for (int letter = 'A'; letter <= 'z'; ++letter) {
      size_t count = 0;
      for (auto &labels : subscripts.operands)
        count += llvm::count(labels, letter);
      if (count == 1)
        subscripts.result.push_back(letter);
    }
  }
  // Loops: those of the result, then those that are summed over.
  SmallVector<int> order(subscripts.result);
  for (auto &labels : subscripts.operands)
    for (int label : labels)
      if (!llvm::is_contained(order, label))
        order.push_back(label);
  Dims sizes(order.size(), n.size(1));
  for (auto [labels, input] : llvm::zip(subscripts.operands, n.inputs))
    for (auto [d, label] : llvm::enumerate(labels)) {
      auto place = llvm::find(order, label) - order.begin();
      OpFoldResult size = input->shape[d];
      if (Emit::constant(size) == 1)
        continue;
      if (Emit::constant(sizes[place]) == 1)
        sizes[place] = size;
      else if (!n.require(size, sizes[place], "a dimension of an input"))
        return n.fail("equation '" + equation + "': one letter has two sizes");
    }
  for (int label : subscripts.result)
    if (llvm::count(subscripts.result, label) > 1)
      return n.fail("equation '" + equation +
                    "': a letter stands twice in the result");
  MLIRContext *context = n.b.getContext();
  SmallVector<AffineMap> maps;
  SmallVector<Value> operands;
  for (auto [labels, input] : llvm::zip(subscripts.operands, n.inputs)) {
    SmallVector<AffineExpr> exprs;
    for (auto [d, label] : llvm::enumerate(labels)) {
      auto place = llvm::find(order, label) - order.begin();
      bool stretched = Emit::constant(input->shape[d]) == 1 &&
                       Emit::constant(sizes[place]) != 1;
      exprs.push_back(stretched ? n.b.getAffineConstantExpr(0)
                                : n.b.getAffineDimExpr(place));
    }
    maps.push_back(AffineMap::get(order.size(), 0, exprs, context));
    operands.push_back(n.tensor(*input));
  }
  size_t rank = subscripts.result.size();
  SmallVector<AffineExpr> exprs;
  for (size_t d = 0; d < rank; ++d)
    exprs.push_back(n.b.getAffineDimExpr(d));
  maps.push_back(AffineMap::get(order.size(), 0, exprs, context));
  SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
  iterators.append(order.size() - rank, IteratorType::reduction);
  int32_t type = n.in(0)->type;
  int32_t sum = type == Float16 || type == Bfloat16 ? int32_t(Float) : type;
  Dims shape(sizes.begin(), sizes.begin() + rank);
  Val result =
      n.make(n.contract(operands, maps, iterators, shape, n.elementType(sum)),
             sum, shape);
  return n.set(n.castTo(result, type));
}

} // namespace

void addProducts(OperatorTable &t) {
  t.family("products");
  t.add("Einsum", einsum, 12);
  t.add("Gemm", gemm);
  t.add("MatMul", matmul);
}

} // namespace mlir::nm::onnx
