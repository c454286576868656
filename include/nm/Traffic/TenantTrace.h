//===- TenantTrace.h - Traces of tenants' requests -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRAFFIC_TENANTTRACE_H
#define NM_TRAFFIC_TENANTTRACE_H

#include "nm/Support/Result.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nm::traffic {

/// Times are nanoseconds.
struct TenantRequest {
  uint64_t tenant = 0;
  size_t program = 0;
  double arrival = 0;
  double deadline = 0; ///< after arrival; 0: none
};

/// What a file of tenants says.
struct TenantTrace {
  std::vector<std::string> programs;   ///< paths, relative to the file's folder
  std::vector<TenantRequest> requests; ///< in order of arrival
  std::vector<double> weights;         ///< shares by tenant; 1 beyond the end
};

/// Reads a trace: JSON if it begins with a brace, else CSV (docs/simulator.md).
/// `path` is for messages and the folder of the programs.
support::Result<TenantTrace> parseTenants(std::string_view text,
                                          const std::string &path);

} // namespace nm::traffic

#endif // NM_TRAFFIC_TENANTTRACE_H
