//===- Instructions.h - What the description of the instructions says -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The language of nm/Isa/Instructions.def, and its entries as tables. Whoever
// handles instructions asks these tables; a switch over opcodes stands only
// where what they compute differs.
//
//===----------------------------------------------------------------------===//

#ifndef NM_ISA_INSTRUCTIONS_H
#define NM_ISA_INSTRUCTIONS_H

#include "nm/Isa/Program.h"
#include <cstring>
#include <type_traits>

namespace nm::isa {

//===----------------------------------------------------------------------===//
// Words
//===----------------------------------------------------------------------===//

enum class Field : uint8_t {
#define FIELD(symbol, word, member, place, text) symbol,
#include "nm/Isa/Instructions.def"
};

/// Where the binary keeps a field: a bit of the flags, the choice of the base
/// word (one field of an instruction), another byte of it, or behind it.
enum class FieldPlace : uint8_t { Flag, Choice, Base, Extension };

/// What an instruction does to an operand. Accumulate: it is written, and read
/// as well if the instruction accumulates.
enum class Access : uint8_t { Read, Write, Update, Accumulate };

/// What the rules attacc_row_c1 and attacc_elements_c1 want of an operand:
/// nothing, the shape of the first that is Equal, the shape R x C of the first
/// Matrix, or R elements.
enum class Extent : uint8_t { Any, Equal, Matrix, Row };

/// Rules of shapes, types and fields that one instruction has for itself.
enum class Rule : uint8_t {
  None,
  Move,
  Gemm,
  NMGemm,
  FiniteScale,
  Mask,
  LayerNorm,
  Elementwise
};

/// Cycles of a lane for an element, as times of the unit's four operations.
struct LaneCycles {
  int max = 0, exp = 0, sum = 0, scale = 0;
};
constexpr LaneCycles operator+(LaneCycles a, LaneCycles b) {
  return {a.max + b.max, a.exp + b.exp, a.sum + b.sum, a.scale + b.scale};
}
constexpr LaneCycles comparing() { return {1, 0, 0, 0}; }
constexpr LaneCycles exponential() { return {0, 1, 0, 0}; }
constexpr LaneCycles summing() { return {0, 0, 1, 0}; }
constexpr LaneCycles scaling() { return {0, 0, 0, 1}; }

/// What an element asks of the special function unit.
struct LaneWork {
  int ops = 0; ///< operations on each element
  LaneCycles cycles;
  int accesses = 2; ///< of the scratchpad
};

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

struct OperandInfo {
  const char *name = "";
  Access access = Access::Read;
  Extent extent = Extent::Any;
  Space space = Space::Scratchpad;
  /// Bit k: may be the same tile as operand k, element for element.
  uint8_t over = 0;
  const char *shape = ""; ///< for readers
};

struct FieldUse {
  Field field = Field::Trips;
  const char *name = nullptr; ///< in the dialect; null: the field's word
  bool isOptional = false;    ///< in the dialect
};

/// A function of elements: an entry of UNARY or BINARY.
struct KindInfo {
  const char *symbol, *word;
  LaneWork work;
  int minor = 0; ///< version of the binary that brought it
  const char *formula = "", *special = "";

  constexpr KindInfo(const char *symbol, const char *word)
      : symbol(symbol), word(word) {}
  constexpr KindInfo lanes(int ops, LaneCycles cycles) const {
    KindInfo info = *this;
    info.work = {ops, cycles, 2};
    return info;
  }
  constexpr KindInfo since(int version) const {
    KindInfo info = *this;
    info.minor = version;
    return info;
  }
  constexpr KindInfo computes(const char *text) const {
    KindInfo info = *this;
    info.formula = text;
    return info;
  }
  constexpr KindInfo specials(const char *text) const {
    KindInfo info = *this;
    info.special = text;
    return info;
  }
};

/// An entry of INSTRUCTION. The methods are the words of the description; each
/// gives the entry with what it adds.
struct InstructionInfo {
  static constexpr int kMostOperands = 4, kMostFields = 8, kMostRules = 4;

  const char *symbol, *word;
  Engine engine;
  OperandInfo operands[kMostOperands];
  int numOperands = 0;
  int firstResult = -1; ///< operand; the first that is written if not said
  FieldUse fields[kMostFields];
  int numFields = 0;
  Rule rule = Rule::None;
  LaneWork work;
  int minor = 0; ///< version of the binary that brought it

