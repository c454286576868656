//===- SizeConstraints.cpp - What operations ask of sizes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SizeConstraints.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::nm;

static constexpr StringLiteral kReadsPast = "reads past the end of a tensor";
static constexpr StringLiteral kWritesPast = "writes past the end of a tensor";

namespace {

/// One operation after another adds its demands here.
struct Collector {
  SizeAnalysis &sizes;
  SizeDemands &demands;

  void sameShape(Value a, Value b) {
    for (auto [x, y] : llvm::zip(sizes.getSizes(a), sizes.getSizes(b)))
      demands.equal(x, y);
  }

  void sameSize(Value a, int64_t i, Value b, int64_t j) {
    demands.equal(sizes.getSize(a, i), sizes.getSize(b, j));
  }

  //===--------------------------------------------------------------------===//
  // linalg
  //===--------------------------------------------------------------------===//

  /// The largest (or smallest) value of an access over the loops; null where a
  /// loop has no size of its own.
  AffineExpr extreme(AffineExpr expr, ArrayRef<AffineExpr> loops,
                     bool largest) {
    if (isa<AffineConstantExpr>(expr))
      return expr;
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      if (!largest)
        return sizes.constant(0);
      AffineExpr size = loops[dim.getPosition()];
      return size ? size - 1 : AffineExpr();
    }
    auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
    if (!binary)
      return {};
    AffineExpr left = binary.getLHS(), right = binary.getRHS();
    auto factor = dyn_cast<AffineConstantExpr>(right);
    switch (binary.getKind()) {
    case AffineExprKind::Add: {
      AffineExpr a = extreme(left, loops, largest),
                 b = extreme(right, loops, largest);
      return a && b ? a + b : AffineExpr();
    }
    case AffineExprKind::Mul: {
      if (!factor)
        return {};
      AffineExpr a = extreme(left, loops, largest == factor.getValue() >= 0);
      return a ? a * factor : a;
    }
    case AffineExprKind::Mod:
      if (!factor)
        return {};
      return sizes.constant(largest ? factor.getValue() - 1 : 0);
    default: { // divisions by a positive constant keep the order
      if (!factor)
        return {};
      AffineExpr a = extreme(left, loops, largest);
      if (!a)
        return a;
      return binary.getKind() == AffineExprKind::FloorDiv ? a.floorDiv(factor)
                                                          : a.ceilDiv(factor);
    }
    }
  }

