//===- Products.cpp - Matrix products as instructions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramEmitter.h"

using namespace mlir;
using namespace mlir::attacc;

std::optional<Epilogue> ProgramEmitter::matchEpilogue(const Expression &value) {
  auto accumulator = algebra.accumulator();
  int atom = *accumulator.asAtom();
  // The argument of the activation, or the value: scale * accumulator + bias.
  auto matchLinear = [&](const Expression &a, Epilogue &epilogue) -> bool {
    epilogue.scale = 0;
    for (const Term &term : a.terms) {
      if (term.factors.size() != 1 || term.factors[0].power != 1)
        return false;
      const Atom &factor = algebra[term.factors[0].atom];
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
  auto match = [&](const Expression &a) -> std::optional<Epilogue> {
    Epilogue epilogue;
    if (auto activation = matchFunction(a)) {
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
    const Atom &factor = algebra[term.factors[0].atom];
    if (factor.kind != Atom::Tensor)
      continue;
    Expression rest =
        Expressions::subtract(value, algebra.tensor(factor.tensor));
    if (std::optional<Epilogue> epilogue = match(rest)) {
      epilogue->residual = isa::TensorId{static_cast<uint32_t>(factor.tensor)};
      return epilogue;
    }
  }
  return match(value);
}

std::optional<std::pair<Epilogue, Expression>>
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
  int atom = *algebra.accumulator().asAtom();
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
      algebra.contains(factor, Atom::Accumulator) ||
      algebra.contains(rest, Atom::Accumulator))
    return std::nullopt;
  for (const Factor &candidate : rest.terms[0].factors) {
    if (algebra[candidate.atom].kind != Atom::Vector)
      continue;
    int vector = algebra[candidate.atom].tensor;
    if (!Expressions::isSame(rest,
                             algebra.multiply(factor, algebra.vector(vector))))
      continue;
    Epilogue epilogue;
    epilogue.bias = isa::TensorId{static_cast<uint32_t>(vector)};
    return std::pair(epilogue, factor);
  }
  return std::nullopt;
}

LogicalResult ProgramEmitter::emitMatmul(nm::MatmulOp op) {
  auto lhs = op.getLhs().getType(), rhs = op.getRhs().getType(),
       type = op.getResult().getType();
  if (!type.hasStaticShape() || !lhs.hasStaticShape() || !rhs.hasStaticShape())
    return op.emitOpError("multiplies ")
           << lhs << " by " << rhs
           << ", expected static sizes; programs have no others";
  if (rhs.getRank() != 2 || op.getTransposeLhs() || op.isLhsSparse())
    return emitProducts(op);
  int64_t in = lhs.getShape().back(), out = type.getShape().back();
  int64_t tokens = type.getNumElements() / out;
  FailureOr<isa::TensorId> input = matrix(op.getLhs(), tokens, in, op);
  if (failed(input))
    return failure();
  FailureOr<Weight> weight = weightOf(op, in, out);
  if (failed(weight))
    return failure();
  model::ProjectionShape shape{tokens, in, out, weight->pattern};

  Expression value = algebra.accumulator();
  if (op.hasEpilogue()) {
    SmallVector<Expression> arguments{value};
    int64_t cols = out;
    bool isKnown = true;
    for (auto [operand, map] :
         llvm::zip(op.getEpilogueOperands(), op.getEpilogueMapArray())) {
      // A residual has to be in memory already.
      if (!isView(operand)) {
        FailureOr<MatrixExpression> known = lookup(operand, op);
        if (failed(known) || (known->rows > 1 && !known->value.isConstant() &&
                              failed(materialize(operand, op))))
          return failure();
      }
      FailureOr<std::optional<Expression>> argument =
          operandExpression(operand, map, type.getShape(), cols, op);
      if (failed(argument))
        return failure();
      isKnown &= argument->has_value();
      arguments.push_back(argument->value_or(Expression()));
    }
    std::optional<Expression> result;
    if (isKnown)
      result = evaluate(op.getEpilogue().front(),
                        op.getEpilogue().front().getArguments(), arguments);
    if (!result) {
      isa::TensorId product = temporary(tokens, out);
      emitPlainProduct(shape, *input, *weight, product);
      return emitEpilogue(
          op, isa::Strided::inOrder(product, type.getShape().vec()));
    }
    value = *result;
  }
  return emitProduct(op, shape, *input, *weight, value);
}

/// Applies the epilogue to the sums in[0]; its tensors follow, the bias first.
/// `scales`: the product itself does not apply the scale.
static Value writeEpilogue(tiles::TileBuilder &t, ValueRange in,
                           RankedTensorType to, const Epilogue &epilogue,
                           bool scales) {
  Type f32 = Float32Type::get(to.getContext());
  Value value = in[0], bias, residual;
  in = in.drop_front();
  if (epilogue.bias) {
    bias = in.front();
    in = in.drop_front();
  }
  if (epilogue.residual)
    residual = in.front();
  // The last step writes the result.
  int left = scales + (bias != nullptr) + epilogue.activation.has_value() +
             (residual != nullptr);
  auto type = [&] { return --left == 0 ? to.getElementType() : f32; };
  if (left == 0)
    return t.unary(isa::UnaryKind::Copy, value, to.getElementType());
  if (scales)
    value = t.scale(value,
                    t.fillRows(epilogue.scale,
                               RankedTensorType::get({to.getDimSize(0)}, f32)),
                    /*reciprocal=*/false, type());
  if (bias)
    value = t.elementwise(isa::BinaryKind::Add, value, bias, type());
  if (epilogue.activation)
    value = t.unary(*epilogue.activation, value, type());
  if (residual)
    value = t.elementwise(isa::BinaryKind::Add, value, residual, type());
  return value;
}

void ProgramEmitter::emitPlainProduct(const model::ProjectionShape &shape,
                                      isa::TensorId input, const Weight &weight,
                                      isa::TensorId dest,
                                      const Epilogue &epilogue,
                                      const ProductRows &rows) {
  auto make = [=, loc = reason](OpBuilder &at, ArrayRef<Value> tensors) {
    auto box = [&](isa::TensorId tensor, int64_t row, int64_t height,
                   int64_t width) {
      return tiles::createBox(at, loc, tensors[tensor.index], {row, 0},
                              {height, width});
    };
    tiles::ProductOperands operands;
    bool isSparse = shape.sparse();
    int64_t kept =
        isSparse ? shape.in / shape.pattern.m * shape.pattern.n : shape.in;
    operands.lhs = box(input, rows.input, shape.tokens, shape.in);
    operands.rhs = weight.transposed
                       ? box(weight.values, rows.weight, kept, shape.out)
                       : box(weight.values, rows.weight, shape.out, kept);
    operands.isTransposed = !weight.transposed;
    if (isSparse) {
      operands.indices = tensors[weight.indices.index];
      operands.pattern = shape.pattern;
    }
    // The scale of an N:M product is a step by itself.
    bool scales = isSparse && epilogue.scale != 1;
    operands.scale = isSparse ? 1 : epilogue.scale;
    if (epilogue.bias)
      operands.inputs.push_back(tiles::createBox(
          at, loc, tensors[epilogue.bias->index], {0}, {shape.out}));
    if (epilogue.residual)
      operands.inputs.push_back(
          box(*epilogue.residual, rows.output, shape.tokens, shape.out));
    operands.output = box(dest, rows.output, shape.tokens, shape.out);
    tiles::createProduct(
        at, loc, "a product", operands,
        [&](tiles::TileBuilder &t, ValueRange in, RankedTensorType to) {
          return writeEpilogue(t, in, to, epilogue, scales);
        });
  };
  insertions.push_back({b.size(), std::move(make)});
}

LogicalResult ProgramEmitter::emitProduct(Operation *op,
                                          const model::ProjectionShape &shape,
                                          isa::TensorId input,
                                          const Weight &weight,
                                          const Expression &value) {
  std::optional<Epilogue> epilogue = matchEpilogue(value);
  Value result = op->getResult(0);
  FailureOr<isa::TensorId> dest =
      epilogue ? destination(result, shape.tokens, shape.out)
               : temporary(shape.tokens, shape.out);
  if (failed(dest))
    return failure();
  // The part of the expression that is no epilogue is computed elementwise from
  // the product.
  Expression product = algebra.tensor(static_cast<int>(dest->index)),
             rest = product;
  if (!epilogue) {
    auto gated = matchGatedEpilogue(value);
    if (gated) {
      epilogue = gated->first;
      rest = algebra.multiply(product, gated->second);
    } else {
      rest = algebra.replace(value, *algebra.accumulator().asAtom(), product);
    }
    bool isWhole = !algebra.contains(rest, Atom::Accumulator) &&
                   isEmittable(rest, shape.out);
    if (!isWhole) {
      emitPlainProduct(shape, input, weight, *dest);
      if (auto matmul = dyn_cast<nm::MatmulOp>(op))
        return emitEpilogue(
            matmul, isa::Strided::inOrder(
                        *dest, matmul.getResult().getType().getShape().vec()));
      return op->emitOpError("has no instructions on ")
             << device.name << ", expected a sum of products";
    }
  }
  emitPlainProduct(shape, input, weight, *dest, epilogue.value_or(Epilogue()));
  values[result] = {rest, shape.tokens, shape.out};
  return success();
}

LogicalResult ProgramEmitter::emitBatches(Operation *op, int64_t batches,
                                          const model::ProjectionShape &shape,
                                          const isa::Strided &lhs,
                                          const isa::Strided &rhs,
                                          isa::TensorId dest) {
  // A program contains the instructions of every batch.
  constexpr int64_t kMostBatches = 4096;
  if (batches > kMostBatches)
    return op->emitOpError("has ")
           << batches << " products in a batch, expected at most "
           << kMostBatches << " in a program";
  FailureOr<isa::TensorId> input =
      inPlace(lhs, {batches * shape.tokens, shape.in}, op);
  if (failed(input))
    return failure();
  // [cols, inner] of each batch, or [inner, cols] if they lie so.
  Weight weight;
  int64_t rank = static_cast<int64_t>(rhs.sizes.size());
  std::vector<int64_t> order;
  for (int64_t k = 0; k + 2 < rank; ++k)
    order.push_back(k);
  order.push_back(rank - 1);
  order.push_back(rank - 2);
  isa::Strided other = rhs.permuted(order);
  weight.transposed = other.isInOrder() && !rhs.isInOrder() &&
                      b[other.tensor].shape ==
                          std::vector<int64_t>{batches * shape.in, shape.out};
  FailureOr<isa::TensorId> values =
      weight.transposed ? FailureOr<isa::TensorId>(other.tensor)
                        : inPlace(rhs, {batches * shape.out, shape.in}, op);
  if (failed(values))
    return failure();
  weight.values = *values;
  for (int64_t i = 0; i != batches; ++i)
    emitPlainProduct(shape, *input, weight, dest, {},
                     {i * shape.tokens,
                      i * (weight.transposed ? shape.in : shape.out),
                      i * shape.tokens});
  return success();
}

LogicalResult ProgramEmitter::emitProducts(nm::MatmulOp op) {
  auto type = op.getResult().getType();
  ArrayRef<int64_t> sizes = type.getShape();
  if (op.getSparsity() && !op.getSparsity().isDense())
    remark::missed(
        op.getLoc(),
        remark::RemarkOpts::name("SparseWeight").category("convert-to-attacc"))
        << remark::add("the array takes N:M weights [in, out] or [out, in] of "
                       "rank 2 on the right: the operand is multiplied dense");
  FailureOr<isa::Strided> lhs = view(op.getLhs(), op);
  FailureOr<isa::Strided> rhs = failed(lhs) ? lhs : view(op.getRhs(), op);
  if (failed(rhs))
    return failure();
  // [batch.., rows or cols, inner]; an operand without batch is repeated.
  auto shaped = [&](isa::Strided operand, bool isTransposed) {
    size_t rank = operand.sizes.size();
    if (isTransposed) {
      std::swap(operand.sizes[rank - 1], operand.sizes[rank - 2]);
      std::swap(operand.strides[rank - 1], operand.strides[rank - 2]);
    }
    for (size_t k = 0; rank + k < sizes.size(); ++k) {
      operand.sizes.insert(operand.sizes.begin() + k, sizes[k]);
      operand.strides.insert(operand.strides.begin() + k, 0);
    }
    return operand;
  };
  isa::Strided left = shaped(*lhs, op.getTransposeLhs()),
               right = shaped(*rhs, !op.getTransposeRhs());
  int64_t rows = sizes[sizes.size() - 2], out = sizes.back(),
          in = left.sizes.back();
  int64_t batches = type.getNumElements() / (rows * out);
  isa::TensorId product = temporary(batches * rows, out);
  if (failed(
          emitBatches(op, batches, {rows, in, out, {}}, left, right, product)))
    return failure();
  return emitEpilogue(op, isa::Strided::inOrder(product, sizes.vec()));
}

/// The dimensions that a map reads, in its order.
static std::vector<int64_t> dimsOf(AffineMap map) {
  std::vector<int64_t> dims;
  for (AffineExpr result : map.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(result))
      dims.push_back(dim.getPosition());
  return dims;
}

static std::vector<int64_t>
joined(std::initializer_list<ArrayRef<int64_t>> lists) {
  std::vector<int64_t> all;
  for (ArrayRef<int64_t> list : lists)
    all.insert(all.end(), list.begin(), list.end());
  return all;
}

/// Classifies the loops of a contraction by which operands they index, in the
/// order of the result; nothing if it is no matrix product.
static std::optional<ContractionLoops> classifyLoops(ArrayRef<AffineMap> maps,
                                                     ArrayRef<int64_t> ranges) {
  ContractionLoops loops;
  auto reads = [&](unsigned operand, unsigned dim) {
    return maps[operand].isFunctionOfDim(dim);
  };
  bool isProduct = llvm::all_of(maps, [](AffineMap map) {
    return map.isProjectedPermutation(/*allowZeroInResults=*/true);
  });
  for (int64_t loop : dimsOf(maps[2])) {
    bool isLeft = reads(0, loop), isRight = reads(1, loop);
    isProduct &= isLeft || isRight || ranges[loop] == 1;
    (isLeft && isRight ? loops.batch
     : isRight         ? loops.cols
                       : loops.rows)
        .push_back(loop);
  }
  for (unsigned loop = 0; loop != ranges.size(); ++loop)
    if (!reads(2, loop)) {
      isProduct &= (reads(0, loop) && reads(1, loop)) || ranges[loop] == 1;
      loops.inner.push_back(loop);
    }
  if (!isProduct)
    return std::nullopt;
  auto product = [&](ArrayRef<int64_t> list) {
    int64_t size = 1;
    for (int64_t dim : list)
      size *= ranges[dim];
    return size;
  };
  loops.batches = product(loops.batch);
  loops.shape = {
      product(loops.rows), product(loops.inner), product(loops.cols), {}};
  loops.order = joined({loops.batch, loops.rows, loops.cols});
  auto dropUnits = [&](std::vector<int64_t> list) {
    llvm::erase_if(list, [&](int64_t dim) { return ranges[dim] == 1; });
    return list;
  };
  loops.isInOrder = dropUnits(loops.order) == dropUnits(dimsOf(maps[2]));
  return loops;
}

LogicalResult ProgramEmitter::emitContraction(linalg::GenericOp op) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  std::optional<ContractionLoops> loops = classifyLoops(maps, ranges);
  if (!loops)
    return emitDirect(op);
  FailureOr<isa::Strided> lhs = view(op.getInputs()[0], op);
  FailureOr<isa::Strided> rhs = failed(lhs) ? lhs : view(op.getInputs()[1], op);
  if (failed(rhs))
    return failure();
  isa::Strided left = throughMap(*lhs, maps[0], ranges)
                          ->permuted(joined(
                              {loops->batch, loops->rows, loops->inner})),
               right = *throughMap(*rhs, maps[1], ranges);
  FailureOr<MatrixExpression> init = lookup(op.getOutputs()[0], op);
  if (failed(init))
    return failure();
  if (loops->batches == 1 && loops->isInOrder)
    return emitByWeight(op, *loops, left, right, init->value);

  // [batch, rows, inner] by [batch, cols, inner], each as one matrix.
  const model::ProjectionShape &shape = loops->shape;
  isa::TensorId sums = temporary(loops->batches * shape.tokens, shape.out);
  auto flat = [&](const isa::Strided &operand, int64_t width) {
    std::optional<isa::Strided> whole =
        operand.reshaped({loops->batches, width, shape.in});
    return whole ? *whole : operand;
  };
  isa::Strided permuted =
      right.permuted(joined({loops->batch, loops->cols, loops->inner}));
  if (failed(emitBatches(op, loops->batches, shape, flat(left, shape.tokens),
                         flat(permuted, shape.out), sums)))
    return failure();
  std::vector<int64_t> sizes;
  for (int64_t dim : loops->order)
    sizes.push_back(ranges[dim]);
  return addSums(op, loops->order, isa::Strided::inOrder(sums, sizes),
                 init->value);
}

