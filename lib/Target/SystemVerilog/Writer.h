//===- Writer.h - Indented text ---------------------------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TARGET_SYSTEMVERILOG_WRITER_H
#define NM_LIB_TARGET_SYSTEMVERILOG_WRITER_H

#include "nm/Model/PifoMesh/Config.h"
#include <sstream>
#include <string>

namespace nm::mesh::sv {

/// "[7:0] "
inline std::string range(unsigned bits) {
  return "[" + std::to_string(bits - 1) + ":0] ";
}
/// "8'd5"
inline std::string literal(unsigned bits, uint64_t value) {
  return std::to_string(bits) + "'d" + std::to_string(value);
}
template <typename... Parts> std::string cat(const Parts &...parts) {
  std::ostringstream os;
  (os << ... << parts);
  return os.str();
}

class Writer {
public:
  template <typename... Parts> void line(const Parts &...parts) {
    os << std::string(2 * indent, ' ');
    (os << ... << parts);
    os << '\n';
  }
  void blank() { os << '\n'; }
  void raw(const std::string &text) { os << text; }
  template <typename... Parts> void open(const Parts &...parts) {
    line(parts...);
    ++indent;
  }
  void deeper() { ++indent; }
  template <typename... Parts> void close(const Parts &...parts) {
    --indent;
    line(parts...);
  }
  std::string str() const { return os.str(); }

private:
  std::ostringstream os;
  unsigned indent = 0;
};

/// What a program's module is connected to, besides the outputs `set_<field>`.
struct AtomPorts {
  std::vector<bool> fields;
  bool now = false, rank = false, pifo = false, leaf = false;
  /// By state: whether it is read, written, and the bits of the entry value
  /// (0: entry 0).
  std::vector<bool> loads, stores;
  std::vector<int> entry;
  std::vector<bool> live; ///< by value
};
AtomPorts portsOf(const Config &config, const Block &block,
                  const Program &program);

std::string atomName(const Config &config, const Block &block,
                     const Program &program);

/// The module `<mesh>_front`; `config` has a classifier.
std::string frontOf(const Config &config);

} // namespace nm::mesh::sv

#endif // NM_LIB_TARGET_SYSTEMVERILOG_WRITER_H
