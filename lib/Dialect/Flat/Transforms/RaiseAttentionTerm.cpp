//===- RaiseAttentionTerm.cpp - Scalar terms behind tensors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Flat/Transforms/RaiseAttentionTerm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace mlir::flat::raise;

std::optional<double> Term::getFloat() const {
  if (kind != Constant)
    return std::nullopt;
  if (auto value = dyn_cast<FloatAttr>(constant))
    return value.getValueAsDouble();
  return std::nullopt;
}

std::optional<double> Term::getNumber() const {
  if (auto value = dyn_cast_or_null<FloatAttr>(constant))
    return value.getValueAsDouble();
  auto value = dyn_cast_or_null<IntegerAttr>(constant);
  if (!value || value.getValue().getSignificantBits() > 53)
    return std::nullopt;
  return value.getType().isInteger(1)
             ? static_cast<double>(value.getValue().getZExtValue())
             : static_cast<double>(value.getValue().getSExtValue());
}

void mlir::flat::raise::walkTerms(const Term *root,
                                  function_ref<void(const Term *)> visit) {
  DenseSet<const Term *> seen;
  SmallVector<const Term *> worklist{root};
  while (!worklist.empty()) {
    const Term *term = worklist.pop_back_val();
    if (!seen.insert(term).second)
      continue;
    visit(term);
    llvm::append_range(worklist, term->operands);
  }
}

bool mlir::flat::raise::contains(const Term *root, const Term *term) {
  bool found = false;
  walkTerms(root, [&](const Term *inner) { found |= inner == term; });
  return found;
}