  // In the dialect; no operation of its own if the summary is empty.
  const char *summaryText = "", *detailText = "";
  const char *ruleTexts[kMostRules] = {};
  /// Assembly format before waits and signals; empty: what is read, the
  /// separator, the results.
  const char *formText = "", *separator = "into";
  // In the tables of docs/attacc-isa.md.
  const char *effectText = "", *formula = "", *special = "";

  constexpr InstructionInfo(const char *symbol, const char *word, Engine engine)
      : symbol(symbol), word(word), engine(engine) {}

  // Operands.
  constexpr InstructionInfo operand(const char *name, Access access,
                                    Extent extent) const {
    InstructionInfo info = *this;
    OperandInfo &added = info.operands[info.numOperands++];
    added.name = name;
    added.access = access;
    added.extent = extent;
    if (access != Access::Read && firstResult < 0)
      info.firstResult = numOperands;
    return info;
  }
  constexpr InstructionInfo reads(const char *name,
                                  Extent extent = Extent::Any) const {
    return operand(name, Access::Read, extent);
  }
  constexpr InstructionInfo writes(const char *name,
                                   Extent extent = Extent::Any) const {
    return operand(name, Access::Write, extent);
  }
  constexpr InstructionInfo updates(const char *name,
                                    Extent extent = Extent::Any) const {
    return operand(name, Access::Update, extent);
  }
  constexpr InstructionInfo adds(const char *name,
                                 Extent extent = Extent::Any) const {
    return operand(name, Access::Accumulate, extent);
  }
  // Of the operand before.
  constexpr InstructionInfo in(Space space) const {
    InstructionInfo info = *this;
    info.operands[numOperands - 1].space = space;
    return info;
  }
  constexpr InstructionInfo over(int other) const {
    InstructionInfo info = *this;
    info.operands[numOperands - 1].over |= static_cast<uint8_t>(1 << other);
    return info;
  }
  constexpr InstructionInfo shaped(const char *text) const {
    InstructionInfo info = *this;
    info.operands[numOperands - 1].shape = text;
    return info;
  }
  constexpr InstructionInfo results(int first) const {
    InstructionInfo info = *this;
    info.firstResult = first;
    return info;
  }

  // Fields, rules, versions, time.
  constexpr InstructionInfo use(Field field, const char *name = nullptr,
                                bool isOptional = false) const {
    InstructionInfo info = *this;
    FieldUse &added = info.fields[info.numFields++];
    added.field = field;
    added.name = name;
    added.isOptional = isOptional;
    return info;
  }
  constexpr InstructionInfo optional(Field field, const char *name) const {
    return use(field, name, true);
  }
  constexpr InstructionInfo obeys(Rule ownRule) const {
    InstructionInfo info = *this;
    info.rule = ownRule;
    return info;
  }
  constexpr InstructionInfo since(int version) const {
    InstructionInfo info = *this;
    info.minor = version;
    return info;
  }
  constexpr InstructionInfo lanes(int ops, LaneCycles cycles) const {
    InstructionInfo info = *this;
    info.work.ops = ops;
    info.work.cycles = cycles;
    return info;
  }
  constexpr InstructionInfo accesses(int count) const {
    InstructionInfo info = *this;
    info.work.accesses = count;
    return info;
  }

  // Texts.
  constexpr InstructionInfo form(const char *text) const {
    InstructionInfo info = *this;
    info.formText = text;
    return info;
  }
  constexpr InstructionInfo between(const char *word) const {
    InstructionInfo info = *this;
    info.separator = word;
    return info;
  }
  constexpr InstructionInfo summary(const char *text) const {
    InstructionInfo info = *this;
    info.summaryText = text;
    return info;
  }
  constexpr InstructionInfo details(const char *text) const {
    InstructionInfo info = *this;
    info.detailText = text;
    return info;
  }
  constexpr InstructionInfo rules(const char *a, const char *b = nullptr,
                                  const char *c = nullptr,
                                  const char *d = nullptr) const {
    InstructionInfo info = *this;
    info.ruleTexts[0] = a;
    info.ruleTexts[1] = b;
    info.ruleTexts[2] = c;
    info.ruleTexts[3] = d;
    return info;
  }
  constexpr InstructionInfo effect(const char *text) const {
    InstructionInfo info = *this;
    info.effectText = text;
    return info;
  }
  constexpr InstructionInfo computes(const char *text) const {
    InstructionInfo info = *this;
    info.formula = text;
    return info;
  }
  constexpr InstructionInfo specials(const char *text) const {
    InstructionInfo info = *this;
    info.special = text;
    return info;
  }

