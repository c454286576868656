//===- MutateModule.h - Random changes to modules -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_PASSES_MUTATEMODULE_H
#define NM_UNITTESTS_PASSES_MUTATEMODULE_H

#include "mlir/IR/BuiltinOps.h"
#include <random>

namespace nm::test {

/// Drops, repeats, moves or rewires an operation, or changes an attribute, a
/// name, or a tensor type wherever it stands. The result need not verify.
void mutate(mlir::ModuleOp module, std::mt19937 &random);

} // namespace nm::test

#endif // NM_UNITTESTS_PASSES_MUTATEMODULE_H
