//===- AttentionKernelTest.cpp - Attention on the simulated machine --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Isa/Kernels/Kernels.h"
#include "nm/Model/Search.h"
#include "nm/Simulator/Simulator.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace nm;
using namespace nm::isa;
using model::AttentionShape;
using model::Dataflow;

namespace {

struct Heads {
  HeadsView view;
  int64_t heads, length, width;
  bool isTokenMajor; ///< [B * S, H * D], else [B * H * S, D]

  int64_t index(int64_t b, int64_t h, int64_t n, int64_t d) const {
    return isTokenMajor ? ((b * length + n) * heads + h) * width + d
                        : ((b * heads + h) * length + n) * width + d;
  }
};

struct Case {
  AttentionShape shape;
  Dataflow flow;
  AttentionScore score;
  bool isTokenMajor = true;
  bool hasBias = false;
  Type type = Type::F16;
};

Heads addHeads(Builder &b, const std::string &name, Role role, const Case &c,
               int64_t heads, int64_t length, int64_t width) {
  Heads result{{}, heads, length, width, c.isTokenMajor};
  Tensor tensor;
  tensor.name = name;
  tensor.role = role;
  tensor.type = c.type;
  if (c.isTokenMajor) {
    tensor.shape = {c.shape.batch * length, heads * width};
    result.view.batch = {0, length};
    result.view.head = {1, width};
  } else {
    tensor.shape = {c.shape.batch * heads * length, width};
    result.view.batch = {0, heads * length};
    result.view.head = {0, length};
  }
  result.view.tensor = b.tensor(tensor);
  return result;
}

struct Built {
  Program program;
  Heads q, k, v, o;
};

Result<Built> build(const Case &c, const model::Device &device) {
  Builder b("attention", targetOf(device));
  const AttentionShape &s = c.shape;
  Heads q = addHeads(b, "q", Role::In, c, s.heads, s.queries, s.headDim);
  Heads k = addHeads(b, "k", Role::In, c, s.kvHeadCount(), s.keys, s.headDim);
  Heads v =
      addHeads(b, "v", Role::In, c, s.kvHeadCount(), s.keys, s.valueWidth());
  Heads o = addHeads(b, "o", Role::Out, c, s.heads, s.queries, s.valueWidth());
  AttentionScore score = c.score;
  if (c.hasBias) {
    Tensor tensor;
    tensor.name = "bias";
    tensor.role = Role::In;
    tensor.type = c.type;
    tensor.shape = {s.batch, s.keys};
    score.keyBias = b.tensor(tensor);
  }
  if (Status status = emitAttention(b, device, s, c.flow, c.type, q.view,
                                    k.view, v.view, o.view, score);
      !status)
    return status.error();
  Result<Program> program = b.finish();
  if (!program)
    return program.error();
  return Built{std::move(*program), q, k, v, o};
}

std::vector<float> fill(const Program &program, sim::Memory &memory,
                        size_t tensor, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(numElements(program.tensors[tensor].shape));
  for (float &value : values)
    value = normal(generator);
  sim::writeTensor(program.tensors[tensor], memory.data(tensor), values.data(),
                   Type::F32);
  // As rounded.
  sim::readTensor(program.tensors[tensor], memory.data(tensor), values.data(),
                  Type::F32);
  return values;
}

/// Largest difference to float64.
double worstError(const Case &c, const Built &built,
                  const std::vector<float> &q, const std::vector<float> &k,
                  const std::vector<float> &v, const std::vector<float> &bias,
                  const std::vector<float> &o) {
  const AttentionShape &s = c.shape;
  double worst = 0;
  std::vector<double> row(s.keys);
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t h = 0; h < s.heads; ++h)
      for (int64_t i = 0; i < s.queries; ++i) {
        int64_t g = h / s.group(), position = i + c.score.offset;
        double most = -INFINITY, sum = 0;
        for (int64_t j = 0; j < s.keys; ++j) {
          double dot = 0;
          for (int64_t d = 0; d < s.headDim; ++d)
            dot += double(q[built.q.index(b, h, i, d)]) *
                   k[built.k.index(b, g, j, d)];
          bool isSeen = !(s.causal && j > position) &&
                        !(c.score.window && j + c.score.window <= position);
          row[j] = isSeen ? dot * c.score.scale +
                                (bias.empty() ? 0 : bias[b * s.keys + j])
                          : -INFINITY;
          most = std::max(most, row[j]);
        }
        for (double &x : row)
          sum += x = most == -INFINITY ? 0 : std::exp(x - most);
        for (int64_t e = 0; e < s.valueWidth(); ++e) {
          double expected = 0;
          for (int64_t j = 0; j < s.keys; ++j)
            expected += row[j] * v[built.v.index(b, g, j, e)];
          expected = sum > 0 ? expected / sum : 0;
          double found = o[built.o.index(b, h, i, e)];
          worst =
              std::max(worst, std::isfinite(found) ? std::abs(found - expected)
                                                   : INFINITY);
        }
      }
  return worst;
}

