//===- KernelSets.h - Which kernels run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_RECIPES_KERNELSETS_H
#define NM_LIB_RUNTIME_RECIPES_KERNELSETS_H

#include "nm/Runtime/Recipes/Kernels.h"

namespace nm::rt {

extern const nm_kernel_set portableKernels;
#if defined(__x86_64__)
extern const nm_kernel_set portableAvx2Kernels;
extern const nm_kernel_set portableAvx512Kernels;
#endif

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_RECIPES_KERNELSETS_H
