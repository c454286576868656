//===- Streams.h - AXI streams of hardware for other designs ----*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TARGET_SYSTEMVERILOG_STREAMS_H
#define NM_LIB_TARGET_SYSTEMVERILOG_STREAMS_H

#include "Writer.h"
#include <cstdint>
#include <string>
#include <vector>

namespace nm::mesh::sv {

struct StreamField {
  std::string name;
  int64_t bits;
};

/// `<name>_tvalid`, `_tready` and, if it has fields, `_tdata`: the fields from
/// the lowest bit, padded to whole bytes.
struct Stream {
  std::string name;
  std::vector<StreamField> fields;
  /// For the data sheet.
  std::string what;
  bool isOutput = false;

  /// Without the padding, and with it.
  int64_t fieldBits() const;
  int64_t width() const;
};

/// Rows `| port | bits | what |`.
std::string portRows(const std::vector<Stream> &streams);
/// Tables of the fields of streams that have several; streams of equal fields
/// share one.
std::string fieldTables(const std::vector<Stream> &streams);
/// Ports of a module, each with a comma behind it.
void writePorts(Writer &text, const std::vector<Stream> &streams);
/// The clock `aclk` of a module, in MHz, as SDC.
std::string clockConstraints(const std::string &module, int64_t clock);
/// Of a template.
void replaceAll(std::string &text, const std::string &from,
                const std::string &to);
/// "12.3" of thousandths.
std::string tenths(int64_t thousandths);

} // namespace nm::mesh::sv

#endif // NM_LIB_TARGET_SYSTEMVERILOG_STREAMS_H
