//===- ProgramParams.h - Parameters of accelerator programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_PROGRAMPARAMS_H
#define NM_DRIVER_PROGRAMPARAMS_H

#include "nm/Driver/Options.h"
#include "nm/Runtime/Params.h"
#include "nm/Simulator/Simulator.h"

namespace mlir::nm::driver {

/// The parameters that a program reads, each weight once whatever parts of it
/// the program has: N:M weights [C, K] with their pattern along K in the
/// canonical layout, all others dense. `places` gives the number of each
/// tensor's weight in the manifest, -1 for tensors of another role.
llvm::Expected<::nm::rt::Manifest> manifestOf(const ::nm::isa::Program &program,
                                              std::vector<int> &places);

/// One line on standard error if values of the host became infinite in
/// `tensor`.
void warnOfOverflow(const ::nm::isa::Tensor &tensor,
                    const ::nm::isa::Overflow &overflow);

/// Reads the parameters from --params into the program's DRAM tensors. Masks
/// are verified as for compiled models.
llvm::Error loadProgramParams(const ::nm::isa::Program &program,
                              const CheckpointOptions &options,
                              ::nm::sim::Memory &memory);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_PROGRAMPARAMS_H
