//===- TestUtil.h - Packets by hand -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_TRAFFIC_TESTUTIL_H
#define NM_UNITTESTS_TRAFFIC_TESTUTIL_H

#include "nm/Traffic/Link.h"
#include <map>
#include <random>

namespace nm::traffic::test {

/// One row per packet: the time, then the columns.
using Rows = std::vector<std::vector<uint64_t>>;

class ListSource : public Source {
public:
  ListSource(std::vector<std::string> columns, Rows rows)
      : rows(std::move(rows)) {
    names = std::move(columns);
  }
  Status next(Arrival &arrival) override {
    if (at == rows.size())
      return Status::End;
    arrival.time = static_cast<int64_t>(rows[at][0]);
    arrival.values = rows[at].data() + 1;
    ++at;
    return Status::Packet;
  }

private:
  Rows rows;
  size_t at = 0;
};

/// What left, when, and what was refused.
struct Trace {
  std::vector<std::pair<uint64_t, int64_t>> departures;
  std::vector<std::vector<uint64_t>> values;
  Totals totals;
  std::string error;

  std::vector<uint64_t> order() const {
    std::vector<uint64_t> numbers;
    for (auto [number, time] : departures)
      numbers.push_back(number);
    return numbers;
  }
};

/// What was opened, or null and why not.
template <typename T> T opened(support::Result<T> result, std::string &error) {
  if (result)
    return std::move(*result);
  error = result.error().message;
  return nullptr;
}

inline Trace run(Source &source, Scheduler &scheduler, Link link) {
  Trace trace;
  size_t columns = source.columns().size();
  support::Status status = simulate(
      source, scheduler, link,
      {[&](const Departures &block) {
         for (size_t i = 0; i < block.count; ++i) {
           if (block.departure[i] < 0)
             continue;
           Departure departure = block[i];
           trace.departures.push_back({departure.number, departure.departure});
           trace.values.push_back(
               {departure.values, departure.values + columns});
         }
       },
       /*wantsValues=*/true},
      trace.totals);
  trace.error = status ? "" : status.error().message;
  return trace;
}

} // namespace nm::traffic::test

#endif // NM_UNITTESTS_TRAFFIC_TESTUTIL_H
