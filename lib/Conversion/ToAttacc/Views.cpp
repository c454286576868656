//===- Views.cpp - Elements of tensors in another order -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramEmitter.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace mlir::attacc;
using isa::Strided;
using isa::TensorId;

FailureOr<Strided> ProgramEmitter::view(Value value, Operation *user) {
  auto known = views.find(value);
  if (known != views.end())
    return known->second;
  auto type = dyn_cast<RankedTensorType>(value.getType());
  std::vector<int64_t> sizes;
  if (type && type.hasStaticShape())
    sizes = type.getShape().vec();
  Operation *op = value.getDefiningOp();
  if (op && llvm::isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op)) {
    FailureOr<Strided> inner = view(op->getOperand(0), user);
    if (failed(inner))
      return failure();
    if (std::optional<Strided> outer = inner->reshaped(sizes))
      return *outer;
    FailureOr<TensorId> tensor = materialize(value, user);
    if (failed(tensor))
      return failure();
    return Strided::inOrder(*tensor, sizes);
  }
  FailureOr<MatrixExpression> found = lookup(value, user);
  if (failed(found))
    return failure();
  if (found->value.isConstant()) {
    Strided repeated;
    repeated.tensor = constantVector(found->value.constant(), 1);
    repeated.sizes = sizes;
    repeated.strides.assign(sizes.size(), 0);
    return repeated;
  }
  std::optional<int> atom = found->value.asAtom();
  if (atom && algebra[*atom].kind == Atom::Vector) {
    Strided rows;
    rows.tensor = TensorId{static_cast<uint32_t>(algebra[*atom].tensor)};
    rows.sizes = {found->rows, found->cols};
    rows.strides = {0, 1};
    if (std::optional<Strided> shaped = rows.reshaped(sizes))
      return *shaped;
  }
  FailureOr<TensorId> tensor = materialize(value, user);
  if (failed(tensor))
    return failure();
  return Strided::inOrder(*tensor, sizes);
}

std::optional<Strided> ProgramEmitter::throughMap(const Strided &operand,
                                                  AffineMap map,
                                                  ArrayRef<int64_t> ranges) {
  Strided read;
  read.tensor = operand.tensor;
  read.offset = operand.offset;
  read.sizes.assign(ranges.begin(), ranges.end());
  read.strides.assign(ranges.size(), 0);
  for (auto [result, stride] : llvm::zip(map.getResults(), operand.strides)) {
    if (auto dim = dyn_cast<AffineDimExpr>(result))
      read.strides[dim.getPosition()] += stride;
    else if (auto constant = dyn_cast<AffineConstantExpr>(result))
      read.offset += constant.getValue() * stride;
    else
      return std::nullopt;
  }
  return read;
}

LogicalResult ProgramEmitter::copy(const Strided &from, const Strided &to,
                                   Operation *op) {
  return check(isa::emitRearrange(b, device, from, to), op);
}

FailureOr<TensorId> ProgramEmitter::inPlace(const Strided &view,
                                            std::vector<int64_t> shape,
                                            Operation *user) {
  if (view.isInOrder() && b[view.tensor].shape == shape)
    return view.tensor;
  auto [place, isNew] = copies.try_emplace(std::tuple(
      view.tensor.index, view.offset, view.sizes, view.strides, shape));
  if (!isNew)
    return place->second;
  isa::Tensor tensor;
  tensor.name = "t" + std::to_string(scratchCount++);
  tensor.type = options.type;
  tensor.shape = std::move(shape);
  place->second = declare(std::move(tensor));
  if (failed(copy(view, Strided::inOrder(place->second, view.sizes), user)))
    return failure();
  return place->second;
}

FailureOr<TensorId> ProgramEmitter::matrix(Value value, int64_t rows,
                                           int64_t cols, Operation *user) {
  // A parameter is laid out in the shape in which it is read.
  Value source = strip(value);
  if (!values.contains(source))
    if (auto param = source.getDefiningOp<nm::ParamOp>()) {
      Reason at(*this, param);
      return parameter(param, isa::Part::Whole, {rows, cols}, options.type);
    }
  FailureOr<Strided> elements = view(value, user);
  if (failed(elements))
    return failure();
  return inPlace(*elements, {rows, cols}, user);
}

