//===- Modules.h - The modules written as SystemVerilog ---------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TARGET_ARRAYVERILOG_MODULES_H
#define NM_LIB_TARGET_ARRAYVERILOG_MODULES_H

#include "nm/Target/ArrayVerilog/Array.h"
#include <utility>

namespace nm::array {

/// The files of rtl/, compiled in: what both arrays have, and the others, the
/// top module last.
extern const char *const sharedModules, *const outputModules,
                                            *const weightModules;

/// The core's parameters, in the order of the module's.
std::vector<std::pair<std::string, int64_t>> parametersOf(const Core &core);

int64_t expBits(Operand operand);
int64_t manBits(Operand operand);

} // namespace nm::array

#endif // NM_LIB_TARGET_ARRAYVERILOG_MODULES_H
