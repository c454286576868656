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

/// Groups of rows, one group in each lane: the rank of every row, by one
/// comparison for each pair.
SmallVector<Value> emitRanksOfRows(ImplicitLocOpBuilder &b, ValueRange rows);

/// `rows` vectors of 16 lanes, 8, 16 or 32 of them, as a matrix whose groups of
/// as many neighbours lie along its rows, transposed so that they lie in its
/// columns: row j then holds member j of a group in every lane. Transposing
/// gives what was.
SmallVector<Value> emitTransposedGroups(ImplicitLocOpBuilder &b,
                                        ValueRange rows);

/// Groups of `m` rows in memory: the first rows of `magnitudes`, memref<? x
/// lanes x i32>, one group in each lane. The ranks of `number` rows from `row`
/// on.
SmallVector<Value> emitRanksInMemory(ImplicitLocOpBuilder &b, Value magnitudes,
                                     int64_t m, Value row, int64_t number);

} // namespace mlir::step

#endif // NM_LIB_DIALECT_STEP_TRANSFORMS_GROUPRANKS_H
