//===- PortableAvx2.cpp - The portable kernels, for AVX2 -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#define NM_KERNEL_NAMESPACE portable_avx2
#include "KernelSets.h"
#include "PortableKernels.h"

static int supported() { return __builtin_cpu_supports("avx2") != 0; }

const nm_kernel_set nm::rt::portableAvx2Kernels = {"portable-avx2", supported,
                                                   nm::rt::portable_avx2::find};
