//===- RowExpressions.cpp - What elements of tensors are -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Analysis/RowExpressions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::analysis;

/// Tensors that find() looks at, the latest first: what an activation is of is
/// near.
static constexpr size_t kNear = 1024;

int RowExpressions::number(Value value, unsigned place) {
  auto [found, isNew] = numbers.try_emplace({value.getAsOpaquePointer(), place},
                                            static_cast<int>(leaves.size()));
  if (isNew)
    leaves.push_back(place ? Value() : value);
  return found->second;
}

/// The size of rows; 0 if only the call knows it.
static int64_t columnsOf(ArrayRef<int64_t> sizes) {
  return sizes.empty() || ShapedType::isDynamic(sizes.back()) ? 0
                                                              : sizes.back();
}

void RowExpressions::note(Value tensor, RowExpression value) {
  if (known.try_emplace(tensor, std::move(value)).second)
    order.push_back(tensor);
}

/// An activation is a part of nothing else.
void RowExpressions::noteResult(Value tensor, RowExpression value) {
  if (!value.isPerRow && algebra.matchActivation(value.value))
    value.value = algebra.tensor(number(tensor));
  note(tensor, std::move(value));
}

const RowExpression &RowExpressions::of(Value tensor) {
  auto found = known.find(tensor);
  if (found != known.end())
    return found->second;
  auto type = cast<RankedTensorType>(tensor.getType());
  note(tensor,
       {algebra.tensor(number(tensor)), false, columnsOf(type.getShape())});
  return known[tensor];
}

/// The number that all elements of a value are.
std::optional<Expression> RowExpressions::constantOf(Value value) {
  FloatAttr scalar;
  if (matchPattern(value, m_Constant(&scalar)))
    return Expressions::constant(scalar.getValueAsDouble());
  DenseElementsAttr elements;
  if (matchPattern(value, m_Constant(&elements)) && elements.isSplat() &&
      isa<FloatType>(elements.getElementType()))
    return Expressions::constant(
        elements.getSplatValue<APFloat>().convertToDouble());
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    return constantOf(fill.getInputs()[0]);
  auto found = known.find(value);
  if (found != known.end() && found->second.value.isConstant())
    return found->second.value;
  return std::nullopt;
}

RowExpressions::Reading RowExpressions::read(linalg::LinalgOp op,
                                             OpOperand &operand) {
  Reading reading{operand.get()};
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<unsigned> used, all;
  for (AffineExpr result : op.getMatchingIndexingMap(&operand).getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(result);
    if (!dim && result != getAffineConstantExpr(0, op.getContext()))
      return reading;
    if (dim && ranges[dim.getPosition()] != 1)
      used.push_back(dim.getPosition());
  }
  for (unsigned dim = 0; dim < ranges.size(); ++dim)
    if (ranges[dim] != 1)
      all.push_back(dim);
  unsigned last = ranges.size() - 1;
  bool hasRows = !all.empty() && all.back() == last;
  reading.isWhole = used == all;
  reading.isPerRow =
      hasRows && ArrayRef<unsigned>(used) == ArrayRef(all).drop_back();
  reading.isVector =
      hasRows && all.size() > 1 && used == ArrayRef<unsigned>(last);
  // Of one row, a tensor with fewer dimensions is what follows them.
  auto type = cast<RankedTensorType>(operand.get().getType());
  if (hasRows && all.size() == 1 && reading.isWhole &&
      type.getRank() < static_cast<int64_t>(ranges.size())) {
    reading.isWhole = false;
    reading.isVector = true;
  }
  return reading;
}

Expression RowExpressions::argumentOf(linalg::LinalgOp op, OpOperand &operand,
                                      ArrayRef<int64_t> ranges, bool isPerRow) {
  Value value = operand.get();
  if (std::optional<Expression> constant = constantOf(value))
    return *constant;
  if (!isa<RankedTensorType>(value.getType()))
    return algebra.row(number(value)); // a scalar is the same everywhere
  Reading reading = read(op, operand);
  const RowExpression &source = of(value);
  int64_t cols = columnsOf(ranges);
  if (reading.isWhole)
    return source.isPerRow == isPerRow && (isPerRow || source.cols == cols)
               ? source.value
               : algebra.tensor(number(value));
  if (!isPerRow && reading.isPerRow)
    return source.isPerRow && source.cols == cols ? source.value
                                                  : algebra.row(number(value));
  if (!isPerRow && reading.isVector)
    return algebra.vector(number(value));
  // Some function of the place: this operand's, and no other's.
  return algebra.tensor(
      number(op->getResult(0), 1 + operand.getOperandNumber()));
}

