//===- StoredTerm.cpp - What is computed from what is stored -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StoredTerm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "nm/Dialect/Common/ElementTypes.h"
#include "nm/Dialect/NM/IR/NMConstants.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/NM/Transforms/RaiseView.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::stored;

Strides stored::rowMajor(ArrayRef<int64_t> shape) {
  Strides strides(shape.size(), 1);
  for (size_t k = shape.size(); k > 1; --k)
    strides[k - 2] = strides[k - 1] * shape[k - 1];
  return strides;
}

std::optional<SmallVector<Strides>> Matcher::split(const Strides &strides,
                                                   ArrayRef<int64_t> shape) {
  SmallVector<Strides> steps(shape.size(), Strides(loops.size(), 0));
  Strides unit = rowMajor(shape);
  SmallVector<int64_t> last(shape.size(), 0);
  for (auto [loop, stride] : llvm::enumerate(strides)) {
    int64_t rest = stride;
    if (loops[loop] == 1)
      continue;
    for (size_t dim = 0; dim != shape.size() && rest; ++dim) {
      int64_t step = rest / unit[dim];
      steps[dim][loop] = step;
      last[dim] += step * (loops[loop] - 1);
      rest -= step * unit[dim];
    }
  }
  for (auto [dim, size] : llvm::enumerate(shape))
    if (last[dim] >= size)
      return std::nullopt;
  return steps;
}

Found Matcher::match(Value value, const Strides &strides) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (--visits < 0 || !type || !type.hasStaticShape() || type.getEncoding())
    return std::nullopt;
  Operation *op = value.getDefiningOp();
  if (!op)
    return std::nullopt;
  bool isConstant = bool(getConstantElements(value));
  if (isConstant || isa<ParamOp>(op)) {
    Type element = type.getElementType();
    bool isFloat = element.isF32() || element.isF16() || element.isBF16();
    if (!isFloat && !element.isSignlessInteger(8))
      return std::nullopt;
    return Term{isFloat ? Term::Float : Term::Integer,
                Leaf{value, strides},
                {},
                element};
  }
  if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
    return match(op->getOperand(0), strides);
  if (auto linalg = dyn_cast<linalg::LinalgOp>(op))
    return matchElementwise(linalg, strides);
  return std::nullopt;
}

Found Matcher::matchElementwise(linalg::LinalgOp op, const Strides &strides) {
  if (op.getNumDpsInits() != 1 || op.getNumReductionLoops() != 0 ||
      op.hasIndexSemantics() || !op.hasPureTensorSemantics())
    return std::nullopt;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!maps.back().isPermutation())
    return std::nullopt;
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  auto steps = split(strides, type.getShape());
  if (!steps)
    return std::nullopt;
  SmallVector<Strides> ofLoop(type.getRank());
  for (int64_t dim = 0; dim != type.getRank(); ++dim)
    ofLoop[maps.back().getDimPosition(dim)] = (*steps)[dim];

  Block &block = *op.getBlock();
  DenseMap<Value, Found> known;
  auto get = [&](Value scalar) -> Found {
    auto place = known.find(scalar);
    if (place != known.end())
      return place->second;
    Attribute number;
    if (matchPattern(scalar, m_Constant(&number))) {
      Term term{Term::Float, {}, {}, scalar.getType()};
      if (auto real = dyn_cast<FloatAttr>(number)) {
        term.leaf.number = real.getValueAsDouble();
        return term;
      }
      auto integer = dyn_cast<IntegerAttr>(number);
      if (integer && integer.getType().isInteger()) {
        term.kind = Term::Integer;
        term.leaf.number = static_cast<double>(integer.getInt());
        return term;
      }
      return std::nullopt;
    }
    Found found;
    if (auto argument = dyn_cast<BlockArgument>(scalar)) {
      if (argument.getOwner() == &block &&
          argument.getArgNumber() < op.getNumDpsInputs()) {
        OpOperand *input = op.getMatchingOpOperand(argument);
        AffineMap map = op.getMatchingIndexingMap(input);
        auto from = dyn_cast<RankedTensorType>(input->get().getType());
        if (from && from.hasStaticShape() && raise::readsWholeDimensions(map)) {
          Strides unit = rowMajor(from.getShape()), read(loops.size(), 0);
          for (auto [dim, expr] : llvm::enumerate(map.getResults()))
            if (auto loop = dyn_cast<AffineDimExpr>(expr))
              for (size_t k = 0; k != loops.size(); ++k)
                read[k] += ofLoop[loop.getPosition()][k] * unit[dim];
          found = match(input->get(), read);
        }
      }
    } else if (scalar.getParentBlock() == &block) {
      // Operations come in order: known already, or not understood.
      return std::nullopt;
    }
    known[scalar] = found;
    return found;
  };
  for (Operation &inner : block.without_terminator())
    if (inner.getNumResults() == 1 && inner.getNumOperands() != 0)
      known[inner.getResult(0)] = evaluate(inner, get);
  return get(block.getTerminator()->getOperand(0));
}

