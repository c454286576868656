//===- GroupMasks.cpp - Masks that kernels do not choose -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GroupMasks.h"
#include "../Threads.h"
#include <algorithm>
#include <cmath>
#include <omp.h>

namespace nm::rt {

namespace {
/// The mask of one tensor. Groups share no element, but bytes of the mask.
class MaskChoice {
public:
  struct Member {
    uint32_t key;
    int64_t number;
  };
  /// What a thread needs, allocated before any of them runs.
  struct Scratch {
    std::vector<Member> members;
    std::vector<int64_t> row, column;
  };
  Scratch makeScratch() const {
    Scratch scratch;
    scratch.members.reserve(size_t(p.transposable ? m * m : m));
    scratch.row.resize(size_t(m));
    scratch.column.resize(size_t(m));
    return scratch;
  }

  MaskChoice(const Parameter &parameter, int64_t n, int64_t m)
      : p(parameter), shape(parameter.desc.shape), n(n), m(m),
        weights(parameter.weights()), mask(parameter.mask.get()) {
    strides.assign(shape.size(), 1);
    for (size_t dim = shape.size(); dim-- > 1;)
      strides[dim - 1] = strides[dim] * shape[dim];
    block = p.block.empty() ? std::vector<int64_t>(shape.size(), 1) : p.block;
    // Of each dimension, what one group takes.
    units = block;
    units[size_t(p.axis)] *= m;
    if (p.transposable)
      units[size_t(p.otherAxis)] *= m;
    offsetsOfBlock();
  }

  int64_t groups() const {
    int64_t count = 1;
    for (size_t dim = 0; dim < shape.size(); ++dim)
      count *= shape[dim] / units[dim];
    return count;
  }

  /// Group number `group`, in row-major order; returns what changed.
  int64_t choose(int64_t group, Scratch &scratch) const {
    int64_t first = 0;
    for (size_t dim = shape.size(); dim-- > 0;) {
      int64_t count = shape[dim] / units[dim];
      first += group % count * units[dim] * strides[dim];
      group /= count;
    }
    return p.transposable ? chooseSquare(first, scratch)
                          : chooseBlocks(first, scratch);
  }

private:
  const Parameter &p;
  const std::vector<int64_t> &shape;
  int64_t n, m;
  const float *weights;
  uint8_t *mask;
  std::vector<int64_t> strides, block, units;
  /// Of the elements of a block, in row-major order.
  std::vector<int64_t> offsets;

  void offsetsOfBlock() {
    offsets = {0};
    for (size_t dim = 0; dim < shape.size(); ++dim) {
      std::vector<int64_t> next;
      for (int64_t offset : offsets)
        for (int64_t i = 0; i < block[dim]; ++i)
          next.push_back(offset + i * strides[dim]);
      offsets = std::move(next);
    }
  }

  /// Larger magnitudes first, ties by number.
  static void sortMembers(std::vector<Member> &members) {
    std::sort(members.begin(), members.end(),
              [](const Member &a, const Member &b) {
                return a.key != b.key ? a.key > b.key : a.number < b.number;
              });
  }
  static uint32_t keyOf(float magnitude) {
    uint32_t bits;
    std::memcpy(&bits, &magnitude, sizeof(bits));
    return std::min(bits & 0x7fffffff, uint32_t(0x7f800001));
  }

  bool put(int64_t at, bool keep) const {
    auto bit = static_cast<uint8_t>(1u << (at & 7));
    uint8_t before =
        keep ? __atomic_fetch_or(mask + (at >> 3), bit, __ATOMIC_RELAXED)
             : __atomic_fetch_and(mask + (at >> 3), uint8_t(~bit),
                                  __ATOMIC_RELAXED);
    return ((before & bit) != 0) != keep;
  }

  int64_t chooseBlocks(int64_t first, Scratch &scratch) const {
    int64_t step = block[size_t(p.axis)] * strides[size_t(p.axis)];
    std::vector<Member> &members = scratch.members;
    members.clear();
    for (int64_t member = 0; member < m; ++member) {
      float sum = 0;
      for (int64_t offset : offsets)
        sum = sum + std::fabs(weights[first + member * step + offset]);
      members.push_back({keyOf(sum), member});
    }
    sortMembers(members);
    int64_t changed = 0;
    for (int64_t place = 0; place < m; ++place)
      for (int64_t offset : offsets)
        changed += put(first + members[size_t(place)].number * step + offset,
                       place < n);
    return changed;
  }

  int64_t chooseSquare(int64_t first, Scratch &scratch) const {
    // Rows are along the lower dimension.
    int64_t low = strides[size_t(std::min(p.axis, p.otherAxis))];
    int64_t high = strides[size_t(std::max(p.axis, p.otherAxis))];
    auto at = [&](int64_t number) {
      return first + number / m * low + number % m * high;
    };
    std::vector<Member> &members = scratch.members;
    members.clear();
    for (int64_t number = 0; number < m * m; ++number)
      members.push_back({keyOf(weights[at(number)]), number});
    sortMembers(members);
    std::vector<int64_t> &row = scratch.row, &column = scratch.column;
    std::fill(row.begin(), row.end(), 0);
    std::fill(column.begin(), column.end(), 0);
    int64_t changed = 0;
    for (const Member &member : members) {
      int64_t &inRow = row[size_t(member.number / m)];
      int64_t &inColumn = column[size_t(member.number % m)];
      bool keep = inRow < n && inColumn < n;
      inRow += keep;
      inColumn += keep;
      changed += put(at(member.number), keep);
    }
    return changed;
  }
};
} // namespace

int64_t chooseMask(const Parameter &parameter, int64_t n, int64_t m) {
  MaskChoice choice(parameter, n, m);
  int64_t groups = parameter.count ? choice.groups() : 0, changed = 0;
  int threads = threadsFor(groups, parameter.count * 4);
  std::vector<MaskChoice::Scratch> scratch;
  for (int thread = 0; thread < threads; ++thread)
    scratch.push_back(choice.makeScratch());
#pragma omp parallel for schedule(static) num_threads(threads)                 \
    reduction(+ : changed)
  for (int64_t group = 0; group < groups; ++group)
    changed += choice.choose(group, scratch[size_t(omp_get_thread_num())]);
  return changed;
}

} // namespace nm::rt
