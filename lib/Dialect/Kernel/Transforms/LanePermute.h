//===- LanePermute.h - In-register permutes of each target -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_KERNEL_TRANSFORMS_LANEPERMUTE_H
#define NM_LIB_DIALECT_KERNEL_TRANSFORMS_LANEPERMUTE_H

#include "nm/Dialect/Kernel/Transforms/KernelBuilder.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"

namespace mlir::kernel {

/// A vector register (f32) whose lane i is the element that the low bits of
/// `indices[i]` name in `sources`: in the lane's segment of `segment` elements
/// if that is one register, in all of them otherwise. The bits above are
/// ignored. Sources that no index names may be null. `segment` is 4 to 32 and a
/// power of two.
Value emitPermute(KernelBuilder &b, mlir::nm::CPUAttr target, int64_t segment,
                  ArrayRef<Value> sources, Value indices);

} // namespace mlir::kernel

#endif // NM_LIB_DIALECT_KERNEL_TRANSFORMS_LANEPERMUTE_H
