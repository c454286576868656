//===- AttentionCase.cpp - One attention of the benchmark -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionCase.h"
#include "nm/Runtime/DType.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace nm::bench;
namespace rt = nm::rt;

std::string AttentionCase::name() const {
  std::string text = llvm::formatv(
      "{0}{1}/{2}/h{3}/n{4}/d{5}", isDecode() ? "decode" : "full",
      isCausal && !isDecode() ? "-causal" : "", dtype, heads, keys, width);
  if (kvHeads != heads)
    text += "/g" + std::to_string(kvHeads);
  return dataflow.empty() ? text : text + "/" + dataflow;
}

double AttentionCase::flops() const {
  double pairs = 0;
  for (int64_t row = 0; row < queries; ++row)
    pairs += isCausal ? std::clamp<int64_t>(keys - queries + row + 1, 0, keys)
                      : keys;
  return 4.0 * heads * pairs * width;
}

double AttentionCase::cacheBytes() const {
  return 2.0 * kvHeads * keys * width * (dtype == "f32" ? 4 : 2);
}

static uint16_t toHalf(const std::string &dtype, float value) {
  return dtype == "bf16" ? rt::floatToBf16(value) : rt::floatToF16(value);
}

AttentionData::AttentionData(const AttentionCase &attention) {
  std::mt19937 random(1234);
  std::normal_distribution<float> normal;
  auto fill = [&](std::vector<float> &values, int64_t count) {
    values.resize(count);
    for (float &value : values) {
      value = normal(random);
      if (attention.dtype == "bf16")
        value = rt::bf16ToFloat(rt::floatToBf16(value));
      else if (attention.dtype == "f16")
        value = rt::f16ToFloat(rt::floatToF16(value));
    }
  };
  fill(q, attention.heads * attention.queries * attention.width);
  fill(k, attention.kvHeads * attention.keys * attention.width);
  fill(v, attention.kvHeads * attention.keys * attention.width);
}

std::vector<double> nm::bench::attentionRow(const AttentionCase &attention,
                                            const AttentionData &data,
                                            int64_t head, int64_t row) {
  int64_t width = attention.width;
  int64_t kvHead = head / (attention.heads / attention.kvHeads);
  const float *q = &data.q[(head * attention.queries + row) * width];
  const float *k = &data.k[kvHead * attention.keys * width];
  const float *v = &data.v[kvHead * attention.keys * width];
  int64_t live = attention.isCausal
                     ? attention.keys - attention.queries + row + 1
                     : attention.keys;
  std::vector<double> weights(live), out(width);
  double maximum = -INFINITY, sum = 0;
  for (int64_t key = 0; key < live; ++key) {
    double dot = 0;
    for (int64_t d = 0; d < width; ++d)
      dot += double(q[d]) * k[key * width + d];
    weights[key] = dot / std::sqrt(double(width));
    maximum = std::max(maximum, weights[key]);
  }
  for (double &weight : weights)
    sum += weight = std::exp(weight - maximum);
  for (int64_t key = 0; key < live; ++key)
    for (int64_t d = 0; d < width; ++d)
      out[d] += weights[key] / sum * v[key * width + d];
  return out;
}

double nm::bench::attentionError(const AttentionCase &attention,
                                 const AttentionData &data, const float *out) {
  std::mt19937 random(7);
  double worst = 0;
  for (int sample = 0; sample < 24; ++sample) {
    int64_t head = random() % attention.heads;
    int64_t row = sample == 0 ? 0 : random() % attention.queries;
    if (sample == 1)
      row = attention.queries - 1;
    std::vector<double> expected = attentionRow(attention, data, head, row);
    const float *found =
        out + (head * attention.queries + row) * attention.width;
    double error = 0, scale = 0;
    for (int64_t d = 0; d < attention.width; ++d) {
      double difference = std::abs(found[d] - expected[d]);
      error = difference <= error ? error : difference; // NaN stays
      scale = std::max(scale, std::abs(expected[d]));
    }
    worst = error / scale <= worst ? worst : error / scale;
  }
  return worst;
}

static std::string moduleText(const AttentionCase &a) {
  std::string score;
  if (a.isCausal)
    score = llvm::formatv(R"( score {{
  ^bb0(%s: f32, %b: index, %h: index, %i: index, %j: index):
    %minf = arith.constant 0xFF800000 : f32
    %seen = arith.cmpi sle, %j, %i : index
    %r = arith.select %seen, %s, %minf : f32
    flat.yield %r : f32
  })");
  std::string offset, constant;
  if (a.isCausal && a.keys != a.queries) {
    constant = llvm::formatv("%offset = arith.constant {0} : index",
                             a.keys - a.queries);
    offset = "offset(%offset)";
  }
  std::string dataflow =
      a.dataflow.empty() ? "" : "dataflow #flat.dataflow<" + a.dataflow + ">";
  return llvm::formatv(
      R"(func.func @attention(%q: {0}, %k: {1}, %v: {1}) -> {2} {{
  {3}
  %e = tensor.empty() : {2}
  %o = flat.attention ins(%q, %k, %v : {0}, {1}, {1}) {4}
      outs(%e : {2}) {5}{6} -> {2}
  return %o : {2}
})",
      llvm::formatv("tensor<1x{0}x{1}x{2}x{3}>", a.heads, a.queries, a.width,
                    a.dtype)
          .str(),
      llvm::formatv("tensor<1x{0}x{1}x{2}x{3}>", a.kvHeads, a.keys, a.width,
                    a.dtype)
          .str(),
      llvm::formatv("tensor<1x{0}x{1}x{2}xf32>", a.heads, a.queries, a.width)
          .str(),
      constant, offset, dataflow, score);
}

llvm::Expected<std::unique_ptr<CompiledAttention>>
CompiledAttention::compile(const AttentionCase &attention,
                           const AttentionData &data, int threads) {
  std::unique_ptr<CompiledAttention> result(new CompiledAttention);
  if (auto error =
          result->function.compile(moduleText(attention), "attention", threads))
    return error;
  rt::DType dtype = rt::parseDType(attention.dtype);
  std::vector<rt::Tensor> inputs;
  for (const std::vector<float> *values : {&data.q, &data.k, &data.v}) {
    std::vector<unsigned char> raw(values->size() * rt::elementBytes(dtype));
    for (size_t i = 0; i < values->size(); ++i) {
      if (dtype == rt::DType::F32) {
        std::memcpy(&raw[i * 4], &(*values)[i], 4);
        continue;
      }
      uint16_t bits = toHalf(attention.dtype, (*values)[i]);
      std::memcpy(&raw[i * 2], &bits, 2);
    }
    result->storage.push_back(std::move(raw));
    bool isQuery = values == &data.q;
    inputs.push_back(
        {rt::denseView(result->storage.back().data(), dtype,
                       {1, isQuery ? attention.heads : attention.kvHeads,
                        isQuery ? attention.queries : attention.keys,
                        attention.width}),
         nullptr});
  }
  if (auto error = result->function.prepare(inputs, nullptr))
    return error;
  return result;
}
