//===- GroupCut.h - Where the order of a group is cut, in vectors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_STEP_TRANSFORMS_GROUPCUT_H
#define NM_LIB_DIALECT_STEP_TRANSFORMS_GROUPCUT_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::step {

/// Groups of `m` rows of magnitudes, one group in each lane, cut between their
/// n-th and their next largest: what is larger stays, what is smaller goes, and
/// only where the two are equal does it matter who came first.
class GroupCut {
public:
  /// Allocates on the stack, at the insertion point, what `emit` needs.
  GroupCut(ImplicitLocOpBuilder &b, int64_t m, int64_t lanes);
  GroupCut() = default;

  struct Ends {
    Value nth;  ///< above everything if n is 0
    Value next; ///< the largest that goes; -1 if n is m
  };
  /// `n`, an index from 0 to m, may differ from call to call.
  Ends emit(ImplicitLocOpBuilder &b, ArrayRef<Value> rows, Value n) const;

private:
  /// memref<m + 2 x lanes x i32>: infinity, half of the rows in descending
  /// order, and nothing.
  Value upper, lower;
};

} // namespace mlir::step

#endif // NM_LIB_DIALECT_STEP_TRANSFORMS_GROUPCUT_H
