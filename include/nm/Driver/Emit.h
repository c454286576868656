//===- Emit.h - Compiled code into files -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_EMIT_H
#define NM_DRIVER_EMIT_H

#include "nm/Driver/Options.h"
#include "nm/Driver/Signature.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace mlir::nm::driver {

/// Links an object into the shared library options.outputFile, with libomp and
/// libm, by the C compiler options.linker, or the first of cc, gcc, clang-22
/// and clang.
llvm::Error linkSharedLibrary(StringRef object, const CodeOptions &options);

/// Writes what options.emit asks for, from optimised LLVM IR; for objects and
/// libraries also the C header, next to them.
llvm::Error emitCode(const CodeOptions &options, const Source &source,
                     llvm::Module &module, llvm::TargetMachine &machine);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_EMIT_H
