//===- RowExpressions.h - What elements of tensors are -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The elements of a tensor as an expression, through any cut into elementwise
// operations and reductions of linalg, named or generic. Rows run along the
// last dimension, whose size is known; the others may be merged, split and
// dynamic. What the analysis cannot look into is a leaf: it never guesses.
//
//===----------------------------------------------------------------------===//

#ifndef NM_ANALYSIS_ROWEXPRESSIONS_H
#define NM_ANALYSIS_ROWEXPRESSIONS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "nm/Analysis/Evaluate.h"
#include <map>

namespace mlir::analysis {

struct RowExpression {
  /// As operations that read the tensor see it: a leaf, or what it is made of.
  Expression value;
  /// One number for each row, in a tensor of all dimensions but the last, which
  /// may be there with size 1.
  bool isPerRow = false;
  int64_t cols = 0; ///< of a row; 0 if there are no rows
  /// What the operation computes, also of a leaf.
  Expression made = value;
};

class RowExpressions {
public:
  Expressions algebra;

  /// Takes note of what `op` computes; its operands' operations were visited.
  void visit(Operation *op);
  /// What is known of a tensor; a leaf if nothing is.
  const RowExpression &of(Value tensor);
  /// The tensor or scalar that a leaf stands for; null where that is an operand
  /// as one operation reads it.
  Value leaf(int number) const { return leaves[number]; }
  /// The values of the body of an elementwise operation, in its loops' order.
  /// Nothing if `op` is none.
  std::optional<DenseMap<Value, Expression>> scalarsOf(linalg::LinalgOp op);
  /// A tensor of the given type whose elements are `value` and that exists
  /// where `user` is; null if none is near. Tensors that nobody reads any more
  /// are passed over.
  Value find(const Expression &value, Type type, Operation *user);

private:
  /// How the loops of an operation see one operand.
  struct Reading {
    Value tensor;
    bool isWhole = false;  ///< by all loops
    bool isPerRow = false; ///< by all loops but the last
    bool isVector = false; ///< by the last loop alone
  };

  int number(Value value, unsigned place = 0);
  std::optional<Expression> constantOf(Value value);
  Reading read(linalg::LinalgOp op, OpOperand &operand);
  Expression argumentOf(linalg::LinalgOp op, OpOperand &operand,
                        ArrayRef<int64_t> ranges, bool isPerRow);
  bool isPerRow(linalg::LinalgOp op, int64_t &cols);
  DenseMap<Value, Expression> evaluateBody(linalg::LinalgOp op, bool isPerRow);
  void visitElementwise(linalg::LinalgOp op);
  void visitReduction(linalg::LinalgOp op);
  void visitReshape(Operation *op);
  /// A row is reduced once it exists, unless it is a function of one tensor and
  /// of other reductions of it.
  void cutBeforeReduction(Value operand);
  bool isWhole(const RowExpression &source);
  /// A whole norm or softmax that meets something else, or is added up, is a
  /// tensor from there on.
  void cutWholeOperands(linalg::LinalgOp op);
  void note(Value tensor, RowExpression known);
  void noteResult(Value tensor, RowExpression known);

  DenseMap<Value, RowExpression> known;
  std::map<std::pair<void *, unsigned>, int> numbers;
  SmallVector<Value> leaves;
  SmallVector<Value> order; ///< tensors in `known`, as they were noted
};

} // namespace mlir::analysis

#endif // NM_ANALYSIS_ROWEXPRESSIONS_H
