//===- AttentionTestSupport.h - Attention in the simulator -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_DIALECT_ATTENTIONTESTSUPPORT_H
#define NM_UNITTESTS_DIALECT_ATTENTIONTESTSUPPORT_H

#include "TileProgram.h"
#include "nm/Dialect/Tile/Transforms/AttentionPlan.h"
#include "nm/Model/Extended.h"
#include "nm/Model/Search.h"
#include <tuple>

namespace nm::isa {

using model::AttentionShape;
using model::Dataflow;

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
  /// A bias by query and key: one for all, for each sample, each head, both.
  enum RowBias { NoRowBias, Shared, BySample, ByHead, ByBoth };
  RowBias rowBias = NoRowBias;
  bool hides = false; ///< the bias by query and key
  Type type = Type::F16;
};

inline Heads addHeads(Builder &b, const std::string &name, Role role,
                      const Case &c, int64_t heads, int64_t length,
                      int64_t width) {
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

inline Result<Built> build(const Case &c, const model::Device &device) {
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
  if (c.rowBias != Case::NoRowBias) {
    bool hasSample = c.rowBias == Case::BySample || c.rowBias == Case::ByBoth;
    bool hasHead = c.rowBias == Case::ByHead || c.rowBias == Case::ByBoth;
    Tensor tensor;
    tensor.name = "row_bias";
    tensor.role = Role::In;
    tensor.type = c.type;
    tensor.shape = {(hasSample ? s.batch : 1) * (hasHead ? s.heads : 1) *
                        s.queries,
                    s.keys};
    HeadsView view;
    view.tensor = b.tensor(tensor);
    view.head = {0, hasHead ? s.queries : 0};
    view.batch = {0, hasSample ? (hasHead ? s.heads : 1) * s.queries : 0};
    score.bias = view;
  }
  mlir::tiles::AttentionFacts facts;
  facts.shape = s;
  facts.flow = c.flow;
  facts.hasNanRows = score.dividesByZero;
  Result<mlir::tiles::AttentionPlan> plan =
      mlir::tiles::planAttention(device, facts, device.scratchpad.bytes);
  if (!plan)
    return plan.error();
  Result<Program> program = finishTiles(
      b, device,
      {{0, [&](mlir::OpBuilder &at, llvm::ArrayRef<mlir::Value> tensors) {
          mlir::tiles::createAttention(at, at.getUnknownLoc(), "attention",
                                       tensors, s, c.flow, q.view, k.view,
                                       v.view, o.view, score);
        }}});
  if (!program)
    return program.error();
  return Built{std::move(*program), q, k, v, o};
}

/// Random numbers; if it `hides`, a third of them is minus infinity, and each
/// seventh row of them is nothing else.
inline std::vector<float> fill(const Program &program, sim::Memory &memory,
                               size_t tensor, unsigned seed,
                               bool hides = false) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(numElements(program.tensors[tensor].shape));
  for (float &value : values)
    value = normal(generator);
  int64_t cols = program.tensors[tensor].shape.back();
  for (size_t i = 0; hides && i != values.size(); ++i)
    if (generator() % 3 == 0 || static_cast<int64_t>(i) / cols % 7 == 2)
      values[i] = -INFINITY;
  sim::writeTensor(program.tensors[tensor], memory.data(tensor), values.data(),
                   Type::F32);
  // As rounded.
  sim::readTensor(program.tensors[tensor], memory.data(tensor), values.data(),
                  Type::F32);
  return values;
}

/// Attention in float64, [batch, heads, queries, width].
inline std::vector<double>
reference(const Case &c, const Built &built, const std::vector<float> &q,
          const std::vector<float> &k, const std::vector<float> &v,
          const std::vector<float> &bias, const std::vector<float> &rowBias) {
  const AttentionShape &s = c.shape;
  std::vector<double> row(s.keys), result;
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
          double logit = dot * c.score.scale, cap = c.score.softCap;
          if (cap != 0)
            logit = cap * std::tanh(logit / cap);
          if (!bias.empty())
            logit += bias[b * s.keys + j];
          bool byHead = c.rowBias == Case::ByHead || c.rowBias == Case::ByBoth;
          bool bySample =
              c.rowBias == Case::BySample || c.rowBias == Case::ByBoth;
          int64_t table =
              (bySample ? b * (byHead ? s.heads : 1) : 0) + (byHead ? h : 0);
          if (!rowBias.empty())
            logit += rowBias[(table * s.queries + i) * s.keys + j];
          row[j] = isSeen ? logit : -INFINITY;
          most = std::max(most, row[j]);
        }
        for (double &x : row)
          sum += x = most == -INFINITY ? 0 : std::exp(x - most);
        for (int64_t e = 0; e < s.valueWidth(); ++e) {
          double expected = 0;
          for (int64_t j = 0; j < s.keys; ++j)
            expected += row[j] * v[built.v.index(b, g, j, e)];
          result.push_back(sum > 0 || c.score.dividesByZero ? expected / sum
                                                            : 0);
        }
      }
  return result;
}

