//===- SizeAnalysis.h - Sizes as expressions over the arguments -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TRANSFORMS_SIZEANALYSIS_H
#define NM_LIB_TRANSFORMS_SIZEANALYSIS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::nm {

/// Dimensions and index values of a function as expressions over symbols: a
/// dimension of a value, or an index value, that nothing simpler is known of.
/// Operations are visited in order, each once.
class SizeAnalysis {
public:
  explicit SizeAnalysis(func::FuncOp func);

  /// Makes the results of `op` known.
  void visit(Operation *op);

  /// Dimension `dim` of a tensor or memref.
  AffineExpr getSize(Value value, int64_t dim);
  SmallVector<AffineExpr> getSizes(Value value);
  AffineExpr getIndex(Value value);
  AffineExpr getIndex(OpFoldResult value);
  AffineExpr constant(int64_t value) {
    return getAffineConstantExpr(value, context);
  }

  /// With what was learned put in, and simplified.
  AffineExpr normalize(AffineExpr expr);
  /// From here on `a` equals `b`. Either may be any expression; only plain
  /// symbols are replaced later.
  void learnEqual(AffineExpr a, AffineExpr b);
  /// Facts learned since then are forgotten when a region is left.
  size_t mark() const { return trail.size(); }
  void rollback(size_t mark);

  bool isEqual(AffineExpr a, AffineExpr b);
  /// Whether a <= b follows from what is known: sizes are not negative.
  bool isAtMost(AffineExpr a, AffineExpr b);

  /// Whether the arguments of the function alone give the value.
  bool isKnownAtEntry(AffineExpr expr);
  /// Code for the value. Everything it needs dominates the insertion point.
  Value materialize(OpBuilder &builder, Location loc, AffineExpr expr);
  /// "dimension 0 of 'a' * 4".
  std::string describe(AffineExpr expr);

private:
  /// What a symbol stands for: a value, or one of its dimensions.
  struct Source {
    Value value;
    int64_t dim = -1;
    bool nonNegative = false;
    bool isArgument = false;
  };
  AffineExpr getSymbol(Source source);
  AffineExpr limit(AffineExpr expr, Value value, int64_t dim);
  std::optional<int64_t> lowerBound(AffineExpr expr);
  SmallVector<AffineExpr> computeSizes(OpResult result);
  AffineExpr computeIndex(Operation *op);

  func::FuncOp func;
  MLIRContext *context;
  SmallVector<Source> sources;
  DenseMap<std::pair<Value, int64_t>, AffineExpr> symbols;
  DenseMap<Value, SmallVector<AffineExpr>> sizes;
  DenseMap<Value, AffineExpr> indices;
  DenseMap<AffineExpr, AffineExpr> learned;
  SmallVector<AffineExpr> trail;
};

} // namespace mlir::nm

#endif // NM_LIB_TRANSFORMS_SIZEANALYSIS_H
