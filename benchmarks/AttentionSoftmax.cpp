//===- AttentionSoftmax.cpp - The softmax between a peer's products -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// As good as a library's: vectors of eight, the polynomial of nm's own kernels,
// the scale folded into the exponent. Compiled for this machine.
//
//===----------------------------------------------------------------------===//

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace {

typedef float Vector __attribute__((vector_size(32), aligned(4)));
typedef int32_t Words __attribute__((vector_size(32)));

Vector exp2(Vector x) {
  Vector low = Vector{} - 127.0f, magic = Vector{} + 12583039.0f;
  x = x > low ? x : low;
  Vector rounded = x + magic;
  Vector f = x - (rounded - magic);
  Words bits;
  std::memcpy(&bits, &rounded, sizeof(bits));
  bits <<= 23;
  Vector power;
  std::memcpy(&power, &bits, sizeof(bits));
  Vector p = Vector{} + 0.000155946778f;
  p = p * f + 0.00134066434f;
  p = p * f + 0.00961769279f;
  p = p * f + 0.0555031039f;
  p = p * f + 0.240226522f;
  p = p * f + 0.693147242f;
  p = p * f + 1.0f;
  return p * power;
}

void softmaxRow(float *x, int64_t live, int64_t keys, float scale) {
  int64_t wide = live / 8 * 8;
  Vector maxima = Vector{} - INFINITY;
  for (int64_t i = 0; i < wide; i += 8) {
    Vector v = *reinterpret_cast<Vector *>(x + i);
    maxima = v > maxima ? v : maxima;
  }
  float maximum = -INFINITY;
  for (int lane = 0; lane < 8; ++lane)
    maximum = std::max(maximum, maxima[lane]);
  for (int64_t i = wide; i < live; ++i)
    maximum = std::max(maximum, x[i]);
  float factor = scale * 1.44269504f, shift = -maximum * factor;
  Vector sums = {};
  for (int64_t i = 0; i < wide; i += 8) {
    Vector &v = *reinterpret_cast<Vector *>(x + i);
    v = exp2(v * factor + shift);
    sums += v;
  }
  float sum = 0;
  for (int lane = 0; lane < 8; ++lane)
    sum += sums[lane];
  for (int64_t i = wide; i < live; ++i)
    sum += x[i] = std::exp2(x[i] * factor + shift);
  float inverse = 1 / sum;
  for (int64_t i = 0; i < wide; i += 8)
    *reinterpret_cast<Vector *>(x + i) *= inverse;
  for (int64_t i = wide; i < live; ++i)
    x[i] *= inverse;
  std::fill(x + live, x + keys, 0.0f);
}

} // namespace

namespace nm::bench {
void softmaxRows(float *x, int64_t rows, int64_t keys, int64_t offset,
                 float scale, int threads) {
  auto run = [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      int64_t live = offset == keys ? keys : offset + row;
      softmaxRow(x + row * keys, std::clamp<int64_t>(live, 0, keys), keys,
                 scale);
    }
  };
  std::vector<std::thread> workers;
  for (int t = 1; t < threads; ++t)
    workers.emplace_back(run, rows * t / threads, rows * (t + 1) / threads);
  run(0, rows / threads);
  for (std::thread &worker : workers)
    worker.join();
}
} // namespace nm::bench
