//===- EntryPoint.h - The checked entry of compiled functions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_ENTRYPOINT_H
#define NM_DRIVER_ENTRYPOINT_H

#include "nm/Driver/Signature.h"
#include "nm/Runtime/Params.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

namespace mlir::nm::driver {

/// Adds what C calls for `function`, whose symbols end in `suffix`:
///
///   int nm_ciface_<suffix>(results..., arguments..., [hash, table])
///     Results by pointer, arguments as descriptors by pointer, scalars by
///     value; `table` points to the data of each part of the parameters, and
///     `hash` is the manifest's that they were loaded for. Null pointers, sizes
///     that the type excludes, sizes that overflow, strides that are not
///     row-major, offsets and misaligned data are refused; so is what the
///     function's own checks refuse. Returns 0, or 1 with the results zero.
///   const char *nm_error_<suffix>(void)
///     Why the last such call on this thread returned 1.
llvm::Error addEntryPoint(llvm::Module &module, const Signature &function,
                          const ::nm::rt::Manifest &manifest, StringRef suffix);

/// For code that is linked into this process and called by one thread: adds
/// `const char *<invokeName()>(void **args)`, which calls nm_ciface_<suffix>
/// with what `args` point to and returns null, or why it failed.
llvm::Error addInvoke(llvm::Module &module, StringRef suffix);
StringRef invokeName();

/// Calls `entry` with the values that the array of pointers `slots` points to.
llvm::Value *callWithSlots(llvm::IRBuilderBase &b, llvm::Function *entry,
                           llvm::Value *slots);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_ENTRYPOINT_H
