//===- Kernel.td - The kernel dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_KERNEL_IR_KERNEL_TD
#define NM_DIALECT_KERNEL_IR_KERNEL_TD

include "nm/Dialect/Kernel/IR/KernelBase.td"
include "nm/Dialect/Kernel/IR/KernelOps.td"

#endif // NM_DIALECT_KERNEL_IR_KERNEL_TD
