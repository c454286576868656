//===- Quantize.h - groups of integers with a scale -----------------------===//
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
#include <optional>
#include <string>
#include <string_view>

namespace nm::rt {

/// Groups as options name them.
struct Groups {
  int64_t size = 0;
  GroupForm form = {};
};
/// Of `i4:64` and the like; none of anything else.
std::optional<Groups> parseGroups(std::string_view text);

/// What the integers of a group are multiplied by. `zero` is what is added to
/// them where they are stored from 0 on: the zero point, or the form's middle.
struct GroupScale {
  float scale = 0;
  int zero = 0;
};

/// Finds the scale (of either sign) and the integers of which `count` values
/// are the products, exactly; the sign of zeros does not count. False where
/// there are none of that form.
bool recoverGroup(const float *values, int64_t count, const GroupForm &form,
                  GroupScale &scale, int16_t *integers);

/// Whether every `group` consecutive elements along the axis of row-major f32
/// `dense` are of that form. Fails, and names the first that are not.
Status verifyScaled(const WeightDesc &desc, int64_t group,
                    const GroupForm &form, const float *dense,
                    const std::string &name);

/// The f16 scale of a group of at most 128 values: of a few for which the
/// largest magnitude is one of the largest integers, that of the least squared
/// error; 0 where all integers are zero. None where a value is no number or
/// needs a scale beyond f16.
std::optional<float> chooseScale(const float *values, int64_t count,
                                 const GroupForm &form);

/// The nearest of the integers, times the scale.
float roundToGroup(float value, float scale, const GroupForm &form);

/// Fails where `group` (32, 64 or 128) does not divide the axis, and where the
/// weight is not of f32.
Status checkGroups(const WeightDesc &desc, int64_t group,
                   const std::string &name);

/// The error of group `index`, in the order of rows, that has no scale.
Error unscaledGroup(const WeightDesc &desc, const Groups &groups, int64_t index,
                    const std::string &name);

/// What rounding did to a weight.
struct QuantizeStats {
  /// Squared norms of what it changed, and of the weight before.
  double changed = 0, all = 0;
  /// The norm of what it changed, relative to that of the weight.
  double relative() const;
};

/// Rounds row-major f32 `dense` in place: every `group` consecutive elements
/// along the axis become an f16 scale times the nearest integers of `form.bits`
/// bits. Of a few scales for which the largest magnitude is one of the largest
/// integers, that of the least squared error is taken. Zeros stay zeros. Fails
/// where a group holds a NaN or an infinity or needs a scale beyond f16, and
/// where `group` (32, 64 or 128) does not divide the axis.
Result<QuantizeStats> quantizeGroups(const WeightDesc &desc, int64_t group,
                                     const GroupForm &form, float *dense,
                                     const std::string &name);

} // namespace nm::rt

#endif // NM_RUNTIME_QUANTIZE_H