bool mlir::flat::raise::isRowConstant(const Term *term, ArrayRef<Axis> row) {
  switch (term->kind) {
  case Term::Constant:
  case Term::Scalar:
  // Reductions are over the row; their results do not run along it.
  case Term::Max:
  case Term::Sum:
  case Term::All:
  case Term::Any:
    return true;
  case Term::Apply:
    return llvm::all_of(term->operands, [&](const Term *operand) {
      return isRowConstant(operand, row);
    });
  case Term::Index:
  case Term::Leaf:
  case Term::Product:
    return llvm::none_of(term->dims, [&](const Axes &axes) {
      return llvm::any_of(
          axes, [&](Axis axis) { return llvm::is_contained(row, axis); });
    });
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

static void append(std::vector<intptr_t> &key, ArrayRef<Axes> dims) {
  for (const Axes &axes : dims) {
    llvm::append_range(key, axes);
    key.push_back(-1);
  }
}

static intptr_t id(const void *pointer) {
  return reinterpret_cast<intptr_t>(pointer);
}

const Term *TermBuilder::make(Term term) {
  for (Axes &axes : term.dims)
    axes = table.resolve(axes);
  Key key{term.kind, id(term.value.getAsOpaquePointer()),
          id(term.constant.getAsOpaquePointer())};
  if (term.kind == Term::Apply) {
    key.push_back(id(term.op->getName().getAsOpaquePointer()));
    key.push_back(id(term.op->getAttrDictionary().getAsOpaquePointer()));
  } else if (term.kind == Term::Product) {
    key.push_back(id(term.op));
  }
  for (const Term *operand : term.operands)
    key.push_back(id(operand));
  append(key, term.dims);
  std::unique_ptr<Term> &node = terms[key];
  if (!node)
    node = std::make_unique<Term>(std::move(term));
  return node.get();
}

const Term *TermBuilder::leaf(const AxisView &view) {
  Term term{Term::Leaf};
  term.op = view.value.getDefiningOp();
  term.value = view.value;
  term.dims = view.dims;
  return make(std::move(term));
}

const Term *TermBuilder::apply(Operation *op, ArrayRef<const Term *> operands) {
  Term term{Term::Apply};
  term.op = op;
  term.operands.assign(operands.begin(), operands.end());
  return make(std::move(term));
}

const Term *TermBuilder::constant(Attribute value) {
  if (auto number = dyn_cast<FloatAttr>(value))
    value = FloatAttr::get(Float32Type::get(value.getContext()),
                           number.getValueAsDouble());
  Term term{Term::Constant};
  term.constant = value;
  return make(std::move(term));
}

const Term *TermBuilder::scalar(Value value) {
  Attribute known;
  if (matchPattern(value, m_Constant(&known)) &&
      isa<FloatAttr, IntegerAttr>(known))
    return constant(known);
  if (Operation *def = value.getDefiningOp())
    if (isa<arith::ExtFOp, arith::TruncFOp>(def))
      return scalar(def->getOperand(0));
  Term term{Term::Scalar};
  term.op = value.getDefiningOp();
  term.value = value;
  return make(std::move(term));
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

const Term *TermBuilder::evaluate(AxisView view) {
  if (++steps > kMaxSteps)
    return nullptr;
  for (Axes &axes : view.dims)
    axes = table.resolve(axes);
  Key key{id(view.value.getAsOpaquePointer())};
  append(key, view.dims);
  if (auto known = evaluated.find(key); known != evaluated.end())
    return known->second;

  const Term *term = nullptr;
  Operation *def = view.value.getDefiningOp();
  DenseElementsAttr elements;
  if (std::optional<AxisView> source = stepOverReshape(view, table))
    term = evaluate(*source);
  else if (matchPattern(view.value, m_Constant(&elements)) &&
           elements.isSplat() &&
           isa<FloatType, IntegerType>(elements.getElementType()))
    term = constant(elements.getSplatValue<Attribute>());
  else if (auto softmax = dyn_cast_or_null<linalg::SoftmaxOp>(def))
    term = evaluateSoftmax(softmax, view);
  else if (auto op = dyn_cast_or_null<linalg::LinalgOp>(def))
    term = evaluateLinalg(op, view);
  else
    term = leaf(view);
  if (term && !term->origin.value)
    term->origin = view;
  return evaluated[key] = term;
}

const Term *TermBuilder::evaluateLinalg(linalg::LinalgOp op,
                                        const AxisView &view) {
  if (!op.hasPureTensorSemantics())
    return leaf(view);
  unsigned number = cast<OpResult>(view.value).getResultNumber();
  OpOperand *init = op.getDpsInitOperand(number);
  FailureOr<SmallVector<Axes>> loops =
      getLoopAxes(op.getMatchingIndexingMap(init), view.dims);
  if (failed(loops))
    return leaf(view);
  std::string why;
  if (auto contraction = nm::raise::matchContraction(op, why);
      succeeded(contraction)) {
    Term term{Term::Product};
    term.op = op;
    term.dims = *loops;
    return make(std::move(term));
  }
  if (op.getNumReductionLoops() != 0)
    return evaluateReduction(op, view, *loops);
  const Term *term = evaluateBody(
      op, *loops, op.getBlock()->getTerminator()->getOperand(number));
  return term ? term : leaf(view);
}

bool TermBuilder::placeRow(linalg::LinalgOp op, SmallVectorImpl<Axes> &loops,
                           bool &isRow) {
  Axes axes = table.resolve(row);
  // What a result has along the row is no reduction over the row.
  for (const Axes &own : loops)
    for (Axis axis : own)
      if (llvm::is_contained(axes, axis))
        return false;
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  int64_t length = table.getStaticSize(axes);
  // A row of one key has no axes: every reduction over one element is its own.
  isRow = axes.empty();
  bool isPlaced = false;
  for (unsigned loop : reductions) {
    if (sizes[loop] == 1)
      continue;
    if (isPlaced || axes.empty() ||
        (!ShapedType::isDynamic(sizes[loop]) &&
         !ShapedType::isDynamic(length) && length != sizes[loop]))
      return false;
    isPlaced = isRow = true;
    loops[loop] = axes;
  }
  return true;
}

/// The larger of `accumulator` and what is returned, by a comparison and a
/// choice; null if it is something else.
static Value matchChosenMaximum(arith::SelectOp select, Value accumulator) {
  auto compare = select.getCondition().getDefiningOp<arith::CmpFOp>();
  if (!compare)
    return {};
  Value a = select.getTrueValue(), b = select.getFalseValue();
  using P = arith::CmpFPredicate;
  P p = compare.getPredicate();
  bool greater = p == P::OGT || p == P::OGE || p == P::UGT || p == P::UGE;
  bool less = p == P::OLT || p == P::OLE || p == P::ULT || p == P::ULE;
  bool straight = compare.getLhs() == a && compare.getRhs() == b;
  bool crossed = compare.getLhs() == b && compare.getRhs() == a;
  if (!(greater && straight) && !(less && crossed))
    return {};
  return a == accumulator ? b : b == accumulator ? a : Value();
}

const Term *TermBuilder::evaluateReduction(linalg::LinalgOp op,
                                           const AxisView &view,
                                           ArrayRef<Axes> resultLoops) {
  SmallVector<Axes> loops(resultLoops);
  bool isRow;
  if (!placeRow(op, loops, isRow))
    return leaf(view);
  OpOperand *init =
      op.getDpsInitOperand(cast<OpResult>(view.value).getResultNumber());
  Block *block = op.getBlock();
  Value accumulator = op.getMatchingBlockArgument(init);
  Value yielded = block->getTerminator()->getOperand(init->getOperandNumber() -
                                                     op.getNumDpsInputs());
  Operation *combine = yielded.getDefiningOp();
  if (!combine || combine->getBlock() != block)
    return leaf(view);

  Term term{Term::Max};
  Value element;
  if (isa<arith::AddFOp, arith::MaximumFOp, arith::MaxNumFOp, arith::AndIOp,
          arith::OrIOp>(combine)) {
    bool isTruth = yielded.getType().isInteger(1);
    if (isa<arith::AndIOp, arith::OrIOp>(combine) && !isTruth)
      return leaf(view);
    term.kind = isa<arith::AddFOp>(combine)   ? Term::Sum
                : isa<arith::AndIOp>(combine) ? Term::All
                : isa<arith::OrIOp>(combine)  ? Term::Any
                                              : Term::Max;
    element = combine->getOperand(0) == accumulator   ? combine->getOperand(1)
              : combine->getOperand(1) == accumulator ? combine->getOperand(0)
                                                      : Value();
  } else if (auto select = dyn_cast<arith::SelectOp>(combine)) {
    element = matchChosenMaximum(select, accumulator);
  }
  if (!element)
    return leaf(view);
  const Term *start =
      evaluate(readOperand(*init, op.getMatchingIndexingMap(init), loops));
  std::optional<double> number = start ? start->getNumber() : std::nullopt;
  if (!number || start->kind != Term::Constant ||
      (term.kind == Term::Max
           ? *number > -65504.0
           : *number != (term.kind == Term::All ? 1.0 : 0.0)))
    return leaf(view);
  const Term *operand = evaluateBody(op, loops, element);
  if (!operand)
    return leaf(view);
  // One element beside a start that changes nothing.
  if (!isRow)
    return operand;
  term.op = op;
  term.combine = combine;
  if (term.kind == Term::Max)
    term.constant = start->constant;
  term.operands = {operand};
  return make(std::move(term));
}

const Term *TermBuilder::evaluateSoftmax(linalg::SoftmaxOp op,
                                         const AxisView &view) {
  if (view.dims[op.getDimension()] != table.resolve(row))
    return leaf(view);
  const Term *x = evaluate({op.getInput(), view.dims});
  if (!x)
    return nullptr;
  return apply(op, {x});
}

const Term *TermBuilder::evaluateBody(linalg::LinalgOp op, ArrayRef<Axes> loops,
                                      Value value) {
  if (++steps > kMaxSteps)
    return nullptr;
  Block *block = op.getBlock();
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (argument.getOwner() != block)
      return scalar(value);
    OpOperand *operand = op.getMatchingOpOperand(argument);
    if (!isa<RankedTensorType>(operand->get().getType()))
      return scalar(operand->get());
    AffineMap map = op.getMatchingIndexingMap(operand);
    if (!nm::raise::readsWholeDimensions(map))
      return nullptr;
    return evaluate(readOperand(*operand, map, loops));
  }
  Operation *def = value.getDefiningOp();
  if (def->getBlock() != block)
    return scalar(value);
  if (auto index = dyn_cast<linalg::IndexOp>(def)) {
    Term term{Term::Index};
    term.op = op;
    term.dims = {loops[index.getDim()]};
    return make(std::move(term));
  }
  Attribute known;
  if (matchPattern(value, m_Constant(&known)))
    return isa<FloatAttr, IntegerAttr>(known) ? constant(known) : nullptr;
  if (isa<arith::ExtFOp, arith::TruncFOp>(def))
    return evaluateBody(op, loops, def->getOperand(0));
  // Only functions of scalars that say the same in f32.
  if (!isa<arith::ArithDialect, math::MathDialect>(def->getDialect()) ||
      def->getNumResults() != 1 || def->getNumRegions() != 0 ||
      isa<arith::BitcastOp>(def) || !isMemoryEffectFree(def))
    return nullptr;
  SmallVector<const Term *> operands;
  for (Value operand : def->getOperands()) {
    const Term *term = evaluateBody(op, loops, operand);
    if (!term)
      return nullptr;
    operands.push_back(term);
  }
  return apply(def, operands);
}
