//===- CompiledProduct.h - An N:M product compiled for a benchmark -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_COMPILEDPRODUCT_H
#define NM_BENCHMARKS_COMPILEDPRODUCT_H

#include "CompiledFunction.h"
#include "nm/Runtime/Quantize.h"
#include <memory>
#include <string>
#include <vector>

namespace nm::bench {

/// One case: y = x w^T, w of rows x depth with pattern n:m along depth.
struct ProductCase {
  int64_t rows, depth, tokens;
  int64_t n, m;
  /// Of the weight: f32, bf16, i8, or i4:64 and the like for f32 that are such
  /// integers in groups with a scale.
  std::string dtype;
  int64_t shared = 1; ///< rows that share a mask

  std::string name() const;
  /// Of integers in groups.
  std::optional<rt::Groups> groups() const { return rt::parseGroups(dtype); }
  /// FLOPs on the non-zeros.
  double flops() const;
  /// Bytes of values and indices (ceil(log2 m) bits each), x and y.
  double bytes() const;
};

/// Random data of a case: standard normal activations, weights pruned by
/// magnitude and, for i8, rounded to 1/32 steps.
struct ProductData {
  std::vector<float> x, w; ///< w is dense, with zeros, as its dtype holds it
  /// Of integers in groups: the weight before it was pruned and rounded.
  std::vector<float> before;
  explicit ProductData(const ProductCase &product, int64_t seed = 1234);
};

/// The product, compiled by nm's pipeline and linked into this process.
class CompiledProduct {
public:
  static llvm::Expected<std::unique_ptr<CompiledProduct>>
  compile(const ProductCase &product, const ProductData &data, int threads);

  /// Loads the weight once more, for `runCopy`.
  llvm::Error addCopy(const ProductCase &product, const ProductData &data);
  /// A call on the copy: it leaves code, threads and activations where a
  /// model's layer before would have left them, and the weight itself in
  /// memory.
  void runCopy() { copyCall.timeOnce(); }
  double timeOnce() { return function.call.timeOnce(); }
  llvm::Expected<std::vector<float>> run() { return function.run(); }

private:
  CompiledProduct() = default;
  rt::Tensor input(const ProductCase &product);

  std::unique_ptr<rt::Params> params, copy;
  std::vector<float> x;
  CompiledFunction function;
  mlir::nm::driver::Call copyCall;
};

} // namespace nm::bench

#endif // NM_BENCHMARKS_COMPILEDPRODUCT_H
