//===- PortableKernels.cpp - Kernels for any processor -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#define NM_KERNEL_NAMESPACE portable
#include "PortableKernels.h"
#include "KernelSets.h"

static int always() { return 1; }

const nm_kernel_set nm::rt::portableKernels = {"portable", always,
                                               nm::rt::portable::find};
