//===- Page.cpp - The tables of docs/attacc-isa.md -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tables.h"
#include "nm/Isa/Instructions.h"
#include <algorithm>

namespace nm::isa {

namespace {

std::string quoted(const char *word) { return std::string("`") + word + "`"; }

template <typename Enum> std::string listOf(Enum, int minor = -1) {
  std::string text;
  for (int i = 0; i < countOf(Enum()); ++i) {
    const KindInfo &info = infoOf(static_cast<Enum>(i));
    if (minor < 0 || info.minor == minor)
      text += (text.empty() ? "" : ", ") + quoted(info.word);
  }
  return text;
}

std::string operandsOf(const InstructionInfo &info) {
  std::string text;
  for (int i = 0; i < info.numOperands; ++i) {
    const OperandInfo &operand = info.operands[i];
    std::string shape = operand.shape;
    if (shape.empty() && operand.extent == Extent::Matrix)
      shape = "R x C";
    if (shape.empty() && operand.extent == Extent::Row)
      shape = "R";
    text += (i ? ", " : "") + std::string(operand.name) +
            (shape.empty() ? "" : " " + shape) +
            (operand.space == Space::Dram ? " (DRAM)" : "");
  }
  return text.empty() ? "none" : text;
}

std::string instructions() {
  std::string out = "| opcode | operands | effect |\n|---|---|---|\n";
  for (int i = 0; i < kNumOpcodes; ++i) {
    const InstructionInfo &info = infoOf(static_cast<Opcode>(i));
    std::string kinds = info.uses(Field::Unary)    ? listOf(UnaryKind())
                        : info.uses(Field::Binary) ? listOf(BinaryKind())
                                                   : "";
    out += "| " + std::to_string(i) + " " + quoted(info.word) + " | " +
           operandsOf(info) + " | " + kinds + info.effectText + " |\n";
  }
  return out;
}

template <typename Enum> void addKinds(std::string &out, const char *word) {
  for (int i = 0; i < countOf(Enum()); ++i) {
    const KindInfo &info = infoOf(static_cast<Enum>(i));
    out += "| " + quoted(word) + " " + quoted(info.word) + " | " +
           info.formula + " | " + info.special + " |\n";
  }
}

std::string values() {
  std::string out = "| instruction | what is worked out, in this order | "
                    "special values |\n|---|---|---|\n";
  for (int i = 0; i < kNumOpcodes; ++i) {
    const InstructionInfo &info = infoOf(static_cast<Opcode>(i));
    if (*info.formula)
      out += "| " + quoted(info.word) + " | " + info.formula + " | " +
             info.special + " |\n";
    if (info.uses(Field::Unary))
      addKinds<UnaryKind>(out, info.word);
    if (info.uses(Field::Binary))
      addKinds<BinaryKind>(out, info.word);
  }
  return out;
}

std::string versions() {
  std::string out = "| version | adds |\n|---|---|\n| 1.0 | |\n";
  for (int minor = 1; minor < 256; ++minor) {
    std::string adds;
    auto add = [&](const char *what, const std::string &words) {
      if (!words.empty())
        adds += (adds.empty() ? "" : "; ") + std::string(what) + words;
    };
    std::string opcodes;
    for (int i = 0; i < kNumOpcodes; ++i)
      if (infoOf(static_cast<Opcode>(i)).minor == minor)
        opcodes += (opcodes.empty() ? "" : ", ") +
                   quoted(infoOf(static_cast<Opcode>(i)).word);
    add("", opcodes);
    add("`unary` kinds ", listOf(UnaryKind(), minor));
    add("`elementwise` kinds ", listOf(BinaryKind(), minor));
    if (adds.empty())
      break;
    out += "| 1." + std::to_string(minor) + " | " + adds + " |\n";
  }
  return out;
}

} // namespace

std::string withTables(const std::string &page) {
  std::string result = page;
  const std::pair<const char *, std::string> tables[] = {
      {"instructions", instructions()},
      {"values", values()},
      {"versions", versions()}};
  for (const auto &[name, table] : tables) {
    std::string begin =
        std::string("<!-- table of ") + name + ": scripts/docs writes it -->\n";
    size_t from = result.find(begin);
    size_t to = result.find("<!-- end -->", from);
    if (from == std::string::npos || to == std::string::npos)
      return "";
    from += begin.size();
    result.replace(from, to - from, table);
  }
  return result;
}

} // namespace nm::isa
