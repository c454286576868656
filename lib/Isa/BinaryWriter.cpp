//===- BinaryWriter.cpp - Programs as bytes ----------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/BinaryFormat.h"
#include "nm/Isa/Instructions.h"
#include <algorithm>
#include <array>
#include <cstring>

namespace nm::isa {

using namespace binary;

uint32_t binary::crc32(std::string_view bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> entries{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit)
        value = value & 1 ? value >> 1 ^ 0xEDB88320u : value >> 1;
      entries[i] = value;
    }
    return entries;
  }();
  uint32_t crc = ~0u;
  for (char byte : bytes)
    crc = crc >> 8 ^ table[(crc ^ static_cast<uint8_t>(byte)) & 255];
  return ~crc;
}

uint16_t binary::minorOf(const Program &program) {
  int minor = 0;
  for (const Instruction &instruction : program.code)
    minor = std::max(minor, isa::minorOf(instruction));
  return static_cast<uint16_t>(minor);
}

template <typename Enum> static int latestOf(Enum) {
  int minor = 0;
  for (int i = 0; i < countOf(Enum()); ++i)
    minor = std::max(minor, infoOf(static_cast<Enum>(i)).minor);
  return minor;
}

uint16_t binary::latestMinor() {
  static const int minor = std::max(
      {latestOf(Opcode()), latestOf(UnaryKind()), latestOf(BinaryKind())});
  return static_cast<uint16_t>(minor);
}

namespace {

class Writer {
public:
  std::string bytes;

  template <typename T> void number(T value) {
    uint64_t bits = 0;
    if constexpr (std::is_same_v<T, float>) {
      uint32_t word;
      std::memcpy(&word, &value, sizeof(word));
      bits = word;
    } else {
      bits = static_cast<uint64_t>(value);
    }
    for (size_t i = 0; i < sizeof(T); ++i)
      bytes.push_back(static_cast<char>(bits >> (8 * i)));
  }
  void u8(uint64_t value) { number(static_cast<uint8_t>(value)); }
  void u16(uint64_t value) { number(static_cast<uint16_t>(value)); }
  void u32(uint64_t value) { number(static_cast<uint32_t>(value)); }
  void i64(int64_t value) { number(value); }
  void text(const std::string &value) {
    u32(value.size());
    bytes += value;
  }
  void sizes(const std::vector<int64_t> &values) {
    u8(values.size());
    for (int64_t value : values)
      i64(value);
  }
};

void writeTile(Writer &w, const Tile &tile, size_t rank) {
  w.u8(static_cast<uint8_t>(tile.space));
  w.u8(rank);
  w.u8(tile.dims.size());
  w.u8(tile.counters.size());
  w.u32(tile.object);
  w.i64(tile.slot);
  for (size_t k = 0; k < rank; ++k) {
    w.i64(tile.offsets[k]);
    w.i64(tile.sizes[k]);
  }
  for (uint8_t dim : tile.dims)
    w.u8(dim);
  for (const Counter &counter : tile.counters) {
    w.u8(counter.depth);
    w.i64(counter.slotStep);
    for (size_t k = 0; k < rank; ++k)
      w.i64(counter.steps[k]);
  }
}

void writeAffine(Writer &w, const Affine &affine) {
  w.i64(affine.base);
  w.u8(affine.steps.size());
  for (auto [depth, step] : affine.steps) {
    w.u8(depth);
    w.i64(step);
  }
}

// Fields of the extension.
void writeField(Writer &w, SparsePattern pattern) {
  w.u8(pattern.n);
  w.u8(pattern.m);
}
void writeField(Writer &w, const Affine &affine) { writeAffine(w, affine); }
void writeField(Writer &w, int64_t value) { w.i64(value); }

/// What fields give to the base word and to the extension.
class FieldWriter {
public:
  FieldWriter(const InstructionInfo &info, Writer &extension)
      : info(info), extension(extension) {}

  uint8_t flags = 0, choice = 0;

