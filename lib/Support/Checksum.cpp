//===- Checksum.cpp - Whether bytes are what they were -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Checksum.h"
#include "nm/Support/Bytes.h"

namespace nm::support {

uint64_t mixHash(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15;
  return hash ^ (hash >> 29);
}

/// Four independent lanes keep the multiplier busy.
uint64_t hashBytes(const void *data, uint64_t bytes) {
  const auto *from = static_cast<const unsigned char *>(data);
  uint64_t lanes[4] = {1, 2, 3, 4};
  uint64_t i = 0;
  for (; i + 32 <= bytes; i += 32)
    for (int lane = 0; lane < 4; ++lane)
      lanes[lane] =
          mixHash(lanes[lane], loadUnaligned<uint64_t>(from + i + lane * 8));
  uint64_t hash =
      mixHash(mixHash(mixHash(lanes[0], lanes[1]), lanes[2]), lanes[3]);
  for (; i < bytes; ++i)
    hash = mixHash(hash, from[i]);
  return mixHash(hash, bytes);
}

} // namespace nm::support
