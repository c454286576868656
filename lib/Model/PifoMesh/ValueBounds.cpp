//===- ValueBounds.cpp - Bits that an atom program's values need ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Proofs.h"
#include <algorithm>

namespace nm::mesh {

/// The bits of a number, at least one.
static unsigned bitsOf(uint64_t value) {
  unsigned bits = 1;
  while (value >>= 1)
    ++bits;
  return bits;
}

unsigned boundOfValue(const Program &program,
                      const std::vector<unsigned> &bounds, const Value &value) {
  unsigned bound = value.bits;
  auto of = [&](int operand) { return bounds[operand]; };
  switch (value.op) {
  case Op::Const:
    bound = bitsOf(value.immediate);
    break;
  case Op::Lookup: {
    uint64_t all = 0;
    for (uint64_t entry : value.table)
      all |= entry;
    bound = bitsOf(all);
    break;
  }
  case Op::Add:
    bound = std::max(of(value.a), of(value.b)) + 1;
    break;
  case Op::Mul:
    bound = of(value.a) + of(value.b);
    break;
  case Op::And:
    bound = std::min(of(value.a), of(value.b));
    break;
  case Op::Or:
  case Op::Xor:
    bound = std::max(of(value.a), of(value.b));
    break;
  case Op::Select:
    bound = std::max(of(value.b), of(value.c));
    break;
  case Op::Shl: {
    const Value &amount = program.values[value.b];
    if (amount.op == Op::Const && amount.immediate < value.bits)
      bound = of(value.a) + static_cast<unsigned>(amount.immediate);
    break;
  }
  case Op::LShr: {
    const Value &amount = program.values[value.b];
    bound = of(value.a);
    if (amount.op == Op::Const)
      bound = bound > amount.immediate ? bound - amount.immediate : 1;
    break;
  }
  case Op::ZExt:
  case Op::Trunc:
    bound = of(value.a);
    break;
  case Op::SExt:
    // The sign bit is known to be clear.
    if (of(value.a) < program.values[value.a].bits)
      bound = of(value.a);
    break;
  default:
    break;
  }
  return std::min(bound, value.bits);
}

} // namespace nm::mesh
