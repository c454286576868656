//===- LowerRotary.cpp - What rotary embedding means -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The first and the second elements of all pairs are slices, so that each half
// of the result is one elementwise operation without conditions.
//
//===----------------------------------------------------------------------===//

#include "Numbers.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Layer/Transforms/Lowering.h"
#include "nm/Dialect/NM/Transforms/ReferenceLowering.h"

using namespace mlir;
using namespace mlir::layer;
using nm::ReferenceBuilder;

namespace {

class RotaryLowering {
public:
  RotaryLowering(ReferenceBuilder b, RotaryOp op)
      : b(b), op(op), type(op.getInput().getType()),
        half(b.sizes(op.getCosines()).back()), sizes(b.sizes(op.getInput())) {
    sizes.back() = half;
  }

  Value run() {
    Value first = sliceOf(false), second = sliceOf(true);
    // c x - s y, s x + c y
    Value rotated[] = {
        emit(first, second,
             [](const Numbers &n, Value x, Value y, Value c, Value s) {
               return n.subtract(n.multiply(c, x), n.multiply(s, y));
             }),
        emit(first, second,
             [](const Numbers &n, Value x, Value y, Value c, Value s) {
               return n.add(n.multiply(s, x), n.multiply(c, y));
             })};
    // Elements that are not rotated keep their values.
    std::optional<int64_t> angles = getConstantIntValue(half);
    bool isWhole = angles && 2 * *angles == type.getShape().back();
    Value result = isWhole ? op.getInit() : op.getInput();
    for (bool isSecond : {false, true})
      result = tensor::InsertSliceOp::create(
          b, rotated[isSecond], result, offsets(isSecond), sizes, strides());
    return result;
  }

private:
  SmallVector<OpFoldResult> offsets(bool isSecond) {
    SmallVector<OpFoldResult> all(sizes.size(), b.getIndexAttr(0));
    if (isSecond)
      all.back() = op.getInterleaved() ? OpFoldResult(b.getIndexAttr(1)) : half;
    return all;
  }
  SmallVector<OpFoldResult> strides() {
    SmallVector<OpFoldResult> all(sizes.size(), b.getIndexAttr(1));
    if (op.getInterleaved())
      all.back() = b.getIndexAttr(2);
    return all;
  }
  Value sliceOf(bool isSecond) {
    return tensor::ExtractSliceOp::create(b, op.getInput(), offsets(isSecond),
                                          sizes, strides());
  }

  /// One half of the result.
  Value emit(Value first, Value second,
             function_ref<Value(const Numbers &, Value, Value, Value, Value)>
                 combine) {
    AffineMap all = b.getMultiDimIdentityMap(type.getRank());
    SmallVector<AffineExpr> read;
    for (int64_t dim = 0; dim + 1 < op.getCosines().getType().getRank(); ++dim)
      read.push_back(b.getAffineDimExpr(op.getInputDim(dim)));
    read.push_back(b.getAffineDimExpr(type.getRank() - 1));
    AffineMap angles = AffineMap::get(type.getRank(), 0, read, b.getContext());
    Type wide = wideType(type.getElementType());
    return b.generic(
        {first, second, op.getCosines(), op.getSines()},
        {all, all, angles, angles}, b.empty(sizes, type.getElementType()), all,
        [&](ReferenceBuilder &body, ValueRange args) {
          Location loc = body.getLoc();
          Value numbers[4];
          for (int i = 0; i < 4; ++i)
            numbers[i] = convert(body, loc, args[i], wide);
          Value result = combine(Numbers{body, loc, wide}, numbers[0],
                                 numbers[1], numbers[2], numbers[3]);
          return convert(body, loc, result, type.getElementType());
        });
  }

  ReferenceBuilder b;
  RotaryOp op;
  RankedTensorType type;
  OpFoldResult half;
  SmallVector<OpFoldResult> sizes; ///< of one half
};

} // namespace

void mlir::layer::lowerToLinalg(RewriterBase &rewriter, RotaryOp op) {
  rewriter.setInsertionPoint(op);
  ReferenceBuilder b(op.getLoc(), rewriter);
  rewriter.replaceOp(op, RotaryLowering(b, op).run());
}
