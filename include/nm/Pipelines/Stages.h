//===- Stages.h - Where a compilation can be looked at -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model passes through the same stages, in this order, whatever it is. Each
// is a module that prints and reads. What comes behind them is code, in the
// forms of nm-compile --emit; `mlir` and `llvm` there are the stages that
// follow Stage::Loops.
//
//===----------------------------------------------------------------------===//

#ifndef NM_PIPELINES_STAGES_H
#define NM_PIPELINES_STAGES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace mlir::nm {

enum class Stage {
  Import,
  Linalg,
  Patterns,
  Named,
  Packed,
  Buffers,
  Kernels,
  Loops,
  LLVMDialect, ///< --emit=mlir
  // Of accelerators, behind Named.
  Values,
  Blocks,
  Places,
  Instructions,
};

/// Whether the compilations of processors and of accelerators come to a stage.
inline bool isOfProcessors(Stage stage) { return stage <= Stage::LLVMDialect; }
inline bool isOfAccelerators(Stage stage) {
  return stage <= Stage::Named || stage > Stage::LLVMDialect;
}

struct StageName {
  Stage stage;
  llvm::StringLiteral name;
  /// What the module holds there, for people.
  llvm::StringLiteral holds;
};

/// All of them, in order.
llvm::ArrayRef<StageName> stageNames();

/// The name in --dump-stages and in files of dumps.
llvm::StringRef nameOf(Stage stage);

/// How many stages a compilation has been through before this one, for names of
/// dumps.
unsigned numberOf(Stage stage);

} // namespace mlir::nm

#endif // NM_PIPELINES_STAGES_H
