//===- Direct.cpp - Operations as they are written -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What no expression says is computed as the model spells it: the operands come
// into the order of the loops, the scalar operations are instructions on all
// elements, and sums and maxima are taken over rows.
//
//===----------------------------------------------------------------------===//

#include "Body.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::attacc;
using isa::BinaryKind;
using isa::Strided;
using isa::TensorId;

FailureOr<ProgramEmitter::Cell> ProgramEmitter::cellOf(const Strided &elements,
                                                       int64_t rows,
                                                       int64_t cols,
                                                       Operation *op) {
  if (elements.isInOrder() &&
      b[elements.tensor].shape == std::vector<int64_t>{rows, cols})
    return Cell{elements.tensor, 0};
  std::optional<Strided> matrix = elements.reshaped({rows, cols});
  if (matrix && rows > 1 && matrix->strides[0] == 0) {
    FailureOr<TensorId> vector = inPlace(matrix->permuted({1}), {cols}, op);
    if (failed(vector))
      return failure();
    return Cell{*vector, 0};
  }
  FailureOr<TensorId> tensor = inPlace(elements, {rows, cols}, op);
  if (failed(tensor))
    return failure();
  return Cell{*tensor, 0};
}

FailureOr<ProgramEmitter::Cell>
ProgramEmitter::readCell(Value operand, AffineMap map, ArrayRef<int64_t> ranges,
                         const std::vector<int64_t> &order, int64_t rows,
                         int64_t cols, Operation *op) {
  if (!isView(operand)) {
    FailureOr<MatrixExpression> known = lookup(operand, op);
    if (failed(known))
      return failure();
    if (known->value.isConstant())
      return Cell{{}, known->value.constant()};
  }
  FailureOr<Strided> elements = view(operand, op);
  if (failed(elements))
    return failure();
  std::optional<Strided> read = throughMap(*elements, map, ranges);
  if (!read)
    return op->emitOpError("reads ")
           << operand.getType() << " by " << AffineMapAttr::get(map)
           << ", expected loops and constants as its results; " << device.name
           << " has no gathers and no windows";
  return cellOf(read->permuted(order), rows, cols, op);
}

/// The kind of a reduction, sum, product or maximum; `value` is what it
/// reduces.
static std::optional<BinaryKind> matchReduction(Value yielded,
                                                Value accumulator, Value &value,
                                                bool &isNegated) {
  Operation *op = yielded.getDefiningOp();
  if (!op || op->getNumOperands() != 2)
    return std::nullopt;
  bool isFirst = op->getOperand(0) == accumulator,
       isSecond = op->getOperand(1) == accumulator;
  if (isFirst == isSecond)
    return std::nullopt;
  value = op->getOperand(isFirst ? 1 : 0);
  isNegated = llvm::isa<arith::MinimumFOp, arith::MinNumFOp>(op);
  if (llvm::isa<arith::AddFOp>(op))
    return BinaryKind::Add;
  if (llvm::isa<arith::MulFOp>(op))
    return BinaryKind::Mul;
  if (llvm::isa<arith::MaximumFOp, arith::MaxNumFOp>(op) || isNegated)
    return BinaryKind::Max;
  return std::nullopt;
}

