//===- CompileCode.h - The work of nm-compile -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_COMPILECODE_H
#define NM_DRIVER_COMPILECODE_H

#include "nm/Driver/Codegen.h"
#include "nm/Driver/Model.h"
#include "nm/Driver/Options.h"

namespace mlir::nm::driver {

/// From a model to the LLVM dialect of `machine`, which options.target names.
llvm::Error lowerFor(llvm::TargetMachine &machine,
                     const CompileOptions &options, Model &model);

/// Compiles a model ahead of time and writes what options.emit asks for.
llvm::Error compileCode(CodeOptions options, DialectRegistry &registry);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_COMPILECODE_H
