//===- Dialect.cpp - The attacc dialect in TableGen ------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tables.h"
#include "nm/Isa/Instructions.h"
#include <cctype>
#include <type_traits>

namespace nm::isa {

namespace {

constexpr const char *kHead = "// Printed from nm/Isa/Instructions.def.\n\n";

/// "old_max": "OldMax".
std::string camelCase(const std::string &word) {
  std::string text;
  bool isFirst = true;
  for (char c : word) {
    if (c != '_')
      text += isFirst ? static_cast<char>(std::toupper(c)) : c;
    isFirst = c == '_';
  }
  return text;
}

/// Symbols of values that TYPE and its like describe.
template <typename Enum> const char *symbolOf(Enum value);
template <> const char *symbolOf(Space value) {
  static constexpr const char *symbols[] = {
#define SPACE(symbol, word) #symbol,
#include "nm/Isa/Instructions.def"
  };
  return symbols[static_cast<int>(value)];
}
template <> const char *symbolOf(Role value) {
  static constexpr const char *symbols[] = {
#define ROLE(symbol, word) #symbol,
#include "nm/Isa/Instructions.def"
  };
  return symbols[static_cast<int>(value)];
}
template <> const char *symbolOf(Part value) {
  static constexpr const char *symbols[] = {
#define PART(symbol, word) #symbol,
#include "nm/Isa/Instructions.def"
  };
  return symbols[static_cast<int>(value)];
}
template <> const char *symbolOf(Engine value) {
  static constexpr const char *symbols[] = {
#define ENGINE(symbol, word) #symbol,
#include "nm/Isa/Instructions.def"
  };
  return symbols[static_cast<int>(value)];
}
template <> const char *symbolOf(UnaryKind value) {
  return infoOf(value).symbol;
}
template <> const char *symbolOf(BinaryKind value) {
  return infoOf(value).symbol;
}

template <typename Enum>
void printEnum(std::string &out, const char *name, const char *summary) {
  using model::toString;
  out += std::string("def Attacc_") + name + " : Attacc_Enum<\"" + name +
         "\", \"" + summary + "\", [";
  for (int i = 0; i < countOf(Enum()); ++i) {
    Enum value = static_cast<Enum>(i);
    std::string symbol;
    if constexpr (std::is_same_v<Enum, Stationarity>)
      symbol = camelCase(toString(value));
    else
      symbol = symbolOf(value);
    out += (i ? ",\n    I32EnumAttrCase<\"" : "\n    I32EnumAttrCase<\"") +
           symbol + "\", " + std::to_string(i) + ", \"" + toString(value) +
           "\">";
  }
  out += "]>;\n";
}

/// The arguments of a field in the dialect, by the type of its member.
class ArgumentPrinter {
public:
  ArgumentPrinter(const FieldUse &use, std::string &out)
      : use(use), name(use.name ? use.name : infoOf(use.field).word), out(out) {
  }

  template <typename T> void operator()(Field field, const T &value) {
    if (field == use.field)
      print(value);
  }

private:
  void add(const std::string &type, const std::string &argument) {
    out += ",\n      " + type + ":$" + argument;
  }
  void addDefault(const std::string &type, const std::string &value) {
    add("DefaultValuedAttr<" + type + ", \"" + value + "\">", name);
  }
  void print(bool) { add("UnitAttr", name); }
  void print(uint8_t value) { addDefault("I64Attr", std::to_string(value)); }
  void print(int64_t value) { addDefault("I64Attr", std::to_string(value)); }
  void print(float value) {
    if (use.isOptional)
      addDefault("F32Attr", std::to_string(value) + "f");
    else
      add("F32Attr", name);
  }
  void print(SparsePattern) {
    add("I64Attr", "n");
    add("I64Attr", "m");
  }
  void print(const Affine &) {
    add("I64Attr", name);
    add("Variadic<Index>", name + "_counters");
    add("OptionalAttr<DenseI64ArrayAttr>", name + "_steps");
  }
  void print(Stationarity) { add("Attacc_StationaryAttr", name); }
  void print(UnaryKind) { add("Attacc_UnaryAttr", name); }
  void print(BinaryKind) { add("Attacc_BinaryAttr", name); }
  void print(Engine) { add("Attacc_EngineAttr", name); }

