//===- Prune.h - What --prune did to each weight -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_PRUNE_H
#define NM_DRIVER_PRUNE_H

#include "nm/Driver/Compile.h"
#include "nm/Driver/Options.h"

namespace mlir::nm::driver {

/// What --prune means to the passes and to the runtime: the patterns it gives,
/// and masks by magnitude where the checkpoint has none. The error says what
/// cannot stand beside it.
llvm::Error applyPrune(CompileOptions &options);

/// One line for each matrix among parameters: its pattern and how far it is
/// from dense, as the norm of what is removed relative to the norm of the
/// weight (Frobenius), or why it was left. Reads the weights once more, and
/// adds those that it rounds to `made`, if given, so that nobody rounds them
/// again: f32, as much memory as they take dense.
llvm::Error describePruning(ArrayRef<::nm::rt::ParamSpec> params,
                            const CompileOptions &options,
                            const CompileLog &log, llvm::raw_ostream &os,
                            ::nm::rt::RoundedWeights *made = nullptr);

/// The same for what the functions of a lowered module read.
llvm::Error describePruning(ModuleOp module, ArrayRef<Signature> functions,
                            const CompileOptions &options,
                            const CompileLog &log, llvm::raw_ostream &os,
                            ::nm::rt::RoundedWeights *made = nullptr);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_PRUNE_H
