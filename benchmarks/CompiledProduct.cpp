//===- CompiledProduct.cpp - An N:M product compiled for a benchmark -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompiledProduct.h"
#include "nm/Driver/Support.h"
#include "nm/Runtime/DType.h"
#include "nm/Runtime/Quantize.h"
#include "nm/Runtime/Sparsity.h"
#include "nm/Runtime/Writer.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include <random>

using namespace nm::bench;
namespace rt = nm::rt;
using namespace mlir::nm::driver;

std::string ProductCase::name() const {
  std::string text = llvm::formatv("{0}:{1}/{2}/{3}x{4}/n{5}", n, m, dtype,
                                   rows, depth, tokens);
  return shared > 1 ? text + "/shared" + std::to_string(shared) : text;
}

double ProductCase::flops() const {
  return 2.0 * rows * depth * n / m * tokens;
}

double ProductCase::bytes() const {
  if (std::optional<rt::Groups> of = groups())
    return rt::groupedShape(rt::LayoutSpec::grouped(16, of->size, of->form), n,
                            m)
                   .bitsPerWeight() /
               8 * double(rows) * double(depth) +
           4.0 * double(tokens * (rows + depth));
  double element = dtype == "f32" ? 4 : dtype == "bf16" ? 2 : 1;
  double index = n == m ? 0 : rt::indexBits(m) / 8.0;
  return double(rows) * depth * n / m * (element + index) +
         4.0 * tokens * (rows + depth);
}

/// Values that the weight's dtype holds exactly.
static float roundTo(const std::string &dtype, float value) {
  if (dtype == "bf16")
    return rt::bf16ToFloat(rt::floatToBf16(value));
  if (dtype == "i8")
    return std::clamp(std::round(value * 32), -127.0f, 127.0f);
  return value;
}

ProductData::ProductData(const ProductCase &product, int64_t seed) {
  std::mt19937 random(static_cast<uint32_t>(seed));
  std::normal_distribution<float> normal;
  x.resize(product.tokens * product.depth);
  for (float &value : x)
    value = normal(random);
  w.resize(product.rows * product.depth);
  for (float &value : w)
    value = roundTo(product.dtype, normal(random));
  if (product.groups())
    before = w;
  // Rows of a block take the mask of the block's first row.
  std::vector<int64_t> order(product.m);
  for (int64_t row = 0; row < product.rows; ++row) {
    const float *leader =
        &w[row / product.shared * product.shared * product.depth];
    float *own = &w[row * product.depth];
    for (int64_t k = 0; k < product.depth; k += product.m) {
      bool isLeader = leader == own;
      std::iota(order.begin(), order.end(), 0);
      llvm::sort(order, [&](int64_t a, int64_t b) {
        float left = std::abs(leader[k + a]), right = std::abs(leader[k + b]);
        return left != right ? left > right : a < b;
      });
      for (int64_t i = product.n; i < product.m; ++i)
        own[k + order[i]] = 0;
      // A kept zero of the leader must stay comparable to the pruned ones.
      for (int64_t i = 0; isLeader && i < product.n; ++i)
        if (own[k + order[i]] == 0)
          own[k + order[i]] = 1;
    }
  }
  std::optional<rt::Groups> groups = product.groups();
  if (!groups)
    return;
  rt::WeightDesc desc{
      {product.rows, product.depth}, 1, product.n, product.m, rt::DType::F32};
  // Normal numbers have a scale in every group.
  (void)rt::quantizeGroups(desc, groups->size, groups->form, w.data(), "w");
}

static std::string moduleText(const ProductCase &p) {
  std::optional<rt::Groups> groups = p.groups();
  std::string weight =
      llvm::formatv("tensor<{0}x{1}x{2}, #nm.sparsity<{3}:{4}, axis = 1{5}>>",
                    p.rows, p.depth, groups ? "f32" : p.dtype, p.n, p.m,
                    groups ? llvm::formatv(", bits = {0}, group = {1}",
                                           groups->form.bits, groups->size)
                                 .str()
                           : std::string());
  // What nm-declare-sparsity says when it reads the checkpoint.
  std::string sharing =
      p.shared > 1 ? llvm::formatv(" {{nm.shared_rows = {0} : i64}", p.shared)
                   : std::string();
  return llvm::formatv(
      R"(func.func @product(%x: tensor<{0}x{1}xf32>) -> tensor<{0}x{2}xf32> {{
  %w = nm.param "w"{4} : {3}
  %e = tensor.empty() : tensor<{0}x{2}xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<{0}x{1}xf32>, {3})
      outs(%e : tensor<{0}x{2}xf32>) -> tensor<{0}x{2}xf32>
  return %y : tensor<{0}x{2}xf32>
})",
      p.tokens, p.depth, p.rows, weight, sharing);
}

/// Writes the weight as a checkpoint and loads it as a user's program would.
static llvm::Expected<std::unique_ptr<rt::Params>>
loadWeight(const ProductCase &product, const std::vector<float> &w,
           const rt::Manifest &manifest) {
  rt::DType dtype =
      product.groups() ? rt::DType::F32 : rt::parseDType(product.dtype);
  std::vector<unsigned char> raw(w.size() * rt::elementBytes(dtype));
  for (size_t i = 0; i < w.size(); ++i) {
    if (dtype == rt::DType::F32) {
      std::memcpy(&raw[i * 4], &w[i], 4);
    } else if (dtype == rt::DType::BF16) {
      uint16_t bits = rt::floatToBf16(w[i]);
      std::memcpy(&raw[i * 2], &bits, 2);
    } else {
      raw[i] = static_cast<unsigned char>(static_cast<int8_t>(w[i]));
    }
  }
  llvm::SmallString<128> path;
  if (std::error_code code =
          llvm::sys::fs::createTemporaryFile("nm-bench", "safetensors", path))
    return llvm::createStringError(code, "no temporary file");
  auto view = rt::denseView(raw.data(), dtype, {product.rows, product.depth});
  auto written = rt::writeSafetensors(path.str().str(), {{"w", view}});
  auto params = written.ok()
                    ? rt::Params::load(manifest, {{"", path.str().str()}}, {})
                    : rt::Result<std::unique_ptr<rt::Params>>(written.error());
  llvm::sys::fs::remove(path);
  if (!params)
    return toError(params.error());
  return std::move(*params);
}

llvm::Expected<std::unique_ptr<CompiledProduct>>
CompiledProduct::compile(const ProductCase &product, const ProductData &data,
                         int threads) {
  std::unique_ptr<CompiledProduct> result(new CompiledProduct);
  if (auto error =
          result->function.compile(moduleText(product), "product", threads))
    return error;
  auto params = loadWeight(product, data.w, result->function.manifest);
  if (!params)
    return params.takeError();
  result->params = std::move(*params);
  result->x = data.x;
  if (auto error = result->function.prepare({result->input(product)},
                                            result->params.get()))
    return error;
  return result;
}

rt::Tensor CompiledProduct::input(const ProductCase &product) {
  return {
      rt::denseView(x.data(), rt::DType::F32, {product.tokens, product.depth}),
      nullptr};
}

llvm::Error CompiledProduct::addCopy(const ProductCase &product,
                                     const ProductData &data) {
  auto loaded = loadWeight(product, data.w, function.manifest);
  if (!loaded)
    return loaded.takeError();
  copy = std::move(*loaded);
  auto prepared =
      Call::prepare(function.signature, function.jit->entry(), {input(product)},
                    function.manifest, copy.get());
  if (!prepared)
    return prepared.takeError();
  copyCall = std::move(*prepared);
  return llvm::Error::success();
}
