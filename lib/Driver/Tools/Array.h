//===- Array.h - nm-sim array -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DRIVER_TOOLS_ARRAY_H
#define NM_LIB_DRIVER_TOOLS_ARRAY_H

#include "nm/Support/Options.h"
#include "nm/Target/ArrayVerilog/Array.h"
#include "llvm/Support/Error.h"

namespace mlir::nm::driver::tools {

/// `nm-sim array`: the array of an accelerator as hardware.
class ArrayCommand {
public:
  ArrayCommand();
  /// What the options say.
  llvm::Error run();

  ::nm::support::CommandLine line;

private:
  enum class Part { Verilog, Constraints, DataSheet };
  std::string target, output = "-";
  Part part = Part::Verilog;
  ::nm::array::Operand operand = ::nm::array::Operand::F16;
  std::optional<::nm::machine::Stationarity> stationary;
  int64_t segments = 1;
};

} // namespace mlir::nm::driver::tools

#endif // NM_LIB_DRIVER_TOOLS_ARRAY_H
