//===- Tables.h - What is printed from the description -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// nm/Isa/Instructions.def in the languages that do not read it: TableGen, the
// page of the instruction set, the schema of programs in JSON.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_ISA_TABLES_TABLES_H
#define NM_LIB_ISA_TABLES_TABLES_H

#include <string>

namespace nm::isa {

/// Enumerations of the attacc dialect, in TableGen.
std::string dialectEnums();
/// Operations of the attacc dialect that engines run, in TableGen.
std::string dialectOps();

/// docs/attacc-isa.md with its tables written anew; empty if it has no place
/// for one of them.
std::string withTables(const std::string &page);

/// The schema of programs with the fields of its instructions written anew.
/// Throws what json throws if `schema` is none.
std::string withFields(const std::string &schema);

} // namespace nm::isa

#endif // NM_LIB_ISA_TABLES_TABLES_H