/// [rows, 1]: the sum, product or maximum of each row.
LogicalResult ProgramEmitter::reduceRows(BinaryKind kind, TensorId source,
                                         TensorId dest, Operation *op) {
  int64_t rows = b[source].shape[0], cols = b[source].shape[1];
  if (cols == 1) {
    emitUnary(isa::UnaryKind::Copy, source, dest);
    return success();
  }
  if (kind == BinaryKind::Max) {
    emitRows("a row maximum", {source}, dest,
             [](tiles::TileBuilder &t, ValueRange in, RankedTensorType to) {
               return t.column(t.rowMax(in[0], to.getElementType()));
             });
    return success();
  }
  if (kind == BinaryKind::Mul) {
    emitRows("a row product", {source}, dest,
             [](tiles::TileBuilder &t, ValueRange in, RankedTensorType to) {
               return t.rowProduct(in[0], to.getElementType());
             });
    return success();
  }
  // The array computes sums, as a product with a vector of ones.
  auto [place, isNew] = tensors.try_emplace("ones_" + std::to_string(cols));
  if (isNew) {
    auto ones = DenseElementsAttr::get(
        RankedTensorType::get({1, cols}, Float32Type::get(op->getContext())),
        1.0f);
    FailureOr<TensorId> tensor = constantTensor(ones, {1, cols}, op);
    if (failed(tensor))
      return failure();
    tensors["ones_" + std::to_string(cols)] = *tensor;
  }
  Weight weight;
  weight.values = tensors["ones_" + std::to_string(cols)];
  emitPlainProduct({rows, cols, 1, {}}, source, weight, dest);
  return success();
}

LogicalResult ProgramEmitter::emitDirect(linalg::GenericOp op,
                                         std::optional<TensorId> dest) {
  Reason at(*this, op);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  Block &block = *op.getBody();
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  for (auto [number, init] : llvm::enumerate(op.getDpsInitsMutable())) {
    OpResult result = op->getResult(number);
    AffineMap map = op.getMatchingIndexingMap(&init);
    // Loops in the order of the result, then those that are reduced.
    std::vector<int64_t> order;
    llvm::SmallBitVector isWritten(ranges.size());
    int64_t rows = 1, cols = 1;
    for (AffineExpr expr : map.getResults())
      if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
        order.push_back(dim.getPosition());
        isWritten.set(dim.getPosition());
        rows *= ranges[dim.getPosition()];
      }
    for (unsigned dim = 0; dim != ranges.size(); ++dim) {
      if (isWritten.test(dim))
        continue;
      order.push_back(dim);
      cols *= ranges[dim];
      if (kinds[dim] == utils::IteratorType::parallel && ranges[dim] != 1)
        return op.emitOpError("writes by ")
               << AffineMapAttr::get(map)
               << " though its loops have more rounds, expected each element "
                  "to be written once";
    }
    auto type = cast<RankedTensorType>(result.getType());
    if (rows != type.getNumElements())
      return op.emitOpError("writes by ")
             << AffineMapAttr::get(map) << ", expected each element of " << type
             << " to be written once";
    bool isReduction = op.getNumReductionLoops() != 0;
    if (!isReduction) {
      cols = dest ? b[*dest].shape[1] : columnsOf(result);
      rows = type.getNumElements() / cols;
    }
    Body body(*this, op, block, rows, cols);
    Value yielded = block.getTerminator()->getOperand(number),
          reduced = yielded;
    Value accumulator = op.getMatchingBlockArgument(&init);
    std::optional<BinaryKind> kind;
    bool isNegated = false;
    if (isReduction) {
      kind = matchReduction(yielded, accumulator, reduced, isNegated);
      if (!kind)
        return op.emitOpError(
                   "reduces by something else than a sum, a "
                   "product, a maximum or a minimum, expected one of "
                   "them; ")
               << device.name << " has no instruction for others";
    }
    for (OpOperand &operand : op->getOpOperands()) {
      BlockArgument argument = op.getMatchingBlockArgument(&operand);
      if (argument.use_empty() || (isReduction && op.isDpsInit(&operand)))
        continue;
      FailureOr<Cell> cell =
          readCell(operand.get(), op.getMatchingIndexingMap(&operand), ranges,
                   order, rows, cols, op);
      if (failed(cell))
        return failure();
      body.bind(argument, *cell);
    }
    if (!isReduction) {
      FailureOr<TensorId> to = dest ? *dest : destination(result, rows, cols);
      if (failed(to) || failed(body.write(yielded, *to)))
        return failure();
      define(result, *to);
      continue;
    }
    if (failed(emitReduction(op, init, body, *kind, isNegated, reduced, rows,
                             cols, dest)))
      return failure();
  }
  return success();
}

