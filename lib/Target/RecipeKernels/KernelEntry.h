//===- KernelEntry.h - Entries and table of kernels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TARGET_RECIPEKERNELS_KERNELENTRY_H
#define NM_LIB_TARGET_RECIPEKERNELS_KERNELENTRY_H

#include "KernelRecipes.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/IR/Module.h"

namespace mlir::step {

/// Adds to the translated recipes what the runtime calls, an nm_kernel
/// `nm_recipe_<set>_<name>` for each, and the table `nm_recipe_table_<set>`.
/// Everything else becomes private.
void addKernelEntries(llvm::Module &module,
                      llvm::ArrayRef<KernelRecipe> recipes,
                      llvm::StringRef set);

} // namespace mlir::step

#endif // NM_LIB_TARGET_RECIPEKERNELS_KERNELENTRY_H
