//===- DecomposeAttention.cpp - Reference lowering of attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The definition of flat.attention, one linalg.generic for each of its
// sentences. The quadratic intermediates exist here: this is the oracle, not an
// implementation.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/Flat/Transforms/Decompose.h"
#include "nm/Dialect/Flat/Transforms/Passes.h"
#include "nm/Dialect/NM/Transforms/ReferenceLowering.h"

namespace mlir::flat {
#define GEN_PASS_DEF_DECOMPOSEATTENTION
#include "nm/Dialect/Flat/Transforms/Passes.h.inc"
} // namespace mlir::flat

using namespace mlir;
using namespace mlir::flat;
using nm::ReferenceBuilder;

namespace {

using Role = AttentionOp::Role;

class Decomposition {
public:
  Decomposition(RewriterBase &rewriter, AttentionOp op)
      : b(op.getLoc(), rewriter), op(op), f32(b.getF32Type()) {}

  Value run() {
    for (auto [role, dim] : {std::pair(Role::Q, AttentionOp::Batch),
                             std::pair(Role::Q, AttentionOp::Head),
                             std::pair(Role::Q, AttentionOp::Sequence),
                             std::pair(Role::K, AttentionOp::Sequence),
                             std::pair(Role::Q, AttentionOp::Width),
                             std::pair(Role::V, AttentionOp::Width),
                             std::pair(Role::K, AttentionOp::Head)})
      sizes.push_back(op.getMixedSize(b, role, dim));
    Value scores = emitScores(emitLogits());
    auto [weights, sums] = emitSoftmax(scores);
    return emitWeightedValues(weights, sums);
  }

private:
  // Sizes in the order of run().
  enum Size { Batch, Heads, Queries, Keys, Depth, Width, KeyHeads };

  SmallVector<OpFoldResult> shape(ArrayRef<Size> dims) {
    return llvm::map_to_vector(dims, [&](Size dim) { return sizes[dim]; });
  }

  /// Over five loops (b, h, i, x, y): the map to the listed loops.
  AffineMap map(ArrayRef<unsigned> dims, unsigned loops = 5) {
    return AffineMap::getMultiDimMapWithTargets(loops, dims, b.getContext());
  }

  /// Over five loops: the operand's own order of batch, head, `sequence` and
  /// `width`.
  AffineMap operandMap(Role role, unsigned sequence, unsigned width) {
    SmallVector<unsigned> dims(4);
    unsigned logical[] = {0, 1, sequence, width};
    for (auto [dim, position] :
         llvm::enumerate(op.getOrder(role).getPositions()))
      dims[position] = logical[dim];
    return map(dims);
  }

  /// True if every query head has a key head of its own.
  bool hasOwnKeyHeads() { return sizes[Heads] == sizes[KeyHeads]; }

