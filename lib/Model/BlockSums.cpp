//===- BlockSums.cpp - Sums over the steps of a unit ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the cost of a mapping is linear in (ExtendedTerms.h): products of the
// array, and logits that a causal mask passes over.
//
//===----------------------------------------------------------------------===//

#include "ExtendedTerms.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>

namespace nm::model {

using support::ceilDiv;

/// Adds `count` products of `r` rows and `k` keys that pass by `strip` at a
/// time, with outputs `width` wide at a time. Sums are added to, in the
/// accumulator's width.
static void addProducts(ProductSums &sums, const Device &device,
                        const AttentionShape &shape, int64_t b, int64_t r,
                        int64_t k, int64_t count, int64_t strip, int64_t width,
                        bool isFused) {
  int64_t a = device.array.rows, d = shape.headDim, v = shape.valueWidth();
  double wide = static_cast<double>(device.accumulatorBits) /
                static_cast<double>(device.elementBits);
  auto add = [&](int64_t keys, int64_t times) {
    if (!keys || !times)
      return;
    double c = static_cast<double>(count) * static_cast<double>(times);
    auto attend = [&](Stationarity s, auto price) {
      int64_t rest = v % width;
      return static_cast<double>(v / width) *
                 static_cast<double>(price(s, a, b, r, keys, width)) +
             (rest ? static_cast<double>(price(s, a, b, r, keys, rest)) : 0);
    };
    auto weighted = [&](Stationarity s, int64_t, int64_t b, int64_t m,
                        int64_t k, int64_t n) {
      return attendCycles(device, s, b, m, k, n, isFused);
    };
    for (int i = 0; i != kNumStationarities; ++i) {
      auto s = static_cast<Stationarity>(i);
      sums.logitCycles[i] +=
          c * static_cast<double>(productCycles(s, a, b, r, d, keys));
      sums.attendCycles[i] += c * attend(s, weighted);
      sums.logitTraffic[i] +=
          c * static_cast<double>(productTraffic(s, a, b, r, d, keys));
      sums.attendTraffic[i] += c * attend(s, productTraffic);
    }
  };
  add(strip, k / strip);
  add(k % strip, 1);
  // Each strip but the first of a step finds sums, and all write them.
  double again = static_cast<double>(count * (ceilDiv(k, strip) - 1)) *
                 static_cast<double>(r * v);
  for (double &traffic : sums.attendTraffic)
    traffic += again * (2 * wide - 1);
}

/// The sum of floor((first + i step) / divisor) for i below `count`.
static int64_t sumOfQuotients(int64_t count, int64_t step, int64_t first,
                              int64_t divisor) {
  int64_t sum = 0;
  while (true) {
    sum +=
        count * (count - 1) / 2 * (step / divisor) + count * (first / divisor);
    step %= divisor;
    first %= divisor;
    int64_t end = step * count + first;
    if (end < divisor)
      return sum;
    // The points below the line, column by column instead of row by row.
    count = end / divisor;
    first = end % divisor;
    std::swap(step, divisor);
  }
}

/// Of `count` groups of `rows` rows from row `begin` on, whose logits reach to
/// key `last`, those from the first key on that not all of a group see.
static int64_t maskedOf(const AttentionShape &shape, int64_t begin,
                        int64_t rows, int64_t count, int64_t last) {
  int64_t beside = last - 1 - (shape.keys - shape.queries);
  return rows *
         (count * beside - sumOfQuotients(count, rows, begin, shape.group()));
}

/// The same where the last one of the groups up to row `end` may be smaller.
static int64_t maskedOfGroups(const AttentionShape &shape, int64_t begin,
                              int64_t end, int64_t rows, int64_t last) {
  int64_t count = (end - begin) / rows, rest = begin + count * rows;
  return maskedOf(shape, begin, rows, count, last) +
         maskedOf(shape, rest, end - rest, rest < end, last);
}

/// What causal masks pass over.
static void addMasks(BlockSums &sums, const Device &device,
                     const AttentionShape &shape, int64_t rows, int64_t tile,
                     int64_t packed, int64_t strip) {
  int64_t total = foldedRows(shape), part = longerPart(rows, device.array.rows);
  int64_t softmax = softmaxRowsOf(device, shape, rows, packed, strip);
  for (int64_t begin = 0; begin < total; begin += rows) {
    int64_t end = std::min(total, begin + rows);
    int64_t last = keysSeen(shape, end), least = keysSeen(shape, begin + 1);
    if (tile) {
      int64_t all = least / tile, tiles = ceilDiv(last, tile);
      last = std::min(shape.keys, tiles * tile);
      if (last > least) {
        sums.maskedSteps += tiles - all;
        sums.maskedFirst += all == 0;
      }
    } else {
      sums.masked.unfused += maskedOfGroups(shape, begin, end, softmax, last);
    }
    sums.masked.whole += maskedOf(shape, begin, end - begin, 1, last);
    sums.masked.divided += maskedOfGroups(shape, begin, end, part, last);
  }
  if (tile) // never without fusion
    sums.masked.unfused = sums.masked.whole;
}

BlockSums sumSteps(const Device &device, const AttentionShape &shape,
                   int64_t rows, int64_t tile, int64_t packed, int64_t full) {
  int64_t a = device.array.rows, b = device.array.cols / packed;
  int64_t v = shape.valueWidth();
  int64_t segment = full ? device.array.cols / full : b;
  int64_t narrow = stripOf(device, segment, true),
          wide = stripOf(device, segment, false);
  BlockSums sums;
  forEachStep(shape, rows, tile, [&](int64_t r, int64_t k, int64_t count) {
    sums.steps += count;
    sums.rows += count * r;
    sums.keys += count * k;
    sums.area += count * r * k;
    sums.rowStrips += count * r * ceilDiv(k, b);
    sums.keyTiles += count * k * ceilDiv(r, a);
    sums.arrayTiles += count * ceilDiv(r, a) * ceilDiv(k, device.array.cols);
    auto add = [&](ProductSums &products, int64_t strip, int64_t width,
                   bool isFused = true) {
      addProducts(products, device, shape, b, r, k, count, strip, width,
                  isFused);
    };
    add(sums.whole, k, v);
    int64_t part = std::min(r, longerPart(rows, a));
    for (int64_t begin = 0; rows > a && begin < r; begin += part)
      addProducts(sums.divided, device, shape, b, std::min(part, r - begin), k,
                  count, k, v, true);
    if (tile)
      return;
    add(sums.narrow, narrow, v);
    addStrips(sums.narrowStrips, device, shape, packed, r, k, count, narrow);
    if (wide != narrow) {
      add(sums.wide, wide, v);
      addStrips(sums.wideStrips, device, shape, packed, r, k, count, wide);
    }
    if (v > b || device.array.doesSoftmax())
      add(sums.unfused, narrow, std::min(v, b), false);
  });
  if (shape.causal)
    addMasks(sums, device, shape, rows, tile, packed, narrow);
  if (wide == narrow) {
    sums.wide = sums.narrow;
    sums.wideStrips = sums.narrowStrips;
  }
  if (v <= b && !device.array.doesSoftmax())
    sums.unfused = sums.narrow;
  return sums;
}

} // namespace nm::model
