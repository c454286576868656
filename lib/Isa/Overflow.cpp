//===- Overflow.cpp - Numbers that a program's type does not hold ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Overflow.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace nm::isa {

/// The least magnitude that becomes infinity: half a unit of the last place
/// above the largest number, where rounding goes to the even one, beyond it.
static double boundOf(Type type) {
  switch (type) {
  case Type::F16:
    return 65520;
  case Type::BF16:
    return 0x1.ffp127;
  case Type::F32:
    return 0x1.ffffffp127;
  default:
    return std::numeric_limits<double>::infinity();
  }
}

void Overflow::add(double value, Type type, int64_t copies) {
  double magnitude = std::fabs(value);
  if (!(magnitude >= boundOf(type)) || std::isinf(magnitude))
    return;
  count += copies;
  largest = std::max(largest, magnitude);
}

std::string describe(const Tensor &tensor, const Overflow &overflow) {
  char largest[32];
  std::snprintf(largest, sizeof(largest), "%.3e", overflow.largest);
  return "tensor " +
         support::quote(tensor.key.empty() ? tensor.name : tensor.key) + ": " +
         std::to_string(overflow.count) + " of " +
         std::to_string(numElements(tensor.shape)) + " values are beyond " +
         toString(tensor.type) + " and become infinity, the largest is " +
         largest +
         (tensor.type == Type::F16
              ? "; bf16 (--element-type) has the range of f32"
              : "");
}

} // namespace nm::isa
