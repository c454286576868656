//===- Children.h - Random work in processes of its own --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_PASSES_CHILDREN_H
#define NM_UNITTESTS_PASSES_CHILDREN_H

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <string>
#include <vector>

namespace nm::test {

/// The modules of the test tree that parse, as text.
std::vector<std::string> readModules(mlir::MLIRContext &context);

unsigned fromEnvironment(const char *name, unsigned usual);

/// Runs `work` on seeds [first, first + count) in a child; on a crash or a hang
/// of one goes on after it. `work` says what is wrong, sets `isTried`, and
/// calls `inside` once a crash is ours and not that of what leads there.
/// Reports faults as failures, under `name`. The number of seeds tried.
unsigned
inChildren(const std::string &name, unsigned first, unsigned count,
           llvm::function_ref<std::string(unsigned seed, bool &isTried,
                                          llvm::function_ref<void()> inside)>
               work);

} // namespace nm::test

#endif // NM_UNITTESTS_PASSES_CHILDREN_H
