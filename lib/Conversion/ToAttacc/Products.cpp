//===- Products.cpp - Matrix products as instructions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramEmitter.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::attacc;

std::optional<isa::Epilogue>
ProgramEmitter::matchEpilogue(const Expression &value) {
  auto accumulator = x.accumulator();
  int atom = *accumulator.asAtom();
  // The argument of the activation, or the value: scale * accumulator + bias.
  auto matchLinear = [&](const Expression &a, isa::Epilogue &epilogue) -> bool {
    epilogue.scale = 0;
    for (const Term &term : a.terms) {
      if (term.factors.size() != 1 || term.factors[0].power != 1)
        return false;
      const Atom &factor = x[term.factors[0].atom];
      if (term.factors[0].atom == atom)
        epilogue.scale = static_cast<float>(term.coefficient);
      else if (factor.kind == Atom::Vector && term.coefficient == 1 &&
               !epilogue.bias)
        epilogue.bias = isa::TensorId{static_cast<uint32_t>(factor.tensor)};
      else
        return false;
    }
    return epilogue.scale != 0;
  };
  auto match = [&](const Expression &a) -> std::optional<isa::Epilogue> {
    isa::Epilogue epilogue;
    if (auto activation = x.matchActivation(a)) {
      epilogue.activation = activation->kind;
      if (matchLinear(activation->argument, epilogue))
        return epilogue;
      return std::nullopt;
    }
    if (matchLinear(a, epilogue))
      return epilogue;
    return std::nullopt;
  };
  for (const Term &term : value.terms) {
    if (term.factors.size() != 1 || term.factors[0].power != 1 ||
        term.coefficient != 1)
      continue;
    const Atom &factor = x[term.factors[0].atom];
    if (factor.kind != Atom::Tensor)
      continue;
    Expression rest = Expressions::subtract(value, x.tensor(factor.tensor));
    if (std::optional<isa::Epilogue> epilogue = match(rest)) {
      epilogue->residual = isa::TensorId{static_cast<uint32_t>(factor.tensor)};
      return epilogue;
    }
  }
  return match(value);
}

std::optional<std::pair<isa::Epilogue, Expression>>
ProgramEmitter::matchGatedEpilogue(const Expression &value) {
  // An epilogue times a tensor.
  if (auto gate = split(value, [&](const Expression &rest) {
        return matchEpilogue(rest).has_value();
      })) {
    Expression factor;
    factor.terms.push_back({1, {{gate->atom, 1}}});
    return std::pair(*matchEpilogue(gate->rest), factor);
  }
  // (accumulator + bias) * factor.
  int atom = *x.accumulator().asAtom();
  Expression factor, rest;
  for (const Term &term : value.terms) {
    bool isOfProduct = llvm::any_of(term.factors, [&](const Factor &other) {
      return other.atom == atom && other.power == 1;
    });
    Expression part;
    part.terms.push_back(term);
    if (isOfProduct) {
      llvm::erase_if(part.terms[0].factors,
                     [&](const Factor &other) { return other.atom == atom; });
      factor = Expressions::add(factor, part);
    } else {
      rest = Expressions::add(rest, part);
    }
  }
  if (factor.terms.empty() || rest.terms.empty() ||
      x.contains(factor, Atom::Accumulator) ||
      x.contains(rest, Atom::Accumulator))
    return std::nullopt;
  for (const Factor &candidate : rest.terms[0].factors) {
    if (x[candidate.atom].kind != Atom::Vector)
      continue;
    int vector = x[candidate.atom].tensor;
    if (!Expressions::isSame(rest, x.multiply(factor, x.vector(vector))))
      continue;
    isa::Epilogue epilogue;
    epilogue.bias = isa::TensorId{static_cast<uint32_t>(vector)};
    return std::pair(epilogue, factor);
  }
  return std::nullopt;
}

