//===- LowerRows.cpp - What rows of eight bits mean -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The definitions of flat.quantize_rows and flat.dequantize_rows, one
// linalg.generic for each of their sentences. A call quantises the rows of its
// own tokens, which are few beside those that it reads, and attention reads
// rows as they are: what is written here for reading is what runs.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/Flat/Transforms/Decompose.h"
#include "nm/Dialect/Flat/Transforms/Passes.h"
#include "nm/Dialect/NM/Transforms/ReferenceLowering.h"
#include <limits>

namespace mlir::flat {
#define GEN_PASS_DEF_LOWERROWS
#include "nm/Dialect/Flat/Transforms/Passes.h.inc"
} // namespace mlir::flat

using namespace mlir;
using namespace mlir::flat;
using nm::ReferenceBuilder;

namespace {

/// The largest integer of a row.
constexpr double kLargest = 127;

class RowsLowering {
public:
  RowsLowering(RewriterBase &rewriter, Operation *op, RankedTensorType numbers)
      : b(op->getLoc(), rewriter), f32(b.getF32Type()), i8(b.getI8Type()),
        width(numbers.getShape().back()),
        all(b.getMultiDimIdentityMap(numbers.getRank())),
        outer(all.getSliceMap(0, numbers.getRank() - 1)) {}

  Value quantize(Value x) {
    sizes = b.sizes(x);
    ArrayRef<OpFoldResult> rows = ArrayRef(sizes).drop_back();
    Value most =
        b.generic({x}, {all}, b.zeros(rows, f32), outer,
                  [&](ReferenceBuilder &body, ValueRange args) -> Value {
                    Value size =
                        math::AbsFOp::create(body, body.widen(args[0], f32));
                    return arith::MaximumFOp::create(body, args[1], size);
                  });
    AffineMap each = b.getMultiDimIdentityMap(all.getNumDims() - 1);
    Value scales =
        b.generic({most}, {each}, b.empty(rows, f32), each,
                  [&](ReferenceBuilder &body, ValueRange args) -> Value {
                    return scaleOf(body, args[0]);
                  });
    Value integers =
        b.generic({x, scales}, {all, outer}, b.empty(sizes, i8), all,
                  [&](ReferenceBuilder &body, ValueRange args) -> Value {
                    return round(body, body.widen(args[0], f32), args[1]);
                  });
    Value bytes =
        b.generic({scales}, {outer}, b.empty(sizesWith(kRowScaleBytes), i8),
                  all, [&](ReferenceBuilder &body, ValueRange args) -> Value {
                    return byteOf(body, args[0]);
                  });
    Value result = b.empty(sizesWith(width + kRowScaleBytes), i8);
    result = insert(integers, result, 0, width);
    return insert(bytes, result, width, kRowScaleBytes);
  }

  Value dequantize(Value bytes, Type element) {
    sizes = b.sizes(bytes);
    ArrayRef<OpFoldResult> rows = ArrayRef(sizes).drop_back();
    AffineMap each = b.getMultiDimIdentityMap(all.getNumDims() - 1);
    Value scales = b.generic({}, {}, b.empty(rows, f32), each,
                             [&](ReferenceBuilder &body, ValueRange) -> Value {
                               return readScale(body, bytes);
                             });
    SmallVector<OpFoldResult> zeros(sizes.size(), b.getIndexAttr(0)),
        ones(sizes.size(), b.getIndexAttr(1));
    Value integers =
        tensor::ExtractSliceOp::create(b, bytes, zeros, sizesWith(width), ones);
    return b.generic(
        {integers, scales}, {all, outer}, b.empty(sizesWith(width), element),
        all, [&](ReferenceBuilder &body, ValueRange args) -> Value {
          Value number =
              arith::MulFOp::create(body, body.widen(args[0], f32), args[1]);
          if (element == f32)
            return number;
          return arith::TruncFOp::create(body, element, number);
        });
  }

private:
  static Value number(ReferenceBuilder &body, double value) {
    return arith::ConstantOp::create(
        body, body.getF32FloatAttr(static_cast<float>(value)));
  }

  /// NaN of a row that is not finite.
  static Value scaleOf(ReferenceBuilder &body, Value most) {
    Value isFinite = arith::CmpFOp::create(
        body, arith::CmpFPredicate::OLT, most,
        number(body, std::numeric_limits<float>::infinity()));
    Value scale = arith::DivFOp::create(body, most, number(body, kLargest));
    return arith::SelectOp::create(
        body, isFinite, scale,
        number(body, std::numeric_limits<float>::quiet_NaN()));
  }

