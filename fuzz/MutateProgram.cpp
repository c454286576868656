//===- MutateProgram.cpp - Changes behind the checksums of a program -------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A binary program is refused at its checksums whatever is changed in it, so
// blind changes test four comparisons and nothing behind them. Here a section
// is changed and the file put together again, with sizes and checksums that are
// right; now and then they are left wrong. Linked into harnesses whose input is
// a binary.
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/BinaryFormat.h"
#include <algorithm>
#include <array>
#include <cstring>
#include <random>

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

using namespace nm::isa;
using namespace nm::isa::binary;

namespace {

using Sections = std::array<std::string, kNumSections>;

uint64_t numberAt(std::string_view bytes, size_t place, size_t width) {
  uint64_t value = 0;
  for (size_t i = width; i > 0; --i)
    value = value << 8 | static_cast<uint8_t>(bytes[place + i - 1]);
  return value;
}

void append(std::string &bytes, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; ++i)
    bytes.push_back(static_cast<char>(value >> (8 * i)));
}

/// The sections of a file, whatever its checksums say. False if there are none.
bool split(std::string_view bytes, Sections &sections) {
  if (!isBinary(bytes) ||
      bytes.size() < kHeaderBytes + kNumSections * kEntryBytes)
    return false;
  for (uint32_t i = 0; i < kNumSections; ++i) {
    size_t entry = kHeaderBytes + i * kEntryBytes;
    uint64_t begin = numberAt(bytes, entry + 8, 8),
             size = numberAt(bytes, entry + 16, 8);
    if (begin > bytes.size() || size > bytes.size() - begin)
      return false;
    sections[i] = bytes.substr(begin, size);
  }
  return true;
}

/// The file that holds the sections, as docs/attacc-isa.md lays it out.
std::string join(const Sections &sections) {
  std::string table;
  size_t offset = kHeaderBytes + kNumSections * kEntryBytes;
  for (uint32_t i = 0; i < kNumSections; ++i) {
    append(table, i + 1, 4);
    append(table, crc32(sections[i]), 4);
    append(table, offset, 8);
    append(table, sections[i].size(), 8);
    offset += sections[i].size();
  }
  std::string bytes(kMagic);
  append(bytes, kMajor, 2);
  append(bytes, latestMinor(), 2);
  append(bytes, kNumSections, 4);
  append(bytes, offset, 8);
  append(bytes, crc32(table), 4);
  append(bytes, crc32(bytes), 4);
  bytes += table;
  for (const std::string &section : sections)
    bytes += section;
  return bytes;
}

/// Writes a number over one in place, so that what follows keeps its meaning.
void overwrite(std::string &section, std::mt19937 &random) {
  static constexpr int64_t kValues[] = {0,         1,          2,
                                        3,         4,          7,
                                        8,         16,         64,
                                        255,       256,        4096,
                                        65535,     1 << 20,    INT32_MAX,
                                        INT32_MIN, -1,         UINT32_MAX,
                                        INT64_MAX, INT64_MIN,  int64_t(1) << 48,
                                        -2,        0x3f800000, 0x7fc00000};
  size_t width = size_t(1) << random() % 4;
  if (section.size() < width)
    return;
  size_t place = random() % (section.size() - width + 1);
  uint64_t value = numberAt(section, place, width);
  switch (random() % 4) {
  case 0:
    value = static_cast<uint64_t>(kValues[random() % std::size(kValues)]);
    break;
  case 1:
    value += random() % 17 - 8;
    break;
  case 2:
    value ^= uint64_t(1) << random() % (8 * width);
    break;
  default: // a number from elsewhere
    value = numberAt(section, random() % (section.size() - width + 1), width);
  }
  std::string number;
  append(number, value, width);
  section.replace(place, width, number);
}

size_t store(const std::string &bytes, uint8_t *data, size_t maxSize) {
  if (bytes.size() > maxSize)
    return 0;
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}

} // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  std::mt19937 random(seed);
  Sections sections;
  if (random() % 16 == 0 ||
      !split({reinterpret_cast<const char *>(data), size}, sections))
    return LLVMFuzzerMutate(data, size, maxSize);
  // Code is most of a program and has most rules.
  uint32_t kinds[] = {TargetSection, TensorSection, TensorSection,
                      BufferSection, BufferSection, SemaphoreSection,
                      CodeSection,   CodeSection,   CodeSection,
                      CodeSection,   CodeSection,   DataSection};
  std::string &section = sections[kinds[random() % std::size(kinds)] - 1];
  if (random() % 4) {
    for (size_t i = 0, count = 1 + random() % 3; i < count; ++i)
      overwrite(section, random);
  } else {
    size_t old = section.size();
    size_t most = old + (maxSize > size ? maxSize - size : 0);
    section.resize(std::max<size_t>(most, 1));
    section.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t *>(section.data()),
                                    old, section.size()));
  }
  size_t made = store(join(sections), data, maxSize);
  return made ? made : LLVMFuzzerMutate(data, size, maxSize);
}

/// Some sections of one program, the others of another.
extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t oneSize,
                                            const uint8_t *two, size_t twoSize,
                                            uint8_t *data, size_t maxSize,
                                            unsigned seed) {
  std::mt19937 random(seed);
  Sections left, right;
  if (!split({reinterpret_cast<const char *>(one), oneSize}, left) ||
      !split({reinterpret_cast<const char *>(two), twoSize}, right))
    return 0;
  unsigned choice = random();
  for (uint32_t i = 0; i < kNumSections; ++i)
    if (choice >> i & 1)
      left[i] = right[i];
  return store(join(left), data, maxSize);
}
