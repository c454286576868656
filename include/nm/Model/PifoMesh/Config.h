//===- Config.h - Configuration of a PIFO mesh ------------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is written into the tables of a mesh: blocks, logical PIFOs, flows,
// next-hop tables and the programs of the atoms. docs/pifo-mesh.md describes
// the JSON form and the timing.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_PIFOMESH_CONFIG_H
#define NM_MODEL_PIFOMESH_CONFIG_H

#include "nm/Model/PifoMesh/Program.h"
#include "nm/Support/Result.h"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nm::mesh {

/// How a block's flow scheduler sorts.
enum class Order {
  Plain, ///< by rank, unsigned; ranks never wrap
  /// By rank as a serial number (a before b if a - b < 0 in two's complement).
  /// Right where all logical PIFOs share one clock, as shaping blocks do.
  Serial,
  /// By logical PIFO, then by rank as a serial number: each logical PIFO's
  /// virtual time wraps on its own.
  SerialPerPifo
};

struct Field {
  std::string name;
  unsigned bits = 32;
};

/// A class of packets: the leaf that its predicate chose.
struct Leaf {
  std::string name;
};

/// What happens to the popped elements of a range of flows.
struct NextHop {
  enum class Kind {
    Transmit, ///< the element is a packet and leaves
    Dequeue,  ///< the element refers to another logical PIFO, which is popped
    Resume    ///< shaping: the walk to the root goes on as that of `leaf`
  };
  Kind kind = Kind::Transmit;
  unsigned firstFlow = 0, numFlows = 1;
  unsigned block = 0, pifo = 0; ///< Dequeue
  unsigned leaf = 0;            ///< Resume: names the ancestors, see Route
};

struct LogicalPifo {
  std::string name;
  int enqueueProgram = -1;
  int dequeueProgram = -1;
  std::vector<NextHop> next;
};

/// Where the packets of a leaf are enqueued in this block.
struct Route {
  unsigned leaf = 0;
  unsigned pifo = 0;
  /// The program's flow is added to this; 2^flowBits flows belong to the route.
  unsigned firstFlow = 0, flowBits = 0;
  /// The walk to the root is suspended here: the leaf has a route in a shaping
  /// block of the same depth.
  bool suspends = false;
};

struct Block {
  std::string name;
  unsigned depth = 0; ///< of its nodes in the tree; 0 is the root
  bool shaping = false;
  unsigned elements = 65536, flows = 1024, pifoLimit = 256;
  unsigned rankBits = 16;
  Order order = Order::Plain;
  /// Fields packed into the metadata of this block's elements, the first in
  /// the lowest bits.
  std::vector<unsigned> carry;
  std::vector<State> states;
  std::vector<Program> programs;
  std::vector<LogicalPifo> pifos;
  std::vector<Route> routes;
};

struct Config {
  std::string name = "mesh";
  unsigned nowBits = 32;
  std::vector<Field> fields;
  std::vector<Leaf> leaves;
  /// Optional: chooses the leaf of a packet. Sees packet fields alone; the
  /// value that is its `flow` is the number of the leaf, and a number that no
  /// leaf has says that the packet belongs to none.
  std::optional<Program> classifier;
  std::vector<Block> blocks;
  /// The root: logical PIFO `rootPifo` of block `rootBlock`, and one more per
  /// further port.
  struct Root {
    unsigned block = 0, pifo = 0;
  };
  std::vector<Root> roots;

  /// The leaf that the classifier chooses; leaves.size() if there is none, or
  /// no classifier. `fields` are as many as the configuration declares.
  unsigned leafOf(const std::vector<uint64_t> &packet) const;
  unsigned depth() const;
  unsigned metadataBits(const Block &block) const;
  /// Whether some program writes that field into the packets that leave.
  bool isWritten(size_t field) const;
  /// The packets the mesh holds at most: no block can overflow below it.
  unsigned capacity() const;
};

/// Bits that number `count` things; at least one.
constexpr unsigned indexBits(uint64_t count) {
  unsigned bits = 1;
  while (bits < 63 && (uint64_t(1) << bits) < count)
    ++bits;
  return bits;
}

/// The part of a configuration that a message is about; -1 where the place is
/// no narrower. Programs, states, logical PIFOs and routes are those of
/// `block`.
struct Place {
  bool classifier = false; ///< then `value` is one of it
  int field = -1, root = -1, leaf = -1;
  int block = -1, state = -1, program = -1, pifo = -1, route = -1;
  int value = -1, store = -1; ///< of `program`, or of the classifier
  int write = -1;             ///< of `program`
  int hop = -1;               ///< of `pifo`
};

/// Checks everything the model and the writers rely on. Empty if well formed,
/// otherwise one message: where, what was found, what was expected. `place`,
/// if not null, then says the same by numbers.
std::string validate(const Config &config, Place *place = nullptr);

/// Reads the JSON form; `where` (a file name) begins every message.
support::Result<Config> parseConfig(std::string_view text,
                                    const std::string &where);

/// Writes the JSON form, stable byte for byte.
std::string printConfig(const Config &config);

} // namespace nm::mesh

#endif // NM_MODEL_PIFOMESH_CONFIG_H
