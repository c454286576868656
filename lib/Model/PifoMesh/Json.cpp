//===- Json.cpp - JSON form of mesh configurations ------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Text.h"
#include "nm/Model/PifoMesh/Config.h"
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>

namespace nm::mesh {

using nlohmann::json;
using Ordered = nlohmann::ordered_json;

namespace {
/// Finds what nlohmann's document builder lets pass: duplicate keys, and
/// nesting deep enough to exhaust the stack.
struct StrictScan : nlohmann::json_sax<json> {
  std::vector<std::set<std::string>> keys;
  std::string error;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t &) override { return true; }
  bool string(string_t &) override { return true; }
  bool binary(binary_t &) override { return true; }
  bool start_object(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool key(string_t &name) override {
    if (keys.back().insert(name).second)
      return true;
    error = "duplicate key '" + name + "'";
    return false;
  }
  bool parse_error(std::size_t position, const std::string &token,
                   const json::exception &) override {
    error = "invalid json at byte " + std::to_string(position) + " near '" +
            token + "'";
    return false;
  }

private:
  bool open() {
    keys.emplace_back();
    if (keys.size() <= 16)
      return true;
    error = "nested more than 16 deep";
    return false;
  }
  bool close() {
    keys.pop_back();
    return true;
  }
};

class Reader {
public:
  explicit Reader(std::string &error) : error(error) {}

  bool read(const json &root, Config &config) {
    std::string path = "mesh";
    if (!object(root, path,
                {"format", "name", "now-bits", "fields", "leaves", "classifier",
                 "blocks", "roots"}))
      return false;
    std::string format;
    if (!text(root, path, "format", format))
      return false;
    if (format != "nm-pifo-mesh-1")
      return fail(path, "format is '" + format + "', expected nm-pifo-mesh-1");
    return text(root, path, "name", config.name) &&
           number(root, path, "now-bits", config.nowBits) &&
           list(root, path, "fields", config.fields, &Reader::field) &&
           list(root, path, "leaves", config.leaves, &Reader::leaf) &&
           classifier(root, path, config.classifier) &&
           list(root, path, "blocks", config.blocks, &Reader::block) &&
           list(root, path, "roots", config.roots, &Reader::root);
  }

private:
  std::string &error;

  bool fail(const std::string &path, const std::string &message) {
    error = path + ": " + message;
    return false;
  }

  bool object(const json &value, const std::string &path,
              std::initializer_list<const char *> keys) {
    if (!value.is_object())
      return fail(path, std::string("found ") + value.type_name() +
                            ", expected an object");
    for (const auto &item : value.items()) {
      bool known = false;
      for (const char *key : keys)
        known |= item.key() == key;
      if (!known)
        return fail(path, "unknown key '" + item.key() + "'");
    }
    return true;
  }

  bool text(const json &value, const std::string &path, const char *key,
            std::string &out) {
    auto it = value.find(key);
    if (it == value.end() || !it->is_string())
      return fail(path, std::string("expected a string '") + key + "'");
    out = it->get<std::string>();
    return true;
  }

  template <typename T>
  bool number(const json &value, const std::string &path, const char *key,
              T &out, bool optional = false) {
    auto it = value.find(key);
    if (it == value.end() && optional)
      return true;
    if (it == value.end() || !it->is_number_unsigned())
      return fail(path,
                  std::string("expected an unsigned number '") + key + "'");
    uint64_t number = it->get<uint64_t>();
    if (number > (sizeof(T) == 8 ? ~uint64_t(0) : uint64_t(0x7fffffff)))
      return fail(path, std::string("number '") + key + "' is too large");
    out = static_cast<T>(number);
    return true;
  }

  bool flag(const json &value, const std::string &path, const char *key,
            bool &out) {
    auto it = value.find(key);
    if (it == value.end())
      return true;
    if (!it->is_boolean())
      return fail(path,
                  std::string("expected true or false for '") + key + "'");
    out = it->get<bool>();
    return true;
  }

  template <typename T>
  bool list(const json &value, const std::string &path, const char *key,
            std::vector<T> &out,
            bool (Reader::*read)(const json &, const std::string &, T &)) {
    auto it = value.find(key);
    if (it == value.end() || !it->is_array())
      return fail(path, std::string("expected a list '") + key + "'");
    if (it->size() > 65536)
      return fail(path, std::string("list '") + key + "' is too long");
    out.resize(it->size());
    for (size_t i = 0; i < it->size(); ++i)
      if (!(this->*read)((*it)[i],
                         path + "." + key + "[" + std::to_string(i) + "]",
                         out[i]))
        return false;
    return true;
  }

