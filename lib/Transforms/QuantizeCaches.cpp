//===- QuantizeCaches.cpp - Caches of eight bits -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Transforms/Passes.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::nm {
#define GEN_PASS_DEF_QUANTIZECACHES
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {

/// One cache: an argument with `nm.in_place`, and what is made of it on the way
/// to the result.
class CacheQuantizer {
public:
  CacheQuantizer(func::FuncOp func, unsigned number, int64_t result)
      : func(func), argument(func.getArgument(number)), number(number),
        result(result), end(func.front().getTerminator()),
        b(func.getContext()) {}

  LogicalResult run() {
    RankedTensorType type = typeOf(argument);
    if (!type.getElementType().isF32() && !type.getElementType().isF16() &&
        !type.getElementType().isBF16())
      return refuse() << "has elements of " << type.getElementType()
                      << ", expected f32, f16 or bf16";
    if (type.getRank() < 2 || ShapedType::isDynamic(type.getShape().back()) ||
        type.getShape().back() < 1)
      return refuse() << "is " << type
                      << ", expected rows whose width, the last dimension, is "
                         "known; give it with --size";
    element = type.getElementType();
    width = type.getShape().back();
    collect();
    Operation *strange = findStrange();
    if (strange) {
      InFlightDiagnostic diag = refuse();
      diag << "is written by '" << strange->getName()
           << "', expected whole rows that a loop or a concatenation inserts";
      diag.attachNote(strange->getLoc()) << "it is written here";
      return diag;
    }
    for (Value value : caches)
      value.setType(quantized(typeOf(value)));
    for (Value value : caches)
      rewriteUses(value);
    return success();
  }

private:
  InFlightDiagnostic refuse() {
    auto name = func.getArgAttrOfType<StringAttr>(number, "nm.name");
    InFlightDiagnostic diag = func.emitError();
    diag << "the cache '"
         << (name ? name.str() : "arg" + std::to_string(number))
         << "' of function '" << func.getName()
         << "' cannot be held in i8: it ";
    return diag;
  }

  RankedTensorType quantized(RankedTensorType type) {
    SmallVector<int64_t> shape(type.getShape());
    shape.back() += flat::kRowScaleBytes;
    return RankedTensorType::get(shape, b.getI8Type());
  }

  static bool keepsLast(ArrayRef<ReassociationIndices> groups) {
    return !groups.empty() && groups.back().size() == 1;
  }

  /// Whether a slice of `op` has whole rows, and is of the same rank or of
  /// fewer dimensions before the last.
  template <typename Op> bool takesRows(Op op) {
    int64_t last = op.getStaticSizes().size() - 1;
    return !op.getDroppedDims().test(last) && !op.isDynamicSize(last) &&
           op.getStaticSize(last) == width && !op.isDynamicOffset(last) &&
           op.getStaticOffset(last) == 0 && !op.isDynamicStride(last) &&
           op.getStaticStride(last) == 1;
  }

  /// The values that hold the cache, or whole rows of it, as the argument does.
  void collect() {
    caches.insert(argument);
    for (size_t i = 0; i < caches.size(); ++i)
      for (OpOperand &use : caches[i].getUses())
        follow(use);
  }

  void follow(OpOperand &use) {
    Operation *op = use.getOwner();
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
      if (use.get() == insert.getDest() && takesRows(insert))
        caches.insert(insert.getResult());
    } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
      if (takesRows(slice))
        caches.insert(slice.getResult());
    } else if (auto cast = dyn_cast<tensor::CastOp>(op)) {
      if (typeOf(cast.getDest()).getShape().back() == width)
        caches.insert(cast.getDest());
    } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
      if (keepsLast(collapse.getReassociationIndices()))
        caches.insert(collapse.getResult());
    } else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
      if (keepsLast(expand.getReassociationIndices()))
        caches.insert(expand.getResult());
    } else if (auto loop = dyn_cast<scf::ForOp>(op)) {
      if (BlockArgument carried = loop.getTiedLoopRegionIterArg(&use)) {
        caches.insert(carried);
        caches.insert(loop.getTiedLoopResult(&use));
      }
    } else if (auto branches = dyn_cast<scf::IfOp>(op->getParentOp());
               branches && isa<scf::YieldOp>(op)) {
      // What is only read afterwards may be of another tensor, too.
      Value joined = branches.getResult(use.getOperandNumber());
      if (llvm::is_contained(joined.getUsers(), end))
        caches.insert(joined);
    }
  }

  /// What stands between the argument and the result and is no cache.
  Operation *findStrange() {
    auto producer = [&](Value value) -> Operation * {
      if (caches.contains(value))
        return nullptr;
      return value.getDefiningOp() ? value.getDefiningOp() : func;
    };
    if (Operation *op = producer(end->getOperand(result)))
      return op;
    for (Value value : caches) {
      if (auto branches = value.getDefiningOp<scf::IfOp>()) {
        unsigned place = cast<OpResult>(value).getResultNumber();
        for (scf::YieldOp yield : {branches.thenYield(), branches.elseYield()})
          if (Operation *op = producer(yield.getOperand(place)))
            return op;
      }
      auto carried = dyn_cast<BlockArgument>(value);
      if (!carried || carried == argument)
        continue;
      auto loop = cast<scf::ForOp>(carried.getOwner()->getParentOp());
      if (Operation *op =
              producer(loop.getTiedLoopYieldedValue(carried)->get()))
        return op;
    }
    return nullptr;
  }

  SmallVector<int64_t> withScale(ArrayRef<int64_t> sizes) {
    SmallVector<int64_t> result(sizes);
    result.back() += flat::kRowScaleBytes;
    return result;
  }

  void rewriteUses(Value value) {
    Value numbers;
    for (OpOperand &use : llvm::make_early_inc_range(value.getUses())) {
      Operation *op = use.getOwner();
      if (auto insert = dyn_cast<tensor::InsertSliceOp>(op);
          insert && caches.contains(insert.getResult()) &&
          use.get() == insert.getDest()) {
        insert.setStaticSizes(withScale(insert.getStaticSizes()));
        if (!caches.contains(insert.getSource())) {
          b.setInsertionPoint(insert);
          insert.getSourceMutable().assign(flat::QuantizeRowsOp::create(
              b, insert.getLoc(), insert.getSource()));
        }
      } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op);
                 slice && caches.contains(slice.getResult())) {
        slice.setStaticSizes(withScale(slice.getStaticSizes()));
      } else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op);
                 expand && caches.contains(expand.getResult())) {
        expand.setStaticOutputShape(withScale(expand.getStaticOutputShape()));
      } else if (auto dim = dyn_cast<tensor::DimOp>(op)) {
        replaceSize(dim);
      } else if (!isCarried(use)) {
        if (!numbers)
          numbers = dequantize(value);
        if (op != numbers.getDefiningOp())
          use.set(numbers);
      }
    }
  }

  /// Uses that take the cache as it is.
  bool isCarried(OpOperand &use) {
    Operation *op = use.getOwner();
    if (op == end)
      return int64_t(use.getOperandNumber()) == result;
    if (isa<tensor::CastOp, tensor::CollapseShapeOp>(op))
      return caches.contains(op->getResult(0));
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
      return caches.contains(insert.getResult());
    if (isa<scf::YieldOp>(op) && isa<scf::ForOp, scf::IfOp>(op->getParentOp()))
      return caches.contains(
          op->getParentOp()->getResult(use.getOperandNumber()));
    auto loop = dyn_cast<scf::ForOp>(op);
    return loop && loop.getTiedLoopRegionIterArg(&use);
  }

  /// The width is known, and that of the numbers.
  void replaceSize(tensor::DimOp dim) {
    std::optional<int64_t> place = dim.getConstantIndex();
    b.setInsertionPoint(dim);
    Value size;
    if (place && *place == typeOf(dim.getSource()).getRank() - 1) {
      size = arith::ConstantIndexOp::create(b, dim.getLoc(), width);
    } else if (!place) {
      Value last = arith::ConstantIndexOp::create(
          b, dim.getLoc(), typeOf(dim.getSource()).getRank() - 1);
      Value isLast = arith::CmpIOp::create(
          b, dim.getLoc(), arith::CmpIPredicate::eq, dim.getIndex(), last);
      Value known = arith::ConstantIndexOp::create(b, dim.getLoc(), width);
      b.setInsertionPointAfter(dim);
      auto select = arith::SelectOp::create(b, dim.getLoc(), isLast, known,
                                            dim.getResult());
      dim.getResult().replaceAllUsesExcept(select, select);
      return;
    } else {
      return;
    }
    dim.getResult().replaceAllUsesWith(size);
    dim.erase();
  }

  Value dequantize(Value value) {
    if (Operation *op = value.getDefiningOp())
      b.setInsertionPointAfter(op);
    else
      b.setInsertionPointToStart(value.getParentBlock());
    auto name = func.getArgAttrOfType<StringAttr>(number, "nm.name");
    if (!name)
      name = b.getStringAttr("arg" + std::to_string(number));
    return flat::DequantizeRowsOp::create(b, value.getLoc(), value, element,
                                          name);
  }

  func::FuncOp func;
  BlockArgument argument;
  unsigned number;
  int64_t result;
  Operation *end;
  OpBuilder b;
  Type element;
  int64_t width = 0;
  SetVector<Value> caches;
};

struct QuantizeCachesPass
    : public nm::impl::QuantizeCachesBase<QuantizeCachesPass> {
  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (func.isExternal() || !func.getBody().hasOneBlock())
      return;
    Operation *end = func.front().getTerminator();
    for (unsigned i = 0; i < func.getNumArguments(); ++i) {
      auto number = func.getArgAttrOfType<IntegerAttr>(i, kInPlaceAttrName);
      if (!number || number.getInt() < 0 ||
          number.getInt() >= end->getNumOperands() ||
          !isa<RankedTensorType>(func.getArgumentTypes()[i]))
        continue;
      if (failed(CacheQuantizer(func, i, number.getInt()).run()))
        return signalPassFailure();
      ++numQuantized;
    }
    SmallVector<Type> arguments(func.front().getArgumentTypes());
    func.setType(OpBuilder(func.getContext())
                     .getFunctionType(arguments, end->getOperandTypes()));
  }
};

} // namespace
