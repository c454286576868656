//===- ErrorFeedback.cpp - rounding by what a weight multiplies -----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/ErrorFeedback.h"
#include "Fibers.h"
#include "Memory.h"
#include "Support.h"
#include "Threads.h"
#include "nm/Support/Clones.h"
#include <algorithm>
#include <cmath>

namespace nm::rt {

/// Of the mean of the diagonal, added to it (arXiv 2210.17323, section 3.3).
static constexpr double kDamping = 0.01;

namespace {

/// Rows of the weight that are rounded side by side, a vector or two.
constexpr int64_t kRows = 16;
struct Rows {
  double of[kRows];
};

NM_CLONED(void, addProducts,
          (Rows & sum, const double *row, const Rows *vectors, int64_t count),
          (sum, row, vectors, count), {
            Rows all = sum;
            for (int64_t j = 0; j < count; ++j)
              for (int64_t r = 0; r < kRows; ++r)
                all.of[r] += row[j] * vectors[j].of[r];
            sum = all;
          })

NM_CLONED(void, addOuter,
          (double *row, const double *factors, const float *inputs,
           int64_t pitch, int64_t count),
          (row, factors, inputs, pitch, count), {
            for (int64_t j = 0; j < count; ++j)
              row[j] += factors[0] * double(inputs[j]) +
                        factors[1] * double(inputs[pitch + j]) +
                        (factors[2] * double(inputs[2 * pitch + j]) +
                         factors[3] * double(inputs[3 * pitch + j]));
          })

NM_CLONED(void, subtractOuter,
          (double *to, const double *factors, const double *from, int64_t pitch,
           int64_t count),
          (to, factors, from, pitch, count), {
            for (int64_t j = 0; j < count; ++j)
              to[j] -= factors[0] * from[j] + factors[1] * from[pitch + j] +
                       (factors[2] * from[2 * pitch + j] +
                        factors[3] * from[3 * pitch + j]);
          })

} // namespace

uint64_t InputGram::bytes(int64_t features) {
  return uint64_t(features) * uint64_t(features) * sizeof(double);
}

Result<std::unique_ptr<InputGram>> InputGram::make(int64_t features) {
  return guarded([&]() -> Result<std::unique_ptr<InputGram>> {
    if (Result<int64_t> count =
            checkedCount({features, features}, sizeof(double));
        !count)
      return count.error();
    std::unique_ptr<InputGram> gram(new InputGram);
    gram->size = features;
    gram->storage = allocateBuffer(bytes(features));
    std::fill_n(gram->data(), features * features, 0.0);
    return gram;
  });
}

void InputGram::add(const float *inputs, int64_t count) {
  constexpr int64_t kTogether = 4;
  int threads = threadsFor(size, size * size * int64_t(sizeof(double)));
  for (int64_t first = 0; first < count; first += kTogether) {
    const int64_t used = std::min(kTogether, count - first);
    const float *at = inputs + first * size;
#pragma omp parallel for schedule(static, 64) num_threads(threads)
    for (int64_t i = 0; i < size; ++i) {
      double *row = data() + i * size;
      if (used == kTogether) {
        const double factors[] = {at[i], at[size + i], at[2 * size + i],
                                  at[3 * size + i]};
        addOuter(row, factors, at, size, i + 1);
        continue;
      }
      for (int64_t t = 0; t < used; ++t)
        for (int64_t j = 0; j <= i; ++j)
          row[j] += double(at[t * size + i]) * double(at[t * size + j]);
    }
  }
}

Result<InputFactor> InputFactor::factor(std::unique_ptr<InputGram> gram) {
  const int64_t size = gram->features();
  double *h = gram->data();
  double sum = 0;
  int64_t live = 0;
  for (int64_t i = 0; i < size; ++i) {
    sum += h[i * size + i];
    live += h[i * size + i] != 0;
  }
  if (!std::isfinite(sum))
    return makeError(Errc::Mismatch,
                     "the inputs of calibration hold a NaN or an infinity, or "
                     "their squares overflow");
  InputFactor made;
  const double damping = live == 0 ? 0 : kDamping * sum / double(live);
  for (int64_t i = 0; i < size; ++i) {
    made.added.push_back(h[i * size + i] == 0 ? 1 : damping);
    h[i * size + i] += made.added.back();
  }
  // From the last row up, as H = L^T L asks for: rows of a block, then what
  // they leave of the rows above.
  constexpr int64_t kBlock = 32;
  int threads = threadsFor(size, size * size * int64_t(sizeof(double)));
  for (int64_t end = size; end > 0; end -= std::min(end, kBlock)) {
    const int64_t begin = std::max<int64_t>(0, end - kBlock);
    for (int64_t k = end - 1; k >= begin; --k) {
      double *row = h + k * size;
      if (!(row[k] > 0))
        return makeError(Errc::Mismatch,
                         "the inputs of calibration leave "
                         "feature ",
                         k, " no number that is positive");
      row[k] = std::sqrt(row[k]);
      for (int64_t j = 0; j < k; ++j)
        row[j] /= row[k];
      for (int64_t i = begin; i < k; ++i)
        for (int64_t j = 0; j <= i; ++j)
          h[i * size + j] -= row[i] * row[j];
    }
#pragma omp parallel for schedule(static, 16) num_threads(threads)
    for (int64_t i = 0; i < begin; ++i) {
      double *to = h + i * size;
      int64_t k = begin;
      for (; k + 4 <= end; k += 4) {
        const double *from = h + k * size;
        const double factors[] = {from[i], from[size + i], from[2 * size + i],
                                  from[3 * size + i]};
        subtractOuter(to, factors, from, size, i + 1);
      }
      for (; k < end; ++k)
        for (int64_t j = 0; j <= i; ++j)
          to[j] -= h[k * size + i] * h[k * size + j];
    }
  }
  made.gram = std::move(gram);
  return made;
}

namespace {

/// Some rows of a weight by features.
class RowTile {
public:
  RowTile(const FiberGeometry &geometry, const Groups &groups,
          const InputFactor &factor)
      : geometry(geometry), groups(groups), factor(factor),
        size(geometry.length), before(size_t(size)), fed(size_t(size)),
        nearest(size_t(size)), rounded(size_t(size * kRows)),
        isKept(size_t(size * kRows)), sums(size_t(groups.size)) {}