FailureOr<isa::Weight> ProgramEmitter::weightOf(nm::MatmulOp op, int64_t in,
                                                int64_t out) {
  isa::Weight weight;
  Value value = strip(op.getRhs());
  bool isOutFirst = op.getTransposeRhs();
  auto param = value.getDefiningOp<nm::ParamOp>();
  nm::SparsityAttr sparsity = op.getSparsity();
  if (sparsity && op.isLhsSparse())
    return op.emitOpError("has an N:M operand on the left, expected it on the "
                          "right; transpose the product");
  if (!param) {
    FailureOr<isa::TensorId> tensor = materialize(value, op);
    if (failed(tensor))
      return failure();
    if (sparsity && !sparsity.isDense())
      return op.emitOpError("has an N:M weight that is no checkpoint "
                            "parameter, expected nm.param");
    weight.values = *tensor;
    weight.transposed = !isOutFirst;
    return weight;
  }
  isa::SparsePattern pattern;
  if (sparsity && !sparsity.isDense())
    pattern = {sparsity.getN(), sparsity.getM()};
  if (pattern.m && !device.array.skips(pattern)) {
    remark::missed(
        op.getLoc(),
        remark::RemarkOpts::name("SparseWeight").category("convert-to-attacc"))
        << remark::add(
               "the array of {0} does not decode {1}: the weight is stored "
               "and multiplied dense",
               device.name, sparsity.getPatternString());
    pattern = {};
  }
  FailureOr<isa::TensorId> values = failure();
  if (!pattern.m) {
    std::vector<int64_t> shape{isOutFirst ? out : in, isOutFirst ? in : out};
    values = parameter(param, isa::Part::Whole, shape, options.type);
    weight.transposed = !isOutFirst;
  } else {
    if (!isOutFirst)
      return op.emitOpError(
          "has an N:M weight stored [in, out], expected [out, "
          "in] as checkpoints hold it");
    int64_t kept = in / pattern.m * pattern.n;
    values =
        parameter(param, isa::Part::Values, {out, kept}, options.type, pattern);
    FailureOr<isa::TensorId> indices = parameter(
        param, isa::Part::Indices,
        {out,
         static_cast<int64_t>(llvm::divideCeil(kept * pattern.indexBits(), 8))},
        isa::Type::I8, pattern);
    if (failed(indices))
      return failure();
    weight.indices = *indices;
    weight.pattern = pattern;
  }
  if (failed(values))
    return failure();
  weight.values = *values;
  return weight;
}

LogicalResult ProgramEmitter::emitMatmul(nm::MatmulOp op) {
  auto lhs = op.getLhs().getType(), rhs = op.getRhs().getType(),
       type = op.getResult().getType();
  if (!type.hasStaticShape() || rhs.getRank() != 2 || op.getTransposeLhs())
    return op.emitOpError("multiplies ") << lhs << " by " << rhs
                                         << ", expected static sizes, a weight "
                                            "of rank 2 and a left side that "
                                            "is not transposed";
  int64_t in = lhs.getShape().back(), out = type.getShape().back();
  int64_t tokens = type.getNumElements() / out;
  FailureOr<isa::TensorId> input = materialize(op.getLhs(), op);
  if (failed(input))
    return failure();
  if (b[*input].shape != std::vector<int64_t>{tokens, in})
    return op.emitOpError("reads a matrix of ")
           << b[*input].shape[0] << "x" << b[*input].shape[1]
           << " in another shape, expected " << tokens << "x" << in;
  FailureOr<isa::Weight> weight = weightOf(op, in, out);
  if (failed(weight))
    return failure();

  Expression value = x.accumulator();
  if (op.hasEpilogue()) {
    SmallVector<Expression> arguments{value};
    int64_t cols = out;
    for (auto [operand, map] :
         llvm::zip(op.getEpilogueOperands(), op.getEpilogueMapArray())) {
      // A residual has to exist by now.
      FailureOr<Known> known = lookup(operand, op);
      if (failed(known) ||
          (known->rows > 1 && failed(materialize(operand, op))))
        return failure();
      FailureOr<Expression> argument =
          operandExpression(operand, map, type.getShape(), cols, op);
      if (failed(argument))
        return failure();
      arguments.push_back(*argument);
    }
    FailureOr<Expression> result =
        evaluate(op.getEpilogue().front(),
                 op.getEpilogue().front().getArguments(), arguments, op);
    if (failed(result))
      return failure();
    value = *result;
  }
  return emitProduct(op, {tokens, in, out, weight->pattern}, *input, *weight,
                     value);
}

