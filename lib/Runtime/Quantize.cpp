//===- Quantize.cpp - groups of four-bit integers with a scale ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Quantize.h"
#include "Fibers.h"
#include "Support.h"
#include "Threads.h"
#include <algorithm>
#include <cmath>

namespace nm::rt {

using support::bf16ToFloat;
using support::f16ToFloat;
using support::floatToBf16;
using support::floatToF16;

/// The nearest number of a scale's type.
static float roundToType(float value, DType type) {
  if (type == DType::F16)
    return f16ToFloat(floatToF16(value));
  return type == DType::BF16 ? bf16ToFloat(floatToBf16(value)) : value;
}

/// The magnitude of which integers of a form may be: the largest but for one,
/// which a scale of the other sign turns into the least.
static int mostMagnitude(const GroupForm &form) { return form.zeros ? 16 : 8; }

/// The integers of `values` for one scale, or false.
static bool divideExactly(const float *values, int64_t count,
                          const GroupForm &form, GroupScale &scale,
                          int8_t *integers) {
  const int most = mostMagnitude(form);
  int least = most, largest = -most;
  for (int64_t i = 0; i < count; ++i) {
    float integer = std::nearbyint(values[i] / scale.scale);
    if (!(std::fabs(integer) <= float(most)) ||
        integer * scale.scale != values[i])
      return false;
    integers[i] = static_cast<int8_t>(integer);
    least = std::min(least, int(integer));
    largest = std::max(largest, int(integer));
  }
  // The range reaches further down than up.
  if (largest == most) {
    scale.scale = -scale.scale;
    for (int64_t i = 0; i < count; ++i)
      integers[i] = static_cast<int8_t>(-integers[i]);
    std::swap(least, largest);
    least = -least;
    largest = -largest;
  }
  scale.zero = form.zeros ? std::max(0, -least) : -kLeastNibble;
  return largest + scale.zero <= kMostNibble - kLeastNibble;
}

bool recoverGroup(const float *values, int64_t count, const GroupForm &form,
                  GroupScale &scale, int8_t *integers) {
  float most = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i]))
      return false;
    most = std::max(most, std::fabs(values[i]));
  }
  scale = {0, form.zeros ? 0 : -kLeastNibble};
  if (most == 0) {
    std::fill(integers, integers + count, int8_t(0));
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
struct Groups {
  FiberGeometry geometry;
  int64_t group, perRow;

  Groups(const WeightDesc &desc, int64_t group)
      : geometry(desc.shape, desc.axis, 1, 1), group(group),
        perRow(geometry.length / group) {}

  void read(const float *dense, int64_t row, int64_t g, float *values) const {
    for (int64_t i = 0; i < group; ++i)
      values[i] = dense[geometry.offset(row, g * group + i)];
  }
  void write(float *dense, int64_t row, int64_t g, const float *values) const {
    for (int64_t i = 0; i < group; ++i)
      dense[geometry.offset(row, g * group + i)] = values[i];
  }

  /// Calls `body(row, group)` for all, in parallel by rows, until one returns
  /// false in a row. Returns the first such group, -1 if there is none.
  template <typename Body> int64_t forEach(Body body) const {
    int64_t first = INT64_MAX;
    int threads =
        threadsFor(geometry.rows, geometry.rows * geometry.length * int64_t(4));
#pragma omp parallel for schedule(static) num_threads(threads)                 \
    reduction(min : first)
    for (int64_t row = 0; row < geometry.rows; ++row)
      for (int64_t g = 0; g < perRow; ++g)
        if (!body(row, g)) {
          first = std::min(first, row * perRow + g);
          break;
        }
    return first == INT64_MAX ? -1 : first;
  }
};

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

std::string nameGroup(const WeightDesc &desc, int64_t group, int64_t index) {
  int64_t perRow = desc.shape[size_t(desc.axis)] / group;
  return describeGroup(desc.shape, desc.axis, group, index / perRow,
                       index % perRow);
}

/// Largest integers that the largest magnitude of a group may become. All but
/// the last leave room on the other side.
constexpr float kTops[] = {8, 7.75F, 7.5F, 7.25F, 7};

/// The nearest of the integers for a scale, as values, and their squared error.
double roundTo(float scale, const float *values, int64_t count, float *result) {
  double error = 0;
  for (int64_t i = 0; i < count; ++i) {
    float integer = std::clamp(std::nearbyint(values[i] / scale),
                               float(kLeastNibble), float(kMostNibble));
    result[i] = integer == 0 ? 0.0F : integer * scale;
    double difference = double(values[i]) - double(result[i]);
    error += difference * difference;
  }
  return error;
}

/// Rounds one group. False if no scale serves.
bool roundGroup(float *values, int64_t count, double &changed, double &all) {
  float most = 0;
  changed = all = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (!std::isfinite(values[i]))
      return false;
    if (std::fabs(values[i]) > std::fabs(most))
      most = values[i];
    all += double(values[i]) * double(values[i]);
  }
  if (most == 0)
    return true;
  float best[128] = {}, tried[128];
  changed = all; // all zeros, where the scale is too small for f16
  bool isFound = std::fabs(most) < 1;
  for (float top : kTops) {
    // The largest magnitude becomes -8, or nearly.
    float scale = f16ToFloat(floatToF16(-most / top));
    if (!std::isfinite(scale) || scale == 0)
      continue;
    isFound = true;
    double error = roundTo(scale, values, count, tried);
    if (error < changed) {
      changed = error;
      std::copy(tried, tried + count, best);
    }
  }
  std::copy(best, best + count, values);
  return isFound;
}

} // namespace

Status verifyScaled(const WeightDesc &desc, int64_t group,
                    const GroupForm &form, const float *dense,
                    const std::string &name) {
  return guarded([&]() -> Status {
    NM_RETURN_IF_ERROR(checkGroups(desc, group, name));
    Groups groups(desc, group);
    int64_t first = groups.forEach([&](int64_t row, int64_t g) {
      float values[128];
      int8_t integers[128];
      GroupScale scale;
      groups.read(dense, row, g, values);
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
                                     float *dense, const std::string &name) {
  return guarded([&]() -> Result<QuantizeStats> {
    NM_RETURN_IF_ERROR(checkGroups(desc, group, name));
    Groups groups(desc, group);
    std::vector<QuantizeStats> rows(size_t(groups.geometry.rows));
    int64_t first = groups.forEach([&](int64_t row, int64_t g) {
      float values[128];
      groups.read(dense, row, g, values);
      double changed, all;
      if (!roundGroup(values, group, changed, all))
        return false;
      rows[size_t(row)].changed += changed;
      rows[size_t(row)].all += all;
      groups.write(dense, row, g, values);
      return true;
    });
    if (first >= 0)
      return makeError(Errc::Mismatch, "tensor ", quote(name), ": ",
                       nameGroup(desc, group, first),
                       " holds a NaN, an infinity or a magnitude that no f16 "
                       "scale reaches in four bits");
    QuantizeStats stats;
    for (const QuantizeStats &row : rows) {
      stats.changed += row.changed;
      stats.all += row.all;
    }
    return stats;
  });
}

} // namespace nm::rt