LogicalResult ProgramEmitter::emitByWeight(linalg::GenericOp op,
                                           const ContractionLoops &loops,
                                           const isa::Strided &left,
                                           const isa::Strided &right,
                                           const Expression &before) {
  const model::ProjectionShape &shape = loops.shape;
  FailureOr<isa::TensorId> input = inPlace(left, {shape.tokens, shape.in}, op);
  isa::Strided outFirst = right.permuted(joined({loops.cols, loops.inner})),
               inFirst = right.permuted(joined({loops.inner, loops.cols}));
  Weight weight;
  weight.transposed = inFirst.isInOrder() && !outFirst.isInOrder();
  FailureOr<isa::TensorId> values =
      weight.transposed ? inPlace(inFirst, {shape.in, shape.out}, op)
                        : inPlace(outFirst, {shape.out, shape.in}, op);
  if (failed(input) || failed(values))
    return failure();
  weight.values = *values;
  Expression addend = before;
  if (!addend.isConstant()) {
    FailureOr<isa::TensorId> tensor =
        matrix(op.getOutputs()[0], shape.tokens, shape.out, op);
    if (failed(tensor))
      return failure();
    addend = algebra.tensor(static_cast<int>(tensor->index));
  }
  return emitProduct(op, shape, *input, weight,
                     Expressions::add(algebra.accumulator(), addend));
}

