//===- Chain.cpp - rows of a window, each beside two that share much ------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Chain.h"
#include "nm/Runtime/Paired.h"
#include <cmath>

namespace nm::rt {

int64_t pairedSteps(int64_t length, int64_t n, int64_t m) {
  int64_t stored = length / m * n, most = 0;
  double density = double(n) / double(m);
  // What the best of some fifty rows has in common with what a row has left,
  // two standard deviations more than any has.
  for (int64_t next = kPairedStep; 2 * next <= stored; next += kPairedStep) {
    double left = double(stored - next);
    double best =
        left * density + 2 * std::sqrt(left * density * (1 - density));
    if (best < double(next) - 0.5 * kPairedStep)
      break;
    most = next;
  }
  return most / kPairedStep;
}

void BlockMasks::share(const uint64_t *a, const uint64_t *b, int64_t count,
                       uint64_t *to) const {
  int64_t excess = common(a, b) - count;
  for (int64_t w = words - 1; w >= 0; --w) {
    to[w] = a[w] & b[w];
    for (; excess > 0 && to[w] != 0; --excess)
      to[w] ^= uint64_t(1) << (63 - __builtin_clzll(to[w]));
  }
}

Chain::Chain(const BlockMasks &masks, int64_t rows, int64_t most)
    : masks(masks), rows(rows) {
  for (int64_t i = 0; i < rows; ++i)
    links[i].row = i;
  int64_t last = 0;
  for (int64_t steps = most; steps > 0 && steps > most - 2; --steps)
    last = extend(last, steps);
  extendGreedily(last, most);
  close(most);
}

/// What row `i` of the chain does not share with the one before it.
const uint64_t *Chain::rest(int64_t i) {
  const uint64_t *row = masks.row(links[i].row);
  if (i == 0)
    return row;
  masks.subtract(row, shared[i - 1], restBits);
  return restBits;
}

void Chain::link(int64_t i, const uint64_t *from, const uint64_t *to,
                 int64_t steps) {
  links[i].sharedSteps = steps;
  masks.share(from, to, steps * kPairedStep, shared[i]);
}

/// Moves the row at `place`, of those that are left, behind row `i`; twice
/// moves it back.
void Chain::take(int64_t i, int64_t place) {
  std::swap(links[i + 1].row, links[place].row);
}

/// Goes on from row `first` of the chain with links of `steps` steps. Where no
/// row has so much in common with what the last one has left, another takes the
/// last one's place. Returns the last row of the longest way found.
int64_t Chain::extend(int64_t first, int64_t steps) {
  constexpr int64_t kMostReturns = 128;
  int64_t i = first, from = i + 1, longest = first, returns = 0;
  uint16_t places[kMostWindow], order[kMostWindow];
  while (i + 1 < rows) {
    const uint64_t *left = rest(i);
    int64_t place = from;
    while (place < rows && masks.common(left, masks.row(links[place].row)) <
                               steps * kPairedStep)
      ++place;
    if (place < rows) {
      link(i, left, masks.row(links[place].row), steps);
      take(i, place);
      places[i++] = uint16_t(place);
      from = i + 1;
      continue;
    }
    if (i > longest) {
      longest = i;
      for (int64_t j = first; j < rows; ++j)
        order[j] = uint16_t(links[j].row);
    }
    if (i == first || ++returns > kMostReturns)
      break;
    --i;
    take(i, places[i]);
    from = places[i] + 1;
  }
  if (i >= longest)
    return i;
  for (int64_t j = first; j < rows; ++j)
    links[j].row = order[j];
  for (i = first; i < longest; ++i)
    link(i, rest(i), masks.row(links[i + 1].row), steps);
  return longest;
}

/// Goes on from row `first` to the last one, each time to the row that has most
/// in common with what the last one has left.
void Chain::extendGreedily(int64_t first, int64_t most) {
  for (int64_t i = first; i + 1 < rows; ++i) {
    const uint64_t *left = rest(i);
    int64_t best = -1, found = 0;
    for (int64_t j = i + 1; j < rows && best < most * kPairedStep; ++j)
      if (int64_t common = masks.common(left, masks.row(links[j].row));
          common > best)
        best = common, found = j;
    take(i, found);
    link(i, left, masks.row(links[i + 1].row),
         std::min(most, best / kPairedStep));
  }
}

/// The last row meets the first, of which some is shared already.
void Chain::close(int64_t most) {
  uint64_t first[kMostDepth / 64];
  masks.subtract(masks.row(links[0].row), shared[0], first);
  const uint64_t *left = rest(rows - 1);
  link(rows - 1, left, first,
       std::min(most, masks.common(left, first) / kPairedStep));
}

} // namespace nm::rt
