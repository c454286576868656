//===- Quantize.cpp - groups of integers with a scale ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Quantize.h"
#include "Fibers.h"
#include "Support.h"
#include "Threads.h"
#include "nm/Support/Clones.h"
#include <algorithm>
#include <cmath>
#include <type_traits>

namespace nm::rt {

using support::bf16ToFloat;
using support::f16ToFloat;
using support::floatToBf16;
using support::floatToF16;

std::optional<Groups> parseGroups(std::string_view text) {
  for (int64_t bits : {4, 8})
    for (int64_t size : {32, 64, 128})
      if (text == "i" + std::to_string(bits) + ":" + std::to_string(size))
        return Groups{size, {DType::F16, false, bits}};
  return std::nullopt;
}

/// The nearest number of a scale's type.
static float roundToType(float value, DType type) {
  if (type == DType::F16)
    return f16ToFloat(floatToF16(value));
  return type == DType::BF16 ? bf16ToFloat(floatToBf16(value)) : value;
}

/// The magnitude of which integers of a form may be: that of the least.
static int mostMagnitude(const GroupForm &form) {
  return form.zeros ? form.mostZero() : form.middle();
}

/// The integers of `values` for one scale, or false.
static bool divideExactly(const float *values, int64_t count,
                          const GroupForm &form, GroupScale &scale,
                          int16_t *integers) {
  const int most = mostMagnitude(form);
  int least = most, largest = -most;
  for (int64_t i = 0; i < count; ++i) {
    float integer = std::nearbyint(values[i] / scale.scale);
    if (!(std::fabs(integer) <= float(most)) ||
        integer * scale.scale != values[i])
      return false;
    integers[i] = static_cast<int16_t>(integer);
    least = std::min(least, int(integer));
    largest = std::max(largest, int(integer));
  }
  // The range reaches further down than up.
  if (largest >
      (form.zeros ? form.mostStored() - form.leastZero() : form.most())) {
    scale.scale = -scale.scale;
    for (int64_t i = 0; i < count; ++i)
      integers[i] = static_cast<int16_t>(-integers[i]);
    std::swap(least, largest);
    least = -least;
    largest = -largest;
  }
  scale.zero = form.zeros ? std::max(form.leastZero(), -least) : form.middle();
  return scale.zero <= mostMagnitude(form) &&
         largest + scale.zero <= form.mostStored();
}

bool recoverGroup(const float *values, int64_t count, const GroupForm &form,
                  GroupScale &scale, int16_t *integers) {
  float most = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i]))
      return false;
    most = std::max(most, std::fabs(values[i]));
  }
  scale = {0, form.zeros ? form.leastZero() : form.middle()};
  if (most == 0) {
    std::fill(integers, integers + count, int16_t(0));
    return true;
  }
  // The largest magnitude is an integer times the scale. Where it was rounded,
  // the scale is one of the neighbours of the quotient.
  const int reach = form.scale == DType::F32 ? 2 : 0;
  for (int integer = mostMagnitude(form); integer >= 1; --integer) {
    float quotient =
        roundToType(most / static_cast<float>(integer), form.scale);
    for (int step = 0; step <= 2 * reach; ++step) {
      float tried = quotient;
      for (int i = 0; i < (step + 1) / 2; ++i)
        tried = std::nextafter(tried, step % 2 != 0 ? INFINITY : 0);
      scale.scale = tried;
      if (tried != 0 && std::isfinite(tried) &&
          tried * static_cast<float>(integer) == most &&
          divideExactly(values, count, form, scale, integers))
        return true;
    }
  }
  return false;
}

namespace {

/// The groups of a weight, one after the other in the order of their rows.
struct GroupsOfRows {
  FiberGeometry geometry;
  int64_t group, perRow;

  GroupsOfRows(const WeightDesc &desc, int64_t group)
      : geometry(desc.shape, desc.axis, 1, 1), group(group),
        perRow(geometry.length / group) {}

