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

#include "nm/Support/Json.h"
#include "Check.h"
#include "nm/Isa/Encoding.h"
#include "nm/Isa/Names.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/JsonReader.h"
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace nm::isa {

using Json = nlohmann::ordered_json;
using support::Need;

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

template <typename T> Json writeField(const T &value) {
  if constexpr (std::is_enum_v<T>)
    return toString(value);
  else
    return value;
}
Json writeField(SparsePattern pattern) { return textOf(pattern); }
Json writeField(const Affine &affine) { return write(affine); }
Json writeField(float value) {
  return std::isfinite(value) ? Json(value) : Json(floatText(value));
}

Json write(const Program &program, const Instruction &i) {
  Json json{{"op", toString(i.opcode)}};
  for (const Tile &tile : i.operands)
    json["operands"].push_back(write(program, tile));
  if (!i.waits.empty())
    json["wait"] = i.waits;
  if (!i.signals.empty())
    json["signal"] = i.signals;
  forEachSpelledField(i, [&](Field field, const auto &value) {
    json[infoOf(field).word] = writeField(value);
  });
  return json;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Types of the program as JSON writes them.
class ObjectReader {
public:
  explicit ObjectReader(support::JsonReader &reader) : reader(reader) {}

  support::JsonReader &reader;

  void text(const char *name, std::string &value, Need need = Need::Optional) {
    reader.text(name, value, need);
  }
  template <typename T>
  void number(const char *name, T &value, Need need = Need::Optional) {
    reader.integer(name, value, need);
  }
  void flag(const char *name, bool &value) { reader.flag(name, value); }
  template <typename T>
  void list(const char *name, std::vector<T> &values, size_t most,
            Need need = Need::Optional) {
    reader.integers(name, values, std::numeric_limits<T>::min(),
                    std::numeric_limits<T>::max(), most, need);
  }
  void fixed(const char *name, std::array<int64_t, kMaxRank> &values) {
    std::vector<int64_t> found;
    list(name, found, kMaxRank, Need::Required);
    std::copy(found.begin(), found.end(), values.begin());
  }
  template <typename Enum>
  void choice(const char *name, Enum &value, Need need = Need::Optional) {
    reader.word(
        name, "one of " + namesOf(value),
        [&](const std::string &word) { return parseName(word, value); }, need);
  }
  void pattern(const char *name, SparsePattern &value) {
    reader.word(
        name, "a pattern N:M",
        [&](const std::string &word) { return parsePattern(word, value); },
        Need::Optional);
  }
  template <typename Body>
  void objects(const char *name, Need need, Body body) {
    reader.objects(
        name, 0, SIZE_MAX,
        [&](support::JsonReader &inner, size_t) {
          ObjectReader object(inner);
          body(object);
        },
        need);
  }
};

void readTensor(ObjectReader &object, Tensor &tensor) {
  object.text("name", tensor.name, Need::Required);
  object.choice("role", tensor.role, Need::Required);
  object.choice("type", tensor.type, Need::Required);
  object.list("shape", tensor.shape, kMaxRank, Need::Required);
  object.list("strides", tensor.strides, kMaxRank);
  object.list("host_shape", tensor.hostShape, 16);
  object.choice("host_type", tensor.hostType);
  object.text("key", tensor.key);
  object.text("scope", tensor.scope);
  object.choice("part", tensor.part);
  object.pattern("pattern", tensor.pattern);
  object.reader.word(
      "data", "two hexadecimal digits for each byte",
      [&](const std::string &word) { return parseHex(word, tensor.data); },
      Need::Optional);
}

void readTile(ObjectReader &object, Tile &tile) {
  bool isDram = object.reader.has("tensor");
  tile.space = isDram ? Space::Dram : Space::Scratchpad;
  object.number(isDram ? "tensor" : "buffer", tile.object, Need::Required);
  object.fixed("offsets", tile.offsets);
  object.fixed("sizes", tile.sizes);
  object.list("dims", tile.dims, kMaxRank, Need::Required);
  object.number("slot", tile.slot);
  object.objects("counters", Need::Optional, [&](ObjectReader &counter) {
    tile.counters.emplace_back();
    counter.number("depth", tile.counters.back().depth, Need::Required);
    counter.fixed("steps", tile.counters.back().steps);
    counter.number("slot", tile.counters.back().slotStep);
  });
}

void readAffine(ObjectReader &object, const char *name, Affine &affine) {
  object.reader.object(
      name,
      [&](support::JsonReader &reader) {
        ObjectReader inner(reader);
        inner.number("base", affine.base, Need::Required);
        inner.objects("steps", Need::Optional, [&](ObjectReader &step) {
          affine.steps.emplace_back();
          step.number("depth", affine.steps.back().first, Need::Required);
          step.number("step", affine.steps.back().second, Need::Required);
        });
      },
      Need::Optional);
}

// Fields of instructions, each under its name.
void readField(ObjectReader &object, const char *name, bool &value) {
  object.flag(name, value);
}
void readField(ObjectReader &object, const char *name, uint8_t &value) {
  object.number(name, value);
}
void readField(ObjectReader &object, const char *name, int64_t &value) {
  object.number(name, value);
}
void readField(ObjectReader &object, const char *name, SparsePattern &value) {
  object.pattern(name, value);
}
void readField(ObjectReader &object, const char *name, Affine &value) {
  readAffine(object, name, value);
}
/// A number, or where that is not finite or not exact its bits.
void readField(ObjectReader &object, const char *name, float &value) {
  if (object.reader.isText(name))
    return object.reader.word(
        name, "a number, or the bits of one as \"0x7f800000\"",
        [&](const std::string &word) { return parseFloat(word, value); });
  constexpr double kMost = std::numeric_limits<double>::max();
  double number = value;
  object.reader.number(name, number, -kMost, kMost, Need::Optional);
  value = static_cast<float>(number);
}
template <typename Enum>
void readField(ObjectReader &object, const char *name, Enum &value) {
  object.choice(name, value);
}

void readInstruction(ObjectReader &object, Instruction &i) {
  object.choice("op", i.opcode, Need::Required);
  object.objects("operands", Need::Optional, [&](ObjectReader &tile) {
    i.operands.emplace_back();
    readTile(tile, i.operands.back());
  });
  object.list("wait", i.waits, 64);
  object.list("signal", i.signals, 64);
  forEachField(i, [&](Field field, auto &member) {
    readField(object, infoOf(field).word, member);
  });
}

void readTarget(ObjectReader &object, Target &target) {
  object.text("name", target.name, Need::Required);
  object.number("scratchpad", target.scratchpadBytes, Need::Required);
  object.number("channels", target.channels, Need::Required);
  object.number("segments", target.segments);
  object.reader.words(
      "patterns", "a list of patterns N:M", 0, SIZE_MAX,
      [&](const std::string &word) {
        target.patterns.emplace_back();
        return parsePattern(word, target.patterns.back());
      },
      Need::Optional);
}

void readProgram(support::JsonReader &reader, Program &program) {
  ObjectReader object(reader);
  reader.word("schema", std::string("\"") + kSchema + "\"",
              [](const std::string &word) { return word == kSchema; });
  object.text("name", program.name, Need::Required);
  reader.object("target", [&](support::JsonReader &inner) {
    ObjectReader target(inner);
    readTarget(target, program.target);
  });
  object.objects("tensors", Need::Required, [&](ObjectReader &tensor) {
    program.tensors.emplace_back();
    readTensor(tensor, program.tensors.back());
  });
  object.objects("buffers", Need::Required, [&](ObjectReader &inner) {
    program.buffers.emplace_back();
    Buffer &buffer = program.buffers.back();
    inner.number("address", buffer.address, Need::Required);
    inner.number("slots", buffer.slots);
    inner.choice("type", buffer.type, Need::Required);
    inner.list("shape", buffer.shape, kMaxRank, Need::Required);
  });
  object.list("semaphores", program.semaphores, kMaxEntries, Need::Required);
  object.objects("code", Need::Required, [&](ObjectReader &instruction) {
    program.code.emplace_back();
    program.code.back().source = static_cast<int64_t>(program.code.size()) - 1;
    readInstruction(instruction, program.code.back());
  });
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
  return support::printJson(json, 1) + "\n";
}

Result<Program> readJson(std::string_view text, const std::string &where) {
  // Programs nest six deep.
  constexpr size_t kMostDepth = 16;
  return support::guarded([&]() -> Result<Program> {
    Program program;
    Status status = support::readJsonObject(
        text, where,
        [&](support::JsonReader &reader) { readProgram(reader, program); },
        kMostDepth);
    if (!status)
      return status.error();
    return checkRead(std::move(program), where);
  });
}

} // namespace nm::isa
