//===- PifoFlows.h - What nm-pifo flows does -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_PIFOFLOWS_H
#define NM_DRIVER_PIFOFLOWS_H

#include "mlir/IR/DialectRegistry.h"
#include "nm/Traffic/Completion.h"
#include "llvm/Support/Error.h"

namespace mlir::nm::driver {

/// Options of nm-pifo flows (docs/nm-pifo.md).
struct PifoFlowsOptions {
  /// Files of policies or modules with one scheduler, each perhaps with `@` and
  /// a container.
  std::vector<std::string> policies;
  /// A file of flows, or a description of those to draw.
  std::string flowsFile, generate;
  int64_t rtt = 100'000;
  int64_t capacity = 0;
  std::vector<std::string> fields;
  ::nm::traffic::Link link;
  ::nm::traffic::TransportOptions transport;
  std::vector<uint64_t> bounds = {100'000, 1'000'000, 10'000'000};
  std::string json, html;
  bool quiet = false;
};

/// Sends the flows through each of the policies and writes the reports; no
/// output is left half written.
llvm::Error runPifoFlows(const PifoFlowsOptions &options,
                         const DialectRegistry &registry);

} // namespace mlir::nm::driver

#endif // NM_DRIVER_PIFOFLOWS_H