  /// Calls `body(row, group, values)` for all, in parallel by rows; what it
  /// changes of `values` is stored unless `dense` is const. Returns the first
  /// group for which it is false, -1 if there is none.
  template <typename Float, typename Body>
  int64_t forEach(Float *dense, Body body) const {
    // Elements of rows that are strided share cache lines with those of the
    // rows beside them, and the next element of a row may be pages away.
    constexpr int64_t kTogether = 16;
    const int64_t together = std::min(kTogether, geometry.inner);
    const int64_t perOuter = ceilDiv(geometry.inner, together);
    const int64_t tiles = geometry.rows / geometry.inner * perOuter;
    int64_t first = INT64_MAX;
    int threads =
        threadsFor(tiles, geometry.rows * geometry.length * int64_t(4));
#pragma omp parallel for schedule(static) num_threads(threads)                 \
    reduction(min : first)
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t begin = tile % perOuter * together;
      const int64_t row = tile / perOuter * geometry.inner + begin;
      const int64_t count = std::min(together, geometry.inner - begin);
      float values[kTogether][128];
      for (int64_t g = 0; g < perRow; ++g) {
        Float *at = dense + geometry.offset(row, g * group);
        for (int64_t i = 0; i < group; ++i)
          for (int64_t r = 0; r < count; ++r)
            values[r][i] = at[i * geometry.inner + r];
        for (int64_t r = 0; r < count; ++r)
          if (!body(row + r, g, values[r]))
            first = std::min(first, (row + r) * perRow + g);
        if constexpr (!std::is_const_v<Float>)
          for (int64_t i = 0; i < group; ++i)
            for (int64_t r = 0; r < count; ++r)
              at[i * geometry.inner + r] = values[r][i];
      }
    }
    return first == INT64_MAX ? -1 : first;
  }
};

std::string nameGroup(const WeightDesc &desc, int64_t group, int64_t index) {
  int64_t perRow = desc.shape[size_t(desc.axis)] / group;
  return describeGroup(desc.shape, desc.axis, group, index / perRow,
                       index % perRow);
}

/// What the largest magnitude of a group may become, less than the largest of
/// integers. All but the first leave room on the other side.
constexpr float kBelowMost[] = {0, 0.25F, 0.5F, 0.75F, 1};

/// As roundToGroup, for a scale that is not zero.
NM_INLINE float nearest(float value, float scale, float least, float most) {
  float integer = std::nearbyint(value / scale);
  integer = integer < least ? least : integer > most ? most : integer;
  return integer == 0 ? 0.0F : integer * scale;
}

/// The nearest of the integers for a scale, as values, and their squared error.
/// `result` is other memory.
NM_CLONED(double, roundAll,
          (const float *__restrict values, int64_t count, float scale,
           float least, float most, float *__restrict result),
          (values, count, scale, least, most, result), {
            for (int64_t i = 0; i < count; ++i)
              result[i] = nearest(values[i], scale, least, most);
            constexpr int64_t kLanes = 8;
            double errors[kLanes] = {};
            int64_t i = 0;
            for (; i + kLanes <= count; i += kLanes)
              for (int64_t lane = 0; lane < kLanes; ++lane) {
                double difference =
                    double(values[i + lane]) - double(result[i + lane]);
                errors[lane] += difference * difference;
              }
            for (; i < count; ++i) {
              double difference = double(values[i]) - double(result[i]);
              errors[0] += difference * difference;
            }
            double error = 0;
            for (double each : errors)
              error += each;
            return error;
          })

double roundTo(float scale, const GroupForm &form, const float *values,
               int64_t count, float *result) {
  return roundAll(values, count, scale, float(form.least()), float(form.most()),
                  result);
}

/// Rounds one group. False if no scale serves.
bool roundGroup(float *values, int64_t count, const GroupForm &form,
                double &changed, double &all) {
  all = 0;
  for (int64_t i = 0; i < count; ++i)
    all += double(values[i]) * double(values[i]);
  changed = all;
  std::optional<float> scale = chooseScale(values, count, form);
  float rounded[128] = {};
  if (scale && *scale != 0)
    changed = roundTo(*scale, form, values, count, rounded);
  std::copy(rounded, rounded + count, values);
  return scale.has_value();
}

} // namespace