/// Whether `op` computes one number a row from numbers of rows.
bool RowExpressions::isPerRow(linalg::LinalgOp op, int64_t &cols) {
  bool found = false;
  for (OpOperand *input : op.getDpsInputOperands()) {
    Value value = input->get();
    if (!isa<RankedTensorType>(value.getType()) || constantOf(value))
      continue;
    const RowExpression &source = of(value);
    if (!source.isPerRow || !read(op, *input).isWhole ||
        (found && source.cols != cols))
      return false;
    found = true;
    cols = source.cols;
  }
  return found;
}

DenseMap<Value, Expression> RowExpressions::evaluateBody(linalg::LinalgOp op,
                                                         bool isPerRow) {
  DenseMap<Value, Expression> local;
  Block &body = *op.getBlock();
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (BlockArgument argument : body.getArguments()) {
    OpOperand *operand = op.getMatchingOpOperand(argument);
    if (isa<FloatType>(argument.getType()) && !argument.use_empty())
      local[argument] = op.isDpsInit(operand)
                            ? algebra.accumulator()
                            : argumentOf(op, *operand, ranges, isPerRow);
  }
  auto get = [&](Value value) -> Expression {
    auto place = local.find(value);
    if (place != local.end())
      return place->second;
    if (std::optional<Expression> constant = constantOf(value))
      return *constant;
    bool isInside = value.getParentBlock() == &body;
    return isInside ? algebra.tensor(number(value))
                    : algebra.row(number(value));
  };
  for (Operation &inner : body.without_terminator()) {
    if (inner.getNumResults() != 1 ||
        !isa<FloatType>(inner.getResult(0).getType()))
      continue;
    std::optional<Expression> value;
    if (llvm::all_of(inner.getOperandTypes(), llvm::IsaPred<FloatType>) ||
        isa<arith::SelectOp, arith::ConstantOp>(inner))
      value = evaluate(algebra, inner, get);
    local[inner.getResult(0)] =
        value && !algebra.isTooLarge(*value)
            ? *value
            : algebra.tensor(number(inner.getResult(0)));
  }
  return local;
}

static bool isElementwise(linalg::LinalgOp op) {
  return op.hasPureTensorSemantics() && op->getNumResults() == 1 &&
         op.getNumLoops() != 0 &&
         op.getNumParallelLoops() == op.getNumLoops() &&
         op.getIndexingMapsArray().back().isIdentity() &&
         isa<FloatType>(getElementTypeOrSelf(op->getResult(0).getType()));
}

std::optional<DenseMap<Value, Expression>>
RowExpressions::scalarsOf(linalg::LinalgOp op) {
  int64_t cols = 0;
  if (!isElementwise(op) || isPerRow(op, cols))
    return std::nullopt;
  return evaluateBody(op, /*isPerRow=*/false);
}

void RowExpressions::visitElementwise(linalg::LinalgOp op) {
  int64_t cols = columnsOf(op.getStaticLoopRanges());
  bool perRow = isPerRow(op, cols);
  cutWholeOperands(op);
  DenseMap<Value, Expression> scalars = evaluateBody(op, perRow);
  Value yielded = op.getBlock()->getTerminator()->getOperand(0);
  auto value = scalars.find(yielded);
  if (value != scalars.end() &&
      !algebra.contains(value->second, Atom::Accumulator))
    noteResult(op->getResult(0), {value->second, perRow, cols});
}

/// Whether it has a name as it is.
bool RowExpressions::isWhole(const RowExpression &source) {
  return !source.isPerRow && source.cols > 1 &&
         (algebra.matchNorm(source.value, source.cols) ||
          algebra.matchSoftmax(source.value));
}

void RowExpressions::cutWholeOperands(linalg::LinalgOp op) {
  SmallVector<Value> operands;
  SmallVector<int> sources;
  for (OpOperand *input : op.getDpsInputOperands()) {
    Value value = input->get();
    if (!isa<RankedTensorType>(value.getType()) || constantOf(value) ||
        !read(op, *input).isWhole)
      continue;
    operands.push_back(value);
    algebra.collectTensors(of(value).value, sources);
  }
  if (op.getNumReductionLoops() == 0 && sources.size() < 2)
    return;
  for (Value operand : operands)
    if (RowExpression &source = known[operand]; isWhole(source))
      source.value = algebra.tensor(number(operand));
}

