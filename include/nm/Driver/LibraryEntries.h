//===- LibraryEntries.h - What compiled libraries export beside their functions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_LIBRARYENTRIES_H
#define NM_DRIVER_LIBRARYENTRIES_H

#include "nm/Driver/Signature.h"
#include "nm/Runtime/Params.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace mlir::nm::driver {

/// Adds what C calls for `function`, whose symbols end in `suffix`:
///
///   int nm_call_<suffix>(arguments..., [params], results...)
///     nm_ciface_<suffix> on row-major arrays: for each tensor a pointer and
///     its dynamic sizes, scalars by value, `params` of libnm_runtime, and
///     descriptors of the results. The library needs libnm_runtime only when
///     parameters are passed.
llvm::Error addCall(llvm::Module &module, const Signature &function,
                    const ::nm::rt::Manifest &manifest, StringRef suffix);

/// Adds what libnm_runtime (nm/nm_model.h) calls in a library:
///
///   const char *nm_invoke_<suffix>(workspace, void **slots)
///     nm_ciface_<suffix> with what `slots` point to, memory being taken from
///     `workspace` on this thread; null, or why it failed
///   const char nm_model_description[]
///     the functions with their types, and what the code needs of a processor
llvm::Error addModelEntries(llvm::Module &module, ArrayRef<Signature> functions,
                            StringRef prefix,
                            const llvm::TargetMachine &machine);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_LIBRARYENTRIES_H
