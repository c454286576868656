//===- ObserveProducts.cpp - Further results for what products see -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Driver/Calibrate.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

/// The parameter that a value is, through views of it; null otherwise.
static ParamOp findParam(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto param = dyn_cast<ParamOp>(op))
      return param;
    bool isView = isa<CompressOp, PruneOp, AssembleOp, tensor::CastOp,
                      tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op);
    if (!isView || op->getNumOperands() != 1)
      return nullptr;
    value = op->getOperand(0);
  }
  return nullptr;
}

/// The sums of x * x over all dimensions but `kept`, in f32.
static Value sumSquares(OpBuilder &builder, Location loc, Value x,
                        int64_t kept) {
  auto type = cast<RankedTensorType>(x.getType());
  Type f32 = builder.getF32Type();
  int64_t rank = type.getRank();
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
  Value empty = tensor::EmptyOp::create(
      builder, loc, ArrayRef<int64_t>{type.getDimSize(kept)}, f32);
  Value init =
      linalg::FillOp::create(builder, loc, ValueRange{zero}, ValueRange{empty})
          .getResult(0);
  AffineMap all = builder.getMultiDimIdentityMap(rank);
  AffineMap one = AffineMap::get(rank, 0, builder.getAffineDimExpr(kept),
                                 builder.getContext());
  SmallVector<utils::IteratorType> kinds(rank, utils::IteratorType::reduction);
  kinds[kept] = utils::IteratorType::parallel;
  auto body = [&](OpBuilder &b, Location at, ValueRange values) {
    Value value = values[0];
    if (value.getType().getIntOrFloatBitWidth() < 32)
      value = arith::ExtFOp::create(b, at, f32, value);
    else if (value.getType() != f32)
      value = arith::TruncFOp::create(b, at, f32, value);
    Value square = arith::MulFOp::create(b, at, value, value);
    Value sum = arith::AddFOp::create(b, at, values[1], square);
    linalg::YieldOp::create(b, at, sum);
  };
  return linalg::GenericOp::create(builder, loc, TypeRange{init.getType()},
                                   ValueRange{x}, ValueRange{init},
                                   ArrayRef<AffineMap>{all, one}, kinds, body)
      .getResult(0);
}

std::vector<ObservedProduct> driver::observeProducts(func::FuncOp function,
                                                     bool withInputs) {
  std::vector<ObservedProduct> observed;
  llvm::MapVector<std::pair<Value, int64_t>, size_t> inputs;
  SmallVector<Value> results;
  Block &block = function.getBody().front();
  for (auto product : llvm::make_early_inc_range(block.getOps<MatmulOp>())) {
    ParamOp right = findParam(product.getRhs()),
            left = findParam(product.getLhs());
    if (!right == !left)
      continue;
    ParamOp param = right ? right : left;
    Value x = right ? product.getLhs() : product.getRhs();
    int64_t axis =
        right ? product.getLhsReductionDim() : product.getRhsReductionDim();
    auto type = cast<RankedTensorType>(x.getType());
    if (!isa<FloatType>(type.getElementType()) || type.isDynamicDim(axis))
      continue;
    OpBuilder builder(product->getContext());
    builder.setInsertionPointAfter(product);
    ObservedProduct each{param.getScope().value_or("").str(),
                         param.getKey().str()};
    each.squares = results.size();
    results.push_back(sumSquares(builder, product.getLoc(), x, axis));
    each.output = results.size();
    results.push_back(product.getResult());
    each.axis = axis;
    if (withInputs) {
      auto [known, isNew] = inputs.insert({{x, axis}, results.size()});
      each.input = known->second;
      if (isNew)
        results.push_back(x);
    }
    observed.push_back(std::move(each));
  }
  Operation *end = block.getTerminator();
  end->insertOperands(end->getNumOperands(), results);
  function.setType(FunctionType::get(function.getContext(),
                                     function.getArgumentTypes(),
                                     end->getOperandTypes()));
  return observed;
}