LogicalResult ProgramEmitter::addSums(linalg::GenericOp op,
                                      ArrayRef<int64_t> order,
                                      const isa::Strided &sums,
                                      const Expression &before) {
  Value result = op.getResult(0);
  isa::Strided permuted = sums;
  permuted.sizes.clear();
  permuted.strides.clear();
  for (AffineExpr expr : op.getIndexingMapsArray()[2].getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    size_t at =
        dim ? llvm::find(order, int64_t(dim.getPosition())) - order.begin() : 0;
    permuted.sizes.push_back(dim ? sums.sizes[at] : 1);
    permuted.strides.push_back(dim ? sums.strides[at] : 0);
  }
  if (before.isConstant() && before.constant() == 0) {
    views[result] = permuted;
    return success();
  }
  auto type = cast<RankedTensorType>(result.getType());
  int64_t width = columnsOf(result), height = type.getNumElements() / width;
  FailureOr<Cell> sum = cellOf(permuted, height, width, op);
  FailureOr<Cell> start = Cell{{}, before.constant()};
  if (succeeded(sum) && !before.isConstant()) {
    FailureOr<isa::TensorId> tensor =
        matrix(op.getOutputs()[0], height, width, op);
    if (failed(tensor))
      return failure();
    start = Cell{*tensor, 0};
  }
  FailureOr<isa::TensorId> dest = destination(result, height, width);
  if (failed(sum) || failed(dest) ||
      failed(combine(isa::BinaryKind::Add, *sum, *start, height, width, *dest,
                     op)))
    return failure();
  define(result, *dest);
  return success();
}
