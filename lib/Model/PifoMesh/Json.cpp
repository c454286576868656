//===- Json.cpp - JSON form of mesh configurations ------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Json.h"
#include "nm/Model/PifoMesh/Config.h"
#include "nm/Support/JsonReader.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <nlohmann/json.hpp>

namespace nm::mesh {

using Ordered = nlohmann::ordered_json;

namespace {
using support::JsonReader;
using support::Need;

/// No mesh has as many of anything.
constexpr size_t kMostElements = 65536;
constexpr unsigned kMostNumber = 0x7fffffff;

void number(JsonReader &reader, const char *name, unsigned &value,
            Need need = Need::Required) {
  reader.integer(name, value, 0u, kMostNumber, need);
}
/// A place in a list, or what the target holds: none.
void number(JsonReader &reader, const char *name, int &value,
            Need need = Need::Required) {
  reader.integer(name, value, 0, static_cast<int>(kMostNumber), need);
}
void number(JsonReader &reader, const char *name, uint64_t &value,
            Need need = Need::Required) {
  reader.integer(name, value, need);
}

/// One of the words of a table; the target is its place.
template <typename Enum, size_t count>
void choice(JsonReader &reader, const char *name, Enum &value,
            const char *const (&words)[count], Need need = Need::Required) {
  reader.word(
      name,
      support::alternatives(
          std::vector<std::string>(std::begin(words), std::end(words))),
      [&](const std::string &word) {
        auto found = std::find(std::begin(words), std::end(words), word);
        value = static_cast<Enum>(found - std::begin(words));
        return found != std::end(words);
      },
      need);
}
constexpr const char *kOrders[] = {"plain", "serial", "serial-per-pifo"};
constexpr const char *kHops[] = {"transmit", "dequeue", "resume"};

/// A list of objects, each read by `read`.
template <typename T>
void list(JsonReader &reader, const char *name, std::vector<T> &values,
          void (*read)(JsonReader &, T &), Need need = Need::Required) {
  reader.objects(
      name, 0, kMostElements,
      [&](JsonReader &inner, size_t) {
        values.emplace_back();
        read(inner, values.back());
      },
      need);
}

void readField(JsonReader &reader, Field &field) {
  reader.text("name", field.name);
  number(reader, "bits", field.bits);
}
void readLeaf(JsonReader &reader, Leaf &leaf) {
  reader.text("name", leaf.name);
}
void readRoot(JsonReader &reader, Config::Root &root) {
  number(reader, "block", root.block);
  number(reader, "pifo", root.pifo);
}

void readState(JsonReader &reader, State &state) {
  reader.text("name", state.name);
  number(reader, "bits", state.bits);
  number(reader, "entries", state.entries, Need::Optional);
  number(reader, "init", state.init, Need::Optional);
}

void readValue(JsonReader &reader, Value &value) {
  reader.word("op", "an operation", [&](const std::string &word) {
    std::optional<Op> op = opFromName(word);
    value.op = op.value_or(value.op);
    return op.has_value();
  });
  auto needIf = [](bool condition) {
    return condition ? Need::Required : Need::Optional;
  };
  number(reader, "bits", value.bits);
  number(reader, "value", value.immediate, needIf(value.op == Op::Const));
  number(reader, "index", value.index,
         needIf(value.op == Op::Field || value.op == Op::Load));
  number(reader, "a", value.a, Need::Optional);
  number(reader, "b", value.b, Need::Optional);
  number(reader, "c", value.c, Need::Optional);
  reader.integers("table", value.table, uint64_t(0), UINT64_MAX, kMostElements,
                  needIf(value.op == Op::Lookup));
}

void readStore(JsonReader &reader, Store &store) {
  number(reader, "state", store.state);
  number(reader, "entry", store.entry, Need::Optional);
  number(reader, "value", store.value);
}
void readWrite(JsonReader &reader, FieldWrite &write) {
  number(reader, "field", write.field);
  number(reader, "value", write.value);
}
void readProgram(JsonReader &reader, Program &program) {
  reader.text("name", program.name);
  list(reader, "values", program.values, readValue);
  number(reader, "rank", program.rank, Need::Optional);
  number(reader, "flow", program.flow, Need::Optional);
  list(reader, "stores", program.stores, readStore);
  list(reader, "writes", program.writes, readWrite, Need::Optional);
}

void readHop(JsonReader &reader, NextHop &hop) {
  choice(reader, "do", hop.kind, kHops);
  auto neededBy = [&](NextHop::Kind kind) {
    return hop.kind == kind ? Need::Required : Need::Optional;
  };
  number(reader, "first-flow", hop.firstFlow);
  number(reader, "flows", hop.numFlows);
  number(reader, "block", hop.block, neededBy(NextHop::Kind::Dequeue));
  number(reader, "pifo", hop.pifo, neededBy(NextHop::Kind::Dequeue));
  number(reader, "leaf", hop.leaf, neededBy(NextHop::Kind::Resume));
}
void readPifo(JsonReader &reader, LogicalPifo &pifo) {
  reader.text("name", pifo.name);
  number(reader, "enqueue", pifo.enqueueProgram);
  number(reader, "dequeue", pifo.dequeueProgram, Need::Optional);
  list(reader, "next", pifo.next, readHop);
}

void readRoute(JsonReader &reader, Route &route) {
  number(reader, "leaf", route.leaf);
  number(reader, "pifo", route.pifo);
  number(reader, "first-flow", route.firstFlow);
  number(reader, "flow-bits", route.flowBits);
  reader.flag("suspends", route.suspends);
}

void readBlock(JsonReader &reader, Block &block) {
  reader.text("name", block.name);
  number(reader, "depth", block.depth);
  reader.flag("shaping", block.shaping);
  number(reader, "elements", block.elements, Need::Optional);
  number(reader, "flows", block.flows, Need::Optional);
  number(reader, "pifo-limit", block.pifoLimit, Need::Optional);
  number(reader, "rank-bits", block.rankBits, Need::Optional);
  choice(reader, "order", block.order, kOrders, Need::Optional);
  reader.integers("carry", block.carry, 0u, 0xffffu, kMostElements);
  list(reader, "states", block.states, readState);
  list(reader, "programs", block.programs, readProgram);
  list(reader, "pifos", block.pifos, readPifo);
  list(reader, "routes", block.routes, readRoute);
}

constexpr const char *kFormat = "nm-pifo-mesh-1";

void readConfig(JsonReader &reader, Config &config) {
  reader.word("format", kFormat,
              [](const std::string &word) { return word == kFormat; });
  reader.text("name", config.name);
  number(reader, "now-bits", config.nowBits);
  list(reader, "fields", config.fields, readField);
  list(reader, "leaves", config.leaves, readLeaf);
  reader.object(
      "classifier",
      [&](JsonReader &inner) {
        config.classifier.emplace();
        config.classifier->name = "classifier";
        list(inner, "values", config.classifier->values, readValue);
        number(inner, "leaf", config.classifier->flow);
      },
      Need::Optional);
  list(reader, "blocks", config.blocks, readBlock);
  list(reader, "roots", config.roots, readRoot);
}

Ordered printValue(const Value &value) {
  Ordered out = {{"op", opName(value.op)}, {"bits", value.bits}};
  if (value.op == Op::Const)
    out["value"] = value.immediate;
  if (value.op == Op::Field || value.op == Op::Load)
    out["index"] = value.index;
  if (value.a >= 0)
    out["a"] = value.a;
  if (value.b >= 0)
    out["b"] = value.b;
  if (value.c >= 0)
    out["c"] = value.c;
  if (value.op == Op::Lookup)
    out["table"] = value.table;
  return out;
}

Ordered printProgram(const Program &program) {
  Ordered out = {{"name", program.name}};
  out["values"] = Ordered::array();
  for (const Value &value : program.values)
    out["values"].push_back(printValue(value));
  if (program.rank >= 0)
    out["rank"] = program.rank;
  if (program.flow >= 0)
    out["flow"] = program.flow;
  out["stores"] = Ordered::array();
  for (const Store &store : program.stores) {
    Ordered item = {{"state", store.state}};
    if (store.entry >= 0)
      item["entry"] = store.entry;
    item["value"] = store.value;
    out["stores"].push_back(item);
  }
  for (const FieldWrite &write : program.writes)
    out["writes"].push_back({{"field", write.field}, {"value", write.value}});
  return out;
}

Ordered printPifo(const LogicalPifo &pifo) {
  Ordered out = {{"name", pifo.name}, {"enqueue", pifo.enqueueProgram}};
  if (pifo.dequeueProgram >= 0)
    out["dequeue"] = pifo.dequeueProgram;
  out["next"] = Ordered::array();
  for (const NextHop &hop : pifo.next) {
    Ordered item = {{"first-flow", hop.firstFlow},
                    {"flows", hop.numFlows},
                    {"do", kHops[static_cast<int>(hop.kind)]}};
    if (hop.kind == NextHop::Kind::Dequeue) {
      item["block"] = hop.block;
      item["pifo"] = hop.pifo;
    }
    if (hop.kind == NextHop::Kind::Resume)
      item["leaf"] = hop.leaf;
    out["next"].push_back(item);
  }
  return out;
}

Ordered printBlock(const Block &block) {
  Ordered out = {{"name", block.name},
                 {"depth", block.depth},
                 {"shaping", block.shaping},
                 {"elements", block.elements},
                 {"flows", block.flows},
                 {"pifo-limit", block.pifoLimit},
                 {"rank-bits", block.rankBits},
                 {"order", kOrders[static_cast<int>(block.order)]},
                 {"carry", block.carry}};
  out["states"] = Ordered::array();
  for (const State &state : block.states)
    out["states"].push_back({{"name", state.name},
                             {"bits", state.bits},
                             {"entries", state.entries},
                             {"init", state.init}});
  out["programs"] = Ordered::array();
  for (const Program &program : block.programs)
    out["programs"].push_back(printProgram(program));
  out["pifos"] = Ordered::array();
  for (const LogicalPifo &pifo : block.pifos)
    out["pifos"].push_back(printPifo(pifo));
  out["routes"] = Ordered::array();
  for (const Route &route : block.routes) {
    Ordered item = {{"leaf", route.leaf},
                    {"pifo", route.pifo},
                    {"first-flow", route.firstFlow},
                    {"flow-bits", route.flowBits}};
    if (route.suspends)
      item["suspends"] = true;
    out["routes"].push_back(item);
  }
  return out;
}
} // namespace

support::Result<Config> parseConfig(std::string_view text,
                                    const std::string &where) {
  Config config;
  // Meshes nest nine deep.
  support::Status status = support::readJsonObject(
      text, where, [&](JsonReader &reader) { readConfig(reader, config); }, 16);
  if (!status)
    return status.error();
  if (std::string message = validate(config); !message.empty())
    return support::makeError(support::Errc::Format, support::printable(where),
                              ": ", support::printable(message));
  return config;
}

std::string printConfig(const Config &config) {
  Ordered out = {
      {"format", kFormat}, {"name", config.name}, {"now-bits", config.nowBits}};
  out["fields"] = Ordered::array();
  for (const Field &field : config.fields)
    out["fields"].push_back({{"name", field.name}, {"bits", field.bits}});
  out["leaves"] = Ordered::array();
  for (const Leaf &leaf : config.leaves)
    out["leaves"].push_back({{"name", leaf.name}});
  if (config.classifier) {
    out["classifier"] = {{"values", Ordered::array()}};
    for (const Value &value : config.classifier->values)
      out["classifier"]["values"].push_back(printValue(value));
    out["classifier"]["leaf"] = config.classifier->flow;
  }
  out["blocks"] = Ordered::array();
  for (const Block &block : config.blocks)
    out["blocks"].push_back(printBlock(block));
  out["roots"] = Ordered::array();
  for (const Config::Root &root : config.roots)
    out["roots"].push_back({{"block", root.block}, {"pifo", root.pifo}});
  // Invalid UTF-8 cannot occur in a valid configuration; do not abort on it.
  return support::printJson(out, 1) + "\n";
}

} // namespace nm::mesh
