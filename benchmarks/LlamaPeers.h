//===- LlamaPeers.h - Products of quantised weights by llama.cpp -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_BENCHMARKS_LLAMAPEERS_H
#define NM_BENCHMARKS_LLAMAPEERS_H

#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace nm::bench {

/// llama.cpp's libraries, loaded from a folder: libggml-base.so and, of the
/// libggml-cpu-*.so, the one that itself says that it suits this processor
/// best.
class Llama {
public:
  static llvm::Expected<std::unique_ptr<Llama>> open(const std::string &folder,
                                                     int threads);
  virtual ~Llama() = default;

  /// Name of the library in use, such as "zen4".
  virtual std::string variant() const = 0;

  /// One product: y = x w^T with w in one of llama.cpp's types.
  class Product {
  public:
    virtual ~Product() = default;
    virtual void run() = 0;
    /// Its threads wait for work, at the cost of a processor, or sleep: others
    /// are timed meanwhile.
    virtual void wake() = 0;
    virtual void rest() = 0;
    /// Of the last run, tokens x rows.
    virtual std::vector<float> result() const = 0;
    /// The weight as its type holds it, rows x depth.
    virtual std::vector<float> weight() const = 0;
    virtual double bytes() const = 0;
  };

  /// `type` is f16, q4_0, q4_K or q8_0. Copies `w` and `x`.
  virtual llvm::Expected<std::unique_ptr<Product>>
  product(const std::string &type, const std::vector<float> &w,
          const std::vector<float> &x, int64_t rows, int64_t depth,
          int64_t tokens) = 0;
};

} // namespace nm::bench

#endif // NM_BENCHMARKS_LLAMAPEERS_H
