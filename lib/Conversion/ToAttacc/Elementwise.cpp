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
    return x.function(kind, get(op.getOperand(0)));
  };
  auto maximum = [&](const Expression &l, const Expression &r) {
    return x.function(Atom::Max, l, r);
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
          return x.multiply(l, r);
        });
      })
      .Case([&](arith::DivFOp) -> std::optional<Expression> {
        std::optional<Expression> inverse = x.power(get(op.getOperand(1)), -1);
        if (!inverse)
          return std::nullopt;
        return x.multiply(get(op.getOperand(0)), *inverse);
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
      .Case([&](math::SqrtOp) { return unary(Atom::Root); })
      .Case([&](math::RsqrtOp) {
        return x.power(x.function(Atom::Root, get(op.getOperand(0))), -1);
      })
      .Case([&](math::PowFOp) -> std::optional<Expression> {
        Expression exponent = get(op.getOperand(1));
        double number = exponent.constant();
        if (!exponent.isConstant())
          return std::nullopt;
        if (number == 0.5 || number == -0.5)
          return x.power(x.function(Atom::Root, get(op.getOperand(0))),
                         number > 0 ? 1 : -1);
        if (number != std::round(number) || std::abs(number) > 4)
          return std::nullopt;
        return x.power(get(op.getOperand(0)), static_cast<int>(number));
      })
      .Case([&](math::FPowIOp power) -> std::optional<Expression> {
        IntegerAttr exponent;
        if (!matchPattern(power.getRhs(), m_Constant(&exponent)) ||
            exponent.getValue().abs().sgt(4))
          return std::nullopt;
        return x.power(get(power.getLhs()),
                       static_cast<int>(exponent.getInt()));
      })
      .Default([](Operation *) { return std::nullopt; });
}

FailureOr<Expression> ProgramEmitter::evaluate(Block &body,
                                               ValueRange arguments,
                                               ArrayRef<Expression> known,
                                               Operation *op) {
  DenseMap<Value, Expression> local;
  for (auto [argument, value] : llvm::zip(arguments, known))
    local[argument] = value;
  auto get = [&](Value value) -> Expression {
    auto place = local.find(value);
    if (place != local.end())
      return place->second;
    FloatAttr number; // from outside of the body
    if (matchPattern(value, m_Constant(&number)))
      return Expressions::constant(number.getValueAsDouble());
    return Expressions::constant(std::nan(""));
  };
  for (Operation &inner : body.without_terminator()) {
    std::optional<Expression> value = evaluateOp(inner, get);
    if (!value) {
      InFlightDiagnostic error = op->emitOpError("has no instructions on ")
                                 << device.name;
      error.attachNote(inner.getLoc())
          << "'" << inner.getName()
          << "' is not among what expressions are made of";
      return failure();
    }
    if (x.isTooLarge(*value)) {
      InFlightDiagnostic error = op->emitOpError(
          "computes a longer expression than any that has instructions");
      error.attachNote(inner.getLoc()) << "it grew too long here";
      return failure();
    }
    local[inner.getResult(0)] = *value;
  }
  Expression result = get(body.getTerminator()->getOperand(0));
  for (const Term &term : result.terms)
    if (std::isnan(term.coefficient)) {
      op->emitOpError("computes with a value that is no constant and no "
                      "operand, expected none");
      return failure();
    }
  return result;
}

FailureOr<Expression>
ProgramEmitter::operandExpression(Value operand, AffineMap map,
                                  ArrayRef<int64_t> ranges, int64_t &cols,
                                  Operation *op) {
  FailureOr<Known> known = lookup(operand, op);
  if (failed(known))
    return failure();
  if (known->value.isConstant())
    return known->value;
  // Which loops of more than one trip select an element.
  SmallVector<unsigned> used, wanted;
  for (AffineExpr result : map.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(result))
      if (ranges[dim.getPosition()] != 1)
        used.push_back(dim.getPosition());
  for (unsigned dim = 0; dim < ranges.size(); ++dim)
    if (ranges[dim] != 1)
      wanted.push_back(dim);
  unsigned last = ranges.size() - 1;
  if (used == wanted) {
    // All elements in order; vectors only if there is one row.
    if (known->cols != cols && !x.isRowConstant(known->value)) {
      if (cols >= 0)
        return op->emitOpError("combines elements in rows of ")
               << known->cols << " with others in rows of " << cols
               << ", expected one shape";
      cols = known->cols;
    }
    return known->value;
  }
  if (used == ArrayRef<unsigned>({last}) && known->rows == 1)
    return known->value;
  if (!wanted.empty() && wanted.back() == last &&
      ArrayRef<unsigned>(used) == ArrayRef<unsigned>(wanted).drop_back() &&
      x.isRowConstant(known->value))
    return known->value;
  return op->emitOpError("reads ")
         << operand.getType() << " by " << AffineMapAttr::get(map)
         << ", expected all elements in order, a vector along the rows or a "
            "value for each row; transpose before";
}

LogicalResult ProgramEmitter::emitGeneric(linalg::GenericOp op) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  if (op.getNumDpsInits() != 1 || ranges.empty() ||
      llvm::any_of(ranges, ShapedType::isDynamic))
    return op.emitOpError("has ") << op.getNumDpsInits()
                                  << " results and loops of unknown trips, "
                                     "expected one and static sizes";
  if (linalg::isaContractionOpInterface(op))
    return emitContraction(op);
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  bool isReduction = kinds.back() == utils::IteratorType::reduction;
  for (utils::IteratorType kind : ArrayRef(kinds).drop_back())
    if (kind != utils::IteratorType::parallel)
      return op.emitOpError("reduces another dimension than the last, "
                            "expected elementwise code or a row reduction; "
                            "products have to be nm.matmul (--nm-raise)");
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  // Rows are what the operands have if all agree, else those of the loops.
  int64_t total = 1, cols = -1;
  for (int64_t range : ranges)
    total *= range;
  for (OpOperand *input : op.getDpsInputOperands()) {
    FailureOr<Known> known = lookup(input->get(), op);
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
  for (OpOperand *input : op.getDpsInputOperands()) {
    FailureOr<Known> known = lookup(input->get(), op);
    if (failed(known))
      return failure();
    x.collectTensors(known->value, tensors);
  }
  for (OpOperand *input : op.getDpsInputOperands()) {
    // A whole layer norm or softmax that meets something else is worked out;
    // before its scale and shift, or a sum over it, it would not be whole.
    FailureOr<Known> whole = lookup(input->get(), op);
    if (failed(whole))
      return failure();
    if ((isReduction || tensors.size() > 1) &&
        (x.matchLayerNorm(whole->value, whole->cols) ||
         x.matchSoftmax(whole->value, whole->cols)) &&
        failed(materialize(input->get(), op)))
      return failure();
    if (isReduction) {
      // A row is reduced once it exists, unless it is a function of one tensor
      // and of other reductions of it.
      FailureOr<Known> known = lookup(input->get(), op);
      if (failed(known))
        return failure();
      SmallVector<int> sources;
      x.collectTensors(known->value, sources);
      bool isPlain = sources.size() <= 1;
      for (Atom::Kind kind : {Atom::Vector, Atom::Sum, Atom::Max, Atom::Exp,
                              Atom::Erf, Atom::Tanh, Atom::Root})
        isPlain &= !x.contains(known->value, kind);
      bool hasRows = x.contains(known->value, Atom::RowSum) ||
                     x.contains(known->value, Atom::RowMax);
      if (!isPlain && !hasRows && !known->value.isConstant() &&
          known->rows > 1 && failed(materialize(input->get(), op)))
        return failure();
    }
    FailureOr<Expression> value = operandExpression(
        input->get(), op.getMatchingIndexingMap(input), ranges, cols, op);
    if (failed(value))
      return failure();
    arguments.push_back(*value);
  }
  Expression before = x.accumulator();
  arguments.push_back(before);
  FailureOr<Expression> value =
      evaluate(*op.getBody(), op.getBody()->getArguments(), arguments, op);
  if (failed(value))
    return failure();
  Value result = op.getResult(0);
  int64_t rows = total / cols;
  if (!isReduction) {
    AffineMap identity =
        AffineMap::getMultiDimIdentityMap(ranges.size(), op.getContext());
    if (maps.back() != identity || x.contains(*value, Atom::Accumulator))
      return op.emitOpError("writes by ")
             << AffineMapAttr::get(maps.back())
             << " or reads its destination, expected elements in order and a "
                "destination that is only written";
    values[result] = {*value, rows, cols};
    return success();
  }
  FailureOr<Known> init = lookup(op.getDpsInitOperand(0)->get(), op);
  if (failed(init))
    return failure();
  if (std::optional<int> atom = value->asAtom();
      atom && x[*atom].kind == Atom::Max) {
    const Atom &max = x[*atom];
    bool isFirst = Expressions::isSame(max.argument, before);
    if ((isFirst || Expressions::isSame(max.argument2, before)) &&
        init->value.isConstant() && init->value.constant() < -1e30) {
      values[result] = {
          x.function(Atom::RowMax, isFirst ? max.argument2 : max.argument),
          rows, 1};
      return success();
    }
  }
  Expression addend = Expressions::subtract(*value, before);
  if (x.contains(addend, Atom::Accumulator) || !init->value.isConstant())
    return op.emitOpError("reduces rows by something else than a sum or a "
                          "maximum, expected one of them");
  values[result] = {Expressions::add(x.rowSum(addend, cols), init->value), rows,
                    1};
  return success();
}

LogicalResult ProgramEmitter::emitSoftmax(linalg::SoftmaxOp op) {
  int64_t last = cast<RankedTensorType>(op.getInput().getType()).getRank() - 1;
  if (int64_t(op.getDimension()) != last)
    return op.emitOpError("is along dimension ")
           << op.getDimension() << ", expected the last one";
  FailureOr<isa::TensorId> source = materialize(op.getInput(), op);
  if (failed(source))
    return failure();
  std::vector<int64_t> shape = b[*source].shape;
  FailureOr<isa::TensorId> dest =
      destination(op.getResult()[0], shape[0], shape[1]);
  if (failed(dest) ||
      failed(check(isa::emitSoftmax(b, device, options.type, 1, *source, *dest),
                   op)))
    return failure();
  define(op.getResult()[0], *dest);
  return success();
}
