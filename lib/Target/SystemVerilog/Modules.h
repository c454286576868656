//===- Modules.h - The modules written as SystemVerilog ---------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TARGET_SYSTEMVERILOG_MODULES_H
#define NM_LIB_TARGET_SYSTEMVERILOG_MODULES_H

#include "nm/Target/SystemVerilog/SystemVerilog.h"

/// The files of rtl/, compiled in.
namespace nm::mesh::rtl {
extern const char *const tree;
extern const char *const axisOutput;
extern const char *const blockAxis;
extern const char *const treeAxis;
extern const char *const hierarchy;
extern const char *const hierarchyAxis;
extern const char *const hierarchyTestbench;
extern const char *const axisTestbench;
extern const char *const meshTestbench;
} // namespace nm::mesh::rtl

#endif // NM_LIB_TARGET_SYSTEMVERILOG_MODULES_H
