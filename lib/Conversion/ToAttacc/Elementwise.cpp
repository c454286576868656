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
    std::optional<Expression> value = analysis::evaluate(algebra, inner, get);
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
    bool fits = known->cols == cols;
    if (!fits && cols < 0) {
      cols = known->cols;
      fits = true;
    }
    return fits ? Found(known->value) : Found();
  }
  if (used == ArrayRef<unsigned>({last}) && known->rows == 1 &&
      known->cols == cols && sources.empty())
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
  AffineMap identity =
      AffineMap::getMultiDimIdentityMap(ranges.size(), op.getContext());
  if (op.getNumParallelLoops() != ranges.size() || op.getNumDpsInits() != 1 ||
      op.getIndexingMapsArray().back() != identity)
    return false;
  // Rows are what the operands have if all agree, else those of the loops.
  int64_t total = ShapedType::getNumElements(ranges), cols = -1;
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
  if (cols < 0)
    cols = ranges.back();
  SmallVector<Expression> arguments;
  for (OpOperand *input : op.getDpsInputOperands()) {
    FailureOr<std::optional<Expression>> value = operandExpression(
        input->get(), op.getMatchingIndexingMap(input), ranges, cols, op);
    if (failed(value))
      return failure();
    if (!*value)
      return false;
    arguments.push_back(**value);
  }
  arguments.push_back(algebra.accumulator());
  std::optional<Expression> value =
      evaluate(*op.getBody(), op.getBody()->getArguments(), arguments);
  if (!value || algebra.contains(*value, Atom::Accumulator))
    return false;
  values[op.getResult(0)] = {*value, total / cols, cols};
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
  FailureOr<std::pair<int64_t, int64_t>> sizes =
      normalizedRows(op, op.getInput().getType(), op.getAxis());
  if (failed(sizes))
    return failure();
  auto [rows, cols] = *sizes;
  FailureOr<isa::TensorId> source = matrix(op.getInput(), rows, cols, op);
  FailureOr<isa::TensorId> gamma = rowOf(op.getScale(), 1, cols, op);
  FailureOr<isa::TensorId> beta = rowOf(op.getBias(), 0, cols, op);
  if (failed(source) || failed(gamma) || failed(beta))
    return failure();
  FailureOr<isa::TensorId> dest = destination(op.getResult(), rows, cols);
  if (failed(dest))
    return failure();
  float epsilon = static_cast<float>(op.getEpsilon().convertToDouble());
  emitRows(
      "a layer norm", {*source, *gamma, *beta}, *dest,
      [epsilon](tiles::TileBuilder &t, ValueRange in, RankedTensorType to) {
        return t.layerNorm(in[0], in[1], in[2], epsilon, to.getElementType());
      });
  define(op.getResult(), *dest);
  return success();
}

FailureOr<std::optional<std::pair<isa::TensorId, double>>>
ProgramEmitter::scaledTensor(Value value, int64_t rows, int64_t cols,
                             Operation *op) {
  using Found = std::optional<std::pair<isa::TensorId, double>>;
  if (isView(value))
    return Found();
  FailureOr<MatrixExpression> known = lookup(value, op);
  if (failed(known))
    return failure();
  ArrayRef<Term> terms = known->value.terms;
  if (terms.size() != 1 || terms[0].factors.size() != 1 ||
      terms[0].factors[0].power != 1)
    return Found();
  const Atom &atom = algebra[terms[0].factors[0].atom];
  isa::TensorId tensor{static_cast<uint32_t>(atom.tensor)};
  if (atom.kind != Atom::Tensor || !(terms[0].coefficient > 0) ||
      b[tensor].shape != std::vector<int64_t>{rows, cols})
    return Found();
  return Found({tensor, terms[0].coefficient});
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
  bool isLast = dim + 1 == rank;
  // The instruction multiplies rows by a number.
  FailureOr<std::optional<std::pair<isa::TensorId, double>>> scaled =
      scaledTensor(op.getInput(), rows, cols, op);
  if (failed(scaled))
    return failure();
  FailureOr<isa::TensorId> source = failure();
  float scale = 1;
  isa::Strided turned;
  turned.sizes = type.getShape().vec();
  if (isLast && *scaled) {
    source = (*scaled)->first;
    scale = static_cast<float>((*scaled)->second);
  } else {
    FailureOr<isa::Strided> elements = view(op.getInput(), op);
    if (failed(elements))
      return failure();
    turned = elements->permuted(order);
    source = inPlace(turned, {rows, cols}, op);
  }
  if (failed(source))
    return failure();
  FailureOr<isa::TensorId> dest =
      isLast ? destination(op.getResult()[0], rows, cols)
             : temporary(rows, cols);
  if (failed(dest))
    return failure();
  emitRows("a softmax", {*source}, *dest,
           [scale](tiles::TileBuilder &t, ValueRange in, RankedTensorType to) {
             return t.softmax(in[0], scale, to.getElementType());
           });
  if (isLast)
    define(op.getResult()[0], *dest);
  else
    views[op.getResult()[0]] =
        isa::Strided::inOrder(*dest, turned.sizes).permuted(back);
  return success();
}