  constexpr bool uses(Field field) const {
    for (int i = 0; i < numFields; ++i)
      if (fields[i].field == field)
        return true;
    return false;
  }
};

struct FieldInfo {
  const char *word;
  FieldPlace place;
  uint8_t flag; ///< its bit, if that is its place
  const char *text;
};

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

// How many values an enumeration has.
constexpr int countOf(Type) {
#define TYPE(symbol, word) +1
  return 0
#include "nm/Isa/Instructions.def"
      ;
}
constexpr int countOf(Role) {
#define ROLE(symbol, word) +1
  return 0
#include "nm/Isa/Instructions.def"
      ;
}
constexpr int countOf(Part) {
#define PART(symbol, word) +1
  return 0
#include "nm/Isa/Instructions.def"
      ;
}
constexpr int countOf(Space) {
#define SPACE(symbol, word) +1
  return 0
#include "nm/Isa/Instructions.def"
      ;
}
constexpr int countOf(Engine) {
#define ENGINE(symbol, word) +1
  return 0
#include "nm/Isa/Instructions.def"
      ;
}
constexpr int countOf(UnaryKind) {
#define UNARY(symbol, word, ...) +1
  return 0
#include "nm/Isa/Instructions.def"
      ;
}
constexpr int countOf(BinaryKind) {
#define BINARY(symbol, word, ...) +1
  return 0
#include "nm/Isa/Instructions.def"
      ;
}
constexpr int countOf(Field) {
#define FIELD(symbol, word, member, place, text) +1
  return 0
#include "nm/Isa/Instructions.def"
      ;
}
constexpr int countOf(Opcode) {
#define INSTRUCTION(symbol, word, engine, ...) +1
  return 0
#include "nm/Isa/Instructions.def"
      ;
}
constexpr int countOf(Stationarity) { return model::kNumStationarities; }
inline constexpr int kNumOpcodes = countOf(Opcode());

/// Whether a value is one of the enumeration's: readers of hostile bytes ask.
template <typename Enum> constexpr bool isKnown(Enum value) {
  return static_cast<int>(value) < countOf(value);
}

// The entry of a value that is known.
const InstructionInfo &infoOf(Opcode opcode);
const KindInfo &infoOf(UnaryKind kind);
const KindInfo &infoOf(BinaryKind kind);
const FieldInfo &infoOf(Field field);

/// What an element of the instruction asks of the special function unit.
const LaneWork &workOf(const Instruction &instruction);

/// The first minor version of the binary that has the instruction.
int minorOf(const Instruction &instruction);

/// Calls body(field, member) for each field of `instruction`, in the order of
/// the assembly.
template <typename Instr, typename Body>
void forEachField(Instr &instruction, Body &&body) {
#define FIELD(symbol, word, member, place, text)                               \
  body(Field::symbol, instruction.member);
#include "nm/Isa/Instructions.def"
}

/// The same for the fields that the instruction uses.
template <typename Instr, typename Body>
void forEachUsedField(Instr &instruction, Body &&body) {
  const InstructionInfo &info = infoOf(instruction.opcode);
  forEachField(instruction, [&](Field field, auto &member) {
    if (info.uses(field))
      body(field, member);
  });
}

/// Whether a field holds the same, numbers bit for bit.
template <typename T> bool isSame(const T &a, const T &b) {
  if constexpr (std::is_same_v<T, Affine>)
    return a.base == b.base && a.steps == b.steps;
  else if constexpr (std::is_same_v<T, float>)
    return std::memcmp(&a, &b, sizeof(T)) == 0;
  else
    return a == b;
}

/// The same for the fields that texts spell: those that the binary has behind
/// the base word, and any other that is not as in an empty instruction.
template <typename Body>
void forEachSpelledField(const Instruction &instruction, Body &&body) {
  const Instruction none;
  const InstructionInfo &info = infoOf(instruction.opcode);
#define FIELD(symbol, word, member, place, text)                               \
  if ((FieldPlace::place == FieldPlace::Extension &&                           \
       info.uses(Field::symbol)) ||                                            \
      !isSame(instruction.member, none.member))                                \
    body(Field::symbol, instruction.member);
#include "nm/Isa/Instructions.def"
}

} // namespace nm::isa

#endif // NM_ISA_INSTRUCTIONS_H
