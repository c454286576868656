//===- FuzzTraffic.h - what a source of packets has to keep to ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_FUZZ_FUZZTRAFFIC_H
#define NM_FUZZ_FUZZTRAFFIC_H

#include "nm/Traffic/Source.h"
#include <cstdlib>

namespace nm::traffic {

/// Reads what `opened` delivers.
/// An error without a message is a defect, and so are times that decrease.
inline void readAll(const SourceResult &opened) {
  if (!opened) {
    if (opened.error().message.empty())
      std::abort();
    return;
  }
  const std::unique_ptr<Source> &source = *opened;
  Arrival arrival;
  int64_t last = 0;
  volatile uint64_t sum = 0;
  Source::Status status;
  while ((status = source->next(arrival)) == Source::Status::Packet) {
    if (arrival.time < last)
      std::abort();
    last = arrival.time;
    for (size_t i = 0; i < source->columns().size(); ++i)
      sum = sum + arrival.values[i];
  }
  if (status == Source::Status::Error && source->error().empty())
    std::abort();
}

} // namespace nm::traffic

#endif // NM_FUZZ_FUZZTRAFFIC_H
