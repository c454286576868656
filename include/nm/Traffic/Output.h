//===- Output.h - Files that are whole or not there -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRAFFIC_OUTPUT_H
#define NM_TRAFFIC_OUTPUT_H

#include "nm/Traffic/Link.h"
#include <cstdio>

namespace nm::traffic {

/// Writes to a temporary file beside `path`, which takes its place with
/// commit(). Without that, nothing remains. `-` is standard output.
class Output {
public:
  static std::unique_ptr<Output> open(const std::string &path,
                                      std::string &error);
  ~Output();
  FILE *file() const { return handle; }
  bool commit(std::string &error);

private:
  Output() = default;
  FILE *handle = nullptr;
  std::string path, temporary;
};

bool writeFile(const std::string &path, const std::string &text,
               std::string &error);

/// Receives departures in their order.
class DepartureWriter {
public:
  virtual ~DepartureWriter();
  virtual void write(const Departure &departure) = 0;
  /// Makes the file appear.
  virtual bool finish(std::string &error) = 0;
};

/// Lines `departure,arrival,number,<columns>` with times in ns and `number`
/// counting arrivals from 0.
std::unique_ptr<DepartureWriter> openDepartureCsv(const std::string &path,
                                                  const Source &source,
                                                  std::string &error);

/// A pcap file with times in nanoseconds: the bytes of the packets if the
/// source has them, else Ethernet, IPv4 and UDP headers made up from `length`,
/// `flow` and `tos`.
std::unique_ptr<DepartureWriter> openDeparturePcap(const std::string &path,
                                                   const Source &source,
                                                   std::string &error);

} // namespace nm::traffic

#endif // NM_TRAFFIC_OUTPUT_H
