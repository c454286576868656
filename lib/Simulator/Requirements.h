//===- Requirements.h - What a program needs of a device -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_SIMULATOR_REQUIREMENTS_H
#define NM_LIB_SIMULATOR_REQUIREMENTS_H

#include "nm/Simulator/Simulator.h"

namespace nm::sim {

/// "instruction 12 (load, source 40)", for messages.
std::string nameOf(const Program &program, int32_t instruction);

/// Fails, with the instruction, where a program that passed checkProgram needs
/// more than the device has: scratchpad, channels, segments, patterns,
/// stationarities.
Status checkDevice(const Program &program, const Device &device);

} // namespace nm::sim

#endif // NM_LIB_SIMULATOR_REQUIREMENTS_H