LogicalResult ProgramEmitter::emitProduct(Operation *op,
                                          const model::ProjectionShape &shape,
                                          isa::TensorId input,
                                          const isa::Weight &weight,
                                          const Expression &value) {
  std::optional<isa::Epilogue> epilogue = matchEpilogue(value);
  Value result = op->getResult(0);
  FailureOr<isa::TensorId> dest =
      destination(epilogue ? result : Value(), shape.tokens, shape.out);
  if (failed(dest))
    return failure();
  // What no epilogue computes is elementwise work on the product.
  Expression product = x.tensor(static_cast<int>(dest->index)), rest = product;
  if (!epilogue) {
    if (auto gated = matchGatedEpilogue(value)) {
      epilogue = gated->first;
      rest = x.multiply(product, gated->second);
    } else {
      rest = x.replace(value, *x.accumulator().asAtom(), product);
      if (x.contains(rest, Atom::Accumulator))
        return op->emitOpError("has an epilogue that no instruction computes");
    }
  }
  isa::Result<model::ProjectionTiling> tiling = isa::chooseProjection(
      device, shape, options.type, epilogue.value_or(isa::Epilogue()));
  if (!tiling.ok())
    return check(tiling.error(), op);
  isa::Result<model::Cost> cost =
      model::evaluateProjection(device, shape, *tiling);
  if (cost.ok())
    chosenRemark(op, "Projection")
        << remark::metric("tokens", tiling->tokens)
        << remark::metric("out", tiling->out)
        << remark::add("{0} stationary", model::toString(tiling->stationarity))
        << remark::metric("cycles",
                          llvm::formatv("{0:f0}", cost->cycles).str());
  if (failed(check(isa::emitProjection(b, device, shape, *tiling, options.type,
                                       input, weight, *dest,
                                       epilogue.value_or(isa::Epilogue())),
                   op)))
    return failure();
  values[result] = {rest, shape.tokens, shape.out};
  return success();
}

LogicalResult ProgramEmitter::emitContraction(linalg::GenericOp op) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  // Loops of each operand in its order, without those of one trip.
  SmallVector<unsigned> dims[3];
  for (auto [map, list] : llvm::zip(op.getIndexingMapsArray(), dims))
    for (AffineExpr result : map.getResults())
      if (unsigned dim = cast<AffineDimExpr>(result).getPosition();
          ranges[dim] != 1)
        list.push_back(dim);
  SmallVector<unsigned> rows, cols, inner;
  for (unsigned dim : dims[0])
    if (llvm::is_contained(dims[2], dim) && llvm::is_contained(dims[1], dim))
      return op.emitOpError("is a batch of products of activations, expected "
                            "one product, or attention as "
                            "--flat-raise-attention finds it");
  llvm::copy_if(dims[0], std::back_inserter(rows),
                [&](unsigned dim) { return llvm::is_contained(dims[2], dim); });
  llvm::copy_if(dims[0], std::back_inserter(inner), [&](unsigned dim) {
    return !llvm::is_contained(dims[2], dim);
  });
  llvm::copy_if(dims[1], std::back_inserter(cols),
                [&](unsigned dim) { return llvm::is_contained(dims[2], dim); });
  auto joined = [](ArrayRef<unsigned> a, ArrayRef<unsigned> b) {
    SmallVector<unsigned> all(a);
    all.append(b.begin(), b.end());
    return all;
  };
  bool isInFirst = dims[1] == joined(inner, cols);
  if (dims[0] != joined(rows, inner) || dims[2] != joined(rows, cols) ||
      (!isInFirst && dims[1] != joined(cols, inner)))
    return op.emitOpError("is a product whose left side or result is "
                          "transposed, expected rows of tokens; transpose the "
                          "product");
  auto product = [&](ArrayRef<unsigned> list) {
    int64_t size = 1;
    for (unsigned dim : list)
      size *= ranges[dim];
    return size;
  };
  model::ProjectionShape shape{
      product(rows), product(inner), product(cols), {}};
  FailureOr<isa::TensorId> lhs = materialize(op.getInputs()[0], op);
  FailureOr<isa::TensorId> rhs = failure();
  if (succeeded(lhs))
    rhs = materialize(op.getInputs()[1], op);
  FailureOr<Known> init = lookup(op.getOutputs()[0], op);
  if (failed(lhs) || failed(rhs) || failed(init))
    return failure();
  using Shape = std::vector<int64_t>;
  if (b[*lhs].shape != Shape{shape.tokens, shape.in} ||
      b[*rhs].shape !=
          (isInFirst ? Shape{shape.in, shape.out} : Shape{shape.out, shape.in}))
    return op.emitOpError("reads matrices of ")
           << b[*lhs].shape[0] << "x" << b[*lhs].shape[1] << " and "
           << b[*rhs].shape[0] << "x" << b[*rhs].shape[1]
           << " in other shapes, expected " << shape.tokens << "x" << shape.in
           << " by " << shape.in << "x" << shape.out;
  isa::Weight weight;
  weight.values = *rhs;
  weight.transposed = isInFirst;
  Expression value = x.accumulator();
  if (!init->value.isConstant()) {
    if (failed(materialize(op.getOutputs()[0], op)))
      return failure();
    init = lookup(op.getOutputs()[0], op);
    if (init->cols != shape.out)
      return op.emitOpError("adds to a destination in rows of ")
             << init->cols << ", expected " << shape.out;
  }
  return emitProduct(op, shape, *lhs, weight,
                     Expressions::add(value, init->value));
}
