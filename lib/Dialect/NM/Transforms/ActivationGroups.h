//===- ActivationGroups.h - Products that share packed activations -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_NM_TRANSFORMS_ACTIVATIONGROUPS_H
#define NM_LIB_DIALECT_NM_TRANSFORMS_ACTIVATIONGROUPS_H

#include "nm/Dialect/NM/IR/NMDialect.h"

namespace mlir::nm {

/// Partitions `products`, which are on buffers and in the order of a walk, into
/// groups whose members read the same activations, unchanged between the first
/// and the last, in one packed form: the projections Q, K and V of attention.
/// Members lie in one block, in order. `products` without a companion are
/// groups of one.
SmallVector<SmallVector<PackedMatmulOp>>
groupByActivations(ArrayRef<PackedMatmulOp> products);

} // namespace mlir::nm

#endif // NM_LIB_DIALECT_NM_TRANSFORMS_ACTIVATIONGROUPS_H
