//===- KernelRecipes.h - The recipes of the runtime library's kernels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TARGET_RECIPEKERNELS_KERNELRECIPES_H
#define NM_LIB_TARGET_RECIPEKERNELS_KERNELRECIPES_H

#include "nm/Runtime/Recipes/GeneratedKernels.h"
#include <string>
#include <vector>

namespace mlir::step {

/// Where the entry of a kernel takes an argument of the recipe from.
struct KernelArgument {
  enum Kind {
    Memory, ///< a pointer of nm_kernel_call, to elements of a tensor
    Bits,   ///< the same, to a packed mask
    Number, ///< an f32 of nm_kernel_call
    Flag,   ///< whether the form has a flag
    Shown,  ///< whether the form has an effective weight
    Keep    ///< n of the form
  };
  Kind kind;
  size_t offset = 0; ///< in nm_kernel_call
  uint32_t flag = 0;
};

/// One kernel: what it is for, and its recipe as text. What a form may have or
/// not at no cost worth another kernel is an i1 argument of the recipe.
struct KernelRecipe {
  nm_generated_kernel form = {};
  std::string name;
  std::string text;
  /// In the order of the fused function.
  std::vector<KernelArgument> arguments;
  /// Offsets in nm_kernel_stats of the scalar results, in order.
  std::vector<size_t> results;
};

/// Every kernel of the library.
std::vector<KernelRecipe> makeKernelRecipes();

} // namespace mlir::step

#endif // NM_LIB_TARGET_RECIPEKERNELS_KERNELRECIPES_H