Found Matcher::convert(Term term, bool isUnsigned, Type type) {
  if (term.kind != Term::Integer && term.kind != Term::Centred)
    return std::nullopt;
  if (isa<FloatType>(term.type))
    return std::nullopt;
  if (isa<FloatType>(type) && !type.isF32() && !type.isF16() && !type.isBF16())
    return std::nullopt;
  if (term.kind == Term::Centred) {
    // A difference has a sign, whatever its terms have.
    if (isUnsigned)
      return std::nullopt;
    term.compute = type;
  } else if (term.leaf.value) {
    // The first extension says the sign; what was extended has room for it.
    if (!term.isUnsigned)
      term.isUnsigned = isUnsigned;
    else if (isUnsigned && !*term.isUnsigned)
      return std::nullopt;
  }
  term.type = type;
  return term;
}

Found Matcher::subtract(const Term &l, const Term &r) {
  bool isNumber = !r.leaf.value;
  if (l.kind != Term::Integer || !l.leaf.value || !l.isUnsigned ||
      l.type != r.type || (r.kind != Term::Integer && r.kind != Term::Float) ||
      (r.kind == Term::Integer && !isNumber && !r.isUnsigned))
    return std::nullopt;
  // Integers with room for the difference.
  if (!isa<FloatType>(l.type) && l.type.getIntOrFloatBitWidth() < 16)
    return std::nullopt;
  if (isNumber && std::abs(r.leaf.number) > 1 << 14)
    return std::nullopt;
  Term term = l;
  term.kind = Term::Centred;
  term.values = l.leaf;
  term.values.isUnsigned = *l.isUnsigned;
  term.zero = r.leaf;
  term.zero.isUnsigned = r.isUnsigned.value_or(false);
  term.compute = isa<FloatType>(l.type) ? l.type : Type();
  return term;
}

Found Matcher::multiply(const Term &l, const Term &r) {
  if (r.kind != Term::Float || !isa<FloatType>(l.type) || l.type != r.type)
    return std::nullopt;
  Term term = l;
  if (l.kind == Term::Integer) {
    if (!l.leaf.value || !l.isUnsigned)
      return std::nullopt;
    term.values = l.leaf;
    term.values.isUnsigned = *l.isUnsigned;
  } else if (l.kind != Term::Centred || l.compute != l.type) {
    return std::nullopt;
  }
  term.kind = Term::Scaled;
  term.scale = r.leaf;
  term.compute = l.type;
  return term;
}

Found Matcher::evaluate(Operation &op, function_ref<Found(Value)> get) {
  Found l = get(op.getOperand(0));
  if (!l)
    return std::nullopt;
  Type type = op.getResult(0).getType();
  return TypeSwitch<Operation *, Found>(&op)
      .Case<arith::ExtSIOp, arith::SIToFPOp>(
          [&](Operation *) { return convert(*l, false, type); })
      .Case<arith::ExtUIOp, arith::UIToFPOp>(
          [&](Operation *) { return convert(*l, true, type); })
      .Case([&](arith::ExtFOp) -> Found {
        // What is computed stays as it is; a leaf is read in its own type.
        l->type = type;
        if (l->kind == Term::Integer)
          return std::nullopt;
        return l;
      })
      .Case<arith::SubFOp, arith::SubIOp>([&](Operation *) -> Found {
        Found r = get(op.getOperand(1));
        return r ? subtract(*l, *r) : std::nullopt;
      })
      .Case([&](arith::MulFOp) -> Found {
        Found r = get(op.getOperand(1));
        if (!r)
          return std::nullopt;
        Found product = multiply(*l, *r);
        return product ? product : multiply(*r, *l);
      })
      .Default([](Operation *) { return Found(); });
}

