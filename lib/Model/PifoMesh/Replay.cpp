//===- Replay.cpp - A mesh's model on a trace -----------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Replay.h"
#include "nm/Model/PifoMesh/Mesh.h"
#include "nm/Support/CsvReader.h"
#include <algorithm>
#include <deque>
#include <sstream>

namespace nm::mesh {

using Step = support::CsvReader::Step;

namespace {
/// The buffer in which packets lie while the mesh holds them: what the field
/// `packet` says. Meshes whose leaves do not give it back, or whose field is
/// too narrow for the buffer, see the packet's number instead.
class Places {
public:
  Places(const Config &config, size_t handle, bool numbered) {
    if (!numbered || config.fields[handle].bits < indexBits(config.capacity()))
      return;
    for (const Block &block : config.blocks)
      for (const LogicalPifo &pifo : block.pifos)
        for (const NextHop &hop : pifo.next)
          if (hop.kind == NextHop::Kind::Transmit &&
              std::find(block.carry.begin(), block.carry.end(), handle) ==
                  block.carry.end())
            return;
    numberAt.resize(config.capacity());
    for (unsigned place = 0; place < numberAt.size(); ++place)
      free.push_back(place);
  }

  /// A place for the packet of that number; any if the mesh is full and will
  /// refuse it.
  uint64_t take(uint64_t number) {
    if (numberAt.empty() || free.empty())
      return number;
    unsigned place = free.front();
    free.pop_front();
    numberAt[place] = number;
    return place;
  }
  /// The number of the packet that leaves its place.
  uint64_t leave(uint64_t place) {
    if (numberAt.empty() || place >= numberAt.size())
      return place;
    free.push_back(static_cast<unsigned>(place));
    return numberAt[place];
  }

private:
  std::vector<uint64_t> numberAt;
  std::deque<unsigned> free;
};
} // namespace

support::Result<std::string> replay(const Config &config, std::string_view csv,
                                    const std::string &where, unsigned cycles) {
  support::CsvReader reader(csv, where);
  std::ostringstream out;
  auto fail = [&](const std::string &message) {
    reader.fail(message);
    return reader.error();
  };
  // Which field each column holds.
  std::vector<size_t> columns;
  auto fieldOf = [&](const std::string &name) {
    size_t f = 0;
    while (f < config.fields.size() && config.fields[f].name != name)
      ++f;
    return f;
  };
  std::vector<std::string> header;
  if (reader.row(header) == Step::End)
    return fail("found no header, expected 'now,leaf,...'");
  if (header.size() < 2 || header[0] != "now" || header[1] != "leaf")
    return fail("expected a header that begins with 'now,leaf'");
  for (size_t i = 2; i < header.size(); ++i) {
    columns.push_back(fieldOf(header[i]));
    if (columns.back() == config.fields.size())
      return fail(support::quoteCell(header[i]) + " is no field of the mesh");
  }
  size_t handle = fieldOf("packet");
  bool numbered =
      handle < config.fields.size() &&
      std::find(columns.begin(), columns.end(), handle) == columns.end();

  Mesh mesh(config);
  Places places(config, handle, numbered);
  uint64_t count = 0, cycle = 0, refused = 0;
  out << "packet,now,cycle";
  for (size_t f = 0; f < config.fields.size(); ++f)
    if (config.isWritten(f))
      out << ',' << config.fields[f].name;
  out << '\n';
  std::vector<std::string> cells;
  for (Step step; (step = reader.row(cells)) != Step::End;) {
    if (step == Step::Error)
      return reader.error();
    Mesh::Inputs inputs;
    if (!support::parseUnsigned(cells[0], inputs.now))
      return fail(support::quoteCell(cells[0]) + " is no time");
    if (cells[1] == "-") {
      inputs.dequeue = {true, 0};
    } else if (!cells[1].empty()) {
      bool classified = cells[1] == "+";
      if (classified && !config.classifier)
        return fail("the mesh has no classifier; expected the name of a leaf");
      unsigned leaf = 0;
      while (!classified && leaf < config.leaves.size() &&
             config.leaves[leaf].name != cells[1])
        ++leaf;
      if (leaf == config.leaves.size())
        return fail(support::quoteCell(cells[1]) + " is no leaf of the mesh");
      inputs.enqueue = {true, leaf,
                        std::vector<uint64_t>(config.fields.size())};
      for (size_t i = 0; i < columns.size(); ++i) {
        uint64_t value = 0;
        const Field &field = config.fields[columns[i]];
        if (!support::parseUnsigned(cells[i + 2], value) ||
            value > maskOf(field.bits))
          return fail(support::quoteCell(cells[i + 2]) +
                      " is no value of field '" + field.name + "'");
        inputs.enqueue.fields[columns[i]] = value;
      }
      if (numbered)
        inputs.enqueue.fields[handle] =
            places.take(count) & maskOf(config.fields[handle].bits);
      if (classified)
        inputs.enqueue.leaf = config.leafOf(inputs.enqueue.fields);
      if (inputs.enqueue.leaf == config.leaves.size())
        return fail("the packet belongs to no leaf of the mesh");
      ++count;
      refused += !mesh.canEnqueue();
    }
    for (unsigned i = 0; i < cycles; ++i, ++cycle) {
      mesh.step(inputs);
      inputs.enqueue.valid = inputs.dequeue.valid = false;
      const Packet &leaving = mesh.departure();
      if (!leaving.valid)
        continue;
      out << (handle < config.fields.size()
                  ? places.leave(leaving.fields[handle])
                  : 0)
          << ',' << inputs.now << ',' << cycle;
      for (size_t f = 0; f < config.fields.size(); ++f)
        if (config.isWritten(f))
          out << ',' << leaving.fields[f];
      out << '\n';
    }
  }
  if (refused > 0)
    return fail("the mesh refused " + std::to_string(refused) +
                " packets; expected at most " +
                std::to_string(config.capacity()) + " in it at a time");
  return out.str();
}

} // namespace nm::mesh
