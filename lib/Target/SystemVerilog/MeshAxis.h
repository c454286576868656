//===- MeshAxis.h - A mesh with AXI-Stream ports ----------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TARGET_SYSTEMVERILOG_MESHAXIS_H
#define NM_LIB_TARGET_SYSTEMVERILOG_MESHAXIS_H

#include "Streams.h"

namespace nm::mesh::sv {

std::vector<Stream> streamsOf(const Config &config);
std::string axisModule(const Config &config);
/// Cycles from a request to the mesh's answer.
unsigned axisLatency(const Config &config);
unsigned axisCountBits(const Config &config);

} // namespace nm::mesh::sv

#endif // NM_LIB_TARGET_SYSTEMVERILOG_MESHAXIS_H
