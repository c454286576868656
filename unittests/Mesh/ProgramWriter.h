//===- ProgramWriter.h - Programs of atoms, value by value -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_MESH_PROGRAMWRITER_H
#define NM_UNITTESTS_MESH_PROGRAMWRITER_H

#include "nm/Model/PifoMesh/Program.h"

namespace nm::mesh {

/// Each function adds a value and returns its number.
struct ProgramWriter {
  Program program;

  int add(Value value) {
    program.values.push_back(std::move(value));
    return static_cast<int>(program.values.size()) - 1;
  }
  int op(Op kind, unsigned bits, int a = -1, int b = -1, int c = -1) {
    Value value;
    value.op = kind;
    value.bits = bits;
    value.a = a;
    value.b = b;
    value.c = c;
    return add(std::move(value));
  }
  int constant(uint64_t number, unsigned bits = 64) {
    Value value;
    value.bits = bits;
    value.immediate = number;
    return add(std::move(value));
  }
};

} // namespace nm::mesh

#endif // NM_UNITTESTS_MESH_PROGRAMWRITER_H
