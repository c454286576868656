//===- Core.h - PIFO hardware as cores with AXI-Stream ports ----*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TARGET_SYSTEMVERILOG_CORE_H
#define NM_TARGET_SYSTEMVERILOG_CORE_H

#include <cstdint>
#include <string>

namespace nm::mesh {

/// A PIFO for someone else's design, with AXI-Stream ports: the block of the
/// paper, the tree, or queues in levels that share a tree.
struct Core {
  enum Kind { Block, Tree, Hierarchy } kind = Block;
  // Of a block.
  int64_t elements = 4096, flows = 16, pifoBits = 2;
  // Of a tree, and of the one that a hierarchy's queues share.
  int64_t ways = 4, levels = 6, queues = 1;
  // Of a hierarchy: its levels.
  int64_t depth = 6;
  // Of all.
  int64_t rankBits = 16, metadataBits = 32;
  /// In MHz: what the constraints ask for, and the data sheet's figures.
  int64_t clock = 100;

  const char *module() const;
  /// Of all queues of a tree or a hierarchy; of a block behind the heads of its
  /// flows.
  int64_t capacity() const;
};

/// Empty, or what cannot be built: "expected a power of two ...".
std::string refusal(const Core &core);

/// One self-contained file; its last module is core.module(), whose parameters
/// have the core's sizes as defaults.
std::string systemVerilogOf(const Core &core);
/// A self-checking testbench.
std::string testbenchOf(const Core &core);
/// Synopsys design constraints: the clock.
std::string constraintsOf(const Core &core);
/// Markdown: ports, fields, timing, memories.
std::string dataSheetOf(const Core &core);

} // namespace nm::mesh

#endif // NM_TARGET_SYSTEMVERILOG_CORE_H