/// The program of `c` gives the right values and moves the model's bytes.
void expectRight(Case c, const model::Device &device) {
  if (!device.array.supports(c.flow.logit))
    c.flow.logit = c.flow.attend = device.array.stationarities.front();
  SCOPED_TRACE(device.name + " " + model::toString(c.flow) +
               (c.isTokenMajor ? " token major" : " head major"));
  Result<Built> built = build(c, device);
  ASSERT_TRUE(built.ok()) << built.error().message;
  Result<sim::Memory> memory = sim::Memory::allocate(built->program);
  ASSERT_TRUE(memory.ok());
  std::vector<float> q = fill(built->program, *memory, 0, 1),
                     k = fill(built->program, *memory, 1, 2),
                     v = fill(built->program, *memory, 2, 3), bias;
  if (c.hasBias)
    bias = fill(built->program, *memory, 4, 4);
  Result<sim::SimulationResult> result =
      sim::simulate(built->program, device, *memory);
  ASSERT_TRUE(result.ok()) << result.error().message;
  std::vector<float> o(numElements(built->program.tensors[3].shape));
  sim::readTensor(built->program.tensors[3], memory->data(3), o.data(),
                  Type::F32);
  // Logits and weights are rounded to the storage type.
  double tolerance = c.type == Type::F32   ? 1e-5
                     : c.type == Type::F16 ? 1e-2
                                           : 6e-2;
  EXPECT_LT(worstError(c, *built, q, k, v, bias, o), tolerance);
  int64_t extra =
      c.hasBias ? c.shape.batch * c.shape.kvHeadCount() * c.shape.keys * 2 : 0;
  if (c.type != Type::F32)
    EXPECT_EQ(result->dramBytes() - extra,
              model::extendedDramBytes(device, c.shape, c.flow));
}

model::Device deviceOf(const std::string &name) {
  Result<model::Device> device = model::findDevice(name);
  EXPECT_TRUE(device.ok());
  return *device;
}

Dataflow rowFlow(int64_t rows, int64_t keyTile, unsigned staged = 31) {
  Dataflow flow;
  flow.rows = rows;
  flow.keyTile = keyTile;
  flow.staged = staged;
  return flow;
}

} // namespace

TEST(AttentionKernel, RowsAndKeyTilesOfAnySize) {
  for (const char *name : {"edge", "tpu-v5e"})
    for (int64_t queries : {1, 37, 64})
      for (int64_t rows : {1, 8, 16, 64})
        for (int64_t keyTile : {0, 16, 24, 80})
          for (unsigned staged : {31, 31 - 2, 31 - 4, 31 - 6}) {
            Case c;
            c.shape = {2, 3, 0, queries, 80, 20, 12, false};
            c.score.scale = 0.25f;
            c.flow = rowFlow(std::min(rows, queries), keyTile, staged);
            c.isTokenMajor = rows != 8;
            expectRight(c, deviceOf(name));
          }
}

TEST(AttentionKernel, CausalWindowBiasAndOffset) {
  for (const char *name : {"edge", "tpu-v5e"})
    for (int64_t queries : {5, 50, 96})
      for (int64_t keyTile : {0, 16, 40})
        for (int64_t window : {0, 7})
          for (unsigned staged : {31, 31 - 6}) {
            Case c;
            c.shape = {2, 2, 0, queries, 96, 16, 16, true};
            c.score.scale = 0.25f;
            c.score.window = window;
            c.score.offset = 96 - queries;
            c.hasBias = keyTile != 40;
            c.flow = rowFlow(std::min<int64_t>(12, queries), keyTile, staged);
            expectRight(c, deviceOf(name));
          }
}

TEST(AttentionKernel, GroupedHeads) {
  for (int64_t queries : {1, 10})
    for (int64_t rows : {1, 3, 4, 8, 20})
      for (bool causal : {false, true})
        for (bool isTokenMajor : {false, true}) {
          Case c;
          c.shape = {2, 8, 2, queries, 48, 16, 16, causal};
          c.score.scale = 0.25f;
          c.score.offset = 48 - queries;
          c.flow = rowFlow(std::min(rows, 4 * queries), 16);
          c.isTokenMajor = isTokenMajor;
          expectRight(c, deviceOf("edge"));
          c.flow.keyTile = 0;
          expectRight(c, deviceOf("tpu-v5e"));
        }
}

TEST(AttentionKernel, OtherTypes) {
  for (Type type : {Type::F32, Type::BF16}) {
    Case c;
    c.shape = {1, 2, 0, 33, 70, 16, 16, false};
    c.score.scale = 0.25f;
    c.type = type;
    c.flow = rowFlow(16, 32);
    expectRight(c, deviceOf("edge"));
  }
}
