//===- Peers.h - The dense libraries that products are compared with -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_PEERS_H
#define NM_BENCHMARKS_PEERS_H

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nm::bench {

/// y = x w^T for row-major f32 x (tokens x depth), w (rows x depth) and
/// y (tokens x rows).
struct Peer {
  std::string name;
  std::function<void(const float *x, const float *w, float *y, int64_t tokens,
                     int64_t rows, int64_t depth)>
      product;
};

/// OpenBLAS, BLIS and oneDNN, as far as they are installed. Each is loaded by
/// itself, since two of them export the same symbols. `threads` is set in
/// their own ways; call this before anything else uses them.
std::vector<Peer> loadPeers(int threads);

} // namespace nm::bench

#endif // NM_BENCHMARKS_PEERS_H