  bool index(const json &value, const std::string &path, unsigned &out) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > 0xffff)
      return fail(path, "expected an index");
    out = value.get<unsigned>();
    return true;
  }
  bool word(const json &value, const std::string &path, uint64_t &out) {
    if (!value.is_number_unsigned())
      return fail(path, "expected an unsigned number");
    out = value.get<uint64_t>();
    return true;
  }

  bool field(const json &v, const std::string &path, Field &out) {
    return object(v, path, {"name", "bits"}) &&
           text(v, path, "name", out.name) && number(v, path, "bits", out.bits);
  }
  bool leaf(const json &v, const std::string &path, Leaf &out) {
    return object(v, path, {"name"}) && text(v, path, "name", out.name);
  }
  bool classifier(const json &v, const std::string &path,
                  std::optional<Program> &out) {
    auto it = v.find("classifier");
    if (it == v.end())
      return true;
    std::string at = path + ".classifier";
    out.emplace();
    out->name = "classifier";
    return object(*it, at, {"values", "leaf"}) &&
           list(*it, at, "values", out->values, &Reader::value) &&
           number(*it, at, "leaf", out->flow);
  }
  bool root(const json &v, const std::string &path, Config::Root &out) {
    return object(v, path, {"block", "pifo"}) &&
           number(v, path, "block", out.block) &&
           number(v, path, "pifo", out.pifo);
  }

  bool block(const json &v, const std::string &path, Block &out) {
    if (!object(v, path,
                {"name", "depth", "shaping", "elements", "flows", "pifo-limit",
                 "rank-bits", "order", "carry", "states", "programs", "pifos",
                 "routes"}) ||
        !text(v, path, "name", out.name))
      return false;
    std::string order = "plain";
    if (v.contains("order") && !text(v, path, "order", order))
      return false;
    if (order == "plain")
      out.order = Order::Plain;
    else if (order == "serial")
      out.order = Order::Serial;
    else if (order == "serial-per-pifo")
      out.order = Order::SerialPerPifo;
    else
      return fail(path, "order is '" + order +
                            "', expected plain, serial or serial-per-pifo");
    return number(v, path, "depth", out.depth) &&
           flag(v, path, "shaping", out.shaping) &&
           number(v, path, "elements", out.elements, true) &&
           number(v, path, "flows", out.flows, true) &&
           number(v, path, "pifo-limit", out.pifoLimit, true) &&
           number(v, path, "rank-bits", out.rankBits, true) &&
           list(v, path, "carry", out.carry, &Reader::index) &&
           list(v, path, "states", out.states, &Reader::state) &&
           list(v, path, "programs", out.programs, &Reader::program) &&
           list(v, path, "pifos", out.pifos, &Reader::pifo) &&
           list(v, path, "routes", out.routes, &Reader::route);
  }

  bool state(const json &v, const std::string &path, State &out) {
    return object(v, path, {"name", "bits", "entries", "init"}) &&
           text(v, path, "name", out.name) &&
           number(v, path, "bits", out.bits) &&
           number(v, path, "entries", out.entries, true) &&
           number(v, path, "init", out.init, true);
  }

  bool program(const json &v, const std::string &path, Program &out) {
    return object(v, path,
                  {"name", "values", "rank", "flow", "stores", "writes"}) &&
           text(v, path, "name", out.name) &&
           list(v, path, "values", out.values, &Reader::value) &&
           number(v, path, "rank", out.rank, true) &&
           number(v, path, "flow", out.flow, true) &&
           list(v, path, "stores", out.stores, &Reader::store) &&
           (!v.contains("writes") ||
            list(v, path, "writes", out.writes, &Reader::write));
  }

  bool write(const json &v, const std::string &path, FieldWrite &out) {
    return object(v, path, {"field", "value"}) &&
           number(v, path, "field", out.field) &&
           number(v, path, "value", out.value);
  }

  bool store(const json &v, const std::string &path, Store &out) {
    return object(v, path, {"state", "entry", "value"}) &&
           number(v, path, "state", out.state) &&
           number(v, path, "entry", out.entry, true) &&
           number(v, path, "value", out.value);
  }

