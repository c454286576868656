//===- PortableAvx512.cpp - The portable kernels, for AVX-512 -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#define NM_KERNEL_NAMESPACE portable_avx512
#include "KernelSets.h"
#include "PortableKernels.h"

static int supported() {
  return __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}

const nm_kernel_set nm::rt::portableAvx512Kernels = {
    "portable-avx512", supported, nm::rt::portable_avx512::find};
