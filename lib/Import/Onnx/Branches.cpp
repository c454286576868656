//===- Branches.cpp - If --------------------------------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the condition is known, the branch that it chooses stands in place of
// the node. Elsewhere both become regions of an `scf.if`. A size in which the
// branches differ is chosen by the condition in front of it, so that whatever
// reads the result, and whoever plans its memory, has a number; only one that a
// branch computes from data is asked of the result.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "Regions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

namespace {

/// One of the two graphs, and what it computes.
struct Branch {
  StringRef name; ///< of the attribute
  const pb::Graph *graph = nullptr;
  Region region;
  SmallVector<Val> results;
};

class BranchesBuilder {
public:
  BranchesBuilder(NodeEmit &n, Value condition)
      : n(n), condition(condition), before(n) {
    branches[0].name = "then_branch";
    branches[1].name = "else_branch";
  }

  LogicalResult run() {
    // What is wrong in either is said at once.
    bool ok = true;
    for (Branch &branch : branches)
      ok &= succeeded(importBranch(branch));
    if (!ok)
      return failure();
    for (size_t i = 0; i < n.outputs.size(); ++i)
      if (n.wants(i))
        ok &= succeeded(join(i));
    if (!ok)
      return failure();
    makeIf();
    return success();
  }

private:
  LogicalResult importBranch(Branch &branch) {
    const pb::Attribute *attribute = n.attribute(branch.name);
    if (!attribute || !attribute->g)
      return n.fail("has no " + branch.name);
    branch.graph = attribute->g.get();
    if (branch.graph->outputs.size() != n.outputs.size())
      return n.fail("its " + branch.name + " has " +
                    Twine(branch.graph->outputs.size()) +
                    " outputs, expected " + Twine(n.outputs.size()));
    OpBuilder::InsertionGuard guard(n.b);
    n.b.setInsertionPointToEnd(&branch.region.emplaceBlock());
    auto arithmetic = n.memo->arithmetic;
    FailureOr<SmallVector<Val>> made = importGraph(n, *branch.graph, {});
    // What one branch computes is there neither in the other nor outside.
    n.memo->arithmetic = std::move(arithmetic);
    if (failed(made))
      return failure();
    branch.results = std::move(*made);
    return success();
  }

  /// "float32 [2, ?] ('y') in then_branch and ... in else_branch".
  std::string describe(size_t i) const {
    std::string text;
    for (const Branch &branch : branches) {
      const Val &result = branch.results[i];
      text += (text.empty() ? "" : " and ") + elementTypeName(result.type) +
              " " + shapeText(result) + " ('" +
              std::string(branch.graph->outputs[i].name) + "') in " +
              branch.name.str();
    }
    return text;
  }

  /// What output `i` is, whichever branch computes it: a known content, or a
  /// tensor that is yet to be made.
  LogicalResult join(size_t i) {
    const Val &yes = branches[0].results[i], &no = branches[1].results[i];
    StringRef differs = yes.type != no.type       ? "element type"
                        : yes.rank() != no.rank() ? "rank"
                                                  : "";
    if (!differs.empty())
      return n.fail("its output " + Twine(i) + " is " + describe(i) +
                    ", expected one " + differs +
                    " where only the call knows the condition; export with "
                    "the condition fixed, or give what it depends on to "
                    "nm-run, which compiles for it");
    bool isOneShape = true;
    Dims shape;
    for (auto [a, b] : llvm::zip(yes.shape, no.shape)) {
      isOneShape &= Emit::same(a, b);
      shape.push_back(choose(a, b));
    }
    if (isOneShape)
      if (std::optional<SmallVector<OpFoldResult>> content =
              joinContents(yes, no))
        return n.set(n.known(yes.type, shape, *content), i);
    tensors.push_back(i);
    return n.set(n.make({}, yes.type, shape), i);
  }

  /// A size or a whole number by the condition; null if one of the branches
  /// alone can compute it.
  OpFoldResult choose(OpFoldResult yes, OpFoldResult no) {
    std::optional<OpFoldResult> a = before(branches[0].region, yes),
                                b = before(branches[1].region, no);
    if (!a || !b)
      return {};
    if (Emit::same(*a, *b))
      return *a;
    return arith::SelectOp::create(n.b, n.loc, condition, n.index(*a),
                                   n.index(*b))
        .getResult();
  }

