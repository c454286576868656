//===- MappingProgram.h - A mapping as a program -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the cost model, the generator of programs and the simulator meet.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_MAPPINGPROGRAM_H
#define NM_DRIVER_MAPPINGPROGRAM_H

#include "nm/Model/Mapping.h"

namespace nm::driver {

/// The hooks of nm-explore. A program is that of attention in a mapping that
/// checkExtended accepts, in the element type of the device's width (16 bits:
/// f16), with heads within tokens; with its cycles, without values. The proof
/// that it is free of races is nm-sim's.
model::MapTools mapTools();

} // namespace nm::driver

#endif // NM_DRIVER_MAPPINGPROGRAM_H