Status checkGroups(const WeightDesc &desc, int64_t group,
                   const std::string &name) {
  NM_RETURN_IF_ERROR(checkPattern(desc.shape, desc.axis, 1, 1));
  int64_t length = desc.shape[size_t(desc.axis)];
  if (group != 32 && group != 64 && group != 128)
    return makeError(Errc::Argument, "tensor ", quote(name), ": groups of ",
                     group, ", expected 32, 64 or 128");
  if (length % group != 0)
    return makeError(Errc::Argument, "tensor ", quote(name), ": dimension ",
                     desc.axis, " has size ", length, ", which groups of ",
                     group, " do not divide");
  if (desc.dtype != DType::F32)
    return makeError(Errc::Argument, "tensor ", quote(name), " is of ",
                     dtypeName(desc.dtype), ", expected f32");
  return {};
}

Error unscaledGroup(const WeightDesc &desc, const Groups &groups, int64_t index,
                    const std::string &name) {
  return makeError(Errc::Mismatch, "tensor ", quote(name), ": ",
                   nameGroup(desc, groups.size, index),
                   " holds a NaN, an infinity or a magnitude that no f16 scale "
                   "reaches in ",
                   groups.form.bits, " bits");
}

float roundToGroup(float value, float scale, const GroupForm &form) {
  if (scale == 0)
    return 0;
  return nearest(value, scale, float(form.least()), float(form.most()));
}

std::optional<float> chooseScale(const float *values, int64_t count,
                                 const GroupForm &form) {
  float most = 0;
  // Of all zeros, where the scale is too small for f16.
  double least = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i]))
      return std::nullopt;
    if (std::fabs(values[i]) > std::fabs(most))
      most = values[i];
    least += double(values[i]) * double(values[i]);
  }
  if (most == 0)
    return 0.0F;
  float best = 0, tried[128];
  bool isFound = std::fabs(most) < 1;
  for (float below : kBelowMost) {
    // The largest magnitude becomes the least integer, or nearly.
    float scale = f16ToFloat(floatToF16(most / (float(form.least()) + below)));
    if (!std::isfinite(scale) || scale == 0)
      continue;
    isFound = true;
    double error = roundTo(scale, form, values, count, tried);
    if (error < least) {
      least = error;
      best = scale;
    }
  }
  return isFound ? std::optional<float>(best) : std::nullopt;
}

Status verifyScaled(const WeightDesc &desc, int64_t group,
                    const GroupForm &form, const float *dense,
                    const std::string &name) {
  return guarded([&]() -> Status {
    NM_RETURN_IF_ERROR(checkGroups(desc, group, name));
    GroupsOfRows groups(desc, group);
    int64_t first =
        groups.forEach(dense, [&](int64_t, int64_t, const float *values) {
          int16_t integers[128];
          GroupScale scale;
          return recoverGroup(values, group, form, scale, integers);
        });
    if (first < 0)
      return {};
    return makeError(Errc::Mismatch, "tensor ", quote(name), ": ",
                     nameGroup(desc, group, first), " is no ", form.describe());
  });
}

double QuantizeStats::relative() const {
  return all == 0 ? 0 : std::sqrt(changed / all);
}

Result<QuantizeStats> quantizeGroups(const WeightDesc &desc, int64_t group,
                                     const GroupForm &form, float *dense,
                                     const std::string &name) {
  return guarded([&]() -> Result<QuantizeStats> {
    NM_RETURN_IF_ERROR(checkGroups(desc, group, name));
    GroupsOfRows groups(desc, group);
    std::vector<QuantizeStats> rows(size_t(groups.geometry.rows));
    int64_t first =
        groups.forEach(dense, [&](int64_t row, int64_t, float *values) {
          double changed, all;
          if (!roundGroup(values, group, form, changed, all))
            return false;
          rows[size_t(row)].changed += changed;
          rows[size_t(row)].all += all;
          return true;
        });
    if (first >= 0)
      return unscaledGroup(desc, {group, form}, first, name);
    QuantizeStats stats;
    for (const QuantizeStats &row : rows) {
      stats.changed += row.changed;
      stats.all += row.all;
    }
    return stats;
  });
}

} // namespace nm::rt
