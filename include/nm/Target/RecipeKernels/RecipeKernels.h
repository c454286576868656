//===- RecipeKernels.h - Kernels of recipes, compiled ahead of time -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TARGET_RECIPEKERNELS_RECIPEKERNELS_H
#define NM_TARGET_RECIPEKERNELS_RECIPEKERNELS_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::step {

/// An instruction set that kernels are compiled for.
struct KernelTarget {
  llvm::StringLiteral name, triple, features;
};
llvm::ArrayRef<KernelTarget> getKernelTargets();

enum class KernelOutput {
  Recipes,  ///< functions over operations of `step`
  Fused,    ///< after step-fuse-recipe
  LLVM,     ///< optimised LLVM IR with entry points and table
  Assembly, ///< of the instruction set
  Object
};

/// Writes all kernels of libnm_runtime, or those whose name has the part
/// `only`, to `os`.
llvm::Error writeRecipeKernels(const KernelTarget &target, KernelOutput output,
                               llvm::StringRef only, llvm::raw_ostream &os);

/// nm-recipe-kernels.
int recipeKernelsMain(int argc, char **argv);

} // namespace mlir::step

#endif // NM_TARGET_RECIPEKERNELS_RECIPEKERNELS_H
