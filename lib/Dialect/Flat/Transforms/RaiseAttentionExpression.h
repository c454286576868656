//===- RaiseAttentionExpression.h - Terms in normal form -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONEXPRESSION_H
#define NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONEXPRESSION_H

#include "nm/Analysis/Evaluate.h"
#include "nm/Dialect/Flat/Transforms/RaiseAttentionTerm.h"

namespace mlir::flat::raise {

/// What terms are to the algebra of scalars, where they are real numbers. What
/// it does not know is a leaf: products, tensors, choices, positions.
class TermExpressions {
public:
  /// `row` are the axes of the keys, not cut any more.
  TermExpressions(const AxisTable &table, ArrayRef<Axis> row)
      : table(table), row(row.begin(), row.end()) {}

  analysis::Expressions algebra;

  analysis::Expression of(const Term *term);
  /// The term of a leaf; null if `atom` is none.
  const Term *leaf(int atom) const;
  /// The operand of a choice beside a constant that keeps a part of a softmax
  /// from being undefined; 0 if `term` is none. It is that part.
  unsigned keptOperand(const Term *term);

private:
  std::optional<analysis::Expression> read(const Term *term);
  std::optional<analysis::Expression> readApplied(const Term *term);
  analysis::Expression makeLeaf(const Term *term);

  const AxisTable &table;
  Axes row;
  DenseMap<const Term *, analysis::Expression> known;
  SmallVector<const Term *> leaves;
};

} // namespace mlir::flat::raise

#endif // NM_LIB_DIALECT_FLAT_TRANSFORMS_RAISEATTENTIONEXPRESSION_H