  Value round(ReferenceBuilder &body, Value x, Value scale) {
    // Neither 0 nor NaN.
    Value scales = arith::CmpFOp::create(body, arith::CmpFPredicate::OGT, scale,
                                         body.zero(f32));
    Value quotient = arith::SelectOp::create(
        body, scales, arith::DivFOp::create(body, x, scale), body.zero(f32));
    Value rounded = math::RoundEvenOp::create(body, quotient);
    // Beyond where the scale itself has lost bits, below the normal numbers.
    Value bounded = arith::MinimumFOp::create(
        body, arith::MaximumFOp::create(body, rounded, number(body, -kLargest)),
        number(body, kLargest));
    return arith::FPToSIOp::create(body, i8, bounded);
  }

  /// Byte `i` of a scale, with i the innermost loop.
  Value byteOf(ReferenceBuilder &body, Value scale) {
    Type i32 = body.getI32Type();
    Value bits = arith::BitcastOp::create(body, i32, scale);
    Value place =
        arith::IndexCastOp::create(body, i32, body.loop(all.getNumDims() - 1));
    Value shift = arith::MulIOp::create(body, place, body.integer(8));
    return arith::TruncIOp::create(body, i8,
                                   arith::ShRUIOp::create(body, bits, shift));
  }

  Value readScale(ReferenceBuilder &body, Value bytes) {
    Type i32 = body.getI32Type();
    SmallVector<Value> at;
    for (unsigned dim = 0; dim + 1 < all.getNumDims(); ++dim)
      at.push_back(body.loop(dim));
    at.push_back({});
    Value bits;
    for (int64_t i = 0; i < kRowScaleBytes; ++i) {
      at.back() = body.index(width + i);
      Value byte = arith::ExtUIOp::create(
          body, i32, tensor::ExtractOp::create(body, bytes, at));
      Value part = arith::ShLIOp::create(body, byte, body.integer(8 * i));
      bits = bits ? arith::OrIOp::create(body, bits, part) : part;
    }
    return arith::BitcastOp::create(body, f32, bits);
  }

  SmallVector<OpFoldResult> sizesWith(int64_t last) {
    SmallVector<OpFoldResult> result(sizes);
    result.back() = b.getIndexAttr(last);
    return result;
  }

  Value insert(Value piece, Value into, int64_t first, int64_t count) {
    SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
        ones(sizes.size(), b.getIndexAttr(1));
    offsets.back() = b.getIndexAttr(first);
    return tensor::InsertSliceOp::create(b, piece, into, offsets,
                                         sizesWith(count), ones);
  }

  ReferenceBuilder b;
  Type f32, i8;
  int64_t width; ///< numbers of a row
  AffineMap all, outer;
  SmallVector<OpFoldResult> sizes;
};

struct LowerRowsPass : public mlir::flat::impl::LowerRowsBase<LowerRowsPass> {
  using LowerRowsBase::LowerRowsBase;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<QuantizeRowsOp> writes;
    SmallVector<DequantizeRowsOp> reads;
    getOperation().walk([&](Operation *op) {
      if (auto write = dyn_cast<QuantizeRowsOp>(op))
        writes.push_back(write);
      else if (auto read = dyn_cast<DequantizeRowsOp>(op))
        reads.push_back(read);
    });
    for (QuantizeRowsOp op : writes) {
      rewriter.setInsertionPoint(op);
      Value x = op.getInput();
      rewriter.replaceOp(
          op, RowsLowering(rewriter, op, op.getInput().getType()).quantize(x));
    }
    for (DequantizeRowsOp op : reads) {
      if (op.use_empty()) {
        rewriter.eraseOp(op);
        continue;
      }
      if (op.getCacheAttr() && !caches) {
        refuse(op);
        return signalPassFailure();
      }
      lowerRows(rewriter, op);
    }
  }

private:
  static void refuse(DequantizeRowsOp op) {
    InFlightDiagnostic diag =
        emitError(op.getLoc(), "the quantised cache '")
        << *op.getCache()
        << "' is read by something else than attention, for which all of it "
           "would be copied as floats in each call; expected attention over "
           "whole rows of keys or values (--remarks=flat-raise says what was "
           "not recognised); leave this model's caches in floats";
    for (Operation *user : op->getUsers())
      diag.attachNote(user->getLoc())
          << "it is read by '" << user->getName() << "' here";
  }
};

} // namespace

void mlir::flat::lowerRows(RewriterBase &rewriter, DequantizeRowsOp op) {
  rewriter.setInsertionPoint(op);
  RankedTensorType type = op.getResult().getType();
  Value bytes = op.getInput();
  rewriter.replaceOp(op, RowsLowering(rewriter, op, type)
                             .dequantize(bytes, type.getElementType()));
}