/// Where nm-raise stops on its way up from a product, unless that is a weight
/// already; before the first scale that it would leave in the product, for
/// whose rounding the model has another place. A matrix rather than the same
/// with dimensions of size 1.
static Value follow(raise::View view, unsigned k) {
  std::string ignored;
  Value weight, matrix;
  for (;;) {
    if (!weight && view.getType().getRank() == 2)
      matrix = view.value;
    FailureOr<raise::View> up = raise::stepUp(view, ignored);
    if (failed(up)) {
      if (!weight)
        weight = matrix ? matrix : view.value;
      if (auto scaled = raise::stepThroughScale(view, k, ignored);
          succeeded(scaled))
        up = scaled->view;
    }
    if (failed(up))
      break;
    view = *up;
  }
  Operation *op = view.value.getDefiningOp();
  if (!op || getConstantElements(view.value))
    return {};
  // A parameter is read as it is, if it is a matrix.
  if (isa<ParamOp>(op))
    return view.getType().getRank() == 2 ? Value() : matrix;
  return weight;
}

static SmallVector<Value> collectComputedWeights(func::FuncOp func) {
  SmallVector<Value> weights;
  func.walk([&](linalg::LinalgOp op) {
    std::string ignored;
    auto contraction = raise::matchContraction(op, ignored);
    if (succeeded(contraction))
      for (const raise::View &operand : contraction->operands)
        if (Value weight = follow(operand, contraction->k))
          if (!llvm::is_contained(weights, weight))
            weights.push_back(weight);
  });
  return weights;
}

static SmallVector<SmallVector<int64_t>> shapesOf(Value value) {
  SmallVector<SmallVector<int64_t>> shapes;
  SmallVector<Value> pending{value};
  for (int visits = kMostVisits; !pending.empty() && visits; --visits) {
    Value next = pending.pop_back_val();
    auto type = dyn_cast<RankedTensorType>(next.getType());
    Operation *op = next.getDefiningOp();
    if (!type || !type.hasStaticShape() || !op)
      continue;
    if (!llvm::is_contained(shapes, type.getShape()))
      shapes.emplace_back(type.getShape());
    if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
      pending.push_back(op->getOperand(0));
    else if (auto linalg = dyn_cast<linalg::LinalgOp>(op))
      for (Value input : linalg.getDpsInputs())
        if (auto from = dyn_cast<RankedTensorType>(input.getType());
            from && from.hasStaticShape() &&
            from.getNumElements() == type.getNumElements())
          pending.push_back(input);
  }
  // In the order of the walk where two are as fine.
  SmallVector<SmallVector<int64_t>> sorted;
  for (size_t rank = 32; rank != 0; --rank)
    for (const SmallVector<int64_t> &shape : shapes)
      if (shape.size() == rank)
        sorted.push_back(shape);
  return sorted;
}

void stored::replaceComputedWeights(
    func::FuncOp func,
    function_ref<bool(Value, const Term &, ArrayRef<int64_t>, IRRewriter &)>
        replace) {
  IRRewriter rewriter(func.getContext());
  for (Value weight : collectComputedWeights(func)) {
    auto type = dyn_cast<RankedTensorType>(weight.getType());
    if (!type || !type.hasStaticShape() || type.getNumElements() == 0)
      continue;
    for (const SmallVector<int64_t> &loops : shapesOf(weight)) {
      Found found = Matcher(loops).match(weight, rowMajor(loops));
      if (found && replace(weight, *found, loops, rewriter))
        break;
    }
  }
}

::nm::rt::StoredOperand stored::describe(const Leaf &leaf) {
  ::nm::rt::StoredOperand operand;
  if (!leaf.value) {
    operand.number = leaf.number;
    return operand;
  }
  auto type = cast<RankedTensorType>(leaf.value.getType());
  // A constant has no key; anything but nothing will do.
  auto param = leaf.value.getDefiningOp<ParamOp>();
  operand.key = param ? param.getKey().str() : "constant";
  operand.dtype = toDType(type.getElementType(), leaf.isUnsigned);
  operand.shape.assign(type.getShape().begin(), type.getShape().end());
  operand.strides.assign(leaf.strides.begin(), leaf.strides.end());
  return operand;
}

void stored::eraseUnused(Operation *op, IRRewriter &rewriter) {
  llvm::SmallSetVector<Operation *, 8> pending; // each once
  pending.insert(op);
  while (!pending.empty()) {
    Operation *next = pending.pop_back_val();
    if (!isOpTriviallyDead(next))
      continue;
    SmallVector<Operation *> producers;
    for (Value operand : next->getOperands())
      if (Operation *producer = operand.getDefiningOp())
        producers.push_back(producer);
    rewriter.eraseOp(next);
    pending.insert(producers.begin(), producers.end());
  }
}
