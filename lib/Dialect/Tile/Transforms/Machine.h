//===- Machine.h - Which accelerator a program is for -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_TILE_TRANSFORMS_MACHINE_H
#define NM_LIB_DIALECT_TILE_TRANSFORMS_MACHINE_H

#include "nm/Dialect/Attacc/IR/AttaccDialect.h"
#include "nm/Machine/Device.h"
#include <optional>

namespace mlir::tiles {

/// Makes `machine`, unless it is known, the accelerator of that name or file,
/// that of the program if the name is empty; an error of the pass if there is
/// none.
LogicalResult findMachine(std::optional<::nm::model::Device> &machine,
                          attacc::ProgramOp program, StringRef device,
                          StringRef pass);

} // namespace mlir::tiles

#endif // NM_LIB_DIALECT_TILE_TRANSFORMS_MACHINE_H
