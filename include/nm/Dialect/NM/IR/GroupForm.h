//===- GroupForm.h - What makes the values of a group -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_IR_GROUPFORM_H
#define NM_DIALECT_NM_IR_GROUPFORM_H

#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Runtime/Layout.h"

namespace mlir::nm {

/// The runtime library's description of what makes the values of a group. Of a
/// null attribute, and of one without bits, the default.
::nm::rt::GroupForm getGroupForm(SparsityAttr sparsity);

/// `sparsity` with groups of `group` of that form.
SparsityAttr withGroups(SparsityAttr sparsity, int64_t group,
                        const ::nm::rt::GroupForm &form);

} // namespace mlir::nm

#endif // NM_DIALECT_NM_IR_GROUPFORM_H