  Value value(Size size) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), sizes[size]);
  }

  /// Query heads that share a key head. No heads make no loops, but the
  /// division would trap.
  Value groupSize() {
    Value one = b.index(1);
    Value keyHeads = arith::MaxSIOp::create(b, value(KeyHeads), one);
    Value ratio = arith::DivUIOp::create(b, value(Heads), keyHeads);
    return arith::MaxSIOp::create(b, ratio, one);
  }

  /// sum over the last loop of `left[..] * x[b, g, ..]`, with x = k or v. Where
  /// heads share keys, x is read by computed indices: no affine map says
  /// h / ratio for a ratio known at run time only.
  Value contract(Value left, AffineMap leftMap, Role role, unsigned sequence,
                 unsigned width, Value init, bool limitKeys) {
    Value x = op.getShaped(role), group, length = op.getLength();
    SmallVector<Value> inputs{left};
    SmallVector<AffineMap> maps{leftMap};
    if (hasOwnKeyHeads()) {
      inputs.push_back(x);
      maps.push_back(operandMap(role, sequence, width));
    } else {
      group = groupSize();
    }
    return b.generic(
        inputs, maps, init, map({0, 1, 2, 3}),
        [&](ReferenceBuilder &body, ValueRange args) -> Value {
          Value right;
          if (group) {
            SmallVector<Value> indices(4);
            Value logical[] = {
                body.loop(0), arith::DivUIOp::create(body, body.loop(1), group),
                body.loop(sequence), body.loop(width)};
            for (int64_t dim = 0; dim < 4; ++dim)
              indices[op.getPosition(role, dim)] = logical[dim];
            right = tensor::ExtractOp::create(body, x, indices);
          } else {
            right = args[1];
          }
          Value product = arith::MulFOp::create(body, body.widen(args[0], f32),
                                                body.widen(right, f32));
          // What no query looks at may be anything, NaN too: behind the length
          // of a batch, which a region may hold, and behind that of all.
          if (limitKeys && op.hasScoreRegion())
            product = arith::SelectOp::create(
                body,
                arith::CmpFOp::create(body, arith::CmpFPredicate::OEQ,
                                      body.widen(args[0], f32), body.zero(f32)),
                body.zero(f32), product);
          if (limitKeys && length)
            product = arith::SelectOp::create(
                body,
                arith::CmpIOp::create(body, arith::CmpIPredicate::slt,
                                      body.loop(sequence), length),
                product, body.zero(f32));
          return arith::AddFOp::create(body, args.back(), product);
        });
  }

  /// [b, h, i, j]: q k.
  Value emitLogits() {
    Value init = b.zeros(shape({Batch, Heads, Queries, Keys}), f32);
    return contract(op.getQ(), operandMap(Role::Q, 2, 4), Role::K,
                    /*sequence=*/3, /*width=*/4, init, /*limitKeys=*/false);
  }

  /// [b, h, i, j]: scale, score function, mask and length.
  Value emitScores(Value logits) {
    Value scale = op.getOrCreateScale(b), offset = op.getOffset(),
          length = op.getLength(), mask = op.getMask();
    SmallVector<Value> inputs{logits};
    SmallVector<AffineMap> maps{b.getMultiDimIdentityMap(4)};
    if (mask) {
      inputs.push_back(mask);
      maps.push_back(*op.getMaskMap());
    }
    llvm::append_range(inputs, op.getScoreOperands());
    llvm::append_range(maps, op.getScoreMapArray());
    Value init = b.empty(shape({Batch, Heads, Queries, Keys}), f32);
    Value hidden = minusInfinity();
    return b.generic(
        inputs, maps, init, b.getMultiDimIdentityMap(4),
        [&](ReferenceBuilder &body, ValueRange args) -> Value {
          args = args.drop_back();
          Value score = arith::MulFOp::create(body, args[0], scale);
          Value bias = mask ? args[1] : Value();
          if (op.hasScoreRegion())
            score =
                applyRegion(body, score, offset, args.drop_front(mask ? 2 : 1));
          if (bias && bias.getType().isInteger(1))
            score = arith::SelectOp::create(body, bias, score, hidden);
          else if (bias)
            score = arith::AddFOp::create(body, score, body.widen(bias, f32));
          if (length)
            score = arith::SelectOp::create(
                body,
                arith::CmpIOp::create(body, arith::CmpIPredicate::slt,
                                      body.loop(3), length),
                score, hidden);
          return score;
        });
  }

  Value applyRegion(ReferenceBuilder &body, Value logit, Value offset,
                    ValueRange operands) {
    Block &block = op.getScore().front();
    Value query = body.loop(2);
    if (offset)
      query = arith::AddIOp::create(body, query, offset);
    SmallVector<Value> arguments{logit, body.loop(0), body.loop(1), query,
                                 body.loop(3)};
    llvm::append_range(arguments, operands);
    IRMapping mapping;
    mapping.map(block.getArguments(), arguments);
    for (Operation &inner : block.without_terminator())
      body.clone(inner, mapping);
    return mapping.lookupOrDefault(block.getTerminator()->getOperand(0));
  }

  Value minusInfinity() {
    return arith::ConstantOp::create(
        b, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
  }

  /// exp(score - max) as [b, h, i, j], and its sums as [b, h, i].
  std::pair<Value, Value> emitSoftmax(Value scores) {
    AffineMap all = b.getMultiDimIdentityMap(4), row = map({0, 1, 2}, 4);
    Value hidden = minusInfinity();
    SmallVector<OpFoldResult> rows = shape({Batch, Heads, Queries});
    Value maxima = linalg::FillOp::create(b, ValueRange{hidden},
                                          ValueRange{b.empty(rows, f32)})
                       .getResult(0);
    maxima =
        b.generic({scores}, {all}, maxima, row,
                  [&](ReferenceBuilder &body, ValueRange args) -> Value {
                    return arith::MaximumFOp::create(body, args[0], args[1]);
                  });
    Value init = b.empty(shape({Batch, Heads, Queries, Keys}), f32);
    Value weights =
        b.generic({scores, maxima}, {all, row}, init, all,
                  [&](ReferenceBuilder &body, ValueRange args) -> Value {
                    // A row that sees no key: its weights are exp(-inf - 0) =
                    // 0.
                    Value isHidden = arith::CmpFOp::create(
                        body, arith::CmpFPredicate::OEQ, args[1], hidden);
                    Value maximum = arith::SelectOp::create(
                        body, isHidden, body.zero(f32), args[1]);
                    return math::ExpOp::create(
                        body, arith::SubFOp::create(body, args[0], maximum));
                  });
    Value sums =
        b.generic({weights}, {all}, b.zeros(rows, f32), row,
                  [&](ReferenceBuilder &body, ValueRange args) -> Value {
                    return arith::AddFOp::create(body, args[1], args[0]);
                  });
    return {weights, sums};
  }

  /// Whether a row whose exponentials sum to `sum` is zero whatever the
  /// quotient is. Only one that sees no key has no weight: the largest one
  /// is 1.
  Value givesZero(ReferenceBuilder &body, Value sum) {
    using Predicate = arith::CmpFPredicate;
    if (op.getGuard() != Guard::None)
      return arith::CmpFOp::create(
          body,
          op.getGuard() == Guard::Unseen ? Predicate::OEQ : Predicate::UEQ, sum,
          body.zero(f32));
    Value keys = value(Keys);
    if (Value length = op.getLength())
      keys = arith::MinSIOp::create(body, keys, length);
    return arith::CmpIOp::create(body, arith::CmpIPredicate::sle, keys,
                                 body.index(0));
  }

  /// The attention, in the destination's type and order.
  Value emitWeightedValues(Value weights, Value sums) {
    Value sum = contract(weights, map({0, 1, 2, 4}), Role::V, /*sequence=*/4,
                         /*width=*/3,
                         b.zeros(shape({Batch, Heads, Queries, Width}), f32),
                         /*limitKeys=*/true);
    Type element = cast<ShapedType>(op.getInit().getType()).getElementType();
    return b.generic(
        {sum, sums}, {b.getMultiDimIdentityMap(4), map({0, 1, 2}, 4)},
        op.getInit(), op.getOrderMap(Role::Out),
        [&](ReferenceBuilder &body, ValueRange args) -> Value {
          Value quotient = arith::DivFOp::create(body, args[0], args[1]);
          Value result = arith::SelectOp::create(body, givesZero(body, args[1]),
                                                 body.zero(f32), quotient);
          return element == f32
                     ? result
                     : arith::TruncFOp::create(body, element, result);
        });
  }

  ReferenceBuilder b;
  AttentionOp op;
  Type f32;
  SmallVector<OpFoldResult> sizes;
};

