//===- Elementwise.cpp - linalg operations as expressions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::attacc;

/// A scalar operation on expressions; nothing if it leaves the normal form.
std::optional<Expression>
ProgramEmitter::evaluateOp(Operation &op, function_ref<Expression(Value)> get) {
  auto binary = [&](auto combine) -> std::optional<Expression> {
    return combine(get(op.getOperand(0)), get(op.getOperand(1)));
  };
  auto unary = [&](Atom::Kind kind) -> std::optional<Expression> {
    return algebra.function(kind, get(op.getOperand(0)));
  };
  auto maximum = [&](const Expression &l, const Expression &r) {
    return algebra.function(Atom::Max, l, r);
  };
  return TypeSwitch<Operation *, std::optional<Expression>>(&op)
      .Case([&](arith::ConstantOp constant) -> std::optional<Expression> {
        if (auto number = dyn_cast<FloatAttr>(constant.getValue()))
          return Expressions::constant(number.getValueAsDouble());
        return std::nullopt;
      })
      .Case([&](arith::AddFOp) { return binary(Expressions::add); })
      .Case([&](arith::SubFOp) { return binary(Expressions::subtract); })
      .Case([&](arith::MulFOp) {
        return binary([&](const Expression &l, const Expression &r) {
          return algebra.multiply(l, r);
        });
      })
      .Case([&](arith::DivFOp) -> std::optional<Expression> {
        std::optional<Expression> inverse =
            algebra.power(get(op.getOperand(1)), -1);
        if (!inverse)
          return std::nullopt;
        return algebra.multiply(get(op.getOperand(0)), *inverse);
      })
      .Case([&](arith::NegFOp) {
        return std::optional(Expressions::scale(get(op.getOperand(0)), -1));
      })
      .Case<arith::MaximumFOp, arith::MaxNumFOp>(
          [&](Operation *) { return binary(maximum); })
      .Case<arith::MinimumFOp, arith::MinNumFOp>([&](Operation *) {
        return binary([&](const Expression &l, const Expression &r) {
          return Expressions::scale(
              maximum(Expressions::scale(l, -1), Expressions::scale(r, -1)),
              -1);
        });
      })
      .Case([&](arith::SelectOp select) -> std::optional<Expression> {
        // x > y ? x : y
        auto compare = select.getCondition().getDefiningOp<arith::CmpFOp>();
        if (!compare)
          return std::nullopt;
        using Predicate = arith::CmpFPredicate;
        Predicate predicate = compare.getPredicate();
        bool isGreater =
            predicate == Predicate::OGT || predicate == Predicate::OGE ||
            predicate == Predicate::UGT || predicate == Predicate::UGE;
        bool isLess =
            predicate == Predicate::OLT || predicate == Predicate::OLE ||
            predicate == Predicate::ULT || predicate == Predicate::ULE;
        Expression l = get(compare.getLhs()), r = get(compare.getRhs());
        if (isLess)
          std::swap(l, r);
        if ((!isGreater && !isLess) ||
            !Expressions::isSame(l, get(select.getTrueValue())) ||
            !Expressions::isSame(r, get(select.getFalseValue())))
          return std::nullopt;
        return maximum(l, r);
      })
      .Case([&](arith::CmpFOp) { return std::optional(Expression()); })
      .Case<arith::ExtFOp, arith::TruncFOp>(
          [&](Operation *) { return std::optional(get(op.getOperand(0))); })
      .Case([&](math::ExpOp) { return unary(Atom::Exp); })
      .Case([&](math::ErfOp) { return unary(Atom::Erf); })
      .Case([&](math::TanhOp) { return unary(Atom::Tanh); })
      .Case([&](layer::GeluOp) { return unary(Atom::Gelu); })
      .Case([&](layer::GeluTanhOp) { return unary(Atom::GeluTanh); })
      .Case([&](layer::SwishOp swish) {
        // silu(alpha x) / alpha
        double alpha = swish.getAlpha().convertToDouble();
        Expression x = get(swish.getOperand());
        return std::optional(
            alpha == 0 ? Expressions::scale(x, 0.5)
                       : Expressions::scale(
                             algebra.function(Atom::Silu,
                                              Expressions::scale(x, alpha)),
                             1 / alpha));
      })
      .Case([&](math::SqrtOp) { return unary(Atom::Root); })
      .Case([&](math::RsqrtOp) {
        return algebra.power(
            algebra.function(Atom::Root, get(op.getOperand(0))), -1);
      })
      .Case([&](math::PowFOp) -> std::optional<Expression> {
        Expression exponent = get(op.getOperand(1));
        double number = exponent.constant();
        if (!exponent.isConstant())
          return std::nullopt;
        if (number == 0.5 || number == -0.5)
          return algebra.power(
              algebra.function(Atom::Root, get(op.getOperand(0))),
              number > 0 ? 1 : -1);
        if (number != std::round(number) || std::abs(number) > 4)
          return std::nullopt;
        return algebra.power(get(op.getOperand(0)), static_cast<int>(number));
      })
      .Case([&](math::FPowIOp power) -> std::optional<Expression> {
        IntegerAttr exponent;
        if (!matchPattern(power.getRhs(), m_Constant(&exponent)) ||
            exponent.getValue().abs().sgt(4))
          return std::nullopt;
        return algebra.power(get(power.getLhs()),
                             static_cast<int>(exponent.getInt()));
      })
      .Default([](Operation *) { return std::nullopt; });
}