  void visit(linalg::LinalgOp op) {
    SmallVector<AffineExpr> loops = getLoopSizes(op, sizes);
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isa<ShapedType>(operand.get().getType()))
        continue;
      AffineMap map = op.getMatchingIndexingMap(&operand);
      for (auto [position, expr] : llvm::enumerate(map.getResults())) {
        AffineExpr size = sizes.getSize(operand.get(), position);
        if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
          demands.equal(loops[dim.getPosition()], size);
          continue;
        }
        StringRef what = op.isDpsInit(&operand) ? kWritesPast : kReadsPast;
        if (AffineExpr most = extreme(expr, loops, /*largest=*/true))
          demands.atMost(most + 1, size, what);
        if (AffineExpr least = extreme(expr, loops, /*largest=*/false))
          demands.atMost(sizes.constant(0), least,
                         "reads before the start of a tensor");
      }
    }
  }

  void visit(linalg::SoftmaxOp op) { sameShape(op.getInput(), op.getOutput()); }

  /// Tiles cover what is unpacked, with less than a tile to spare.
  void packed(Value plain, Value tiles, ArrayRef<int64_t> innerDims,
              ArrayRef<OpFoldResult> tileSizes, ArrayRef<int64_t> outerPerm) {
    int64_t rank = cast<ShapedType>(plain.getType()).getRank();
    for (auto [inner, tile] : llvm::enumerate(tileSizes))
      demands.equal(sizes.getIndex(tile),
                    sizes.getSize(tiles, rank + static_cast<int64_t>(inner)));
    for (int64_t outer = 0; outer < rank; ++outer) {
      int64_t dim = outerPerm.empty() ? outer : outerPerm[outer];
      AffineExpr count = sizes.getSize(plain, dim);
      for (auto [inner, tile] : llvm::zip(innerDims, tileSizes))
        if (inner == dim) {
          auto size = dyn_cast<AffineConstantExpr>(sizes.getIndex(tile));
          count =
              size && size.getValue() > 0 ? count.ceilDiv(size) : AffineExpr();
        }
      if (count)
        demands.equal(count, sizes.getSize(tiles, outer));
    }
  }

  //===--------------------------------------------------------------------===//
  // tensor
  //===--------------------------------------------------------------------===//

  /// A result type says more than its operand's.
  void narrowed(Value source, Value result) {
    auto from = dyn_cast<ShapedType>(source.getType());
    auto to = dyn_cast<ShapedType>(result.getType());
    if (!from || !to || !from.hasRank() || !to.hasRank())
      return;
    for (int64_t dim = 0; dim < to.getRank(); ++dim)
      if (!to.isDynamicDim(dim))
        demands.equal(sizes.getSize(source, dim),
                      sizes.constant(to.getDimSize(dim)));
  }

  void visit(tensor::ExpandShapeOp op) {
    SmallVector<OpFoldResult> shape = op.getMixedOutputShape();
    for (auto [dim, group] : llvm::enumerate(op.getReassociationIndices())) {
      AffineExpr product = sizes.constant(1);
      for (int64_t part : group) {
        AffineExpr size = sizes.getIndex(shape[part]);
        demands.atMost(sizes.constant(0), size, "makes a negative size");
        product = product * size;
      }
      demands.equal(product, sizes.getSize(op.getSrc(), dim));
    }
  }

  /// offsets[d] + (sizes[d] - 1) * strides[d] lies within `tensor`.
  void slice(OffsetSizeAndStrideOpInterface op, Value tensor, StringRef what) {
    for (auto [dim, offset, size, stride] : llvm::enumerate(
             op.getMixedOffsets(), op.getMixedSizes(), op.getMixedStrides())) {
      AffineExpr from = sizes.getIndex(offset), count = sizes.getIndex(size),
                 step = sizes.getIndex(stride), zero = sizes.constant(0);
      demands.atMost(zero, from, "starts before a tensor");
      demands.atMost(zero, count, "makes a negative size");
      demands.atMost(zero, step, "has a negative stride");
      AffineExpr end = step == sizes.constant(1)
                           ? from + count
                           : from + (count - 1) * step + 1;
      demands.atMost(end, sizes.getSize(tensor, dim), what);
    }
  }

  /// A tensor of sizes[d], of which those of size 1 may be left out.
  template <typename Op> void inserted(Op op) {
    slice(op, op.getDest(), kWritesPast);
    llvm::SmallBitVector dropped = op.getDroppedDims();
    int64_t dim = 0;
    for (auto [d, size] : llvm::enumerate(op.getMixedSizes()))
      if (!dropped.test(d))
        demands.equal(sizes.getIndex(size),
                      sizes.getSize(op.getSource(), dim++));
  }

  void visit(tensor::PadOp op) {
    SmallVector<AffineExpr> shape = sizes.getSizes(op.getSource());
    for (auto [dim, low, high] :
         llvm::enumerate(op.getMixedLowPad(), op.getMixedHighPad())) {
      demands.atMost(sizes.constant(0), sizes.getIndex(low),
                     "pads by a negative size");
      demands.atMost(sizes.constant(0), sizes.getIndex(high),
                     "pads by a negative size");
      shape[dim] = shape[dim] + sizes.getIndex(low) + sizes.getIndex(high);
      int64_t size = op.getResultType().getDimSize(dim);
      if (!ShapedType::isDynamic(size))
        demands.equal(shape[dim], sizes.constant(size));
    }
    demands.allocates(shape, op.getResultType().getElementType());
  }

  void visit(tensor::ConcatOp op) {
    auto type = llvm::cast<RankedTensorType>(op.getType());
    int64_t along = op.getDim();
    SmallVector<AffineExpr> shape = sizes.getSizes(op.getInputs().front());
    for (Value input : op.getInputs().drop_front())
      for (int64_t dim = 0; dim < type.getRank(); ++dim)
        if (dim == along)
          shape[dim] = shape[dim] + sizes.getSize(input, dim);
        else
          demands.equal(shape[dim], sizes.getSize(input, dim));
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (!type.isDynamicDim(dim))
        demands.equal(shape[dim], sizes.constant(type.getDimSize(dim)));
    demands.allocates(shape, type.getElementType());
  }

  /// `values` of a tensor, one index at a time.
  void element(Value tensor, ValueRange indices, StringRef what) {
    for (auto [dim, index] : llvm::enumerate(indices)) {
      AffineExpr at = sizes.getIndex(index);
      demands.atMost(sizes.constant(0), at, what);
      demands.atMost(at + 1, sizes.getSize(tensor, dim), what);
    }
  }

  void allocates(Value result, ValueRange dynamic) {
    auto type = llvm::cast<ShapedType>(result.getType());
    SmallVector<AffineExpr> shape;
    for (int64_t size : type.getShape())
      if (ShapedType::isDynamic(size)) {
        shape.push_back(sizes.getIndex(dynamic.front()));
        dynamic = dynamic.drop_front();
      } else {
        shape.push_back(sizes.constant(size));
      }
    demands.allocates(shape, type.getElementType());
  }

  //===--------------------------------------------------------------------===//
  // nm, layer and flat
  //===--------------------------------------------------------------------===//

  /// nm_matmul_c1, c2 and c5.
  void visit(MatmulOp op) {
    Value lhs = op.getLhs(), rhs = op.getRhs(), out = op.getInit();
    int64_t batch = op.getBatchRank();
    sameSize(lhs, op.getLhsRowDim(), out, batch);
    sameSize(rhs, op.getRhsColumnDim(), out, batch + 1);
    sameSize(lhs, op.getLhsReductionDim(), rhs, op.getRhsReductionDim());
    for (Value operand : {lhs, rhs})
      if (llvm::cast<ShapedType>(operand.getType()).getRank() == batch + 2)
        for (int64_t dim = 0; dim < batch; ++dim)
          sameSize(operand, dim, out, dim);
    for (auto [operand, map] :
         llvm::zip(op.getEpilogueOperands(), op.getEpilogueMapArray()))
      for (auto [dim, expr] : llvm::enumerate(map.getResults()))
        if (auto position = dyn_cast<AffineDimExpr>(expr))
          sameSize(operand, dim, out, position.getPosition());
  }

  /// layer_norm_c1 and c3.
  template <typename Norm> void norm(Norm op) {
    sameShape(op.getInput(), op.getInit());
    auto axis = static_cast<int64_t>(op.getAxis());
    int64_t rank = op.getInput().getType().getRank();
    for (Value vector : op.getVectors())
      for (int64_t dim = axis; dim < rank; ++dim)
        sameSize(op.getInput(), dim, vector, dim - axis);
  }

  /// layer_rotary_c1, c3 and c4.
  void visit(layer::RotaryOp op) {
    Value input = op.getInput(), angles = op.getCosines();
    int64_t rank = op.getCosines().getType().getRank();
    sameShape(input, op.getInit());
    sameShape(angles, op.getSines());
    for (int64_t dim = 0; dim + 1 < rank; ++dim)
      sameSize(angles, dim, input, op.getInputDim(dim));
    int64_t last = op.getInput().getType().getRank() - 1;
    demands.atMost(sizes.getSize(angles, rank - 1) * 2,
                   sizes.getSize(input, last), kReadsPast);
  }

  /// flat_attention_c2 to c5. A length is taken as it comes.
  void visit(flat::AttentionOp op) {
    using flat::AttentionOp;
    using Role = AttentionOp::Role;
    auto size = [&](Role role, int64_t dim) {
      if (dim == AttentionOp::Width && op.isQuantized(role))
        return sizes.constant(op.getStaticSize(role, dim));
      return sizes.getSize(op.getShaped(role), op.getPosition(role, dim));
    };
    for (Role role : {Role::K, Role::V, Role::Out})
      demands.equal(size(Role::Q, AttentionOp::Batch),
                    size(role, AttentionOp::Batch));
    for (auto [a, b, dim] : {std::tuple(Role::Q, Role::Out, AttentionOp::Head),
                             {Role::K, Role::V, AttentionOp::Head},
                             {Role::Q, Role::Out, AttentionOp::Sequence},
                             {Role::K, Role::V, AttentionOp::Sequence},
                             {Role::Q, Role::K, AttentionOp::Width},
                             {Role::V, Role::Out, AttentionOp::Width}})
      demands.equal(size(a, dim), size(b, dim));
    AffineExpr heads = size(Role::Q, AttentionOp::Head),
               keys = size(Role::K, AttentionOp::Sequence);
    demands.multiple(heads, size(Role::K, AttentionOp::Head));
    AffineExpr loops[] = {size(Role::Q, AttentionOp::Batch), heads,
                          size(Role::Q, AttentionOp::Sequence), keys};
    auto mapped = [&](Value operand, AffineMap map) {
      for (auto [dim, expr] : llvm::enumerate(map.getResults()))
        if (auto position = dyn_cast<AffineDimExpr>(expr))
          demands.equal(loops[position.getPosition()],
                        sizes.getSize(operand, dim));
    };
    if (op.getMask())
      mapped(op.getMask(), *op.getMaskMap());
    for (auto [operand, map] :
         llvm::zip(op.getScoreOperands(), op.getScoreMapArray()))
      mapped(operand, map);
  }
};

} // namespace

