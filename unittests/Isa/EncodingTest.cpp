//===- EncodingTest.cpp - Assembly, binary and JSON ------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Encoding.h"
#include "SampleProgram.h"
#include "nm/Isa/BinaryFormat.h"
#include "nm/Isa/Instructions.h"
#include <algorithm>
#include <cmath>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <random>

using namespace nm::isa;

namespace {

using Write = std::string (*)(const Program &);
using Read = Result<Program> (*)(std::string_view, const std::string &);
struct Form {
  const char *name;
  Write write;
  Read read;
};
const Form forms[] = {{"binary", writeBinary, readBinary},
                      {"assembly", writeAssembly, readAssembly},
                      {"json", writeJson, readJson}};

} // namespace

TEST(Encoding, EachFormReadsBackToTheSameProgram) {
  Program program = sample();
  std::string bytes = writeBinary(program);
  std::string json = writeJson(program);
  for (const Form &form : forms) {
    SCOPED_TRACE(form.name);
    Result<Program> again = form.read(form.write(program), "sample");
    ASSERT_TRUE(again.ok()) << again.error().message;
    // Binary and JSON together hold every field.
    EXPECT_EQ(writeBinary(*again), bytes);
    EXPECT_EQ(writeJson(*again), json);
    EXPECT_EQ(again->code[0].source >= 0, form.name[0] != 'b');
  }
}

TEST(Encoding, EveryOpcodeIsInTheSample) {
  Program program = sample();
  for (int opcode = 0; opcode < kNumOpcodes; ++opcode) {
    bool isThere = false;
    for (const Instruction &instruction : program.code)
      isThere |= static_cast<int>(instruction.opcode) == opcode;
    EXPECT_TRUE(isThere) << toString(static_cast<Opcode>(opcode));
  }
}

TEST(Encoding, FloatsAreExact) {
  Program program = sample();
  for (Instruction &instruction : program.code)
    if (instruction.opcode == Opcode::Fill)
      instruction.value = std::nextafter(0.1f, 1.0f);
  for (const Form &form : forms) {
    Result<Program> again = form.read(form.write(program), "sample");
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(writeBinary(*again), writeBinary(program)) << form.name;
  }
}

TEST(Encoding, BinaryRefusesEveryTruncationAndFlippedByte) {
  std::string bytes = writeBinary(sample());
  for (size_t size = 0; size < bytes.size(); ++size) {
    Result<Program> cut = readBinary(bytes.substr(0, size), "cut");
    ASSERT_FALSE(cut.ok()) << size;
    EXPECT_EQ(cut.error().message.rfind("cut: ", 0), 0u) << cut.error().message;
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 0x10;
    Result<Program> read = readBinary(damaged, "damaged");
    ASSERT_EQ(read.ok(), false) << "byte " << i;
  }
}

TEST(Encoding, BinaryNamesPlaceFoundAndExpected) {
  std::string bytes = writeBinary(sample());
  auto message = [](std::string damaged) {
    Result<Program> read = readBinary(damaged, "file.nmb");
    return read.ok() ? std::string() : read.error().message;
  };
  EXPECT_EQ(message("NMATTACX"), "file.nmb: byte 0: found no magic number, "
                                 "expected 'NMATTACC'");
  std::string version = bytes;
  version[8] = 2;
  EXPECT_EQ(message(version),
            "file.nmb: byte 8: found version 2.0, expected 1.0 to 1.2; a newer "
            "nm reads it");
  std::string payload = bytes;
  payload.back() ^= 1;
  EXPECT_NE(message(payload).find("of section 'data', expected"),
            std::string::npos)
      << message(payload);
}

