//===- Recorder.cpp - What compiled code tells while it runs ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Recorder.h"
#include <algorithm>

using namespace mlir::nm::driver;

/// The recorder that receives measurements of running code.
static Recorder *current = nullptr;

double Recorder::msSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

void Recorder::beginRun() {
  std::fill(run.begin(), run.end(), Measured());
  live.clear();
  liveBytes = peak = 0;
  current = this;
  runStart = Clock::now();
}

void Recorder::endRun() {
  double ms = msSince(runStart);
  current = nullptr;
  leastMs = count == 0 ? ms : std::min(leastMs, ms);
  for (size_t i = 0; i != run.size(); ++i) {
    double least = count == 0 ? run[i].ms : std::min(best[i].ms, run[i].ms);
    best[i] = run[i];
    best[i].ms = least;
  }
  ++count;
}

void Recorder::begin(int64_t) {
  if (current)
    current->operationStart = Clock::now();
}

void Recorder::end(int64_t id, int64_t flops, int64_t read, int64_t written) {
  if (!current)
    return;
  double ms = msSince(current->operationStart);
  Measured &operation = current->run[static_cast<size_t>(id)];
  ++operation.calls;
  operation.flops += flops;
  operation.read += read;
  operation.written += written;
  operation.ms += ms;
}

void Recorder::changeMemory(int64_t bytes) {
  constexpr size_t most = 100000;
  if (!current)
    return;
  current->liveBytes += bytes;
  current->peak = std::max(current->peak, current->liveBytes);
  if (current->live.size() < most)
    current->live.push_back({msSince(current->runStart), current->liveBytes});
}
