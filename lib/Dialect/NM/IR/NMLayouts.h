//===- NMLayouts.h - What attributes of layouts share -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_NM_IR_NMLAYOUTS_H
#define NM_LIB_DIALECT_NM_IR_NMLAYOUTS_H

#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Runtime/Layout.h"

namespace mlir::nm {

/// Verifies the parameters of a layout as the runtime library does.
LogicalResult verifyLayout(function_ref<InFlightDiagnostic()> emitError,
                           const ::nm::rt::LayoutSpec &spec);

/// The text of a layout without its form, for a tensor with this pattern.
std::string printSpec(::nm::rt::LayoutSpec spec, Attribute sparsity);

/// The runtime library's description of the same layout. The textual form is
/// the contract between the compiler and the runtime.
::nm::rt::LayoutSpec getSpec(LayoutAttr layout, SparsityAttr sparsity);

} // namespace mlir::nm

#endif // NM_LIB_DIALECT_NM_IR_NMLAYOUTS_H