TEST(Encoding, MinorVersionIsTheFirstThatHasAllKinds) {
  // The kinds of 1.0 are all others, as docs/attacc-isa.md lists them.
  auto versionWith = [](Opcode opcode, int kind) {
    Program program = sample();
    for (Instruction &instruction : program.code) {
      if (instruction.opcode == opcode && opcode == Opcode::Unary)
        instruction.unary = static_cast<UnaryKind>(kind);
      if (instruction.opcode == opcode && opcode == Opcode::Elementwise)
        instruction.binary = static_cast<BinaryKind>(kind);
    }
    std::string bytes = writeBinary(program);
    Result<Program> again = readBinary(bytes, "again");
    EXPECT_TRUE(again.ok()) << again.error().message;
    return std::to_string(bytes[8]) + "." + std::to_string(bytes[10]);
  };
  const std::map<std::string, std::string> later{
      {"sqrt", "1.1"},  {"erf", "1.1"}, {"log", "1.1"}, {"div", "1.1"},
      {"rsqrt", "1.2"}, {"sin", "1.2"}, {"cos", "1.2"}};
  auto versionOf = [&](const std::string &word) {
    auto place = later.find(word);
    return place == later.end() ? "1.0" : place->second;
  };
  for (int kind = 0; kind < countOf(UnaryKind()); ++kind) {
    const char *word = toString(UnaryKind(kind));
    EXPECT_EQ(versionWith(Opcode::Unary, kind), versionOf(word)) << word;
  }
  for (int kind = 0; kind < countOf(BinaryKind()); ++kind) {
    const char *word = toString(BinaryKind(kind));
    EXPECT_EQ(versionWith(Opcode::Elementwise, kind), versionOf(word)) << word;
  }

  // What a later nm writes is refused, with a checksum that is right.
  std::string next = writeBinary(sample());
  next[10] = 3;
  uint32_t crc = binary::crc32(std::string_view(next).substr(0, 28));
  for (size_t i = 0; i < 4; ++i)
    next[28 + i] = static_cast<char>(crc >> (8 * i));
  EXPECT_EQ(readBinary(next, "file.nmb").error().message,
            "file.nmb: byte 8: found version 1.3, expected 1.0 to 1.2; a newer "
            "nm reads it");
}

/// A file whose section `number` (from 0) is changed, with sizes and checksums
/// that are right.
static std::string changeSection(std::string bytes, size_t number,
                                 const std::function<void(std::string &)> &by) {
  auto get = [&](size_t place, size_t width) {
    uint64_t value = 0;
    for (size_t i = width; i > 0; --i)
      value = value << 8 | static_cast<uint8_t>(bytes[place + i - 1]);
    return value;
  };
  auto put = [&](size_t place, uint64_t value, size_t width) {
    for (size_t i = 0; i < width; ++i)
      bytes[place + i] = static_cast<char>(value >> (8 * i));
  };
  size_t entry = 32 + 24 * number, begin = get(entry + 8, 8),
         size = get(entry + 16, 8);
  std::string section = bytes.substr(begin, size);
  by(section);
  bytes.replace(begin, size, section);
  put(entry + 4, binary::crc32(section), 4);
  put(entry + 16, section.size(), 8);
  for (size_t next = number + 1; next < binary::kNumSections; ++next)
    put(32 + 24 * next + 8, get(32 + 24 * next + 8, 8) + section.size() - size,
        8);
  put(16, bytes.size(), 8);
  put(24, binary::crc32(std::string_view(bytes).substr(32, 24 * 6)), 4);
  put(28, binary::crc32(std::string_view(bytes).substr(0, 28)), 4);
  return bytes;
}

