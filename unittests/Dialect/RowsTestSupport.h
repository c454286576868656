//===- RowsTestSupport.h - Operators on rows in the simulator -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_DIALECT_ROWSTESTSUPPORT_H
#define NM_UNITTESTS_DIALECT_ROWSTESTSUPPORT_H

#include "TileProgram.h"
#include "nm/Dialect/Tile/IR/TileBuilder.h"
#include <functional>

namespace nm::isa {

/// A program of operators on rows, which go down through the passes of the tile
/// dialect.
class RowsTest : public KernelTest {
public:
  using Body = std::function<mlir::Value(
      mlir::tiles::TileBuilder &, mlir::ValueRange, mlir::RankedTensorType)>;

  explicit RowsTest(const Device &device) : KernelTest(device) {}

  void rows(const std::string &name, std::vector<TensorId> inputs,
            TensorId dest, Body body) {
    insertions.push_back(
        {builder.size(),
         [=](mlir::OpBuilder &at, llvm::ArrayRef<mlir::Value> tensors) {
           llvm::SmallVector<mlir::Value> regions;
           for (TensorId input : inputs)
             regions.push_back(tensors[input.index]);
           mlir::tiles::createRows(at, at.getUnknownLoc(), name, regions,
                                   tensors[dest.index], body);
           if (keepsApart)
             mlir::attacc::BarrierOp::create(at, at.getUnknownLoc());
         }});
  }
  void unary(UnaryKind kind, TensorId source, TensorId dest) {
    rows("a unary operator", {source}, dest,
         [=](auto &t, mlir::ValueRange in, mlir::RankedTensorType to) {
           return t.unary(kind, in[0], to.getElementType());
         });
  }
  void elementwise(BinaryKind kind, TensorId lhs, TensorId rhs, TensorId dest) {
    rows("an element-wise operator", {lhs, rhs}, dest,
         [=](auto &t, mlir::ValueRange in, mlir::RankedTensorType to) {
           return t.elementwise(kind, in[0], in[1], to.getElementType());
         });
  }
  /// Of source, or of source + residual, which is not rounded.
  void layerNorm(TensorId source, std::optional<TensorId> residual,
                 TensorId gamma, TensorId beta, float epsilon, TensorId dest) {
    std::vector<TensorId> inputs{source, gamma, beta};
    if (residual)
      inputs.push_back(*residual);
    rows("a layer norm", inputs, dest,
         [=](auto &t, mlir::ValueRange in, mlir::RankedTensorType to) {
           mlir::Type f32 = mlir::Float32Type::get(to.getContext());
           mlir::Value x =
               residual ? t.elementwise(BinaryKind::Add, in[0], in[3], f32)
                        : mlir::Value(in[0]);
           return t.layerNorm(x, in[1], in[2], epsilon, to.getElementType());
         });
  }
  /// The norm of a sum of two inputs of that shape in f16.
  void residualNorm(int64_t rowCount, int64_t columns) {
    TensorId source = input(Type::F16, {rowCount, columns});
    TensorId residual = input(Type::F16, {rowCount, columns});
    TensorId gamma = input(Type::F16, {columns}, Role::Param);
    TensorId beta = input(Type::F16, {columns}, Role::Param);
    TensorId dest = output(Type::F16, {rowCount, columns});
    layerNorm(source, residual, gamma, beta, 1e-5f, dest);
  }
  void softmax(float scale, TensorId source, TensorId dest) {
    rows("a softmax", {source}, dest,
         [=](auto &t, mlir::ValueRange in, mlir::RankedTensorType to) {
           return t.softmax(in[0], scale, to.getElementType());
         });
  }
  void rowMax(TensorId source, TensorId dest) {
    rows("a row maximum", {source}, dest,
         [=](auto &t, mlir::ValueRange in, mlir::RankedTensorType to) {
           return t.column(t.rowMax(in[0], to.getElementType()));
         });
  }
  void fillRows(float value, TensorId dest) {
    rows("a fill", {}, dest,
         [=](auto &t, mlir::ValueRange, mlir::RankedTensorType to) {
           return t.fillRows(value, to);
         });
  }

  /// With a barrier between operators, so that none are fused.
  bool keepsApart = false;

  Result<Program> finish() override {
    return finishTiles(builder, device, insertions);
  }

protected:
  std::vector<mlir::attacc::ProgramInsertion> insertions;
};

} // namespace nm::isa

#endif // NM_UNITTESTS_DIALECT_ROWSTESTSUPPORT_H