  /// Rounds rows `first` to `first + count`, `count` at most kRows. The number
  /// of the first group without scale, -1 where all have one.
  int64_t round(int64_t first, int64_t count, const Mask *mask, float *dense,
                FeedbackStats &stats);

private:
  /// What comes to feature k of a vector of features before `begin`.
  struct Sums {
    Rows before, fed, nearest;
  };

  bool keeps(int64_t k, int64_t r) const {
    return isKept[size_t(k * kRows + r)];
  }
  bool roundGroup(int64_t begin, int64_t r);
  void addSquares(int64_t begin, int64_t count, FeedbackStats &stats) const;

  const FiberGeometry &geometry;
  const Groups &groups;
  const InputFactor &factor;
  int64_t size;
  /// The weight, and what either way of rounding takes off it.
  std::vector<Rows> before, fed, nearest;
  std::vector<float> rounded;
  std::vector<unsigned char> isKept;
  std::vector<Sums> sums; ///< of the features of a group
};

} // namespace

/// Rounds a group of row `r` of the tile. False if no scale serves.
bool RowTile::roundGroup(int64_t begin, int64_t r) {
  float values[128];
  // What the features are to be now that those before are rounded.
  double wanted[128]; // of w - q
  for (int64_t i = 0; i < groups.size; ++i) {
    const int64_t k = begin + i;
    const double *row = factor.row(k);
    double left = sums[size_t(i)].fed.of[r];
    for (int64_t j = 0; j < i; ++j)
      left += row[begin + j] * wanted[j];
    wanted[i] = -left / row[k];
    values[i] = keeps(k, r) ? float(before[size_t(k)].of[r] - wanted[i]) : 0.0F;
  }
  std::optional<float> scale = chooseScale(values, groups.size, groups.form);
  if (!scale)
    return false;
  for (int64_t i = 0; i < groups.size; ++i) {
    const int64_t k = begin + i;
    const double *row = factor.row(k);
    double left = sums[size_t(i)].fed.of[r], w = before[size_t(k)].of[r];
    for (int64_t j = 0; j < i; ++j)
      left += row[begin + j] * fed[size_t(begin + j)].of[r];
    float target = float(w + left / row[k]);
    float q = keeps(k, r) ? roundToGroup(target, *scale, groups.form) : 0.0F;
    rounded[size_t(k * kRows + r)] = q;
    fed[size_t(k)].of[r] = w - double(q);
  }
  for (int64_t i = 0; i < groups.size; ++i) {
    const int64_t k = begin + i;
    values[i] = keeps(k, r) ? float(before[size_t(k)].of[r]) : 0.0F;
  }
  scale = chooseScale(values, groups.size, groups.form);
  if (!scale)
    return false;
  for (int64_t i = 0; i < groups.size; ++i)
    nearest[size_t(begin + i)].of[r] =
        before[size_t(begin + i)].of[r] -
        double(roundToGroup(values[i], *scale, groups.form));
  return true;
}

int64_t RowTile::round(int64_t first, int64_t count, const Mask *mask,
                       float *dense, FeedbackStats &stats) {
  for (int64_t k = 0; k < size; ++k)
    for (int64_t r = 0; r < kRows; ++r) {
      int64_t at = geometry.offset(first + std::min(r, count - 1), k);
      before[size_t(k)].of[r] = r < count ? double(dense[at]) : 0;
      isKept[size_t(k * kRows + r)] = !mask || mask->test(at);
    }
  for (int64_t begin = 0; begin < size; begin += groups.size) {
    for (int64_t i = 0; i < groups.size; ++i) {
      const double *row = factor.row(begin + i);
      Sums &all = sums[size_t(i)];
      all = {};
      addProducts(all.before, row, before.data(), begin);
      addProducts(all.fed, row, fed.data(), begin);
      addProducts(all.nearest, row, nearest.data(), begin);
    }
    for (int64_t r = 0; r < count; ++r)
      if (!roundGroup(begin, r))
        return (first + r) * (size / groups.size) + begin / groups.size;
    addSquares(begin, count, stats);
  }
  for (int64_t k = 0; k < size; ++k)
    for (int64_t r = 0; r < count; ++r)
      dense[geometry.offset(first + r, k)] = rounded[size_t(k * kRows + r)];
  return -1;
}

/// Of the entries of a group of L times the weight and what changes in it,
/// without what damping adds.
void RowTile::addSquares(int64_t begin, int64_t count,
                         FeedbackStats &stats) const {
  for (int64_t i = 0; i < groups.size; ++i) {
    const size_t k = size_t(begin + i);
    const double *row = factor.row(begin + i) + begin;
    Sums all = sums[size_t(i)];
    addProducts(all.before, row, &before[size_t(begin)], i + 1);
    addProducts(all.fed, row, &fed[size_t(begin)], i + 1);
    addProducts(all.nearest, row, &nearest[size_t(begin)], i + 1);
    const double damping = factor.damping(begin + i);
    auto add = [&](double &to, const Rows &entries, const Rows &changes) {
      for (int64_t r = 0; r < count; ++r)
        to += entries.of[r] * entries.of[r] -
              damping * changes.of[r] * changes.of[r];
    };
    add(stats.outputs, all.before, before[k]);
    add(stats.fed, all.fed, fed[k]);
    add(stats.nearest, all.nearest, nearest[k]);
  }
}

Result<FeedbackStats> roundWithFeedback(const WeightDesc &desc,
                                        const Groups &groups,
                                        const InputFactor &factor,
                                        const Mask *mask, float *dense,
                                        const std::string &name) {
  return guarded([&]() -> Result<FeedbackStats> {
    NM_RETURN_IF_ERROR(checkGroups(desc, groups.size, name));
    FiberGeometry geometry(desc.shape, desc.axis, 1, 1);
    if (geometry.length != factor.features())
      return makeError(Errc::Mismatch, "tensor ", quote(name), ": dimension ",
                       desc.axis, " has size ", geometry.length,
                       ", but the inputs of calibration have ",
                       factor.features(), " features");
    const int64_t tiles = ceilDiv(geometry.rows, kRows);
    std::vector<FeedbackStats> stats(static_cast<size_t>(tiles));
    int64_t first = INT64_MAX;
    const int64_t threads =
        threadsFor(tiles, geometry.rows * geometry.length * 64);
    std::vector<RowTile> workers(size_t(threads),
                                 RowTile(geometry, groups, factor));
#pragma omp parallel for schedule(static, 1) num_threads(int(threads))         \
    reduction(min : first)
    for (int64_t w = 0; w < threads; ++w)
      for (int64_t t = w; t < tiles; t += threads) {
        int64_t row = t * kRows;
        int64_t bad =
            workers[size_t(w)].round(row, std::min(kRows, geometry.rows - row),
                                     mask, dense, stats[size_t(t)]);
        if (bad >= 0)
          first = std::min(first, bad);
      }
    if (first != INT64_MAX)
      return unscaledGroup(desc, groups, first, name);
    FeedbackStats all;
    for (const FeedbackStats &each : stats) {
      all.outputs += std::max(0.0, each.outputs);
      all.nearest += std::max(0.0, each.nearest);
      all.fed += std::max(0.0, each.fed);
    }
    return all;
  });
}

} // namespace nm::rt
