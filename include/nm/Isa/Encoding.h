//===- Encoding.h - Assembly, binary and JSON of programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three spellings of a program; each reads back to an equal one. Readers accept
// hostile input: sizes are checked before anything is allocated, what they
// return passes checkProgram, and errors name the place (byte, line and column,
// or JSON pointer), what was found and what was expected. docs/attacc-isa.md
// specifies them.
//
//===----------------------------------------------------------------------===//

#ifndef NM_ISA_ENCODING_H
#define NM_ISA_ENCODING_H

#include "nm/Isa/Program.h"
#include <string_view>

namespace nm::isa {

/// Magic "NMATTACC", version, section table, CRC-32 of each section.
std::string writeBinary(const Program &program);
Result<Program> readBinary(std::string_view bytes, const std::string &where);

/// One line an instruction, readable and diffable.
std::string writeAssembly(const Program &program);
Result<Program> readAssembly(std::string_view text, const std::string &where);
/// An object of docs/attacc-program.schema.json.
std::string writeJson(const Program &program);
Result<Program> readJson(std::string_view text, const std::string &where);

/// True if the bytes begin as a binary program does.
bool isBinary(std::string_view bytes);

} // namespace nm::isa

#endif // NM_ISA_ENCODING_H