std::optional<Expression> ProgramEmitter::evaluate(Block &body,
                                                   ValueRange arguments,
                                                   ArrayRef<Expression> known) {
  DenseMap<Value, Expression> local;
  for (auto [argument, value] : llvm::zip(arguments, known))
    local[argument] = value;
  bool isKnown = true;
  auto get = [&](Value value) -> Expression {
    auto place = local.find(value);
    if (place != local.end())
      return place->second;
    FloatAttr number; // from outside of the body
    isKnown &= matchPattern(value, m_Constant(&number));
    return Expressions::constant(isKnown ? number.getValueAsDouble() : 0);
  };
  for (Operation &inner : body.without_terminator()) {
    std::optional<Expression> value = evaluateOp(inner, get);
    if (!value || !isKnown || algebra.isTooLarge(*value))
      return std::nullopt;
    local[inner.getResult(0)] = *value;
  }
  Expression result = get(body.getTerminator()->getOperand(0));
  return isKnown ? std::optional(std::move(result)) : std::nullopt;
}

FailureOr<std::optional<Expression>>
ProgramEmitter::readInPlace(Value operand, AffineMap map,
                            ArrayRef<int64_t> ranges, int64_t &cols,
                            Operation *op) {
  using Found = std::optional<Expression>;
  if (isView(operand))
    return Found();
  FailureOr<MatrixExpression> known = lookup(operand, op);
  if (failed(known))
    return failure();
  if (known->value.isConstant())
    return Found(known->value);
  // Which loops of more than one trip select an element.
  SmallVector<unsigned> used, wanted;
  for (AffineExpr result : map.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(result))
      if (ranges[dim.getPosition()] != 1)
        used.push_back(dim.getPosition());
  for (unsigned dim = 0; dim < ranges.size(); ++dim)
    if (ranges[dim] != 1)
      wanted.push_back(dim);
  SmallVector<int> sources;
  algebra.collectTensors(known->value, sources);
  unsigned last = ranges.size() - 1;
  if (used == wanted) {
    // All elements in order; vectors only if there is one row.
    bool fits = known->cols == cols || algebra.isRowConstant(known->value);
    if (!fits && cols < 0) {
      cols = known->cols;
      fits = true;
    }
    return fits ? Found(known->value) : Found();
  }
  if (used == ArrayRef<unsigned>({last}) && known->rows == 1 &&
      known->cols == cols && sources.empty())
    return Found(known->value);
  if (!wanted.empty() && wanted.back() == last && ranges.back() == cols &&
      ArrayRef<unsigned>(used) == ArrayRef<unsigned>(wanted).drop_back() &&
      algebra.isRowConstant(known->value))
    return Found(known->value);
  return Found();
}

FailureOr<std::optional<Expression>>
ProgramEmitter::operandExpression(Value operand, AffineMap map,
                                  ArrayRef<int64_t> ranges, int64_t &cols,
                                  Operation *op) {
  FailureOr<std::optional<Expression>> found =
      readInPlace(operand, map, ranges, cols, op);
  if (failed(found) || *found)
    return found;
  FailureOr<isa::Strided> elements = view(operand, op);
  if (failed(elements))
    return failure();
  std::optional<isa::Strided> read = throughMap(*elements, map, ranges);
  if (!read)
    return std::optional<Expression>();
  if (cols < 0)
    cols = ranges.back();
  FailureOr<Cell> cell = cellOf(*read, read->count() / cols, cols, op);
  if (failed(cell))
    return failure();
  int tensor = static_cast<int>(cell->tensor->index);
  return std::optional(isMatrix(*cell) ? algebra.tensor(tensor)
                                       : algebra.vector(tensor));
}

