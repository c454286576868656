//===- ToAttacc.h - Functions as programs of an accelerator -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_CONVERSION_TOATTACC_TOATTACC_H
#define NM_CONVERSION_TOATTACC_TOATTACC_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "nm/Dialect/Attacc/IR/AttaccDialect.h"
#include "nm/Isa/LoopRoller.h"

namespace mlir::attacc {

struct ProgramOptions {
  ::nm::model::Device device;
  /// Of tensors in the program, whatever the function's: f16, bf16 or f32.
  /// Whoever binds arrays converts.
  ::nm::isa::Type type = ::nm::isa::Type::F16;
  /// Dataflows of attention whose program is longer are passed over. More than
  /// a LoopRoller holds are none.
  int64_t maxInstructions = ::nm::isa::LoopRoller::kMostLive;
};

/// The program that computes `func`, a function of static tensors, before
/// `builder`, after nm-raise, nm-fuse-epilogue and flat-raise-attention:
/// nm.matmul, flat.attention, linalg.softmax, products, elementwise operations
/// and reductions in linalg, reshapes, transposes, slices and joins (the list
/// is docs/attacc-operators.md). Arguments become In tensors by name, results
/// Out tensors `result0`, ...; checkpoint parameters Param tensors. Operators
/// on rows and products are values, which the passes of the tile dialect lower,
/// beside instructions. What has none is an error at the operation. Choices are
/// remarks of the category `convert-to-attacc`.
FailureOr<ProgramOp> buildTileProgram(OpBuilder &builder, func::FuncOp func,
                                      const ProgramOptions &options);

} // namespace mlir::attacc

#endif // NM_CONVERSION_TOATTACC_TOATTACC_H