struct DecomposeAttentionPass
    : public mlir::flat::impl::DecomposeAttentionBase<DecomposeAttentionPass> {
  using DecomposeAttentionBase::DecomposeAttentionBase;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<AttentionOp> ops;
    SmallVector<linalg::SoftmaxOp> softmaxes;
    getOperation()->walk([&](Operation *op) {
      if (auto attention = dyn_cast<AttentionOp>(op); attention && !softmaxOnly)
        ops.push_back(attention);
      else if (auto softmax = dyn_cast<linalg::SoftmaxOp>(op))
        softmaxes.push_back(softmax);
    });
    for (AttentionOp op : ops)
      if (failed(decomposeAttention(rewriter, op))) {
        op.emitOpError("is on buffers, expected tensors; run "
                       "flat-decompose-attention before bufferization");
        return signalPassFailure();
      }
    for (linalg::SoftmaxOp op : softmaxes) {
      rewriter.setInsertionPoint(op);
      FailureOr<SmallVector<Value>> results = failure();
      if (op.getNumResults() == 1)
        results = op.decomposeOperation(rewriter);
      if (failed(results)) {
        op.emitOpError("could not be decomposed; expected tensors of floats");
        return signalPassFailure();
      }
      rewriter.replaceOp(op, *results);
    }
  }
};

} // namespace

LogicalResult mlir::flat::decomposeAttention(RewriterBase &rewriter,
                                             AttentionOp op) {
  if (!op.getResult())
    return rewriter.notifyMatchFailure(op, "operands are buffers");
  SmallVector<DequantizeRowsOp> reads;
  rewriter.setInsertionPoint(op);
  for (auto [role, operand] :
       {std::pair(Role::K, &op.getKMutable()), {Role::V, &op.getVMutable()}})
    if (op.isQuantized(role)) {
      reads.push_back(
          DequantizeRowsOp::create(rewriter, op.getLoc(), operand->get(),
                                   rewriter.getF32Type(), StringAttr()));
      operand->set(reads.back());
    }
  rewriter.replaceOp(op, Decomposition(rewriter, op).run());
  for (DequantizeRowsOp read : reads)
    lowerRows(rewriter, read);
  return success();
}
