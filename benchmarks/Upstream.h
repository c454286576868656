//===- Upstream.h - The same product by MLIR's own sparsifier -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_UPSTREAM_H
#define NM_BENCHMARKS_UPSTREAM_H

#include "CompiledProduct.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"

namespace nm::bench {

/// Y = W X by `sparse_tensor` with a structured[n, m] level and MLIR's
/// `--sparsifier`, vectorised over the columns. One thread, f32 weights, m up
/// to 128. The weight is stored ahead of the run, and activations and results
/// lie the way that suits it (depth x tokens, rows x tokens), transposed
/// outside the timing. Upstream takes every group for full, as those of
/// ProductData are; on under-full groups its results are wrong.
class UpstreamProduct {
public:
  static bool supports(const ProductCase &product, int threads) {
    return threads == 1 && product.dtype == "f32" && product.n < product.m;
  }
  static llvm::Expected<std::unique_ptr<UpstreamProduct>>
  compile(const ProductCase &product, const ProductData &data);

  /// Milliseconds of one product.
  llvm::Expected<double> timeOnce();
  /// The result of the last run, tokens x rows.
  std::vector<float> result() const;

private:
  UpstreamProduct() = default;

  std::unique_ptr<mlir::ExecutionEngine> engine;
  int64_t rows = 0, depth = 0, tokens = 0;
  std::vector<int8_t> coordinates;
  std::vector<float> values, x, zeros, y;
};

} // namespace nm::bench

#endif // NM_BENCHMARKS_UPSTREAM_H
