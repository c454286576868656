//===- Overflow.h - Numbers that a program's type does not hold -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_ISA_OVERFLOW_H
#define NM_ISA_OVERFLOW_H

#include "nm/Isa/Program.h"

namespace nm::isa {

/// Elements that are finite where they come from and not in a tensor of a
/// narrower type.
struct Overflow {
  int64_t count = 0;
  /// The largest magnitude among them.
  double largest = 0;

  /// Notes `copies` elements of `value` on their way into `type`.
  void add(double value, Type type, int64_t copies = 1);
};

/// "tensor 'x': 2 of 64 values are beyond f16 and become infinity, ...": a line
/// for the user, without an end.
std::string describe(const Tensor &tensor, const Overflow &overflow);

} // namespace nm::isa

#endif // NM_ISA_OVERFLOW_H
