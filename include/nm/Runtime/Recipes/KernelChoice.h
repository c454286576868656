//===- KernelChoice.h - The best kernel for a form -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_RECIPES_KERNELCHOICE_H
#define NM_RUNTIME_RECIPES_KERNELCHOICE_H

#include "nm/Runtime/Recipes/Kernels.h"
#include "nm/Runtime/Result.h"
#include <string>
#include <string_view>
#include <vector>

namespace nm::rt {

/// The sets that this processor runs, the best first, the portable one last.
const std::vector<const nm_kernel_set *> &kernelSets();

/// From now on every recipe of the process uses the set of this name, and the
/// portable one for the forms that it lacks; "" is the usual choice. All sets
/// give the same bits.
Status chooseKernelSet(std::string_view name);

/// Fails if NM_RECIPE_KERNELS, which chooses a set where the program does not,
/// names none.
Status checkKernelEnvironment();

/// Never null.
nm_kernel findKernel(const nm_kernel_form &form);

/// The name of the set that findKernel takes the kernel from.
const char *kernelSetOf(const nm_kernel_form &form);

} // namespace nm::rt

#endif // NM_RUNTIME_RECIPES_KERNELCHOICE_H
