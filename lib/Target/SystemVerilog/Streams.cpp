//===- Streams.cpp - AXI streams of hardware for other designs ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Streams.h"
#include <algorithm>

namespace nm::mesh::sv {

int64_t Stream::fieldBits() const {
  int64_t bits = 0;
  for (const StreamField &field : fields)
    bits += field.bits;
  return bits;
}

int64_t Stream::width() const { return (fieldBits() + 7) / 8 * 8; }

std::string portRows(const std::vector<Stream> &streams) {
  std::string out;
  for (const Stream &stream : streams)
    out += cat("| `", stream.name, "_*` | ",
               stream.fields.empty() ? "" : cat(stream.width(), " "), "| ",
               stream.what, " |\n");
  return out;
}

static std::string fieldTable(const Stream &stream) {
  std::string out = "| Bits | Field |\n| ---: | --- |\n";
  int64_t low = 0;
  for (const StreamField &field : stream.fields) {
    out += cat("| ", low + field.bits - 1, ":", low, " | ", field.name, " |\n");
    low += field.bits;
  }
  if (stream.width() != low)
    out += cat("| ", stream.width() - 1, ":", low, " | padding, 0 |\n");
  return out;
}

std::string fieldTables(const std::vector<Stream> &streams) {
  std::vector<std::pair<std::string, std::string>> tables;
  for (const Stream &stream : streams) {
    if (stream.fields.size() < 2)
      continue;
    std::string table = fieldTable(stream);
    auto same = std::find_if(tables.begin(), tables.end(),
                             [&](const auto &t) { return t.second == table; });
    if (same == tables.end())
      tables.emplace_back(cat("`", stream.name, "_tdata`"), std::move(table));
    else
      same->first += cat(" and `", stream.name, "_tdata`");
  }
  std::string out;
  for (const auto &[names, table] : tables)
    out += cat(out.empty() ? "" : "\n", "## Fields of ", names, "\n\n", table);
  return out;
}

void writePorts(Writer &text, const std::vector<Stream> &streams) {
  for (const Stream &stream : streams) {
    const char *valid = stream.isOutput ? "output logic " : "input  logic ";
    const char *ready = stream.isOutput ? "input  logic " : "output logic ";
    text.line(valid, stream.name, "_tvalid,");
    text.line(ready, stream.name, "_tready,");
    if (stream.fields.empty())
      continue;
    // Nobody reads the padding of what comes.
    const bool pads = !stream.isOutput && stream.width() != stream.fieldBits();
    if (pads)
      text.line("/* verilator lint_off UNUSEDSIGNAL */");
    text.line(valid, range(static_cast<unsigned>(stream.width())), stream.name,
              "_tdata,");
    if (pads)
      text.line("/* verilator lint_on UNUSEDSIGNAL */");
  }
}

std::string clockConstraints(const std::string &module, int64_t clock) {
  int64_t picoseconds = 1000000 / clock;
  std::string fraction = std::to_string(picoseconds % 1000);
  return cat("# Constraints of ", module, " for ", clock,
             " MHz (nanoseconds).\ncreate_clock -name aclk -period ",
             picoseconds / 1000, ".", std::string(3 - fraction.size(), '0'),
             fraction, " [get_ports aclk]\n");
}

void replaceAll(std::string &text, const std::string &from,
                const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to);
}

std::string tenths(int64_t thousandths) {
  return cat(thousandths / 1000, ".", thousandths % 1000 / 100);
}

} // namespace nm::mesh::sv