void RowExpressions::cutBeforeReduction(Value operand) {
  if (constantOf(operand))
    return;
  RowExpression &source = known[operand];
  if (source.isPerRow)
    return;
  SmallVector<int> sources;
  algebra.collectTensors(source.value, sources);
  bool isPlain = true;
  for (Atom::Kind kind : {Atom::Vector, Atom::Row, Atom::Sum, Atom::Max,
                          Atom::Exp, Atom::Log, Atom::Erf, Atom::Tanh,
                          Atom::Root, Atom::Gelu, Atom::GeluTanh, Atom::Silu})
    isPlain &= !algebra.contains(source.value, kind);
  bool hasRows = algebra.contains(source.value, Atom::RowSum) ||
                 algebra.contains(source.value, Atom::RowMax);
  if (sources.size() > 1 || (!isPlain && !hasRows))
    source.value = algebra.tensor(number(operand));
}

void RowExpressions::visitReduction(linalg::LinalgOp op) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  unsigned last = ranges.size() - 1;
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
      reduced != ArrayRef<unsigned>(last) ||
      ShapedType::isDynamic(ranges[last]) || ranges[last] == 1)
    return;
  // The result's dimensions are the other loops, in order, and perhaps a 0.
  AffineMap out = op.getIndexingMapsArray().back();
  for (auto [dim, result] : llvm::enumerate(out.getResults()))
    if (result != (dim < last ? getAffineDimExpr(dim, op.getContext())
                              : getAffineConstantExpr(0, op.getContext())))
      return;
  cutWholeOperands(op);
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (!isa<RankedTensorType>(input->get().getType()))
      continue;
    // Anything else is a contraction.
    Reading reading = read(op, *input);
    if (!reading.isWhole && !reading.isPerRow && !reading.isVector)
      return;
    (void)of(input->get());
    if (reading.isWhole)
      cutBeforeReduction(input->get());
  }
  std::optional<Expression> init = constantOf(op.getDpsInitOperand(0)->get());
  DenseMap<Value, Expression> scalars = evaluateBody(op, /*isPerRow=*/false);
  auto value = scalars.find(op.getBlock()->getTerminator()->getOperand(0));
  if (!init || value == scalars.end())
    return;
  Expression before = algebra.accumulator();
  std::optional<int> atom = value->second.asAtom();
  if (atom && algebra[*atom].kind == Atom::Max) {
    const Atom max = algebra[*atom];
    bool isFirst = Expressions::isSame(max.argument, before);
    // A maximum that starts there does not change with its start.
    if ((isFirst || Expressions::isSame(max.argument2, before)) &&
        init->constant() < -1e30)
      note(op->getResult(0),
           {algebra.function(Atom::RowMax,
                             isFirst ? max.argument2 : max.argument),
            true, ranges[last]});
    return;
  }
  Expression addend = Expressions::subtract(value->second, before);
  if (!algebra.contains(addend, Atom::Accumulator))
    note(op->getResult(0),
         {Expressions::add(algebra.rowSum(addend, ranges[last]), *init), true,
          ranges[last]});
}

/// The same elements in another shape; rows stay rows.
void RowExpressions::visitReshape(Operation *op) {
  Value source = op->getOperand(0), result = op->getResult(0);
  auto from = cast<RankedTensorType>(source.getType()),
       to = cast<RankedTensorType>(result.getType());
  if (!from.getRank() || !to.getRank())
    return;
  const RowExpression value = of(source);
  int64_t cols = from.getShape().back();
  if (value.isPerRow || (cols == to.getShape().back() && value.cols == cols &&
                         cols != 0 && cols != 1))
    note(result, value);
}

void RowExpressions::visit(Operation *op) {
  if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
    return visitReshape(op);
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || isa<linalg::FillOp>(op) ||
      !linalgOp.hasPureTensorSemantics())
    return;
  if (isElementwise(linalgOp))
    visitElementwise(linalgOp);
  else if (linalgOp.getNumReductionLoops() == 1)
    visitReduction(linalgOp);
}

Value RowExpressions::find(const Expression &value, Type type,
                           Operation *user) {
  for (auto [seen, tensor] : llvm::enumerate(llvm::reverse(order))) {
    if (seen == kNear)
      break;
    if (tensor.getType() != type || tensor.use_empty() ||
        known[tensor].isPerRow ||
        !Expressions::isSame(known[tensor].value, value))
      continue;
    Operation *op = tensor.getDefiningOp();
    if (!op ||
        (op->getBlock() == user->getBlock() && op->isBeforeInBlock(user)))
      return tensor;
  }
  return {};
}
