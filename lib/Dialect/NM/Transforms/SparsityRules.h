//===- SparsityRules.h - Patterns that a user asks for --------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_NM_TRANSFORMS_SPARSITYRULES_H
#define NM_LIB_DIALECT_NM_TRANSFORMS_SPARSITYRULES_H

#include "nm/Dialect/NM/IR/NMDialect.h"

namespace mlir::nm {

/// Where errors of a pass's options go.
using OptionError = llvm::function_ref<InFlightDiagnostic()>;

/// A pattern that the user asks for.
struct SparsityRule {
  /// Expression over keys; empty: every matrix.
  std::string key;
  /// 0:0 leaves the weight dense.
  int64_t n = 0, m = 0;
  std::string text;
};

/// Rows are looked up: an embedding, which products may read as well.
bool isLookupTable(ParamOp op);
/// Parts of it are read: rows that are looked up, or those of a bias that each
/// gate of a layer has.
bool isReadInParts(ParamOp op);

/// In the order in which they count: the first that names a parameter.
class SparsityRules {
public:
  /// Replaces them by those of `texts`: N:M, or KEY=N:M, or KEY=dense.
  LogicalResult read(ArrayRef<std::string> texts, OptionError error);
  /// A rule that names keys must have one to name among `ops`.
  LogicalResult check(ArrayRef<ParamOp> ops, OptionError error) const;
  /// The rule that counts for a parameter, null if there is none.
  const SparsityRule *find(ParamOp op) const;
  ArrayRef<SparsityRule> all() const { return rules; }

private:
  SmallVector<SparsityRule> rules;
};

} // namespace mlir::nm

#endif // NM_LIB_DIALECT_NM_TRANSFORMS_SPARSITYRULES_H