/// Runs programs and compares them with float64. Inputs of one shape are the
/// same for every dataflow, so that the reference is computed once.
class AttentionRunner {
public:
  /// The program of `c` gives the right values and moves the model's bytes.
  void expectRight(Case c, const model::Device &device) {
    if (!device.array.supports(c.flow.logit))
      c.flow.logit = device.array.stationarities.front();
    if (!device.array.supports(c.flow.attend))
      c.flow.attend = device.array.stationarities.front();
    const AttentionShape &s = c.shape;
    SCOPED_TRACE(device.name + " " + model::toString(c.flow) +
                 (c.isTokenMajor ? " token major" : " head major") +
                 (s.causal ? " causal" : ""));
    Result<Built> built = build(c, device);
    ASSERT_TRUE(built.ok()) << built.error().message;
    Result<VerifyResult> proof = verifyProgram(built->program);
    ASSERT_TRUE(proof.ok()) << proof.error().message;
    Result<sim::Memory> memory = sim::Memory::allocate(built->program);
    ASSERT_TRUE(memory.ok());
    std::vector<float> q = fill(built->program, *memory, 0, 1),
                       k = fill(built->program, *memory, 1, 2),
                       v = fill(built->program, *memory, 2, 3), bias;
    if (c.hasBias)
      bias = fill(built->program, *memory, 4, 4);
    std::vector<float> rowBias;
    if (c.rowBias != Case::NoRowBias)
      rowBias = fill(built->program, *memory, c.hasBias ? 5 : 4, 5, c.hides);
    Result<sim::SimulationResult> result =
        sim::simulate(built->program, device, *memory);
    ASSERT_TRUE(result.ok()) << result.error().message;
    std::vector<float> o(numElements(built->program.tensors[3].shape));
    sim::readTensor(built->program.tensors[3], memory->data(3), o.data(),
                    Type::F32);
    auto key = std::make_tuple(
        s.batch, s.heads, s.kvHeads, s.queries, s.keys, s.headDim, s.valueDim,
        s.causal, c.score.window, c.hasBias, c.isTokenMajor, int(c.type),
        int(c.rowBias), c.score.softCap, c.hides, c.score.dividesByZero);
    auto [found, isNew] = references.try_emplace(key);
    if (isNew)
      found->second = reference(c, *built, q, k, v, bias, rowBias);
    // Logits and weights are rounded to the storage type.
    double tolerance = c.type == Type::F32   ? 1e-5
                       : c.type == Type::F16 ? 1e-2
                                             : 6e-2;
    double worst = 0;
    auto expected = found->second.begin();
    for (int64_t b = 0; b < s.batch; ++b)
      for (int64_t h = 0; h < s.heads; ++h)
        for (int64_t i = 0; i < s.queries; ++i)
          for (int64_t e = 0; e < s.valueWidth(); ++e) {
            double value = o[built->o.index(b, h, i, e)];
            double right = *expected++;
            worst =
                std::max(worst, std::isnan(value) && std::isnan(right) ? 0
                                : std::isfinite(value) ? std::abs(value - right)
                                                       : INFINITY);
          }
    EXPECT_LT(worst, tolerance);
    if (c.type == Type::F32)
      return;
    int64_t extra = c.hasBias ? s.batch * s.kvHeadCount() * s.keys * 2 : 0;
    // Of each head and row what is seen, once; of causal ones whole tiles.
    if (c.rowBias != Case::NoRowBias && !s.causal)
      extra += s.batch * s.heads * s.queries * s.keys * 2;
    if (c.rowBias == Case::NoRowBias || !s.causal)
      EXPECT_EQ(result->dramBytes() - extra,
                model::extendedDramBytes(device, s, c.flow));
    if (c.rowBias == Case::NoRowBias)
      EXPECT_LE(bytesUsed(built->program),
                model::extendedFootprint(device, s, c.flow) +
                    (c.hasBias ? 2 * c.flow.heads * s.keys + 64 : 0) +
                    (c.score.softCap != 0 ? 4 * s.keys + 64 : 0));
    EXPECT_LE(bytesUsed(built->program), device.scratchpad.bytes);
    ++programs;
  }

  /// Bytes of the scratchpad up to the last buffer.
  static int64_t bytesUsed(const Program &program) {
    int64_t end = 0;
    for (const Buffer &buffer : program.buffers)
      end = std::max(end, buffer.address + buffer.slots * slotBytes(buffer));
    return end;
  }

  int64_t programs = 0;

private:
  std::map<
      std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                 bool, int64_t, bool, bool, int, int, float, bool, bool>,
      std::vector<double>>
      references;
};

inline Dataflow rowFlow(int64_t rows, int64_t keyTile, unsigned staged = 31) {
  Dataflow flow;
  flow.rows = rows;
  flow.keyTile = keyTile;
  flow.staged = staged;
  return flow;
}

} // namespace nm::isa

#endif // NM_UNITTESTS_DIALECT_ATTENTIONTESTSUPPORT_H
