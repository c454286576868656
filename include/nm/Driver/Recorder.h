//===- Recorder.h - What compiled code tells while it runs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Code that nm-insert-measures went through calls nm_measure_begin and its kin.
// One recorder at a time takes what they say, from the thread that runs the
// code.
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_RECORDER_H
#define NM_DRIVER_RECORDER_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mlir::nm::driver {

/// Of a measured operation: the least time that it took in a run, and the work
/// that it did in the last one.
struct Measured {
  int64_t calls = 0, flops = 0, read = 0, written = 0;
  double ms = 0;
};

/// Bytes of live buffers from a moment of the run on.
struct LiveBytes {
  double ms;
  int64_t bytes;
};

class Recorder {
public:
  /// For code with so many measured operations.
  explicit Recorder(size_t count) : best(count), run(count) {}
  Recorder(const Recorder &) = delete;
  Recorder &operator=(const Recorder &) = delete;

  /// Around each call of the code.
  void beginRun();
  void endRun();

  const std::vector<Measured> &operations() const { return best; }
  /// Milliseconds of the fastest run.
  double runMs() const { return leastMs; }
  int runs() const { return count; }
  /// Of the last run; every change up to a hundred thousand.
  const std::vector<LiveBytes> &memory() const { return live; }
  /// The most at once, in the last run.
  int64_t peakBytes() const { return peak; }

  /// What compiled code calls.
  static void begin(int64_t id);
  static void end(int64_t id, int64_t flops, int64_t read, int64_t written);
  static void changeMemory(int64_t bytes);

private:
  using Clock = std::chrono::steady_clock;
  static double msSince(Clock::time_point start);

  std::vector<Measured> best, run;
  std::vector<LiveBytes> live;
  int64_t liveBytes = 0, peak = 0;
  int count = 0;
  double leastMs = 0;
  Clock::time_point runStart, operationStart;
};

} // namespace mlir::nm::driver

#endif // NM_DRIVER_RECORDER_H
