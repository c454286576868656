//===- Stages.cpp - Where a compilation can be looked at -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Pipelines/Stages.h"

using namespace mlir::nm;

llvm::ArrayRef<StageName> mlir::nm::stageNames() {
  static constexpr StageName names[] = {
      {Stage::Import, "import", "the model as it was read"},
      {Stage::Linalg, "linalg",
       "linalg and nm on tensors; no tosa, shape or globals"},
      {Stage::Patterns, "patterns",
       "the same, with the N:M patterns of the checkpoint"},
      {Stage::Named, "named",
       "products and attention as operations of nm and flat"},
      {Stage::Packed, "packed",
       "weights in their layouts, parameters as arguments"},
      {Stage::Buffers, "buffers", "memory in place of tensors"},
      {Stage::Kernels, "kernels", "loops around micro-kernels"},
      {Stage::Loops, "loops", "loops over vectors in place of operations"},
      {Stage::LLVMDialect, "mlir", "the LLVM dialect"}};
  return names;
}

llvm::StringRef mlir::nm::nameOf(Stage stage) {
  return stageNames()[static_cast<size_t>(stage)].name;
}
