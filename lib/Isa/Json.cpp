//===- Json.cpp - Programs as JSON -----------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fields that hold what they do in an empty entry are left out; unknown ones
// are errors. docs/attacc-isa.md, "JSON", lists them.
//
//===----------------------------------------------------------------------===//

#include "../Runtime/Support.h"
#include "Check.h"
#include "Names.h"
#include "nm/Isa/Encoding.h"
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

namespace nm::isa {

using Json = nlohmann::ordered_json;

namespace {

constexpr const char *kSchema = "nm.attacc/1";

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

std::string textOf(SparsePattern pattern) {
  return std::to_string(pattern.n) + ":" + std::to_string(pattern.m);
}

std::string hexOf(const std::vector<uint8_t> &bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

Json write(const Tensor &tensor) {
  Json json{{"name", tensor.name},
            {"role", toString(tensor.role)},
            {"type", toString(tensor.type)},
            {"shape", tensor.shape}};
  if (!tensor.strides.empty())
    json["strides"] = tensor.strides;
  if (!tensor.hostShape.empty())
    json["host_shape"] = tensor.hostShape;
  if (tensor.hostType != Type::F32)
    json["host_type"] = toString(tensor.hostType);
  if (!tensor.key.empty())
    json["key"] = tensor.key;
  if (!tensor.scope.empty())
    json["scope"] = tensor.scope;
  if (tensor.part != Part::Whole)
    json["part"] = toString(tensor.part);
  if (tensor.pattern.n || tensor.pattern.m)
    json["pattern"] = textOf(tensor.pattern);
  if (!tensor.data.empty())
    json["data"] = hexOf(tensor.data);
  return json;
}

Json write(const Program &program, const Tile &tile) {
  bool isDram = tile.space == Space::Dram;
  size_t rank = isDram ? program.tensors[tile.object].shape.size()
                       : program.buffers[tile.object].shape.size();
  auto begin = [&](const auto &array) {
    return std::vector<int64_t>(array.begin(), array.begin() + rank);
  };
  Json json{{isDram ? "tensor" : "buffer", tile.object},
            {"offsets", begin(tile.offsets)},
            {"sizes", begin(tile.sizes)},
            {"dims", tile.dims}};
  if (tile.slot)
    json["slot"] = tile.slot;
  for (const Counter &counter : tile.counters) {
    Json step{{"depth", counter.depth}, {"steps", begin(counter.steps)}};
    if (counter.slotStep)
      step["slot"] = counter.slotStep;
    json["counters"].push_back(std::move(step));
  }
  return json;
}

Json write(const Affine &affine) {
  Json json{{"base", affine.base}};
  for (auto [depth, step] : affine.steps)
    json["steps"].push_back(Json{{"depth", depth}, {"step", step}});
  return json;
}

Json write(const Program &program, const Instruction &i) {
  const Instruction none;
  Json json{{"op", toString(i.opcode)}};
  auto flag = [&](const char *name, bool value) {
    if (value)
      json[name] = true;
  };
  if (i.channel)
    json["channel"] = i.channel;
  if (i.syncEngine != none.syncEngine)
    json["engine"] = toString(i.syncEngine);
  for (const Tile &tile : i.operands)
    json["operands"].push_back(write(program, tile));
  if (!i.waits.empty())
    json["wait"] = i.waits;
  if (!i.signals.empty())
    json["signal"] = i.signals;
  if (i.stationary != none.stationary)
    json["stationary"] = model::toString(i.stationary);
  flag("transpose_lhs", i.transposeLhs);
  flag("transpose_rhs", i.transposeRhs);
  if (i.pattern.n || i.pattern.m)
    json["pattern"] = textOf(i.pattern);
  flag("accumulate", i.accumulate);
  flag("reciprocal", i.reciprocal);
  if (i.binary != none.binary)
    json["binary"] = toString(i.binary);
  if (i.unary != none.unary)
    json["unary"] = toString(i.unary);
  if (floatBits(i.value) != floatBits(none.value)) {
    if (std::isfinite(i.value))
      json["value"] = i.value;
    else
      json["value"] = floatText(i.value);
  }
  if (i.opcode == Opcode::Mask) {
    json["row"] = write(i.row);
    json["column"] = write(i.column);
    json["group"] = i.group;
    json["window"] = i.window;
    json["keys"] = i.keys;
  }
  flag("causal", i.causal);
  if (i.opcode == Opcode::Loop)
    json["trips"] = i.trips;
  return json;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// One object: fields are taken by name, and what nobody took is an error.
class Object {
public:
  Object(const Json &json, std::string path, Status &error)
      : json(json), path(std::move(path)), error(error) {
    if (!json.is_object())
      fail(this->path, json, "an object");
  }
  ~Object() {
    if (error.ok() && json.is_object())
      for (const auto &item : json.items())
        if (!taken.count(item.key())) {
          error = makeError(Errc::Format, path, ": found the unknown field ",
                            rt::quote(item.key()), ", expected none");
          return;
        }
  }

  void fail(const std::string &place, const Json &found,
            const std::string &expected) {
    if (!error.ok())
      return;
    std::string text =
        found.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (text.size() > 40)
      text = text.substr(0, 40) + "...";
    error = makeError(Errc::Format, place, ": found ", text, ", expected ",
                      expected);
  }
  std::string at(const char *name) const { return path + "/" + name; }
  bool ok() const { return error.ok(); }

  const Json *find(const char *name, bool isRequired) {
    taken.insert(name);
    if (!error.ok() || !json.is_object())
      return nullptr;
    auto place = json.find(name);
    if (place != json.end())
      return &*place;
    if (isRequired)
      error = makeError(Errc::Format, path, ": found no field '", name,
                        "', expected one");
    return nullptr;
  }
  void text(const char *name, std::string &value, bool isRequired = false) {
    if (const Json *found = find(name, isRequired)) {
      if (found->is_string())
        value = found->get<std::string>();
      else
        fail(at(name), *found, "a string");
    }
  }
  template <typename T>
  bool integer(const Json &found, const std::string &place, T &value) {
    bool fits = found.is_number_integer() &&
                !(found.is_number_unsigned() &&
                  found.get<uint64_t>() > uint64_t(INT64_MAX));
    int64_t number = fits ? found.get<int64_t>() : 0;
    fits = fits && number >= int64_t(std::numeric_limits<T>::min()) &&
           (sizeof(T) == 8 || number <= int64_t(std::numeric_limits<T>::max()));
    if (!fits)
      fail(place, found, "an integer");
    value = static_cast<T>(number);
    return fits;
  }
  template <typename T>
  void number(const char *name, T &value, bool isRequired = false) {
    if (const Json *found = find(name, isRequired))
      integer(*found, at(name), value);
  }
  template <typename T>
  void list(const char *name, std::vector<T> &values, size_t most,
            bool isRequired = false) {
    const Json *found = find(name, isRequired);
    if (!found)
      return;
    if (!found->is_array() || found->size() > most)
      return fail(at(name), *found,
                  "at most " + std::to_string(most) + " integers");
    for (const Json &item : *found) {
      values.emplace_back();
      if (!integer(item, at(name), values.back()))
        return;
    }
  }
  void fixed(const char *name, std::array<int64_t, kMaxRank> &values) {
    std::vector<int64_t> found;
    list(name, found, kMaxRank, true);
    std::copy(found.begin(), found.end(), values.begin());
  }
  void flag(const char *name, bool &value) {
    if (const Json *found = find(name, false)) {
      if (found->is_boolean())
        value = found->get<bool>();
      else
        fail(at(name), *found, "true or false");
    }
  }
  template <typename Enum>
  void choice(const char *name, Enum &value, bool isRequired = false) {
    const Json *found = find(name, isRequired);
    if (!found)
      return;
    if (!found->is_string() || !parseName(found->get<std::string>(), value))
      fail(at(name), *found, "one of " + namesOf(value));
  }
  void pattern(const char *name, SparsePattern &value) {
    const Json *found = find(name, false);
    if (found && (!found->is_string() ||
                  !parsePattern(found->get<std::string>(), value)))
      fail(at(name), *found, "a pattern N:M");
  }
  /// Calls body(object) for each element of a list of objects.
  template <typename Body>
  void objects(const char *name, bool isRequired, Body body) {
    const Json *found = find(name, isRequired);
    if (!found)
      return;
    if (!found->is_array())
      return fail(at(name), *found, "a list");
    size_t number = 0;
    for (const Json &item : *found) {
      Object object(item, at(name) + "/" + std::to_string(number++), error);
      if (error.ok())
        body(object);
      if (!error.ok())
        return;
    }
  }

private:
  const Json &json;
  std::string path;
  Status &error;
  std::set<std::string> taken;
};

void readTensor(Object &object, Tensor &tensor) {
  object.text("name", tensor.name, true);
  object.choice("role", tensor.role, true);
  object.choice("type", tensor.type, true);
  object.list("shape", tensor.shape, kMaxRank, true);
  object.list("strides", tensor.strides, kMaxRank);
  object.list("host_shape", tensor.hostShape, 16);
  object.choice("host_type", tensor.hostType);
  object.text("key", tensor.key);
  object.text("scope", tensor.scope);
  object.choice("part", tensor.part);
  object.pattern("pattern", tensor.pattern);
  std::string data;
  object.text("data", data);
  if (!parseHex(data, tensor.data))
    object.fail(object.at("data"), Json(data.substr(0, 16)),
                "two hexadecimal digits for each byte");
}

void readTile(Object &object, Tile &tile) {
  bool isDram = object.find("tensor", false) != nullptr;
  tile.space = isDram ? Space::Dram : Space::Scratchpad;
  object.number(isDram ? "tensor" : "buffer", tile.object, true);
  object.fixed("offsets", tile.offsets);
  object.fixed("sizes", tile.sizes);
  object.list("dims", tile.dims, kMaxRank, true);
  object.number("slot", tile.slot);
  object.objects("counters", false, [&](Object &counter) {
    tile.counters.emplace_back();
    counter.number("depth", tile.counters.back().depth, true);
    counter.fixed("steps", tile.counters.back().steps);
    counter.number("slot", tile.counters.back().slotStep);
  });
}

void readAffine(Object &object, const char *name, Affine &affine,
                Status &error) {
  const Json *found = object.find(name, false);
  if (!found)
    return;
  Object inner(*found, object.at(name), error);
  inner.number("base", affine.base, true);
  inner.objects("steps", false, [&](Object &step) {
    affine.steps.emplace_back();
    step.number("depth", affine.steps.back().first, true);
    step.number("step", affine.steps.back().second, true);
  });
}

void readInstruction(Object &object, Instruction &i, Status &error) {
  object.choice("op", i.opcode, true);
  object.number("channel", i.channel);
  object.choice("engine", i.syncEngine);
  object.objects("operands", false, [&](Object &tile) {
    i.operands.emplace_back();
    readTile(tile, i.operands.back());
  });
  object.list("wait", i.waits, 64);
  object.list("signal", i.signals, 64);
  object.choice("stationary", i.stationary);
  object.flag("transpose_lhs", i.transposeLhs);
  object.flag("transpose_rhs", i.transposeRhs);
  object.pattern("pattern", i.pattern);
  object.flag("accumulate", i.accumulate);
  object.flag("reciprocal", i.reciprocal);
  object.choice("binary", i.binary);
  object.choice("unary", i.unary);
  if (const Json *found = object.find("value", false)) {
    if (found->is_number())
      i.value = found->get<float>();
    else if (!found->is_string() ||
             !parseFloat(found->get<std::string>(), i.value))
      object.fail(object.at("value"), *found,
                  "a number, or the bits of one as \"0x7f800000\"");
  }
  readAffine(object, "row", i.row, error);
  readAffine(object, "column", i.column, error);
  object.number("group", i.group);
  object.number("window", i.window);
  object.number("keys", i.keys);
  object.flag("causal", i.causal);
  object.number("trips", i.trips);
}

Status readProgram(const Json &json, const std::string &where,
                   Program &program) {
  Status error;
  {
    Object object(json, where + ": ", error);
    std::string schema;
    object.text("schema", schema, true);
    if (object.ok() && schema != kSchema)
      object.fail(object.at("schema"), Json(schema),
                  std::string("\"") + kSchema + "\"");
    object.text("name", program.name, true);
    if (const Json *found = object.find("target", true)) {
      Target &target = program.target;
      Object inner(*found, object.at("target"), error);
      inner.text("name", target.name, true);
      inner.number("scratchpad", target.scratchpadBytes, true);
      inner.number("channels", target.channels, true);
      inner.number("segments", target.segments);
      const Json *patterns = inner.find("patterns", false);
      if (patterns && !patterns->is_array())
        inner.fail(inner.at("patterns"), *patterns, "a list");
      else if (patterns)
        for (const Json &item : *patterns) {
          SparsePattern pattern;
          if (!item.is_string() ||
              !parsePattern(item.get<std::string>(), pattern))
            inner.fail(inner.at("patterns"), item, "a pattern N:M");
          target.patterns.push_back(pattern);
        }
    }
    object.objects("tensors", true, [&](Object &tensor) {
      program.tensors.emplace_back();
      readTensor(tensor, program.tensors.back());
    });
    object.objects("buffers", true, [&](Object &inner) {
      program.buffers.emplace_back();
      Buffer &buffer = program.buffers.back();
      inner.number("address", buffer.address, true);
      inner.number("slots", buffer.slots);
      inner.choice("type", buffer.type, true);
      inner.list("shape", buffer.shape, kMaxRank, true);
    });
    object.list("semaphores", program.semaphores, kMaxEntries, true);
    object.objects("code", true, [&](Object &instruction) {
      program.code.emplace_back();
      program.code.back().source =
          static_cast<int64_t>(program.code.size()) - 1;
      readInstruction(instruction, program.code.back(), error);
    });
  }
  return error;
}

} // namespace

std::string writeJson(const Program &program) {
  Json target{{"name", program.target.name},
              {"scratchpad", program.target.scratchpadBytes},
              {"channels", program.target.channels},
              {"segments", program.target.segments},
              {"patterns", Json::array()}};
  for (SparsePattern pattern : program.target.patterns)
    target["patterns"].push_back(textOf(pattern));
  Json tensors = Json::array(), buffers = Json::array(), code = Json::array();
  for (const Tensor &tensor : program.tensors)
    tensors.push_back(write(tensor));
  for (const Buffer &buffer : program.buffers)
    buffers.push_back(Json{{"address", buffer.address},
                           {"slots", buffer.slots},
                           {"type", toString(buffer.type)},
                           {"shape", buffer.shape}});
  for (const Instruction &instruction : program.code)
    code.push_back(write(program, instruction));
  Json json{{"schema", kSchema},      {"name", program.name},
            {"target", target},       {"tensors", tensors},
            {"buffers", buffers},     {"semaphores", program.semaphores},
            {"code", std::move(code)}};
  return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

Result<Program> readJson(std::string_view text, const std::string &where) {
  return rt::guarded([&]() -> Result<Program> {
    // The parser recurses; programs nest six deep.
    constexpr int kMostDepth = 16;
    bool isTooDeep = false;
    Json json;
    try {
      json = Json::parse(text,
                         [&](int depth, nlohmann::json::parse_event_t, Json &) {
                           isTooDeep |= depth > kMostDepth;
                           return !isTooDeep;
                         });
    } catch (const nlohmann::json::exception &e) {
      return makeError(Errc::Format, where, ": found malformed JSON, ",
                       e.what());
    }
    if (isTooDeep)
      return makeError(Errc::Format, where, ": found more than ", kMostDepth,
                       " levels, expected a program");
    Program program;
    if (Status status = readProgram(json, where, program); !status)
      return status.error();
    return checkRead(std::move(program), where);
  });
}

} // namespace nm::isa
