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
  for (int64_t at = begin; at < end;) {
    if (segment == segments.end() || segment->first > at)
      return {Conflict::Unwritten, {}, at};
    if (segment->first < at)
      segment = split(segment, at);
    if (segment->second.end > end)
      split(segment, end);
    Segment &touched = segment->second;
    if (!precedes(touched.write, access, clock))
      return {Conflict::ReadEarly, touched.write, at};
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
  return {};
}

TouchedBytes::Conflict TouchedBytes::write(int64_t begin, int64_t end,
                                           const Access &access,
                                           const Clock &clock) {
  auto segment = find(begin);
  if (segment != segments.end() && segment->first < begin)
    segment = split(segment, begin);
  while (segment != segments.end() && segment->first < end) {
    if (segment->second.end > end)
      split(segment, end);
    const Segment &touched = segment->second;
    if (!precedes(touched.write, access, clock))
      return {Conflict::WriteEarly, touched.write, segment->first};
    for (const Access &read : touched.reads)
      if (!precedes(read, access, clock))
        return {Conflict::WriteEarly, read, segment->first};
    segment = segments.erase(segment);
  }
  segments.emplace_hint(segment, begin, Segment{end, access, {}});
  return {};
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

} // namespace nm::isa
