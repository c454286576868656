//===- Recipe.h - What a fused loop needs to know of a recipe -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_STEP_TRANSFORMS_RECIPE_H
#define NM_LIB_DIALECT_STEP_TRANSFORMS_RECIPE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "nm/Dialect/Step/IR/StepDialect.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::step {

/// A step.mask or step.soft_threshold.
struct GroupOp {
  explicit GroupOp(Operation *op);

  Operation *op;
  Value source;
  PatternAttr pattern;
  Value n; ///< i32, null if the pattern has it
};

/// A recipe cut into levels. Operations of a level need the elements at one
/// place only; between two levels stand the operations that look at whole
/// groups. The masks that these make belong to the level above.
struct Recipe {
  /// Fails, with an error at the operation, if one loop cannot be made of
  /// `func`.
  static FailureOr<Recipe> get(func::FuncOp func);

  func::FuncOp func;
  func::ReturnOp returnOp;
  /// The shape of all tensors.
  RankedTensorType shape;
  /// Null if the recipe has no groups.
  PatternAttr pattern;
  /// Members of a group lie side by side in memory.
  bool isContiguous = true;
  int64_t levels = 1;

  /// On tensors, in order; group operations and statistics among them.
  SmallVector<Operation *> ops;
  /// On scalars, before the loop and after it.
  SmallVector<Operation *> before, after;
  /// The level at which the elements of a tensor are there.
  llvm::MapVector<Value, int64_t> level;
  /// The last level that asks for them.
  llvm::DenseMap<Value, int64_t> lastUse;

  /// One returned tensor.
  struct Output {
    unsigned result;
    Value value;
    std::optional<unsigned> updates;  ///< number of an argument
    std::optional<unsigned> storedIf; ///< number of an argument
  };
  SmallVector<Output> outputs;

  bool hasGroups() const { return static_cast<bool>(pattern); }
  int64_t levelOf(Operation *op) const;
};

} // namespace mlir::step

#endif // NM_LIB_DIALECT_STEP_TRANSFORMS_RECIPE_H