LogicalResult ProgramEmitter::emitReduction(linalg::GenericOp op,
                                            OpOperand &init, Body &body,
                                            BinaryKind kind, bool isNegated,
                                            Value reduced, int64_t rows,
                                            int64_t cols,
                                            std::optional<TensorId> dest) {
  OpResult result = op.getTiedOpResult(&init);
  const Cell minusOne{{}, -1};
  FailureOr<Cell> elements = body.get(reduced, {});
  if (failed(elements))
    return failure();
  if (isNegated) {
    elements =
        combine(BinaryKind::Mul, *elements, minusOne, rows, cols, {}, op);
    if (failed(elements))
      return failure();
  }
  FailureOr<TensorId> source = matrixOf(*elements, rows, cols, op);
  if (failed(source))
    return failure();
  // The initial value, unless it is the neutral element of the reduction.
  Value before = init.get();
  std::optional<Cell> start;
  FailureOr<MatrixExpression> known = failure();
  if (!isView(before))
    known = lookup(before, op);
  bool isConstant = succeeded(known) && known->value.isConstant();
  double number = isConstant ? known->value.constant() : 0;
  bool isNeutral = isConstant && (kind == BinaryKind::Add   ? number == 0
                                  : kind == BinaryKind::Mul ? number == 1
                                  : isNegated               ? number > 1e30
                                                            : number < -1e30);
  if (isConstant) {
    if (!isNeutral)
      start = Cell{{}, number};
  } else {
    FailureOr<TensorId> tensor = matrix(before, rows, 1, op);
    if (failed(tensor))
      return failure();
    start = Cell{*tensor, 0};
  }
  FailureOr<TensorId> to = dest ? *dest : destination(result, rows, 1);
  if (failed(to))
    return failure();
  TensorId column = !start && !isNegated ? *to : temporary(rows, 1);
  if (failed(reduceRows(kind, *source, column, op)))
    return failure();
  // min(a, b) = -max(-a, -b).
  FailureOr<Cell> cell = Cell{column, 0};
  if (start && isNegated) {
    FailureOr<Cell> opposite =
        combine(BinaryKind::Mul, *start, minusOne, rows, 1, {}, op);
    if (failed(opposite))
      return failure();
    start = *opposite;
  }
  if (start)
    cell = combine(kind, *cell, *start, rows, 1,
                   isNegated ? std::nullopt : std::optional(*to), op);
  if (succeeded(cell) && isNegated)
    cell = combine(BinaryKind::Mul, *cell, minusOne, rows, 1, *to, op);
  if (failed(cell))
    return failure();
  define(result, *to);
  return success();
}

LogicalResult ProgramEmitter::emitEpilogue(nm::MatmulOp op,
                                           const Strided &product) {
  RankedTensorType type = op.getResult().getType();
  if (!op.hasEpilogue()) {
    views[op.getResult()] = product;
    return success();
  }
  int64_t cols = type.getShape().back(), rows = type.getNumElements() / cols;
  Block &block = op.getEpilogue().front();
  Body body(*this, op, block, rows, cols);
  FailureOr<Cell> accumulator = cellOf(product, rows, cols, op);
  if (failed(accumulator))
    return failure();
  body.bind(block.getArgument(0), *accumulator);
  std::vector<int64_t> order(static_cast<size_t>(type.getRank()));
  std::iota(order.begin(), order.end(), 0);
  for (auto [operand, map, argument] :
       llvm::zip(op.getEpilogueOperands(), op.getEpilogueMapArray(),
                 block.getArguments().drop_front())) {
    FailureOr<Cell> cell =
        readCell(operand, map, type.getShape(), order, rows, cols, op);
    if (failed(cell))
      return failure();
    body.bind(argument, *cell);
  }
  FailureOr<TensorId> dest = destination(op.getResult(), rows, cols);
  if (failed(dest) ||
      failed(body.write(block.getTerminator()->getOperand(0), *dest)))
    return failure();
  define(op.getResult(), *dest);
  return success();
}
