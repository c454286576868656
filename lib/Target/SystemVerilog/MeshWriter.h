//===- MeshWriter.h - The mesh's module -------------------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TARGET_SYSTEMVERILOG_MESHWRITER_H
#define NM_LIB_TARGET_SYSTEMVERILOG_MESHWRITER_H

#include "Writer.h"
#include <algorithm>

namespace nm::mesh::sv {

constexpr unsigned kReleases = 4; // as in the model

/// Writes the module `config.name`: blocks and their atoms (Mesh.cpp), and what
/// goes from block to block (MeshRouting.cpp).
class MeshWriter {
public:
  explicit MeshWriter(const Config &config) : config(config) {
    depth = config.depth();
    for (const Field &field : config.fields) {
      offsets.push_back(fieldBits);
      fieldBits += field.bits;
    }
    leafBits = indexBits(config.leaves.size());
    rootBits = indexBits(config.roots.size());
    countBits = indexBits(uint64_t(config.capacity()) + 1);
  }

  std::string run() {
    ports();
    text.deeper();
    declarations();
    for (const Block &block : config.blocks)
      writeBlock(block);
    transmit();
    walk();
    text.blank();
    text.line("assign fault = fault_q;");
    std::string list = "1'b0, now";
    for (const std::string &name : unread)
      list += ", " + name;
    text.line("// Fields and outputs that no transaction reads.");
    text.line("logic unused;");
    text.line("assign unused = &{", list, "};");
    text.close("endmodule");
    return text.str();
  }

private:
  const Config &config;
  Writer text;
  unsigned depth, fieldBits = 0, leafBits, rootBits, countBits;
  std::vector<unsigned> offsets;
  std::vector<std::string> unread;
  std::vector<std::string> faults;

  unsigned pifoBits(const Block &block) {
    return indexBits(block.pifos.size());
  }
  unsigned flowBits(const Block &block) { return indexBits(block.flows); }
  unsigned metaBits(const Block &block) {
    return std::max(1u, config.metadataBits(block));
  }
  std::string slice(const std::string &name, unsigned low, unsigned bits) {
    return cat(name, "[", low, "+:", bits, "]");
  }

  void ports();
  void declarations();
  void writeBlock(const Block &block);
  void routes(const Block &block);
  bool isDequeue(const Block &block, size_t p);
  std::string net(const Block &block, size_t p, const std::string &name);
  void atom(const Block &block, size_t p);
  std::string entryOf(const Block &block, size_t p, size_t s,
                      const AtomPorts &ports);
  void results(const Block &block);
  /// The condition under which program `p` runs in this cycle.
  std::string runs(const Block &block, size_t p);
  void states(const Block &block);
  void carry(const Block &block);
  void instance(const Block &block);
  /// "flow in [first, first + count)", without the comparisons that are
  /// always true.
  std::string inRange(const Block &block, const NextHop &hop);
  void dequeueRequest(const Block &block);
  /// The queue of released packets that wait for a slot of the walk.
  void releases(const Block &block);
  void transmit();
  void walk();
};

} // namespace nm::mesh::sv

#endif // NM_LIB_TARGET_SYSTEMVERILOG_MESHWRITER_H
