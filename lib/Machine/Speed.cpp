//===- Speed.cpp - How fast this machine is, measured ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Machine/Speed.h"
#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <thread>

namespace nm::machine {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

const Bounds::Level &Bounds::levelOf(double bytes) const {
  for (const Level &level : levels)
    if (bytes <= static_cast<double>(level.bytes))
      return level;
  return levels.back();
}

/// Without the time in which others had the processor.
static double threadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         static_cast<double>(now.tv_nsec) * 1e-9;
}

double measureFrequency() {
  constexpr int64_t steps = 1 << 20, unroll = 8;
  double best = 0;
  for (int repeat = 0; repeat != 6; ++repeat) {
    uint64_t sum = 1, term = static_cast<uint64_t>(repeat) + 3;
    // Unknown: some cores add small constants as they rename registers, several
    // in a cycle.
    asm volatile("" : "+r"(term));
    double start = threadSeconds();
    for (int64_t step = 0; step != steps; ++step)
      for (int64_t i = 0; i != unroll; ++i) {
        sum += term;
        // Neither folded nor reordered.
        asm volatile("" : "+r"(sum) : "r"(term));
      }
    best = std::max(best, static_cast<double>(steps * unroll) /
                              (threadSeconds() - start));
  }
  return best;
}

/// Several streams: one alone does not keep enough of the memory busy.
static uint64_t sumOf(const uint64_t *data, size_t count) {
  constexpr size_t streams = 8;
  uint64_t sums[streams] = {};
  size_t part = count / streams;
  for (size_t i = 0; i < part; ++i)
    for (size_t stream = 0; stream != streams; ++stream)
      sums[stream] += data[stream * part + i];
  uint64_t sum = 0;
  for (uint64_t each : sums)
    sum += each;
  return sum;
}

double measureMemory(int threads, int64_t largestCacheBytes) {
  // Twice what caches hold, as far as a report may take: a guest sees only a
  // part of them.
  int64_t bytes = std::clamp<int64_t>(2 * largestCacheBytes, int64_t(64) << 20,
                                      int64_t(256) << 20);
  size_t count = static_cast<size_t>(bytes) / sizeof(uint64_t);
  std::unique_ptr<uint64_t[]> data(new uint64_t[count]);
  std::fill_n(data.get(), count, 1);
  size_t part = count / static_cast<size_t>(threads);
  double best = 0;
  for (int repeat = 0; repeat != 3; ++repeat) {
    std::vector<uint64_t> sums(static_cast<size_t>(threads));
    std::vector<std::thread> others;
    Clock::time_point start = Clock::now();
    for (size_t i = 1; i < sums.size(); ++i)
      others.emplace_back(
          [&, i] { sums[i] = sumOf(data.get() + i * part, part); });
    sums[0] = sumOf(data.get(), part);
    for (std::thread &other : others)
      other.join();
    double seconds = secondsSince(start);
    for (uint64_t sum : sums)
      asm volatile("" : : "r"(sum));
    best = std::max(best, static_cast<double>(bytes) / seconds);
  }
  return best;
}

static Bounds makeBounds(const Device &device, int threads, double frequencyHz,
                         double memory) {
  const HostUnit &host = device.host;
  Bounds bounds;
  bounds.threads = std::clamp<int>(threads, 1, static_cast<int>(host.cores));
  bounds.frequencyHz = frequencyHz;
  double cores = bounds.threads;
  bounds.flopsPerSecond = 2 * static_cast<double>(host.fmasPerCycle) *
                          static_cast<double>(host.vectorBits / 32) *
                          frequencyHz * cores;
  int number = 1;
  for (const CacheLevel &cache : host.caches) {
    int64_t copies = std::max<int64_t>(
        1, bounds.threads / std::max<int64_t>(1, cache.sharedBy));
    bounds.levels.push_back({"L" + std::to_string(number++),
                             cache.bytes * copies,
                             cache.bytesPerCycle * frequencyHz * cores});
  }
  bounds.levels.push_back({"memory", INT64_MAX, memory});
  return bounds;
}

Bounds measureBounds(const Device &device, int threads) {
  int used = std::clamp<int>(threads, 1, static_cast<int>(device.host.cores));
  return makeBounds(device, threads, measureFrequency(),
                    measureMemory(used, device.host.caches.back().bytes));
}

Bounds describeBounds(const Device &device, int threads) {
  return makeBounds(device, threads, static_cast<double>(device.frequencyHz),
                    device.dram.bytesPerSecond);
}

} // namespace nm::machine
