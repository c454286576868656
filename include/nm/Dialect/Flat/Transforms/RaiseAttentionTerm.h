//===- RaiseAttentionTerm.h - Scalar terms behind tensors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The chain from logits to weights comes in many cuts: one operation for each
// step, or several in one body; named, generic, or both. Here it is one term:
// what an element of a tensor is computed from, whatever the operations are.
// Equal terms are one node, so that the softmax's exponentials are recognised
// as the ones that its sum adds up even where the program computes them twice.
//
// Conversions between float types are left out: attention computes in f32,
// which rounds less than a program that goes through bf16.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONTERM_H
#define NM_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONTERM_H

#include "nm/Dialect/Flat/Transforms/RaiseAttentionAxes.h"
#include "nm/Dialect/NM/Transforms/RaiseView.h"
#include <map>

namespace mlir::flat::raise {

struct Term {
  enum Kind {
    Constant, ///< `constant`
    Scalar,   ///< `value`, computed outside
    Index,    ///< position along `dims[0]`
    Leaf,     ///< an element of the tensor `value`, read by `dims`
    Apply,    ///< `op` on the operands
    Max,      ///< maximum of the operand along a row, from `constant` on
    Sum,      ///< sum of the operand along a row
    All,      ///< whether the operand, a truth value, holds along a row
    Any,      ///< whether it holds somewhere along a row
    Product   ///< the contraction `op`; `dims` are the axes of its loops
  };
  Kind kind;
  Operation *op = nullptr; ///< the operation that it stands for, for messages
  Operation *combine = nullptr; ///< what a reduction joins elements by
  Value value = {};
  Attribute constant = {}; ///< of f32 if it is a float
  SmallVector<Axes> dims = {};
  SmallVector<const Term *> operands = {};
  /// The first tensor on the way up whose elements are this term, if there is
  /// one.
  mutable AxisView origin = {};

  bool isApply(StringRef name) const {
    return kind == Apply && op->getName().getStringRef() == name;
  }
  /// A constant float, also the one that a maximum starts at.
  std::optional<double> getFloat() const;
  /// The same, or an integer; 0 or 1 for a truth value.
  std::optional<double> getNumber() const;
};

class TermBuilder {
public:
  /// `row` are the axes that row maxima and sums run along.
  TermBuilder(AxisTable &table, Axes row) : table(table), row(std::move(row)) {}

  /// What the elements of `view` are. Null if the term grows out of bounds.
  const Term *evaluate(AxisView view);

private:
  using Key = std::vector<intptr_t>;
  /// Visits of one evaluation.
  static constexpr unsigned kMaxSteps = 4096;

  const Term *make(Term term);
  const Term *leaf(const AxisView &view);
  const Term *apply(Operation *op, ArrayRef<const Term *> operands);
  const Term *constant(Attribute value);
  const Term *scalar(Value value);
  const Term *evaluateLinalg(linalg::LinalgOp op, const AxisView &view);
  const Term *evaluateReduction(linalg::LinalgOp op, const AxisView &view,
                                ArrayRef<Axes> loops);
  /// The reduction loops' axes: a row, and nothing but a row, or nothing at
  /// all.
  bool placeRow(linalg::LinalgOp op, SmallVectorImpl<Axes> &loops, bool &isRow);
  const Term *evaluateSoftmax(linalg::SoftmaxOp op, const AxisView &view);
  /// The value `value` of the body of `op`.
  const Term *evaluateBody(linalg::LinalgOp op, ArrayRef<Axes> loops,
                           Value value);

  AxisTable &table;
  Axes row;
  unsigned steps = 0;
  std::map<Key, std::unique_ptr<Term>> terms;
  /// By value and axes of its dimensions.
  std::map<Key, const Term *> evaluated;
};

/// True if `term` is the same for all keys of a row, which lie along `row`.
bool isRowConstant(const Term *term, ArrayRef<Axis> row);
/// True if `term` occurs in `root`.
bool contains(const Term *root, const Term *term);
/// Calls `visit` once for each node.
void walkTerms(const Term *root, function_ref<void(const Term *)> visit);

} // namespace mlir::flat::raise

#endif // NM_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONTERM_H