  void operator()(Field field, bool value) {
    flags |= value ? infoOf(field).flag : 0;
  }
  template <typename T> void operator()(Field field, const T &value) {
    FieldPlace place = infoOf(field).place;
    if constexpr (std::is_enum_v<T>)
      choice |= info.uses(field) ? static_cast<uint8_t>(value) : 0;
    else if constexpr (!std::is_same_v<T, uint8_t> && !std::is_same_v<T, float>)
      if (place == FieldPlace::Extension && info.uses(field))
        writeField(extension, value);
  }

private:
  const InstructionInfo &info;
  Writer &extension;
};

size_t rankOf(const Program &program, const Tile &tile) {
  return tile.space == Space::Dram ? program.tensors[tile.object].shape.size()
                                   : program.buffers[tile.object].shape.size();
}

void writeInstruction(Writer &w, const Program &program,
                      const Instruction &instruction) {
  Writer extension;
  for (uint32_t semaphore : instruction.waits)
    extension.u32(semaphore);
  for (uint32_t semaphore : instruction.signals)
    extension.u32(semaphore);
  for (const Tile &tile : instruction.operands)
    writeTile(extension, tile, rankOf(program, tile));
  FieldWriter fields(infoOf(instruction.opcode), extension);
  forEachField(instruction, fields);
  w.u8(static_cast<uint8_t>(instruction.opcode));
  w.u8(fields.flags);
  w.u8(instruction.channel);
  w.u8(fields.choice);
  w.u8(instruction.waits.size());
  w.u8(instruction.signals.size());
  w.u16(0);
  w.number(instruction.value);
  w.u32(extension.bytes.size());
  w.bytes += extension.bytes;
}

void writeTensors(Writer &w, Writer &data, const Program &program) {
  w.u32(program.tensors.size());
  for (const Tensor &tensor : program.tensors) {
    w.text(tensor.name);
    w.u8(static_cast<uint8_t>(tensor.role));
    w.u8(static_cast<uint8_t>(tensor.type));
    w.u8(static_cast<uint8_t>(tensor.hostType));
    w.u8(static_cast<uint8_t>(tensor.part));
    w.u8(tensor.pattern.n);
    w.u8(tensor.pattern.m);
    w.sizes(tensor.shape);
    w.sizes(tensor.strides);
    w.sizes(tensor.hostShape);
    w.text(tensor.key);
    w.text(tensor.scope);
    w.i64(static_cast<int64_t>(data.bytes.size()));
    w.i64(static_cast<int64_t>(tensor.data.size()));
    data.bytes.append(tensor.data.begin(), tensor.data.end());
  }
}

} // namespace

std::string writeBinary(const Program &program) {
  Writer sections[kNumSections];
  Writer &target = sections[0], &buffers = sections[2],
         &semaphores = sections[3], &code = sections[4];
  target.text(program.name);
  target.text(program.target.name);
  target.i64(program.target.scratchpadBytes);
  target.i64(program.target.channels);
  target.i64(program.target.segments);
  target.u32(program.target.patterns.size());
  for (SparsePattern pattern : program.target.patterns) {
    target.u8(pattern.n);
    target.u8(pattern.m);
  }
  writeTensors(sections[1], sections[5], program);
  buffers.u32(program.buffers.size());
  for (const Buffer &buffer : program.buffers) {
    buffers.i64(buffer.address);
    buffers.i64(buffer.slots);
    buffers.u8(static_cast<uint8_t>(buffer.type));
    buffers.sizes(buffer.shape);
  }
  semaphores.u32(program.semaphores.size());
  for (int64_t count : program.semaphores)
    semaphores.u8(count);
  code.u32(program.code.size());
  for (const Instruction &instruction : program.code)
    writeInstruction(code, program, instruction);

  Writer table;
  size_t offset = kHeaderBytes + kNumSections * kEntryBytes;
  for (uint32_t i = 0; i < kNumSections; ++i) {
    table.u32(i + 1);
    table.u32(crc32(sections[i].bytes));
    table.number<uint64_t>(offset);
    table.number<uint64_t>(sections[i].bytes.size());
    offset += sections[i].bytes.size();
  }
  Writer header;
  header.bytes = kMagic;
  header.u16(kMajor);
  header.u16(minorOf(program));
  header.u32(kNumSections);
  header.number<uint64_t>(offset);
  header.u32(crc32(table.bytes));
  header.u32(crc32(header.bytes));
  std::string result = header.bytes + table.bytes;
  for (const Writer &section : sections)
    result += section.bytes;
  return result;
}

} // namespace nm::isa
