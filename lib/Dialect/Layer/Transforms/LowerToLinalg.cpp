//===- LowerToLinalg.cpp - What norms and activations mean -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Numbers.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"
#include "nm/Dialect/Layer/Transforms/Lowering.h"
#include "nm/Dialect/Layer/Transforms/Passes.h"
#include "nm/Dialect/NM/Transforms/ReferenceLowering.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::layer {
#define GEN_PASS_DEF_LOWERTOLINALG
#include "nm/Dialect/Layer/Transforms/Passes.h.inc"
} // namespace mlir::layer

using namespace mlir;
using namespace mlir::layer;
using nm::ReferenceBuilder;

namespace {

/// The formulas of activations.
struct Formulas : Numbers {
  /// x (1 + inner) / 2.
  Value half(Value x, Value inner) const {
    return multiply(multiply(x, number(0.5)), add(number(1), inner));
  }
  Value compute(GeluOp, Value x) const {
    Value scaled = multiply(x, number(0.70710678118654752440));
    return half(x, math::ErfOp::create(b, loc, scaled));
  }
  Value compute(GeluTanhOp, Value x) const {
    Value cube = multiply(multiply(x, x), x);
    Value inner = multiply(number(0.79788456080286535588),
                           add(x, multiply(number(0.044715), cube)));
    return half(x, math::TanhOp::create(b, loc, inner));
  }
  Value compute(SwishOp op, Value x) const {
    double alpha = op.getAlpha().convertToDouble();
    Value scaled = alpha == 1 ? x : multiply(x, number(alpha));
    Value exponential =
        math::ExpOp::create(b, loc, arith::NegFOp::create(b, loc, scaled));
    return multiply(x, divide(number(1), add(number(1), exponential)));
  }
};

} // namespace

/// The value of `op` where its operand is `x`, a number or a vector.
template <typename Op> static Value emitFunction(OpBuilder &b, Op op, Value x) {
  Location loc = op.getLoc();
  Formulas numbers{{b, loc, wideType(x.getType())}};
  Value result = numbers.compute(op, convert(b, loc, x, numbers.type));
  return convert(b, loc, result, x.getType());
}

template <typename Op>
static void lowerFunction(RewriterBase &rewriter, Op op) {
  rewriter.setInsertionPoint(op);
  Value x = op.getOperand();
  auto type = dyn_cast<RankedTensorType>(x.getType());
  if (!type)
    return rewriter.replaceOp(op, emitFunction(rewriter, op, x));
  ReferenceBuilder b(op.getLoc(), rewriter);
  AffineMap all = b.getMultiDimIdentityMap(type.getRank());
  rewriter.replaceOp(
      op, b.generic({x}, {all}, b.empty(b.sizes(x), type.getElementType()), all,
                    [&](ReferenceBuilder &body, ValueRange args) {
                      return emitFunction(body, op, args[0]);
                    }));
}

