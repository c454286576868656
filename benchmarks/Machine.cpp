//===- Machine.cpp - Measured ceilings of this machine -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <chrono>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace nm::bench;

namespace {

using Clock = std::chrono::steady_clock;
/// The widest vectors of this machine, which generated kernels use as well:
/// with narrower ones the peak of a machine with AVX-512 would come out at one
/// half.
#ifdef __AVX512F__
constexpr int vectorBytes = 64;
#else
constexpr int vectorBytes = 32;
#endif
typedef float Vector __attribute__((vector_size(vectorBytes)));
typedef unsigned long long Words __attribute__((vector_size(vectorBytes)));

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Twelve independent chains keep two multiply-add units of latency four busy.
double measureFlops() {
  constexpr int chains = 12;
  constexpr long steps = 2000000;
  double best = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    Vector acc[chains];
    for (int i = 0; i < chains; ++i)
      acc[i] = Vector{} + float(i);
    Vector a = Vector{} + 0.999f, c = Vector{} + 0.001f;
    Clock::time_point start = Clock::now();
    for (long step = 0; step < steps; ++step) {
#pragma GCC unroll 12
      for (int i = 0; i < chains; ++i)
        acc[i] = acc[i] * a + c;
      asm volatile("" ::: "memory");
    }
    double elapsed = since(start);
    for (int i = 0; i < chains; ++i)
      asm volatile("" ::"x"(acc[i]));
    constexpr int lanes = sizeof(Vector) / sizeof(float);
    best = std::max(best, 2.0 * lanes * chains * steps / elapsed);
  }
  return best;
}

/// What exceeds every cache.
size_t uncachedBytes() {
  long last = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return std::max(size_t(256) << 20, 3 * size_t(std::max(last, 0L)));
}

/// Four streams, as a single one does not saturate the memory of this class of
/// machine.
void readAll(const Words *data, size_t count) {
  constexpr size_t streams = 4;
  Words sums[streams] = {};
  size_t part = count / streams;
  for (size_t i = 0; i < part; ++i)
    for (size_t s = 0; s < streams; ++s)
      sums[s] += data[s * part + i];
  for (Words &sum : sums)
    asm volatile("" ::"x"(sum));
}

} // namespace

double nm::bench::measureReadBandwidth(int threads) {
  std::vector<Words> data(uncachedBytes() / sizeof(Words));
  std::fill(data.begin(), data.end(), Words{} + 1);
  size_t part = data.size() / size_t(threads);
  double best = 0;
  for (int repeat = 0; repeat < 4; ++repeat) {
    Clock::time_point start = Clock::now();
    std::vector<std::thread> others;
    for (int t = 1; t < threads; ++t)
      others.emplace_back(readAll, &data[size_t(t) * part], part);
    readAll(data.data(), part);
    for (std::thread &other : others)
      other.join();
    best = std::max(best, double(data.size() * sizeof(Words)) / since(start));
  }
  return best;
}

Machine nm::bench::measureMachine() {
  return {measureFlops(), measureReadBandwidth(1)};
}

void nm::bench::printMachine(llvm::raw_ostream &os, const Machine &machine,
                             int threads) {
  os << llvm::formatv("peak {0:f1} GFLOP/s, memory {1:f1} GB/s (one thread); "
                      "{2} thread(s)\n",
                      machine.flops / 1e9, machine.bandwidth / 1e9, threads);
}

double nm::bench::boundSeconds(const Machine &machine, double flops,
                               double bytes, int threads) {
  // One thread draws more than half of the memory's bandwidth; two about 1.8
  // times as much. Compute scales with the threads.
  double bandwidth = machine.bandwidth * (threads > 1 ? 1.8 : 1.0);
  return std::max(flops / (machine.flops * threads), bytes / bandwidth);
}
