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
      {Stage::LLVMDialect, "mlir", "the LLVM dialect"},
      {Stage::Values, "values",
       "of accelerators: operators as values of the dialect tile"},
      {Stage::Blocks, "blocks", "of accelerators: loops over blocks"},
      {Stage::Places, "places",
       "of accelerators: channels, slots, semaphores and addresses"},
      {Stage::Instructions, "instructions",
       "of accelerators: a program of the dialect attacc"}};
  return names;
}

llvm::StringRef mlir::nm::nameOf(Stage stage) {
  return stageNames()[static_cast<size_t>(stage)].name;
}

unsigned mlir::nm::numberOf(Stage stage) {
  auto number = [](Stage which) { return static_cast<unsigned>(which); };
  return isOfProcessors(stage)
             ? number(stage)
             : number(stage) - number(Stage::Values) + number(Stage::Packed);
}