  const FieldUse &use;
  std::string name;
  std::string &out;
};

/// "getSource(), getMax()" of the operands that `isMeant`.
template <typename Meant>
std::string accessors(const InstructionInfo &info, Meant isMeant) {
  std::string text;
  for (int i = 0; i < info.numOperands; ++i)
    if (isMeant(info.operands[i].access))
      text += (text.empty() ? "get" : ", get") +
              camelCase(info.operands[i].name) + "()";
  return text;
}

/// The operands "$a `,` $b `into` $c", each between `before` and `after`.
std::string operandList(const InstructionInfo &info, const char *before,
                        const char *after) {
  std::string text;
  for (int i = 0; i < info.numOperands; ++i) {
    if (i)
      text += i == info.firstResult ? std::string(" `") + info.separator + "` "
                                    : " `,` ";
    text += std::string(before) + info.operands[i].name + after;
  }
  return text;
}

void printOp(std::string &out, const InstructionInfo &info) {
  std::string arguments, counters;
  for (int i = 0; i < info.numOperands; ++i)
    arguments += std::string(",\n      Attacc_") +
                 (info.operands[i].space == Space::Dram ? "Dram" : "Pad") +
                 ":$" + info.operands[i].name;
  const Instruction none;
  std::string engine =
      std::string("::mlir::attacc::Engine::") + symbolOf(info.engine);
  for (int i = 0; i < info.numFields; ++i) {
    ArgumentPrinter print(info.fields[i], arguments);
    forEachField(none, print);
    forEachField(none, [&](Field field, const auto &value) {
      using Member = std::decay_t<decltype(value)>;
      if (field == info.fields[i].field && std::is_same_v<Member, Affine>)
        counters += std::string("if (name == \"") + infoOf(field).word +
                    "\") return get" + camelCase(infoOf(field).word) +
                    "Counters(); ";
    });
    if (info.fields[i].field == Field::SyncEngine)
      engine = "get" + camelCase(info.fields[i].name) + "()";
  }
  out += std::string("def Attacc_") + info.symbol + "Op : Attacc_Instr<\"" +
         info.word + "\", \"" + engine + "\", \"" +
         (info.uses(Field::Channel) ? "getChannel()" : "0") + "\", (ins " +
         (arguments.empty() ? "" : arguments.substr(1)) + "),\n    \"" +
         accessors(info, [](Access a) { return a != Access::Write; }) +
         "\",\n    \"" +
         accessors(info, [](Access a) { return a != Access::Read; }) +
         "\",\n    [{" + counters + "}]> {\n";
  out += std::string("  let summary = \"") + info.summaryText + "\";\n";
  std::string description = info.detailText;
  for (const char *rule : info.ruleTexts)
    if (rule) {
      bool isFirst = rule == info.ruleTexts[0];
      description += description.empty() ? "" : isFirst ? "\n\n" : "\n";
      description += std::string("* ") + rule;
    }
  if (!description.empty()) {
    out += "  let description = [{\n    ";
    for (size_t i = 0; i < description.size(); ++i) {
      out += description[i];
      bool isEmptyLine =
          i + 1 < description.size() && description[i + 1] == '\n';
      if (description[i] == '\n' && !isEmptyLine)
        out += "    ";
    }
    out += "\n  }];\n";
  }
  std::string form = info.formText;
  if (form.empty())
    form = operandList(info, "$", "");
  std::string types = operandList(info, "type($", ")");
  out += "  let assemblyFormat = [{\n    " + form +
         "\n    (`wait` `(` $waits^ `)`)? (`signal` `(` $signals^ `)`)? "
         "attr-dict" +
         (types.empty() ? "" : "\n    `:` " + types) + "\n  }];\n}\n\n";
}

} // namespace

std::string dialectEnums() {
  std::string out = kHead;
  printEnum<Space>(out, "Space", "memory");
  printEnum<Role>(out, "Role", "role of a tensor");
  printEnum<Part>(out, "Part",
                  "how a parameter follows from the checkpoint's tensor");
  printEnum<Stationarity>(out, "Stationary", "operand that stays in the array");
  printEnum<BinaryKind>(out, "Binary", "operation on two elements");
  printEnum<UnaryKind>(out, "Unary", "operation on one element");
  printEnum<Engine>(out, "Engine", "unit that works a queue");
  return out;
}

std::string dialectOps() {
  std::string out = kHead;
  for (int i = 0; i < kNumOpcodes; ++i) {
    const InstructionInfo &info = infoOf(static_cast<Opcode>(i));
    if (*info.summaryText)
      printOp(out, info);
  }
  return out;
}

} // namespace nm::isa