FailureOr<bool> ProgramEmitter::emitView(linalg::GenericOp op) {
  auto yield = cast<linalg::YieldOp>(op.getBody()->getTerminator());
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumReductionLoops() != 0 ||
      yield.getOperand(0) != op.getBody()->getArgument(0))
    return false;
  Value source = op.getDpsInputOperand(0)->get();
  AffineMap out = op.getIndexingMapsArray()[1];
  if (!llvm::isa<RankedTensorType>(source.getType()) || !out.isPermutation())
    return false;
  FailureOr<MatrixExpression> known = lookup(source, op);
  if (failed(known))
    return failure();
  // A broadcast number, vector or row keeps its expression.
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  if (known->value.isConstant()) {
    values[op.getResult(0)] = {known->value, 1, 1};
    return true;
  }
  FailureOr<Strided> elements = view(source, op);
  if (failed(elements))
    return failure();
  std::optional<Strided> read =
      throughMap(*elements, op.getIndexingMapsArray()[0], ranges);
  if (!read)
    return false;
  std::vector<int64_t> order;
  for (AffineExpr result : out.getResults())
    order.push_back(cast<AffineDimExpr>(result).getPosition());
  views[op.getResult(0)] = read->permuted(order);
  return true;
}

/// Offsets, sizes and strides of a slice, and with them its type, are
/// constants, and so is the shape of the result.
static LogicalResult requireConstants(OffsetSizeAndStrideOpInterface op,
                                      RankedTensorType result) {
  for (ArrayRef<int64_t> numbers : {op.getStaticOffsets(), op.getStaticSizes(),
                                    op.getStaticStrides(), result.getShape()})
    if (ShapedType::isDynamicShape(numbers))
      return op->emitOpError("has offsets, sizes or strides that are no "
                             "constants, expected constants; programs have no "
                             "others");
  return success();
}

LogicalResult ProgramEmitter::emitSlice(tensor::ExtractSliceOp op) {
  if (failed(requireConstants(op, op.getResultType())))
    return failure();
  FailureOr<Strided> source = view(op.getSource(), op);
  if (failed(source))
    return failure();
  Strided slice;
  slice.tensor = source->tensor;
  slice.offset = source->offset;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  for (size_t k = 0; k != source->sizes.size(); ++k) {
    slice.offset += op.getStaticOffsets()[k] * source->strides[k];
    if (dropped.test(k))
      continue;
    slice.sizes.push_back(op.getStaticSizes()[k]);
    slice.strides.push_back(op.getStaticStrides()[k] * source->strides[k]);
  }
  views[op.getResult()] = std::move(slice);
  return success();
}

/// The box of `whole` that an insertion writes, with the dimensions of its
/// source: those of size 1 may be left out.
static Strided partOf(tensor::InsertSliceOp op, const Strided &whole) {
  Strided part;
  part.tensor = whole.tensor;
  part.offset = whole.offset;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  for (size_t k = 0; k != whole.sizes.size(); ++k) {
    part.offset += op.getStaticOffsets()[k] * whole.strides[k];
    if (dropped.test(k))
      continue;
    part.sizes.push_back(op.getStaticSizes()[k]);
    part.strides.push_back(op.getStaticStrides()[k] * whole.strides[k]);
  }
  return part;
}

/// Whether insertions into an empty tensor write all of it; false for tensors
/// of more than kMost elements, which are not checked.
static bool writesAll(MutableArrayRef<tensor::InsertSliceOp> chain) {
  constexpr int64_t kMost = 1 << 24;
  RankedTensorType type = chain.front().getResultType();
  if (type.getNumElements() > kMost)
    return false;
  llvm::BitVector isWritten(static_cast<unsigned>(type.getNumElements()));
  for (tensor::InsertSliceOp op : chain) {
    Strided part = partOf(op, Strided::inOrder({}, type.getShape().vec()));
    for (int64_t i = 0, count = part.count(); i != count; ++i) {
      int64_t place = part.offset, rest = i;
      for (size_t k = part.sizes.size(); k-- != 0; rest /= part.sizes[k])
        place += rest % part.sizes[k] * part.strides[k];
      isWritten.set(static_cast<unsigned>(place));
    }
  }
  return isWritten.all();
}

