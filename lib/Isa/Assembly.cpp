//===- Assembly.cpp - Programs as text -------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One line for each entry of a table and each instruction; what an instruction
// does not say is as in an empty one. docs/attacc-isa.md, "Assembly", has the
// grammar.
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Encoding.h"
#include "nm/Isa/Names.h"

namespace nm::isa {

namespace {

std::string quoted(const std::string &text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string result = "\"";
  for (char c : text) {
    uint8_t byte = static_cast<uint8_t>(c);
    if (byte < 32 || byte == 127 || c == '"' || c == '\\') {
      result += "\\";
      result += digits[byte >> 4];
      result += digits[byte & 15];
    } else {
      result += c;
    }
  }
  return result + "\"";
}

class Printer {
public:
  explicit Printer(const Program &program) : program(program) {}
  std::string print();

private:
  void word(const std::string &text) { out += " " + text; }
  void number(const char *name, int64_t value) {
    word(name);
    word(std::to_string(value));
  }
  void sizes(const char *name, const std::vector<int64_t> &values) {
    word(name);
    out += " [";
    for (size_t i = 0; i < values.size(); ++i)
      out += (i ? ", " : "") + std::to_string(values[i]);
    out += "]";
  }
  void patternText(SparsePattern value) {
    word(std::to_string(value.n) + ":" + std::to_string(value.m));
  }
  void pattern(SparsePattern value) {
    word("pattern");
    patternText(value);
  }
  void steps(const std::vector<std::pair<int, int64_t>> &values) {
    for (auto [depth, step] : values)
      out +=
          (step < 0 ? " - " : " + ") +
          (step < 0 ? std::to_string(step).substr(1) : std::to_string(step)) +
          "*l" + std::to_string(depth);
  }
  void print(const Tensor &tensor);
  void print(const Tile &tile);
  void print(const Affine &affine);
  // What stands behind the name of a field.
  void printField(bool) {}
  void printField(uint8_t value) { word(std::to_string(value)); }
  void printField(int64_t value) { word(std::to_string(value)); }
  void printField(float value) { word(floatText(value)); }
  void printField(SparsePattern value) { patternText(value); }
  void printField(const Affine &value) { print(value); }
  template <typename Enum> void printField(Enum value) {
    word(toString(value));
  }
  void print(const Instruction &instruction);

  const Program &program;
  std::string out;
};

} // namespace

void Printer::print(const Tensor &tensor) {
  out += "tensor";
  word(quoted(tensor.name));
  word(toString(tensor.role));
  word(toString(tensor.type));
  sizes("shape", tensor.shape);
  if (!tensor.strides.empty())
    sizes("strides", tensor.strides);
  if (!tensor.hostShape.empty())
    sizes("host_shape", tensor.hostShape);
  if (tensor.hostType != Type::F32) {
    word("host_type");
    word(toString(tensor.hostType));
  }
  if (!tensor.key.empty()) {
    word("key");
    word(quoted(tensor.key));
  }
  if (!tensor.scope.empty()) {
    word("scope");
    word(quoted(tensor.scope));
  }
  if (tensor.part != Part::Whole) {
    word("part");
    word(toString(tensor.part));
  }
  if (tensor.pattern.n || tensor.pattern.m)
    pattern(tensor.pattern);
  if (!tensor.data.empty()) {
    static constexpr char digits[] = "0123456789abcdef";
    word("data ");
    for (uint8_t byte : tensor.data) {
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  out += "\n";
}

void Printer::print(const Tile &tile) {
  bool isDram = tile.space == Space::Dram;
  size_t rank = isDram ? program.tensors[tile.object].shape.size()
                       : program.buffers[tile.object].shape.size();
  out += (isDram ? " t" : " b") + std::to_string(tile.object) + "[";
  for (size_t k = 0; k < rank; ++k) {
    out += (k ? ", " : "") + std::to_string(tile.offsets[k]);
    std::vector<std::pair<int, int64_t>> moves;
    for (const Counter &counter : tile.counters)
      if (counter.steps[k])
        moves.push_back({counter.depth, counter.steps[k]});
    steps(moves);
    out += ":" + std::to_string(tile.sizes[k]);
  }
  out += "]";
  bool isPlain = tile.dims.size() == rank;
  for (size_t j = 0; j < tile.dims.size(); ++j)
    isPlain &= tile.dims[j] == j;
  if (!isPlain) {
    out += " dims(";
    for (size_t j = 0; j < tile.dims.size(); ++j)
      out += (j ? ", " : "") + std::to_string(tile.dims[j]);
    out += ")";
  }
  // Counters that move nothing are kept too: they are in no bracket.
  std::vector<std::pair<int, int64_t>> slots;
  bool hasSlot = tile.slot != 0;
  for (const Counter &counter : tile.counters) {
    bool moves = false;
    for (size_t k = 0; k < rank; ++k)
      moves |= counter.steps[k] != 0;
    if (counter.slotStep || !moves)
      slots.push_back({counter.depth, counter.slotStep});
  }
  if (hasSlot || !slots.empty()) {
    out += " slot(" + std::to_string(tile.slot);
    steps(slots);
    out += ")";
  }
}

void Printer::print(const Affine &affine) {
  word(std::to_string(affine.base));
  std::vector<std::pair<int, int64_t>> moves(affine.steps.begin(),
                                             affine.steps.end());
  steps(moves);
}

void Printer::print(const Instruction &i) {
  out += toString(i.opcode);
  if (i.opcode == Opcode::Loop)
    word(std::to_string(i.trips));
  for (size_t k = 0; k < i.operands.size(); ++k) {
    out += k ? "," : "";
    print(i.operands[k]);
  }
  forEachSpelledField(i, [&](Field field, const auto &value) {
    if (field == Field::Trips) // behind the name of a loop
      return;
    word(infoOf(field).word);
    printField(value);
  });
  auto semaphores = [&](const char *key, const std::vector<uint32_t> &list) {
    if (list.empty())
      return;
    word(key);
    for (uint32_t semaphore : list)
      out += " s" + std::to_string(semaphore);
  };
  semaphores("wait", i.waits);
  semaphores("signal", i.signals);
  out += "\n";
}

std::string Printer::print() {
  out = "; ATTACC assembly, docs/attacc-isa.md\nprogram " +
        quoted(program.name) + "\ntarget " + quoted(program.target.name);
  number("scratchpad", program.target.scratchpadBytes);
  number("channels", program.target.channels);
  number("segments", program.target.segments);
  for (SparsePattern value : program.target.patterns)
    pattern(value);
  out += "\n";
  for (const Tensor &tensor : program.tensors)
    print(tensor);
  for (const Buffer &buffer : program.buffers) {
    out += "buffer";
    number("at", buffer.address);
    number("slots", buffer.slots);
    word(toString(buffer.type));
    sizes("shape", buffer.shape);
    out += "\n";
  }
  for (int64_t count : program.semaphores)
    out += "semaphore " + std::to_string(count) + "\n";
  out += "code\n";
  size_t depth = 1;
  for (const Instruction &instruction : program.code) {
    if (instruction.opcode == Opcode::EndLoop && depth > 1)
      --depth;
    out.append(2 * depth, ' ');
    print(instruction);
    if (instruction.opcode == Opcode::Loop)
      ++depth;
  }
  return std::move(out);
}

std::string writeAssembly(const Program &program) {
  return Printer(program).print();
}

} // namespace nm::isa
