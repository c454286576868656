//===- ProductsTestSupport.h - Products in the simulator -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_DIALECT_PRODUCTSTESTSUPPORT_H
#define NM_UNITTESTS_DIALECT_PRODUCTSTESTSUPPORT_H

#include "RowsTestSupport.h"
#include "nm/Dialect/Attacc/IR/ProgramReader.h"
#include "nm/Dialect/Tile/Transforms/ProductPlan.h"

namespace nm::isa {

/// What a product has besides its shape.
struct Extras {
  bool transposed = false, bias = false, residual = false;
  std::optional<UnaryKind> activation;
  float scale = 1;
  int64_t inputColumn = 0, outputColumn = 0;
  Type type = Type::F16;
};

inline mlir::tiles::ProductFacts factsOf(const model::ProjectionShape &shape,
                                         const Extras &extras = {}) {
  mlir::tiles::ProductFacts facts;
  facts.shape = shape;
  facts.type = extras.type;
  facts.outputBytes = typeBytes(extras.type);
  facts.vectorBytes.assign(extras.bias, typeBytes(extras.type));
  facts.matrixBytes.assign(extras.residual, typeBytes(extras.type));
  facts.fills = shape.sparse() && extras.scale != 1;
  return facts;
}

/// A program of one product, of the tiling given or of the best one.
class ProductTest : public RowsTest {
public:
  ProductTest(const Device &device, const model::ProjectionShape &shape,
              std::optional<model::ProjectionTiling> tiling = std::nullopt,
              const Extras &extras = {})
      : RowsTest(device), shape(shape), tiling(tiling), extras(extras) {
    Type type = extras.type;
    kept = shape.sparse() ? shape.in / shape.pattern.m * shape.pattern.n
                          : shape.in;
    x = input(type, {shape.tokens, shape.in + extras.inputColumn});
    weight = input(type,
                   extras.transposed ? std::vector<int64_t>{kept, shape.out}
                                     : std::vector<int64_t>{shape.out, kept},
                   Role::Param);
    if (shape.sparse()) {
      rowBytes = (kept * shape.pattern.indexBits() + 7) / 8;
      indices = input(Type::I8, {shape.out, rowBytes}, Role::Param);
    }
    // An output of the program is written as a whole.
    y = tensor("y", extras.outputColumn ? Role::Scratch : Role::Out, type,
               {shape.tokens, shape.out + extras.outputColumn});
    if (extras.bias)
      bias = input(type, {shape.out}, Role::Param);
    if (extras.residual)
      residual = input(type, {shape.tokens, shape.out});
    insertions.push_back(
        {0, [this](mlir::OpBuilder &at, llvm::ArrayRef<mlir::Value> tensors) {
           insert(at, tensors);
         }});
  }

  /// Elements along the reduction that are stored, and bytes of their indices.
  int64_t kept = 0, rowBytes = 0;
  model::ProjectionShape shape;
  std::optional<model::ProjectionTiling> tiling;
  Extras extras;
  TensorId x, weight, indices, y, bias, residual;

private:
  void insert(mlir::OpBuilder &at, llvm::ArrayRef<mlir::Value> tensors) {
    using namespace mlir;
    Location loc = at.getUnknownLoc();
    tiles::ProductOperands operands;
    operands.lhs =
        tiles::createBox(at, loc, tensors[x.index], {0, extras.inputColumn},
                         {shape.tokens, shape.in});
    operands.rhs = tensors[weight.index];
    operands.isTransposed = !extras.transposed;
    if (shape.sparse()) {
      operands.indices = tensors[indices.index];
      operands.pattern = shape.pattern;
    }
    bool scales = shape.sparse() && extras.scale != 1;
    operands.scale = shape.sparse() ? 1 : extras.scale;
    if (extras.bias)
      operands.inputs.push_back(tensors[bias.index]);
    if (extras.residual)
      operands.inputs.push_back(tensors[residual.index]);
    operands.output =
        tiles::createBox(at, loc, tensors[y.index], {0, extras.outputColumn},
                         {shape.tokens, shape.out});
    tiles::ProductOp product = tiles::createProduct(
        at, loc, "a product", operands,
        [&](tiles::TileBuilder &t, ValueRange in, RankedTensorType to) {
          return epilogue(t, in, to, scales);
        });
    if (!tiling)
      return;
    product.setBlocks(ArrayRef<int64_t>{tiling->tokens, tiling->out,
                                        tiling->depth, tiling->slots});
    product.setStationary(attacc::toDialect(tiling->stationarity));
  }
  mlir::Value epilogue(mlir::tiles::TileBuilder &t, mlir::ValueRange in,
                       mlir::RankedTensorType to, bool scales) {
    mlir::Type f32 = mlir::Float32Type::get(to.getContext()),
               last = to.getElementType();
    mlir::Value sum = in[0];
    int steps =
        scales + extras.bias + extras.activation.has_value() + extras.residual;
    auto type = [&] { return --steps ? f32 : last; };
    if (steps == 0)
      return t.unary(UnaryKind::Copy, sum, last);
    if (scales)
      sum = t.scale(sum,
                    t.fillRows(extras.scale, mlir::RankedTensorType::get(
                                                 {to.getDimSize(0)}, f32)),
                    false, type());
    if (extras.bias)
      sum = t.elementwise(BinaryKind::Add, sum, in[1], type());
    if (extras.activation)
      sum = t.unary(*extras.activation, sum, type());
    if (extras.residual)
      sum = t.elementwise(BinaryKind::Add, sum, in.back(), type());
    return sum;
  }
};

} // namespace nm::isa

#endif // NM_UNITTESTS_DIALECT_PRODUCTSTESTSUPPORT_H
