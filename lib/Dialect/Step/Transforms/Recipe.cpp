//===- Recipe.cpp - What a fused loop needs to know of a recipe -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Recipe.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::step;

/// Groups of one row each are ranked in a register, or in a few.
static constexpr int64_t kMaxContiguousGroup = 64;

static bool isTensor(Value value) {
  return isa<RankedTensorType>(value.getType());
}

static bool isStatistic(Operation *op) {
  return isa<ChangeSumOp, ChangeProductOp, CountNonfiniteOp>(op);
}

static bool isGroupOp(Operation *op) {
  return isa<MaskOp, SoftThresholdOp>(op);
}

GroupOp::GroupOp(Operation *op) : op(op) {
  if (auto mask = dyn_cast<MaskOp>(op)) {
    source = mask.getSource();
    pattern = mask.getPattern();
    n = mask.getN();
    return;
  }
  auto soft = cast<SoftThresholdOp>(op);
  source = soft.getSource();
  pattern = soft.getPattern();
  n = soft.getN();
}

int64_t Recipe::levelOf(Operation *op) const {
  int64_t most = 0;
  for (Value operand : op->getOperands())
    if (auto found = level.find(operand); found != level.end())
      most = std::max(most, found->second);
  return most;
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// All tensors of the function have one shape.
static LogicalResult checkShapes(Recipe &recipe) {
  auto check = [&](Operation *op, Type type) -> LogicalResult {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return success();
    if (!recipe.shape)
      recipe.shape = tensor;
    Type element = tensor.getElementType();
    if (tensor.getEncoding() ||
        !(element.isF32() || element.isBF16() || element.isInteger(1)))
      return op->emitOpError()
             << "cannot be fused: expected tensors of f32, bf16 or i1, got "
             << tensor;
    if (tensor.getRank() == 0)
      return op->emitOpError("cannot be fused: a tensor has no dimensions");
    if (tensor.getShape() != recipe.shape.getShape())
      return op->emitOpError()
             << "cannot be fused: all tensors of a recipe have one shape, got "
             << tensor << " and " << recipe.shape;
    return success();
  };
  for (Type type : recipe.func.getArgumentTypes())
    if (failed(check(recipe.func, type)))
      return failure();
  for (Operation &op : recipe.func.front())
    for (Type type : op.getResultTypes())
      if (failed(check(&op, type)))
        return failure();
  bool anyValues = llvm::any_of(recipe.func.getArgumentTypes(), [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && !tensor.getElementType().isInteger(1);
  });
  if (!anyValues)
    return recipe.func.emitOpError(
        "cannot be fused: no argument is a tensor of f32 or bf16");
  return success();
}

static LogicalResult checkGroups(Recipe &recipe) {
  for (Operation *op : recipe.ops) {
    if (!isGroupOp(op))
      continue;
    PatternAttr pattern = GroupOp(op).pattern;
    if (!pattern.hasUnitBlock())
      return op->emitOpError("cannot be fused: blocks of several elements are "
                             "masked by step-lower-to-linalg alone");
    if (!recipe.pattern)
      recipe.pattern = pattern;
    if (pattern.getM() != recipe.pattern.getM() ||
        pattern.getAxis() != recipe.pattern.getAxis() ||
        pattern.getStride() != recipe.pattern.getStride())
      return op->emitOpError()
             << "cannot be fused: groups of a recipe are the same in all its "
             << "operations, got " << pattern << " and " << recipe.pattern;
  }
  if (!recipe.hasGroups())
    return success();
  int64_t axis = recipe.pattern.getAxis();
  recipe.isContiguous =
      recipe.pattern.getStride() == 1 && axis == recipe.shape.getRank() - 1;
  if (recipe.isContiguous && recipe.pattern.getM() > kMaxContiguousGroup)
    return recipe.func.emitOpError()
           << "cannot be fused: neighbours in groups of more than "
           << kMaxContiguousGroup << " are not ranked in registers, got "
           << recipe.pattern;
  bool ordered = !recipe.isContiguous ||
                 (recipe.pattern.getM() <= kStatisticRun
                      ? kStatisticRun % recipe.pattern.getM() != 0
                      : recipe.pattern.getM() % kStatisticRun != 0);
  for (Operation *op : recipe.ops)
    if (ordered && isa<ChangeSumOp, ChangeProductOp>(op))
      return op->emitOpError()
             << "cannot be fused: the loop visits elements in another order "
             << "than the statistic for groups of " << recipe.pattern
             << "; make a recipe of its own of it";
  return success();
}

static LogicalResult collectOps(Recipe &recipe) {
  DenseSet<Value> late; // scalars that are there after the loop
  for (Operation &op : recipe.func.front().without_terminator()) {
    bool onTensors = llvm::any_of(op.getOperands(), isTensor) ||
                     llvm::any_of(op.getResults(), isTensor);
    bool known =
        isa<step::ElementwiseOpInterface>(op) || isGroupOp(&op) ||
        isStatistic(&op) ||
        isa<arith::ExtFOp, arith::TruncFOp, arith::SelectOp, arith::MaximumFOp>(
            op);
    if (isa<arith::MaximumFOp>(op) && onTensors &&
        !getElementTypeOrSelf(op.getResult(0).getType()).isF32())
      return op.emitOpError("cannot be fused: arithmetic is in f32; widen the "
                            "operands by arith.extf");
    if (op.getNumRegions() || (onTensors && !known) || !isMemoryEffectFree(&op))
      return op.emitOpError("cannot be fused: a recipe holds elementwise "
                            "operations of step, step.mask, "
                            "step.soft_threshold, statistics, arith.extf, "
                            "truncf, select and maximumf on tensors, and any "
                            "arithmetic on scalars");
    bool isLate = llvm::any_of(op.getOperands(),
                               [&](Value v) { return late.contains(v); });
    if (onTensors && isLate)
      return op.emitOpError(
          "cannot be fused: it needs a statistic of the whole tensor");
    if (onTensors)
      recipe.ops.push_back(&op);
    else
      (isLate ? recipe.after : recipe.before).push_back(&op);
    if (isLate || isStatistic(&op))
      late.insert(op.result_begin(), op.result_end());
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Outputs and levels
//===----------------------------------------------------------------------===//

static FailureOr<std::optional<unsigned>>
getArgumentNumber(func::FuncOp func, unsigned result, StringRef name) {
  Attribute attr = func.getResultAttr(result, name);
  if (!attr)
    return std::optional<unsigned>();
  auto number = dyn_cast<IntegerAttr>(attr);
  if (!number || number.getInt() < 0 ||
      number.getInt() >= static_cast<int64_t>(func.getNumArguments()))
    return func.emitOpError()
           << "'" << name << "' of result " << result
           << " must be the number of an argument, got " << attr;
  return std::optional<unsigned>(number.getInt());
}

static LogicalResult collectOutputs(Recipe &recipe) {
  func::FuncOp func = recipe.func;
  DenseSet<unsigned> updated;
  for (auto [i, value] : llvm::enumerate(recipe.returnOp.getOperands())) {
    auto updates = getArgumentNumber(func, i, kUpdatesAttrName);
    auto storedIf = getArgumentNumber(func, i, kStoredIfAttrName);
    if (failed(updates) || failed(storedIf))
      return failure();
    if (!isTensor(value)) {
      if (*updates || *storedIf)
        return func.emitOpError()
               << "result " << i << " is no tensor and takes no memory";
      continue;
    }
    if (*updates) {
      if (func.getArgumentTypes()[**updates] != value.getType())
        return func.emitOpError()
               << "result " << i << " of type " << value.getType()
               << " cannot update argument " << **updates << " of type "
               << func.getArgumentTypes()[**updates];
      if (!updated.insert(**updates).second)
        return func.emitOpError()
               << "argument " << **updates << " is updated twice";
    }
    if (*storedIf && !func.getArgumentTypes()[**storedIf].isInteger(1))
      return func.emitOpError() << "'" << kStoredIfAttrName << "' of result "
                                << i << " must name an argument of type i1";
    recipe.outputs.push_back(
        {static_cast<unsigned>(i), value, *updates, *storedIf});
  }
  return success();
}

static void assignLevels(Recipe &recipe) {
  // Arguments take part from level 0 on until it is known where they are used.
  for (Operation *op : recipe.ops) {
    int64_t own = recipe.levelOf(op);
    for (Value result : op->getResults())
      if (isTensor(result))
        recipe.level[result] = own + isGroupOp(op);
    recipe.levels = std::max(recipe.levels, own + 1 + isGroupOp(op));
  }
  auto use = [&](Value value, int64_t at) {
    auto &last = recipe.lastUse.try_emplace(value, at).first->second;
    last = std::max(last, at);
    if (isa<BlockArgument>(value)) {
      auto &first = recipe.level.try_emplace(value, at).first->second;
      first = std::min(first, at);
    }
  };
  // What an output overwrites must have been read.
  for (const Recipe::Output &output : recipe.outputs) {
    auto found = recipe.level.find(output.value);
    use(output.value, found == recipe.level.end() ? 0 : found->second);
  }
  SmallVector<std::pair<Value, int64_t>> uses;
  for (Operation *op : recipe.ops) {
    // The levels of arguments do not enter: an operation that has no others is
    // done at once.
    int64_t at = 0;
    for (Value operand : op->getOperands())
      if (auto found = recipe.level.find(operand);
          found != recipe.level.end() && !isa<BlockArgument>(operand))
        at = std::max(at, found->second);
    for (Value operand : op->getOperands())
      if (isTensor(operand))
        uses.emplace_back(operand, isa<SoftThresholdOp>(op) ? at + 1 : at);
    if (isGroupOp(op))
      uses.emplace_back(GroupOp(op).source, at);
  }
  for (auto [value, at] : uses)
    use(value, at);
  for (const Recipe::Output &output : recipe.outputs) {
    if (!output.updates)
      continue;
    Value argument = recipe.func.getArgument(*output.updates);
    if (recipe.lastUse.contains(argument))
      recipe.level[argument] =
          std::min(recipe.level[argument], recipe.level[output.value]);
  }
}

FailureOr<Recipe> Recipe::get(func::FuncOp func) {
  Recipe recipe;
  recipe.func = func;
  if (!func.getBody().hasOneBlock())
    return func.emitOpError("cannot be fused: a recipe is one block");
  recipe.returnOp = cast<func::ReturnOp>(func.front().getTerminator());
  if (failed(checkShapes(recipe)) || failed(collectOps(recipe)) ||
      failed(checkGroups(recipe)) || failed(collectOutputs(recipe)))
    return failure();
  assignLevels(recipe);
  return recipe;
}
