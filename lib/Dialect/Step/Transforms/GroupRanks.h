//===- GroupRanks.h - Which elements of a group stay, in vectors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_STEP_TRANSFORMS_GROUPRANKS_H
#define NM_LIB_DIALECT_STEP_TRANSFORMS_GROUPRANKS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::step {

/// Groups of `m` neighbours in a vector of magnitudes (emitMagnitude): for
/// every lane, how many of its group come before it.
Value emitRanksOfNeighbours(ImplicitLocOpBuilder &b, Value magnitudes,
                            int64_t m);

/// The largest magnitude of each group of `m` neighbours, in all of its lanes.
Value emitLargestOfNeighbours(ImplicitLocOpBuilder &b, Value magnitudes,
                              int64_t m);

/// Groups of `m` rows: `magnitudes` is memref<m x lanes x i32>, one group in
/// each column. The rank of row `row`.
Value emitRankOfRow(ImplicitLocOpBuilder &b, Value magnitudes, Value row);

} // namespace mlir::step

#endif // NM_LIB_DIALECT_STEP_TRANSFORMS_GROUPRANKS_H