  std::optional<SmallVector<OpFoldResult>> joinContents(const Val &yes,
                                                        const Val &no) {
    if (!yes.content || !no.content ||
        yes.content->size() != no.content->size())
      return std::nullopt;
    SmallVector<OpFoldResult> content;
    for (auto [a, b] : llvm::zip(*yes.content, *no.content)) {
      OpFoldResult one = a == b                  ? OpFoldResult(a)
                         : isFloatType(yes.type) ? OpFoldResult()
                                                 : choose(a, b);
      if (!one)
        return std::nullopt;
      content.push_back(one);
    }
    return content;
  }

  RankedTensorType typeOf(const Val &value) const {
    SmallVector<int64_t> sizes;
    for (OpFoldResult size : value.shape) {
      std::optional<int64_t> known = size ? Emit::constant(size) : std::nullopt;
      sizes.push_back(known.value_or(ShapedType::kDynamic));
    }
    return RankedTensorType::get(sizes, n.elementType(value.type));
  }

  void makeIf() {
    SmallVector<Type> types;
    for (size_t i : tensors)
      types.push_back(typeOf(n.outputs[i]));
    auto branch = scf::IfOp::create(n.b, n.loc, types, condition,
                                    /*addThenBlock=*/false,
                                    /*addElseBlock=*/false);
    Region *regions[] = {&branch.getThenRegion(), &branch.getElseRegion()};
    for (auto [one, region] : llvm::zip(branches, regions)) {
      region->takeBody(one.region);
      OpBuilder::InsertionGuard guard(n.b);
      n.b.setInsertionPointToEnd(&region->front());
      SmallVector<Value> yielded;
      for (auto [i, type] : llvm::zip(tensors, types)) {
        Value value = n.tensor(one.results[i]);
        if (value.getType() != type)
          value = tensor::CastOp::create(n.b, n.loc, type, value);
        yielded.push_back(value);
      }
      scf::YieldOp::create(n.b, n.loc, yielded);
    }
    for (auto [i, result] : llvm::zip(tensors, branch.getResults())) {
      Val &value = n.outputs[i];
      value.tensor = result;
      for (auto [d, size] : llvm::enumerate(value.shape))
        if (!size)
          size = tensor::DimOp::create(n.b, n.loc, result, d).getResult();
    }
  }

  NodeEmit &n;
  Value condition;
  Branch branches[2];
  /// The outputs that are tensors of the operation.
  SmallVector<size_t> tensors;
  Hoist before;
};

/// The branch that a known condition chooses.
LogicalResult inlineBranch(NodeEmit &n) {
  FailureOr<int64_t> condition =
      n.only(n.constantInts(0, "condition"), "its condition");
  if (failed(condition))
    return failure();
  StringRef name = *condition ? "then_branch" : "else_branch";
  const pb::Attribute *chosen = n.attribute(name);
  if (!chosen || !chosen->g)
    return n.fail("has no " + name);
  FailureOr<SmallVector<Val>> results = importGraph(n, *chosen->g, {});
  if (failed(results))
    return failure();
  if (results->size() < n.node.outputs.size())
    return n.fail("its " + name + " has " + Twine(results->size()) +
                  " outputs, expected " + Twine(n.node.outputs.size()));
  for (auto [i, value] : llvm::enumerate(*results))
    (void)n.set(value, i);
  return success();
}

} // namespace

LogicalResult branch(NodeEmit &n) {
  if (failed(n.needs(1)))
    return failure();
  Val &condition = *n.in(0);
  if (condition.ints() || n.isKnownNow(condition))
    return inlineBranch(n);
  if (condition.type != Bool || !isOneElement(condition))
    return n.fail("its condition is of " + elementTypeName(condition.type) +
                  " " + shapeText(condition) + ", expected one of bool");
  return BranchesBuilder(n, n.scalar(condition)).run();
}

} // namespace mlir::nm::onnx
