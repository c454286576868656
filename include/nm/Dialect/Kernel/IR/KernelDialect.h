//===- KernelDialect.h - The kernel dialect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_KERNEL_IR_KERNELDIALECT_H
#define NM_DIALECT_KERNEL_IR_KERNELDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "nm/Dialect/Kernel/IR/KernelDialect.h.inc"
#define GET_OP_CLASSES
#include "nm/Dialect/Kernel/IR/KernelOps.h.inc"

#endif // NM_DIALECT_KERNEL_IR_KERNELDIALECT_H