namespace {

template <typename Op> class NormLowering {
public:
  NormLowering(ReferenceBuilder b, Op op)
      : b(b), op(op), type(op.getInput().getType()),
        wide(wideType(type.getElementType())), sizes(b.sizes(op.getInput())),
        axis(static_cast<int64_t>(op.getAxis())),
        all(b.getMultiDimIdentityMap(type.getRank())),
        outer(all.getSliceMap(0, axis)),
        inner(all.getSliceMap(axis, type.getRank() - axis)) {}

  Value run() {
    count = elementCount();
    if constexpr (std::is_same_v<Op, NormOp>)
      mean =
          perRow(sums(/*isSquared=*/false),
                 [&](const Numbers &n, Value sum) { return average(n, sum); });
    double epsilon = op.getEpsilon().convertToDouble();
    Value inverse =
        perRow(sums(/*isSquared=*/true), [&](const Numbers &n, Value sum) {
          Value root = math::SqrtOp::create(
              n.b, n.loc, n.add(average(n, sum), n.number(epsilon)));
          return n.divide(n.number(1), root);
        });
    return scaled(inverse);
  }

private:
  /// How many elements a row has, as a number.
  Value elementCount() {
    Numbers numbers{b, b.getLoc(), wide};
    ArrayRef<int64_t> row = type.getShape().drop_front(axis);
    if (!ShapedType::isDynamicShape(row))
      return numbers.number(
          static_cast<double>(ShapedType::getNumElements(row)));
    Value product = b.index(1);
    for (OpFoldResult size : ArrayRef(sizes).drop_front(axis))
      product = arith::MulIOp::create(
          b, product, getValueOrCreateConstantIndexOp(b, b.getLoc(), size));
    Value integer = arith::IndexCastOp::create(b, b.getI64Type(), product);
    return arith::SIToFPOp::create(b, wide, integer);
  }

  Value average(const Numbers &n, Value sum) { return n.divide(sum, count); }

  /// args[0], less the mean in args[1] if there is one.
  Value centred(const Numbers &n, ValueRange args) {
    Value x = convert(n.b, n.loc, args[0], wide);
    return mean ? n.subtract(x, args[1]) : x;
  }

  /// Of the elements of each row, or of their squares, the mean taken off.
  Value sums(bool isSquared) {
    SmallVector<Value> inputs{op.getInput()};
    SmallVector<AffineMap> maps{all};
    if (mean) {
      inputs.push_back(mean);
      maps.push_back(outer);
    }
    return b.generic(
        inputs, maps, b.zeros(ArrayRef(sizes).take_front(axis), wide), outer,
        [&](ReferenceBuilder &body, ValueRange args) {
          Numbers n{body, body.getLoc(), wide};
          Value x = centred(n, args);
          return n.add(args.back(), isSquared ? n.multiply(x, x) : x);
        });
  }

  Value perRow(Value sum, function_ref<Value(const Numbers &, Value)> compute) {
    AffineMap rows = b.getMultiDimIdentityMap(axis);
    return b.generic(
        {sum}, {rows}, b.empty(ArrayRef(sizes).take_front(axis), wide), rows,
        [&](ReferenceBuilder &body, ValueRange args) {
          return compute(Numbers{body, body.getLoc(), wide}, args[0]);
        });
  }

  Value scaled(Value inverse) {
    SmallVector<Value> inputs{op.getInput()};
    SmallVector<AffineMap> maps{all};
    for (Value row : {mean, inverse})
      if (row) {
        inputs.push_back(row);
        maps.push_back(outer);
      }
    size_t vectors = inputs.size();
    for (Value vector : op.getVectors()) {
      inputs.push_back(vector);
      maps.push_back(inner);
    }
    return b.generic(
        inputs, maps, op.getInit(), all,
        [&](ReferenceBuilder &body, ValueRange args) {
          Numbers n{body, body.getLoc(), wide};
          auto vector = [&](size_t i) {
            return convert(body, body.getLoc(), args[i], wide);
          };
          size_t next = vectors;
          Value y = n.multiply(centred(n, args), args[vectors - 1]);
          if (op.getScale())
            y = n.multiply(y, vector(next++));
          if (next != inputs.size())
            y = n.add(y, vector(next));
          return convert(body, body.getLoc(), y, type.getElementType());
        });
  }

  ReferenceBuilder b;
  Op op;
  RankedTensorType type;
  Type wide;
  SmallVector<OpFoldResult> sizes;
  int64_t axis;
  AffineMap all, outer, inner;
  Value count;
  Value mean; ///< if the norm is centred
};

} // namespace

template <typename Op> static void lowerNorm(RewriterBase &rewriter, Op op) {
  rewriter.setInsertionPoint(op);
  ReferenceBuilder b(op.getLoc(), rewriter);
  rewriter.replaceOp(op, NormLowering(b, op).run());
}

void mlir::layer::lowerToLinalg(RewriterBase &rewriter, RMSNormOp op) {
  lowerNorm(rewriter, op);
}

namespace {

struct LowerToLinalgPass
    : public mlir::layer::impl::LowerToLinalgBase<LowerToLinalgPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    getOperation().walk([&](Operation *op) {
      llvm::TypeSwitch<Operation *>(op)
          .Case<NormOp, RMSNormOp>(
              [&](auto norm) { lowerNorm(rewriter, norm); })
          .Case<RotaryOp, EmbeddingOp>(
              [&](auto rows) { lowerToLinalg(rewriter, rows); })
          .Case<GeluOp, GeluTanhOp, SwishOp>(
              [&](auto function) { lowerFunction(rewriter, function); });
    });
  }
};

} // namespace
