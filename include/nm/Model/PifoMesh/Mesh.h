//===- Mesh.h - Cycle-level model of a PIFO mesh ----------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_PIFOMESH_MESH_H
#define NM_MODEL_PIFOMESH_MESH_H

#include "nm/Model/PifoMesh/Block.h"
#include <cstdint>
#include <deque>
#include <vector>

namespace nm::mesh {

/// A packet on its walk to the root, or one that leaves.
struct Packet {
  bool valid = false;
  unsigned leaf = 0;
  std::vector<uint64_t> fields; ///< as many as the configuration declares
};

/// The mesh. Every packet walks from the deepest level to the root, one level a
/// cycle, whatever its own leaf's depth: so no two external packets ever meet
/// at a block. A release of a shaping block takes a slot that no packet
/// occupies (the paper's rule: scheduling wins, shaping is best effort).
/// Pops walk from the root down, two cycles a level; departures are delayed to
/// the time a deepest leaf would take, so that their order is the root's.
class Mesh {
public:
  explicit Mesh(const Config &config);

  struct Inputs {
    uint64_t now = 0;
    Packet enqueue;
    PopRequest dequeue; ///< `pifo` is an index into Config::roots
  };
  /// Whether the requests of this cycle are accepted.
  bool canEnqueue() const { return occupied < capacity; }
  bool canDequeue(unsigned root) const;

  void step(const Inputs &inputs);

  /// The packet that leaves; its fields are those its leaf's block carries.
  const Packet &departure() const { return out.back(); }
  /// Packets accepted and not yet departed.
  unsigned size() const { return occupied; }
  uint64_t rankInversions() const;
  const BlockModel &block(unsigned index) const { return blocks[index].model; }
  const StateFile &state(unsigned index) const { return blocks[index].state; }

private:
  struct BlockState {
    const Block *config;
    BlockModel model;
    StateFile state;
    std::vector<int> routeOfLeaf;
    /// Packets whose fields elements of this block carry, by Element::data.
    std::vector<Packet> packets;
    std::vector<unsigned> freePackets;
    // Shaping blocks: releases on their way, at most kReleases.
    unsigned outstanding = 0;
    std::deque<Packet> releases;
  };
  static constexpr unsigned kReleases = 4;

  Config config;
  unsigned depth, capacity;
  unsigned occupied = 0;
  std::vector<BlockState> blocks;
  std::vector<Packet> slots; ///< by depth: on the walk to the root
  std::vector<Packet> out;   ///< delay line of departures
  ProgramResult scratch;

  Element enqueueAt(BlockState &block, const Packet &packet, uint64_t now);
  void write(BlockState &block);
  const NextHop *hopOf(const Block &block, const Element &element) const;
};

} // namespace nm::mesh

#endif // NM_MODEL_PIFOMESH_MESH_H
