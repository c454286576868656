//===- Output.h - Departures as CSV and captures -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRAFFIC_OUTPUT_H
#define NM_TRAFFIC_OUTPUT_H

#include "nm/Support/OutputFile.h"
#include "nm/Traffic/Link.h"

namespace nm::traffic {

/// Receives departures in their order.
class DepartureWriter {
public:
  virtual ~DepartureWriter();
  virtual void write(const Departure &departure) = 0;
  /// Hands the last bytes to the file, which reports what went wrong with
  /// commit.
  virtual void finish() {}
};

/// Writers into a file that must live as long: lines
/// `departure,arrival,number,<columns>` with times in ns and `number` counting
/// arrivals from 0.
using WriterResult = support::Result<std::unique_ptr<DepartureWriter>>;
WriterResult openDepartureCsv(support::OutputFile &out, const Source &source);

/// A pcap file with times in nanoseconds: the bytes of the packets if the
/// source has them, else Ethernet, IPv4 and UDP headers made up from `length`,
/// `flow` and `tos`.
WriterResult openDeparturePcap(support::OutputFile &out, const Source &source);

} // namespace nm::traffic

#endif // NM_TRAFFIC_OUTPUT_H