  bool value(const json &v, const std::string &path, Value &out) {
    std::string name;
    if (!object(v, path,
                {"op", "bits", "value", "index", "a", "b", "c", "table"}) ||
        !text(v, path, "op", name))
      return false;
    std::optional<Op> op = opFromName(name);
    if (!op)
      return fail(path, "unknown operation '" + name + "'");
    out.op = *op;
    bool indexed = *op == Op::Field || *op == Op::Load;
    return number(v, path, "bits", out.bits) &&
           number(v, path, "value", out.immediate, *op != Op::Const) &&
           number(v, path, "index", out.index, !indexed) &&
           number(v, path, "a", out.a, true) &&
           number(v, path, "b", out.b, true) &&
           number(v, path, "c", out.c, true) &&
           (*op != Op::Lookup ||
            list(v, path, "table", out.table, &Reader::word));
  }

  bool pifo(const json &v, const std::string &path, LogicalPifo &out) {
    return object(v, path, {"name", "enqueue", "dequeue", "next"}) &&
           text(v, path, "name", out.name) &&
           number(v, path, "enqueue", out.enqueueProgram) &&
           number(v, path, "dequeue", out.dequeueProgram, true) &&
           list(v, path, "next", out.next, &Reader::hop);
  }

  bool hop(const json &v, const std::string &path, NextHop &out) {
    std::string kind;
    if (!object(v, path,
                {"first-flow", "flows", "do", "block", "pifo", "leaf"}) ||
        !text(v, path, "do", kind))
      return false;
    if (kind == "transmit")
      out.kind = NextHop::Kind::Transmit;
    else if (kind == "dequeue")
      out.kind = NextHop::Kind::Dequeue;
    else if (kind == "resume")
      out.kind = NextHop::Kind::Resume;
    else
      return fail(path,
                  "do is '" + kind + "', expected transmit, dequeue or resume");
    bool pop = out.kind == NextHop::Kind::Dequeue;
    bool resume = out.kind == NextHop::Kind::Resume;
    return number(v, path, "first-flow", out.firstFlow) &&
           number(v, path, "flows", out.numFlows) &&
           number(v, path, "block", out.block, !pop) &&
           number(v, path, "pifo", out.pifo, !pop) &&
           number(v, path, "leaf", out.leaf, !resume);
  }

  bool route(const json &v, const std::string &path, Route &out) {
    return object(v, path,
                  {"leaf", "pifo", "first-flow", "flow-bits", "suspends"}) &&
           number(v, path, "leaf", out.leaf) &&
           number(v, path, "pifo", out.pifo) &&
           number(v, path, "first-flow", out.firstFlow) &&
           number(v, path, "flow-bits", out.flowBits) &&
           flag(v, path, "suspends", out.suspends);
  }
};

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
    Ordered item = {{"first-flow", hop.firstFlow}, {"flows", hop.numFlows}};
    switch (hop.kind) {
    case NextHop::Kind::Transmit:
      item["do"] = "transmit";
      break;
    case NextHop::Kind::Dequeue:
      item["do"] = "dequeue";
      item["block"] = hop.block;
      item["pifo"] = hop.pifo;
      break;
    case NextHop::Kind::Resume:
      item["do"] = "resume";
      item["leaf"] = hop.leaf;
      break;
    }
    out["next"].push_back(item);
  }
  return out;
}

Ordered printBlock(const Block &block) {
  static const char *const orders[] = {"plain", "serial", "serial-per-pifo"};
  Ordered out = {{"name", block.name},
                 {"depth", block.depth},
                 {"shaping", block.shaping},
                 {"elements", block.elements},
                 {"flows", block.flows},
                 {"pifo-limit", block.pifoLimit},
                 {"rank-bits", block.rankBits},
                 {"order", orders[static_cast<int>(block.order)]},
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

std::optional<Config> parseConfig(std::string_view text,
                                  const std::string &where,
                                  std::string &error) {
  StrictScan scan;
  if (!json::sax_parse(text.begin(), text.end(), &scan)) {
    error = escape(where + ": " + scan.error);
    return std::nullopt;
  }
  json root = json::parse(text.begin(), text.end(), nullptr, false);
  Config config;
  std::string message;
  if (!Reader(message).read(root, config) ||
      !(message = validate(config)).empty()) {
    error = escape(where + ": " + message);
    return std::nullopt;
  }
  return config;
}

std::string printConfig(const Config &config) {
  Ordered out = {{"format", "nm-pifo-mesh-1"},
                 {"name", config.name},
                 {"now-bits", config.nowBits}};
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
  return out.dump(1, ' ', false, Ordered::error_handler_t::replace) + "\n";
}

} // namespace nm::mesh