SmallVector<AffineExpr> mlir::nm::getLoopSizes(linalg::LinalgOp op,
                                               SizeAnalysis &sizes) {
  SmallVector<AffineExpr> loops(op.getNumLoops());
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<ShapedType>(operand.get().getType()))
      continue;
    for (auto [position, expr] :
         llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        if (!loops[dim.getPosition()])
          loops[dim.getPosition()] = sizes.getSize(operand.get(), position);
  }
  return loops;
}

void mlir::nm::collectDemands(Operation *op, SizeAnalysis &sizes,
                              SizeDemands &demands) {
  Collector c{sizes, demands};
  llvm::TypeSwitch<Operation *>(op)
      .Case<linalg::LinalgOp>([&](auto o) { c.visit(o); })
      .Case<linalg::SoftmaxOp, MatmulOp, flat::AttentionOp, layer::RotaryOp,
            tensor::PadOp, tensor::ConcatOp, tensor::ExpandShapeOp>(
          [&](auto o) { c.visit(o); })
      .Case<layer::NormOp, layer::RMSNormOp>([&](auto o) { c.norm(o); })
      .Case<linalg::PackOp>([&](auto o) {
        c.packed(o.getSource(), o.getDest(), o.getInnerDimsPos(),
                 o.getMixedTiles(), o.getOuterDimsPerm());
      })
      .Case<linalg::UnPackOp>([&](auto o) {
        c.packed(o.getDest(), o.getSource(), o.getInnerDimsPos(),
                 o.getMixedTiles(), o.getOuterDimsPerm());
      })
      .Case<tensor::CastOp, memref::CastOp>(
          [&](auto o) { c.narrowed(o.getSource(), o->getResult(0)); })
      .Case<tensor::ExtractSliceOp>(
          [&](auto o) { c.slice(o, o.getSource(), kReadsPast); })
      .Case<memref::SubViewOp>(
          [&](auto o) { c.slice(o, o.getSource(), kReadsPast); })
      .Case<tensor::InsertSliceOp, tensor::ParallelInsertSliceOp>(
          [&](auto o) { c.inserted(o); })
      .Case<tensor::ExtractOp>(
          [&](auto o) { c.element(o.getTensor(), o.getIndices(), kReadsPast); })
      .Case<tensor::InsertOp>(
          [&](auto o) { c.element(o.getDest(), o.getIndices(), kWritesPast); })
      .Case<tensor::EmptyOp, memref::AllocOp>(
          [&](auto o) { c.allocates(o->getResult(0), o.getDynamicSizes()); })
      .Case<tensor::GenerateOp>(
          [&](auto o) { c.allocates(o.getResult(), o.getDynamicExtents()); })
      .Case<tensor::SplatOp>(
          [&](auto o) { c.allocates(o.getResult(), o.getDynamicSizes()); })
      .Case<bufferization::MaterializeInDestinationOp>(
          [&](auto o) { c.sameShape(o.getSource(), o.getDest()); })
      .Case<memref::CopyOp>(
          [&](auto o) { c.sameShape(o.getSource(), o.getTarget()); })
      .Default([&](Operation *other) {
        if (!other->hasTrait<OpTrait::Elementwise>())
          return;
        Value first;
        for (Value operand : other->getOperands()) {
          auto type = dyn_cast<ShapedType>(operand.getType());
          if (!type || !isa<TensorType>(type) || !type.hasRank())
            continue;
          if (first)
            c.sameShape(first, operand);
          else
            first = operand;
        }
      });
}
