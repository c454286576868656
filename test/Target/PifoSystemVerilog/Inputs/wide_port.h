//===- wide_port.h - Ports of any width of a Verilator module -------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "verilated.h"
#include <cstddef>
#include <cstdint>
#include <vector>

/// Bits `low` to `low + bits - 1` of what was 0.
inline void setBits(uint64_t *words, unsigned low, unsigned bits,
                    uint64_t value) {
  for (unsigned i = 0; i < bits; ++i)
    if ((value >> i) & 1)
      words[(low + i) / 64] |= uint64_t(1) << ((low + i) % 64);
}

// Verilator's ports are integers up to 64 bits, lists of 32-bit words beyond.
template <typename T> void put(T &port, const std::vector<uint64_t> &words) {
  port = static_cast<T>(words[0]);
}
template <std::size_t N>
void put(VlWide<N> &port, const std::vector<uint64_t> &words) {
  for (std::size_t i = 0; i < N; ++i)
    port.at(i) = static_cast<EData>(words[i / 2] >> (32 * (i % 2)));
}
template <typename T> void get(const T &port, std::vector<uint64_t> &words) {
  words[0] = port;
}
template <std::size_t N>
void get(const VlWide<N> &port, std::vector<uint64_t> &words) {
  for (std::size_t i = 0; i < N; ++i)
    words[i / 2] |= uint64_t(port.at(i)) << (32 * (i % 2));
}