/// A few bytes must not stand for more memory than they are.
TEST(Encoding, SizesAreCheckedBeforeThereIsMemory) {
  Program program;
  program.name = "p";
  program.target.name = "t";
  program.target.scratchpadBytes = 64;
  for (const char *name : {"a", "b"}) {
    Tensor tensor;
    tensor.name = name;
    tensor.role = Role::Constant;
    tensor.type = Type::I8;
    tensor.shape = {8};
    tensor.data.assign(8, 7);
    program.tensors.push_back(tensor);
  }
  std::string bytes = writeBinary(program);
  auto message = [](const std::string &changed) {
    Result<Program> read = readBinary(changed, "f");
    return read.ok() ? std::string("accepted") : read.error().message;
  };
  EXPECT_EQ(message(changeSection(bytes, 5, [](std::string &) {})), "accepted");
  // The second constant takes the content of the first once more. Its offset
  // stands 16 bytes before the end of its entry.
  std::string twice = changeSection(bytes, 1, [](std::string &section) {
    section.replace(section.size() - 16, 8, std::string(8, '\0'));
  });
  twice = changeSection(twice, 5, [](std::string &data) { data.resize(8); });
  EXPECT_NE(
      message(twice).find("found content of 8 bytes, expected at most the "
                          "0 of the data section that no tensor before "
                          "has"),
      std::string::npos)
      << message(twice);
  // One semaphore more than a program may have.
  std::string many = changeSection(bytes, 3, [](std::string &section) {
    section = std::string("\1\0\x10\0", 4) + std::string((1 << 20) + 1, '\0');
  });
  EXPECT_NE(
      message(many).find("found 1048577 semaphores, expected at most 1048576"),
      std::string::npos)
      << message(many);
}

TEST(Encoding, TextErrorsNameThePlace) {
  struct {
    const char *text, *message;
  } const cases[] = {
      {"", "a:0:1: found the end of the line, expected 'program' and a name"},
      {"program \"p\"\ntarget \"t\" scratchpad 8 channels 1 segments 1\n"
       "tensor \"x\" inn f32 shape [1]\ncode\n",
       "a:3:12: found 'inn', expected one of in, out, param, constant, "
       "scratch"},
      {"program \"p\"\ntarget \"t\" scratchpad 8 channels 1 segments 1\n"
       "code\n  fill b0[0:1\n",
       "a:4:14: found the end of the line, expected ']'"},
      {"program \"p\"\ntarget \"t\" scratchpad 8 channels 1 segments 1\n"
       "code\n  fill b0[0:1]\n",
       "a:4:1: [attacc_tile_c4] instruction 0 (fill), operand 0 is of buffer "
       "0, "
       "expected one of 0"},
      {"program \"p\"\ntarget \"t\" scratchpad 99999999999999999999\ncode\n",
       "a:2:23: found '99999999999999999999', expected a number"}};
  for (const auto &c : cases) {
    Result<Program> read = readAssembly(c.text, "a");
    ASSERT_FALSE(read.ok()) << c.text;
    EXPECT_EQ(read.error().message, c.message);
  }
  Result<Program> json =
      readJson("{\"schema\": \"nm.attacc/1\", \"nam\": 1}", "j");
  ASSERT_FALSE(json.ok());
  EXPECT_EQ(json.error().message,
            "j: field 'name': found nothing, expected a string "
            "(is it 'nam'?)");
  EXPECT_FALSE(readJson(std::string(100000, '['), "j").ok());
}

/// Whatever the damage, a reader answers.
TEST(Encoding, RandomDamage) {
  Program program = sample();
  std::mt19937 random(7);
  for (const Form &form : forms) {
    std::string text = form.write(program);
    int accepted = 0;
    for (int round = 0; round < 3000; ++round) {
      std::string damaged = text;
      for (int edits = 1 + random() % 3; edits > 0; --edits) {
        size_t place = random() % damaged.size();
        switch (random() % 3) {
        case 0:
          damaged[place] = static_cast<char>(random());
          break;
        case 1:
          damaged.erase(place, 1 + random() % 8);
          break;
        default:
          damaged.insert(place, damaged.substr(random() % damaged.size(), 6));
        }
        if (damaged.empty())
          damaged = " ";
      }
      Result<Program> read = form.read(damaged, "damaged");
      accepted += read.ok() && damaged != text;
      if (read.ok())
        EXPECT_TRUE(checkProgram(*read).ok());
      else
        EXPECT_FALSE(read.error().message.empty());
    }
    // Text may lose a comment or a space; bytes have checksums.
    if (form.name[0] == 'b')
      EXPECT_EQ(accepted, 0);
  }
}
