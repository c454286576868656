//===- Quantize.h - groups of four-bit integers with a scale --------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A group of a quantised weight is one scale times integers: GroupForm says of
// which type and range. With an f16 or bf16 scale the products are exact in
// f32, so that a dequantised weight still says which integers it was made of;
// with an f32 scale they are rounded once, and any scale that makes the same
// products will do.
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_QUANTIZE_H
#define NM_RUNTIME_QUANTIZE_H

#include "nm/Runtime/Pack.h"
#include <cstdint>
#include <string>

namespace nm::rt {

/// Integers of four bits.
constexpr int kLeastNibble = -8, kMostNibble = 7;

/// What the integers of a group are multiplied by. `zero` is what is added to
/// them where they are stored in 0 to 15: the zero point, or 8.
struct GroupScale {
  float scale = 0;
  int zero = 8;
};

/// Finds the scale (of either sign) and the integers of which `count` values
/// are the products, exactly; the sign of zeros does not count. False where
/// there are none of that form.
bool recoverGroup(const float *values, int64_t count, const GroupForm &form,
                  GroupScale &scale, int8_t *integers);

/// Whether every `group` consecutive elements along the axis of row-major f32
/// `dense` are of that form. Fails, and names the first that are not.
Status verifyScaled(const WeightDesc &desc, int64_t group,
                    const GroupForm &form, const float *dense,
                    const std::string &name);

/// What rounding did to a weight.
struct QuantizeStats {
  /// Squared norms of what it changed, and of the weight before.
  double changed = 0, all = 0;
  /// The norm of what it changed, relative to that of the weight.
  double relative() const;
};

/// Rounds row-major f32 `dense` in place: every `group` consecutive elements
/// along the axis become an f16 scale times the nearest integers. Of a few
/// scales for which the largest magnitude is one of the largest integers, that
/// of the least squared error is taken. Zeros stay zeros. Fails where a group
/// holds a NaN or an infinity or needs a scale beyond f16, and where `group`
/// (32, 64 or 128) does not divide the axis.
Result<QuantizeStats> quantizeGroups(const WeightDesc &desc, int64_t group,
                                     float *dense, const std::string &name);

} // namespace nm::rt

#endif // NM_RUNTIME_QUANTIZE_H
