//===- TileProgram.h - Operators of the tile dialect as a program -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_DIALECT_TILEPROGRAM_H
#define NM_UNITTESTS_DIALECT_TILEPROGRAM_H

#include "Common/KernelTestSupport.h"
#include "nm/Conversion/TileToProgram/TileToProgram.h"

namespace nm::isa {

/// The program of a builder's tables and of operators, which the passes lower.
inline Result<Program>
finishTiles(Builder &builder, const Device &device,
            llvm::ArrayRef<mlir::attacc::ProgramInsertion> insertions) {
  Result<Program> tables = builder.finish();
  if (!tables)
    return tables.error();
  return mlir::nm::lowerTiles(*tables, device, insertions);
}

} // namespace nm::isa

#endif // NM_UNITTESTS_DIALECT_TILEPROGRAM_H
