//===- Instructions.cpp - The description as tables ------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Instructions.h"
#include <algorithm>

namespace nm::isa {

namespace {

constexpr InstructionInfo kInstructions[] = {
#define INSTRUCTION(symbol, word, engine, ...)                                 \
  InstructionInfo(#symbol, word, Engine::engine) __VA_ARGS__,
#include "nm/Isa/Instructions.def"
};

constexpr KindInfo kUnaryKinds[] = {
#define UNARY(symbol, word, ...) KindInfo(#symbol, word) __VA_ARGS__,
#include "nm/Isa/Instructions.def"
};

constexpr KindInfo kBinaryKinds[] = {
#define BINARY(symbol, word, ...) KindInfo(#symbol, word) __VA_ARGS__,
#include "nm/Isa/Instructions.def"
};

/// Flags have their bits in the order of the fields.
constexpr uint8_t flagOf(Field field) {
  uint8_t bit = 1;
#define FIELD(symbol, word, member, place, text)                               \
  if (FieldPlace::place == FieldPlace::Flag) {                                 \
    if (field == Field::symbol)                                                \
      return bit;                                                              \
    bit = static_cast<uint8_t>(bit << 1);                                      \
  }
#include "nm/Isa/Instructions.def"
  return 0;
}

constexpr FieldInfo kFields[] = {
#define FIELD(symbol, word, member, place, text)                               \
  {word, FieldPlace::place, flagOf(Field::symbol), text},
#include "nm/Isa/Instructions.def"
};

// The binary has one byte for the choice of an instruction.
constexpr bool hasOneChoice() {
  for (const InstructionInfo &info : kInstructions) {
    int choices = 0;
    for (int i = 0; i < info.numFields; ++i)
      choices += kFields[static_cast<int>(info.fields[i].field)].place ==
                 FieldPlace::Choice;
    if (choices > 1)
      return false;
  }
  return true;
}
static_assert(hasOneChoice(), "an instruction has two fields of Choice");

template <typename Info, size_t Count, typename Enum>
const Info &entryOf(const Info (&table)[Count], Enum value) {
  static_assert(Count == countOf(Enum()), "one entry for each value");
  return table[static_cast<int>(value)];
}

} // namespace

const InstructionInfo &infoOf(Opcode opcode) {
  return entryOf(kInstructions, opcode);
}
const KindInfo &infoOf(UnaryKind kind) { return entryOf(kUnaryKinds, kind); }
const KindInfo &infoOf(BinaryKind kind) { return entryOf(kBinaryKinds, kind); }
const FieldInfo &infoOf(Field field) { return entryOf(kFields, field); }

const LaneWork &workOf(const Instruction &instruction) {
  const InstructionInfo &info = infoOf(instruction.opcode);
  if (info.uses(Field::Unary))
    return infoOf(instruction.unary).work;
  if (info.uses(Field::Binary))
    return infoOf(instruction.binary).work;
  return info.work;
}

int minorOf(const Instruction &instruction) {
  const InstructionInfo &info = infoOf(instruction.opcode);
  int minor = info.minor;
  if (info.uses(Field::Unary))
    minor = std::max(minor, infoOf(instruction.unary).minor);
  if (info.uses(Field::Binary))
    minor = std::max(minor, infoOf(instruction.binary).minor);
  return minor;
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

const char *toString(Opcode opcode) { return infoOf(opcode).word; }
const char *toString(UnaryKind kind) { return infoOf(kind).word; }
const char *toString(BinaryKind kind) { return infoOf(kind).word; }

template <size_t Count, typename Enum>
static const char *wordOf(const char *const (&words)[Count], Enum value) {
  static_assert(Count == countOf(Enum()), "one word for each value");
  return words[static_cast<int>(value)];
}

const char *toString(Type type) {
  static constexpr const char *words[] = {
#define TYPE(symbol, word) word,
#include "nm/Isa/Instructions.def"
  };
  return wordOf(words, type);
}

const char *toString(Role role) {
  static constexpr const char *words[] = {
#define ROLE(symbol, word) word,
#include "nm/Isa/Instructions.def"
  };
  return wordOf(words, role);
}

const char *toString(Part part) {
  static constexpr const char *words[] = {
#define PART(symbol, word) word,
#include "nm/Isa/Instructions.def"
  };
  return wordOf(words, part);
}

const char *toString(Space space) {
  static constexpr const char *words[] = {
#define SPACE(symbol, word) word,
#include "nm/Isa/Instructions.def"
  };
  return wordOf(words, space);
}

const char *toString(Engine engine) {
  static constexpr const char *words[] = {
#define ENGINE(symbol, word) word,
#include "nm/Isa/Instructions.def"
  };
  return wordOf(words, engine);
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

int numOperands(Opcode opcode) { return infoOf(opcode).numOperands; }

bool writesOperand(const Instruction &instruction, int index) {
  return infoOf(instruction.opcode).operands[index].access != Access::Read;
}

bool readsOperand(const Instruction &instruction, int index) {
  switch (infoOf(instruction.opcode).operands[index].access) {
  case Access::Read:
  case Access::Update:
    return true;
  case Access::Write:
    return false;
  case Access::Accumulate:
    break;
  }
  return instruction.accumulate;
}

Engine engineOf(const Instruction &instruction) {
  const InstructionInfo &info = infoOf(instruction.opcode);
  return info.uses(Field::SyncEngine) ? instruction.syncEngine : info.engine;
}

} // namespace nm::isa