LogicalResult ProgramEmitter::emitGeneric(linalg::GenericOp op) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  if (ranges.empty() || llvm::any_of(ranges, ShapedType::isDynamic) ||
      !op.hasPureTensorSemantics()) {
    // A scalar in a tensor of rank 0 has one loop less than none.
    if (!ranges.empty() || !op.hasPureTensorSemantics())
      return op.emitOpError("has loops of unknown trips or buffers, expected "
                            "tensors of static sizes");
    return emitDirect(op);
  }
  if (linalg::isaContractionOpInterface(op))
    return emitContraction(op);
  FailureOr<bool> done = emitView(op);
  if (succeeded(done) && !*done)
    done = emitExpression(op);
  if (failed(done))
    return failure();
  return *done ? success() : emitDirect(op);
}

FailureOr<bool> ProgramEmitter::emitExpression(linalg::GenericOp op) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  bool isReduction = kinds.back() == utils::IteratorType::reduction;
  for (utils::IteratorType kind : ArrayRef(kinds).drop_back())
    if (kind != utils::IteratorType::parallel)
      return false;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  AffineMap identity = AffineMap::getMultiDimIdentityMap(
      ranges.size() - isReduction, op.getContext());
  if (isReduction)
    identity = AffineMap::get(ranges.size(), 0, identity.getResults(),
                              op.getContext());
  if (op.getNumDpsInits() != 1 || maps.back() != identity)
    return false;
  // Rows are what the operands have if all agree, else those of the loops.
  int64_t total = 1, cols = -1;
  for (int64_t range : ranges)
    total *= range;
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (isView(input->get()))
      continue;
    FailureOr<MatrixExpression> known = lookup(input->get(), op);
    if (failed(known))
      return failure();
    auto type = dyn_cast<RankedTensorType>(input->get().getType());
    if (type && type.getNumElements() == total &&
        known->rows * known->cols == total)
      cols = cols < 0 || cols == known->cols ? known->cols : ranges.back();
  }
  if (cols < 0 || isReduction)
    cols = ranges.back();
  SmallVector<Expression> arguments;
  SmallVector<int> tensors; // that the operation reads
  int viewCount = 0;
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (isView(input->get())) {
      ++viewCount;
      continue;
    }
    FailureOr<MatrixExpression> known = lookup(input->get(), op);
    if (failed(known))
      return failure();
    algebra.collectTensors(known->value, tensors);
  }
  for (OpOperand *input : op.getDpsInputOperands()) {
    // A whole layer norm or softmax that meets something else is worked out;
    // before its scale and shift, or a sum over it, it would not be whole.
    FailureOr<MatrixExpression> whole = failure();
    if (!isView(input->get())) {
      whole = lookup(input->get(), op);
      if (failed(whole))
        return failure();
      if ((isReduction || tensors.size() + viewCount > 1) &&
          (algebra.matchLayerNorm(whole->value, whole->cols) ||
           algebra.matchSoftmax(whole->value, whole->cols)) &&
          failed(materialize(input->get(), op)))
        return failure();
    }
    if (isReduction && succeeded(whole)) {
      // A row is reduced once it exists, unless it is a function of one tensor
      // and of other reductions of it.
      FailureOr<MatrixExpression> known = lookup(input->get(), op);
      if (failed(known))
        return failure();
      SmallVector<int> sources;
      algebra.collectTensors(known->value, sources);
      bool isPlain = sources.size() <= 1;
      for (Atom::Kind kind :
           {Atom::Vector, Atom::Sum, Atom::Max, Atom::Exp, Atom::Erf,
            Atom::Tanh, Atom::Root, Atom::Gelu, Atom::GeluTanh, Atom::Silu})
        isPlain &= !algebra.contains(known->value, kind);
      bool hasRows = algebra.contains(known->value, Atom::RowSum) ||
                     algebra.contains(known->value, Atom::RowMax);
      if (!isPlain && !hasRows && !known->value.isConstant() &&
          known->rows > 1 && failed(materialize(input->get(), op)))
        return failure();
    }
    FailureOr<std::optional<Expression>> value = operandExpression(
        input->get(), op.getMatchingIndexingMap(input), ranges, cols, op);
    if (failed(value))
      return failure();
    if (!*value)
      return false;
    arguments.push_back(**value);
  }
  Expression before = algebra.accumulator();
  arguments.push_back(before);
  std::optional<Expression> value =
      evaluate(*op.getBody(), op.getBody()->getArguments(), arguments);
  if (!value)
    return false;
  Value result = op.getResult(0);
  int64_t rows = total / cols;
  if (!isReduction) {
    if (algebra.contains(*value, Atom::Accumulator))
      return false;
    values[result] = {*value, rows, cols};
    return true;
  }
  FailureOr<MatrixExpression> init = lookup(op.getDpsInitOperand(0)->get(), op);
  if (failed(init))
    return failure();
  if (!init->value.isConstant())
    return false;
  if (std::optional<int> atom = value->asAtom();
      atom && algebra[*atom].kind == Atom::Max) {
    const Atom &max = algebra[*atom];
    bool isFirst = Expressions::isSame(max.argument, before);
    if ((isFirst || Expressions::isSame(max.argument2, before)) &&
        init->value.constant() < -1e30) {
      values[result] = {algebra.function(Atom::RowMax, isFirst ? max.argument2
                                                               : max.argument),
                        rows, 1};
      return true;
    }
  }
  Expression addend = Expressions::subtract(*value, before);
  if (algebra.contains(addend, Atom::Accumulator))
    return false;
  values[result] = {Expressions::add(algebra.rowSum(addend, cols), init->value),
                    rows, 1};
  return true;
}

