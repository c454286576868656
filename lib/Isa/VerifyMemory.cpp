//===- VerifyMemory.cpp - Who last touched which bytes ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VerifyMemory.h"
#include <algorithm>

namespace nm::isa {

/// Whether `other` has ended when `access` begins; an engine works in order.
static bool precedes(const Access &other, const Access &access,
                     const Clock &clock) {
  return other.queue < 0 || other.queue == access.queue ||
         other.number <= clock[other.queue];
}

TouchedBytes::Segments::iterator TouchedBytes::find(int64_t begin) {
  auto segment = segments.upper_bound(begin);
  if (segment != segments.begin() && std::prev(segment)->second.end > begin)
    --segment;
  return segment;
}

TouchedBytes::Segments::iterator TouchedBytes::split(Segments::iterator segment,
                                                     int64_t at) {
  if (at <= segment->first || at >= segment->second.end)
    return segment;
  Segment tail = segment->second;
  segment->second.end = at;
  return segments.emplace_hint(std::next(segment), at, std::move(tail));
}

TouchedBytes::Conflict TouchedBytes::read(int64_t begin, int64_t end,
                                          const Access &access,
                                          const Clock &clock) {
  auto segment = find(begin);
  int64_t visits = 0;
  for (int64_t at = begin; at < end;) {
    if (segment == segments.end() || segment->first > at)
      return {Conflict::Unwritten, {}, at, visits};
    ++visits;
    if (segment->first < at)
      segment = split(segment, at);
    if (segment->second.end > end)
      split(segment, end);
    Segment &touched = segment->second;
    if (!precedes(touched.write, access, clock))
      return {Conflict::ReadEarly, touched.write, at, visits};
    auto mine = std::find_if(
        touched.reads.begin(), touched.reads.end(),
        [&](const Access &read) { return read.queue == access.queue; });
    if (mine == touched.reads.end())
      touched.reads.push_back(access);
    else
      *mine = access;
    at = touched.end;
    ++segment;
  }
  return {Conflict::None, {}, 0, visits};
}

TouchedBytes::Conflict TouchedBytes::write(int64_t begin, int64_t end,
                                           const Access &access,
                                           const Clock &clock) {
  auto segment = find(begin);
  int64_t visits = 0;
  if (segment != segments.end() && segment->first < begin)
    segment = split(segment, begin);
  while (segment != segments.end() && segment->first < end) {
    ++visits;
    if (segment->second.end > end)
      split(segment, end);
    const Segment &touched = segment->second;
    if (!precedes(touched.write, access, clock))
      return {Conflict::WriteEarly, touched.write, segment->first, visits};
    for (const Access &read : touched.reads)
      if (!precedes(read, access, clock))
        return {Conflict::WriteEarly, read, segment->first, visits};
    segment = segments.erase(segment);
  }
  segments.emplace_hint(segment, begin, Segment{end, access, {}});
  return {Conflict::None, {}, 0, visits};
}

void TouchedBytes::settle() {
  for (auto segment = segments.begin(); segment != segments.end();) {
    segment->second.write = {};
    segment->second.reads.clear();
    auto next = std::next(segment);
    while (next != segments.end() && next->first == segment->second.end) {
      segment->second.end = next->second.end;
      next = segments.erase(next);
    }
    segment = next;
  }
}

bool TouchedBytes::isWritten(int64_t begin, int64_t end) const {
  auto segment = segments.upper_bound(begin);
  if (segment == segments.begin())
    return begin >= end;
  --segment;
  while (begin < end) {
    if (segment == segments.end() || segment->first > begin ||
        segment->second.end <= begin)
      return false;
    begin = segment->second.end;
    ++segment;
  }
  return true;
}

bool TouchedBytes::operator==(const TouchedBytes &other) const {
  return std::equal(segments.begin(), segments.end(), other.segments.begin(),
                    other.segments.end(), [](auto &a, auto &b) {
                      return a.first == b.first &&
                             a.second.end == b.second.end &&
                             a.second.write == b.second.write &&
                             a.second.reads == b.second.reads;
                    });
}

void TouchedRows::join(int64_t first, int64_t last) {
  for (auto band = bands.find(first);
       band != bands.end() && band->first < last;) {
    auto next = std::next(band);
    while (next != bands.end() && next->first < last &&
           next->first == band->second.end &&
           next->second.bytes == band->second.bytes) {
      band->second.end = next->second.end;
      pieces -= next->second.bytes.size();
      next = bands.erase(next);
    }
    band = next;
  }
}

TouchedRows::Bands::iterator TouchedRows::bandAt(int64_t row, int64_t last,
                                                 bool create) {
  auto band = bands.upper_bound(row);
  if (band == bands.begin() || std::prev(band)->second.end <= row) {
    if (!create)
      return bands.end();
    if (band != bands.end())
      last = std::min(last, band->first);
    return bands.emplace_hint(band, row, Band{last, {}});
  }
  --band;
  auto cut = [&](int64_t at) {
    Band tail = band->second;
    pieces += tail.bytes.size();
    band->second.end = at;
    return bands.emplace_hint(std::next(band), at, std::move(tail));
  };
  if (band->first < row)
    band = cut(row);
  if (band->second.end > last)
    cut(last);
  return band;
}

TouchedRows::Conflict TouchedRows::touch(bool isRead, int64_t first,
                                         int64_t last, int64_t begin,
                                         int64_t end, const Access &access,
                                         const Clock &clock) {
  Conflict result;
  bool isParted = false;
  for (int64_t row = first; row < last;) {
    auto band = bandAt(row, last, /*create=*/!isRead);
    if (band == bands.end())
      return {Conflict::Unwritten, {}, row * pitch + begin, result.visits};
    TouchedBytes &bytes = band->second.bytes;
    pieces -= bytes.size();
    Conflict conflict = isRead ? bytes.read(begin, end, access, clock)
                               : bytes.write(begin, end, access, clock);
    pieces += bytes.size();
    result.visits += conflict.visits + 1;
    if (conflict.kind != Conflict::None) {
      conflict.byte += row * pitch;
      conflict.visits = result.visits;
      return conflict;
    }
    // Parts of a box that were read one by one are one again when written.
    isParted |= row != first;
    row = band->second.end;
  }
  if (isParted && !isRead)
    join(first, last);
  return result;
}

TouchedRows::Conflict TouchedRows::touchRun(bool isRead, int64_t begin,
                                            int64_t end, const Access &access,
                                            const Clock &clock) {
  int64_t row = begin / pitch, column = begin % pitch;
  if (column + end - begin <= pitch)
    return touch(isRead, row, row + 1, column, column + end - begin, access,
                 clock);
  // The rest of the first row, whole ones, and what is left of the last.
  Conflict result;
  int64_t whole = column ? row + 1 : row, last = end / pitch;
  auto part = [&](int64_t from, int64_t to, int64_t low, int64_t high) {
    if (from >= to || low >= high || result.kind != Conflict::None)
      return;
    int64_t visits = result.visits;
    result = touch(isRead, from, to, low, high, access, clock);
    result.visits += visits;
  };
  if (column)
    part(row, row + 1, column, pitch);
  part(whole, last, 0, pitch);
  part(last, last + 1, 0, end % pitch);
  return result;
}

void TouchedRows::settle() {
  pieces = 0;
  for (auto &[row, band] : bands) {
    band.bytes.settle();
    pieces += band.bytes.size();
  }
  if (!bands.empty())
    join(bands.begin()->first, std::prev(bands.end())->second.end);
}

bool TouchedRows::isWritten(int64_t first, int64_t last, int64_t begin,
                            int64_t end) const {
  while (first < last) {
    auto band = bands.upper_bound(first);
    if (band == bands.begin())
      return false;
    --band;
    if (band->second.end <= first || !band->second.bytes.isWritten(begin, end))
      return false;
    first = band->second.end;
  }
  return true;
}

} // namespace nm::isa
