//===- Array.h - The array of an accelerator as SystemVerilog ---*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Hardware for products of dense and N:M weights, from a device description:
// equal to the simulator in every element and every cycle
// (docs/attacc-hardware.md).
//
//===----------------------------------------------------------------------===//

#ifndef NM_TARGET_ARRAYVERILOG_ARRAY_H
#define NM_TARGET_ARRAYVERILOG_ARRAY_H

#include "nm/Machine/Device.h"
#include <optional>
#include <string>

namespace nm::array {

/// Types of operands; sums are f32.
enum class Operand { F16, BF16, F32 };

/// "f16", "bf16" or "f32".
const char *toString(Operand operand);

/// An array whose sums or weights stay in place, as the parameters of the
/// module nm_array or nm_array_weight.
struct Core {
  std::string device;
  std::vector<machine::SparsePattern> patterns;
  machine::Stationarity stationary = machine::Stationarity::Output;
  Operand operand = Operand::F16;
  int64_t rows = 0, cols = 0;
  int64_t group = 1;    ///< M of the longest pattern
  int64_t segments = 1; ///< products side by side
  int64_t latency = 0;  ///< cycles from a step (or row of lhs) to its sum
  int64_t setup = 0;    ///< cycles between products that differ
  int64_t drain = 1;    ///< sums stay: rows of results that leave in a cycle
  int64_t sums = 0;     ///< weights stay: rows of sums that are kept
  int64_t dimBits = 16; ///< of a size of a product
  int64_t hertz = 0;
  bool doesSoftmax =
      false; ///< the device's array does, which this one does not

  bool holdsWeights() const {
    return stationary == machine::Stationarity::Weight;
  }
};

/// The array of a device that holds sums or weights, as `stationary` says, or
/// the first of both that the device has. An error says why there is none: a
/// processor, an array without that stationarity or with a decoder that is
/// slower than its columns, segments that it does not have.
support::Result<Core> coreOf(const machine::Device &device, Operand operand,
                             int64_t segments,
                             std::optional<machine::Stationarity> stationary);

/// One self-contained file; its last module is nm_array or nm_array_weight,
/// whose parameters have the core's sizes as defaults.
std::string systemVerilogOf(const Core &core);
/// Synopsys design constraints: the device's clock.
std::string constraintsOf(const Core &core);
/// Markdown: parameters, ports, timing, registers.
std::string dataSheetOf(const Core &core);

} // namespace nm::array

#endif // NM_TARGET_ARRAYVERILOG_ARRAY_H
