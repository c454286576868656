//===- TileToProgram.h - Operators on tiles as a program -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_CONVERSION_TILETOPROGRAM_TILETOPROGRAM_H
#define NM_CONVERSION_TILETOPROGRAM_TILETOPROGRAM_H

#include "nm/Isa/Program.h"
#include "nm/Support/Result.h"
#include "nm/Target/Attacc/Attacc.h"

namespace mlir::nm {

/// The program of the tensors and instructions of `tables` and of operators of
/// the dialect tile, which `insertions` make and the passes lower, in a context
/// of its own; or the first error.
::nm::support::Result<::nm::isa::Program>
lowerTiles(const ::nm::isa::Program &tables, const ::nm::model::Device &device,
           ArrayRef<attacc::ProgramInsertion> insertions);

} // namespace mlir::nm

#endif // NM_CONVERSION_TILETOPROGRAM_TILETOPROGRAM_H
