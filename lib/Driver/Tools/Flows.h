//===- Flows.h - nm-pifo flows -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DRIVER_TOOLS_FLOWS_H
#define NM_LIB_DRIVER_TOOLS_FLOWS_H

#include "nm/Driver/PifoFlows.h"
#include "nm/Support/Options.h"

namespace mlir::nm::driver::tools {

/// bit/s, the value of an option.
::nm::support::Status readRate(const std::string &text, uint64_t &rate);

/// `nm-pifo flows`: closed-loop sources on the command line.
class FlowsCommand {
public:
  FlowsCommand();
  /// What the options say.
  llvm::Error run();

  ::nm::support::CommandLine line;

private:
  void addSenders();
  ::nm::support::Status readBounds(const std::string &text);

  PifoFlowsOptions options;
  int64_t overhead = 0, segment = 1460, header = 40, window = 10;
  bool hasAccess = false;
};

} // namespace mlir::nm::driver::tools

#endif // NM_LIB_DRIVER_TOOLS_FLOWS_H