FailureOr<isa::TensorId> ProgramEmitter::rowOf(Value value, double otherwise,
                                               int64_t cols, Operation *op) {
  if (!value)
    return constantVector(otherwise, cols);
  if (!isView(value)) {
    FailureOr<MatrixExpression> known = lookup(value, op);
    if (failed(known))
      return failure();
    if (known->value.isConstant())
      return constantVector(known->value.constant(), cols);
  }
  FailureOr<isa::Strided> elements = view(value, op);
  if (failed(elements))
    return failure();
  return inPlace(*elements, {cols}, op);
}

LogicalResult ProgramEmitter::emitNorm(layer::NormOp op) {
  RankedTensorType type = op.getInput().getType();
  if (!type.hasStaticShape())
    return op.emitOpError("normalises ")
           << type << ", expected static sizes; programs have no others";
  int64_t cols = ShapedType::getNumElements(
      type.getShape().drop_front(static_cast<int64_t>(op.getAxis())));
  int64_t rows = type.getNumElements() / cols;
  FailureOr<isa::TensorId> source = matrix(op.getInput(), rows, cols, op);
  FailureOr<isa::TensorId> gamma = rowOf(op.getScale(), 1, cols, op);
  FailureOr<isa::TensorId> beta = rowOf(op.getBias(), 0, cols, op);
  if (failed(source) || failed(gamma) || failed(beta))
    return failure();
  FailureOr<isa::TensorId> dest = destination(op.getResult(), rows, cols);
  if (failed(dest) ||
      failed(check(
          isa::emitLayerNorm(
              b, device, options.type, *source, std::nullopt, *gamma, *beta,
              static_cast<float>(op.getEpsilon().convertToDouble()), *dest),
          op)))
    return failure();
  define(op.getResult(), *dest);
  return success();
}

LogicalResult ProgramEmitter::emitSoftmax(linalg::SoftmaxOp op) {
  auto type = cast<RankedTensorType>(op.getInput().getType());
  int64_t rank = type.getRank(), dim = static_cast<int64_t>(op.getDimension());
  int64_t cols = type.getShape()[dim], rows = type.getNumElements() / cols;
  // Rows along the dimension of the softmax, and the result in the same order.
  std::vector<int64_t> order, back(static_cast<size_t>(rank));
  for (int64_t k = 0; k != rank; ++k)
    if (k != dim)
      order.push_back(k);
  order.push_back(dim);
  for (auto [k, place] : llvm::enumerate(order))
    back[static_cast<size_t>(place)] = static_cast<int64_t>(k);
  FailureOr<isa::Strided> elements = view(op.getInput(), op);
  if (failed(elements))
    return failure();
  isa::Strided turned = elements->permuted(order);
  FailureOr<isa::TensorId> source = inPlace(turned, {rows, cols}, op);
  if (failed(source))
    return failure();
  bool isLast = dim + 1 == rank;
  FailureOr<isa::TensorId> dest =
      isLast ? destination(op.getResult()[0], rows, cols)
             : temporary(rows, cols);
  if (failed(dest) ||
      failed(check(isa::emitSoftmax(b, device, options.type, 1, *source, *dest),
                   op)))
    return failure();
  if (isLast)
    define(op.getResult()[0], *dest);
  else
    views[op.getResult()[0]] =
        isa::Strided::inOrder(*dest, turned.sizes).permuted(back);
  return success();
}