LogicalResult ProgramEmitter::emitInsert(tensor::InsertSliceOp op) {
  if (failed(requireConstants(op, op.getResultType())))
    return failure();
  // A chain of insertions whose intermediate tensors have no other reader fills
  // one tensor.
  SmallVector<tensor::InsertSliceOp> chain{op};
  while (chain.back()->hasOneUse()) {
    auto next =
        dyn_cast<tensor::InsertSliceOp>(*chain.back()->getUsers().begin());
    if (!next || next.getDest() != chain.back().getResult() ||
        next.getSource() == chain.back().getResult())
      break;
    if (failed(requireConstants(next, next.getResultType())))
      return failure();
    chain.push_back(next);
  }
  FailureOr<Strided> source = view(op.getSource(), op);
  if (failed(source))
    return failure();
  Value last = chain.back().getResult();
  RankedTensorType type = op.getResultType();
  FailureOr<TensorId> dest = failure();
  auto begun = unfinished.find(op.getDest());
  if (begun != unfinished.end()) {
    dest = begun->second;
  } else {
    int64_t cols = columnsOf(last);
    dest = destination(last, type.getNumElements() / cols, cols);
    if (failed(dest))
      return failure();
    bool isEmpty = strip(op.getDest()).getDefiningOp<tensor::EmptyOp>();
    if (!isEmpty) {
      FailureOr<Strided> before = view(op.getDest(), op);
      if (failed(before) ||
          failed(copy(*before, Strided::inOrder(*dest, type.getShape().vec()),
                      op)))
        return failure();
    } else if (!writesAll(chain) &&
               failed(fillMatrix(Cell{{}, 0}, *dest, op))) {
      // Elements that no insertion writes are undefined, but the tensor has to
      // be initialised all the same.
      return failure();
    }
  }
  Strided part = partOf(op, Strided::inOrder(*dest, type.getShape().vec()));
  if (failed(copy(*source, part, op)))
    return failure();
  if (chain.size() > 1)
    unfinished[op.getResult()] = *dest;
  else
    define(op.getResult(), *dest);
  return success();
}

LogicalResult ProgramEmitter::emitConcat(tensor::ConcatOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  if (!type.hasStaticShape())
    return op.emitOpError("has the result ")
           << type << ", expected static sizes";
  int64_t cols = columnsOf(op.getResult());
  FailureOr<TensorId> dest =
      destination(op.getResult(), type.getNumElements() / cols, cols);
  if (failed(dest))
    return failure();
  Strided whole = Strided::inOrder(*dest, type.getShape().vec()), part = whole;
  for (Value input : op.getInputs()) {
    FailureOr<Strided> source = view(input, op);
    if (failed(source))
      return failure();
    part.sizes = source->sizes;
    if (failed(copy(*source, part, op)))
      return failure();
    part.offset += source->sizes[op.getDim()] * whole.strides[op.getDim()];
  }
  define(op.getResult(), *dest);
  return success();
}

LogicalResult ProgramEmitter::emitPad(tensor::PadOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  FloatAttr number;
  Value padding = op.getConstantPaddingValue();
  auto low = getConstantIntValues(op.getMixedLowPad());
  if (!type.hasStaticShape() || !padding ||
      !matchPattern(padding, m_Constant(&number)) || !low)
    return op.emitOpError("pads ")
           << op.getSourceType() << " to " << type
           << ", expected static sizes and one constant around it";
  FailureOr<Strided> source = view(op.getSource(), op);
  int64_t cols = columnsOf(op.getResult());
  FailureOr<TensorId> dest =
      destination(op.getResult(), type.getNumElements() / cols, cols);
  if (failed(source) || failed(dest) ||
      failed(emitFill(number.getValueAsDouble(), *dest,
                      type.getNumElements() - source->count(), op)))
    return failure();
  Strided part = Strided::inOrder(*dest, type.getShape().vec());
  for (auto [count, stride] : llvm::zip(*low, part.strides))
    part.offset += count * stride;
  part.sizes = source->sizes;
  if (failed(copy(*source, part, op)))
    return failure();
  define(op.getResult(), *dest);
  return success();
}
