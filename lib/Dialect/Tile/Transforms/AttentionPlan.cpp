//===- AttentionPlan.cpp - Attention and its scratchpad --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Tile/Transforms/AttentionPlan.h"
#include "Storage.h"
#include "nm/Dialect/Attacc/IR/ProgramReader.h"
#include "nm/Model/Blocks.h"
#include "nm/Model/Extended.h"
#include "nm/Support/Result.h"
#include <algorithm>

using namespace mlir;
using namespace mlir::tiles;
namespace model = ::nm::model;
namespace code = ::nm::isa;
using ::nm::support::ceilDiv;
using ::nm::support::Errc;
using ::nm::support::makeError;
using ::nm::support::Result;
using ::nm::support::Status;

AttentionFacts tiles::factsOf(AttentionOp op) {
  AttentionFacts facts;
  ArrayRef<int64_t> s = op.getShape(), blocks = op.getBlocks();
  facts.shape = {s[0], s[1], s[2], s[3], s[4], s[5], s[6], op.getCausal()};
  model::Dataflow &flow = facts.flow;
  flow.rows = blocks[0];
  flow.keyTile = blocks[1];
  flow.heads = blocks[2];
  flow.packed = blocks[3];
  flow.staged = static_cast<unsigned>(op.getStaged());
  flow.logit = attacc::toIsa(op.getLogit());
  flow.attend = attacc::toIsa(op.getAttend());
  if (op.getKeysOuter())
    flow.order = model::LoopOrder::KeysOuter;
  facts.softCap = op.getSoftCap().convertToFloat();
  facts.window = static_cast<int64_t>(op.getWindow());
  facts.offset = static_cast<int64_t>(op.getOffset());
  facts.hasNanRows = op.getNanRows();
  facts.keyBiasBytes = elementBytes(op.getKeyBias());
  facts.biasBytes = elementBytes(op.getBias());
  return facts;
}

/// Slots of a bias by query and key: about as much as a strip of logits, so
/// that it costs little beside them.
static constexpr int64_t kBiasSlots = 2;

static int64_t scoreKeysOf(const model::AttentionLayout &layout,
                           const model::AttentionShape &shape) {
  if (!layout.isFused)
    return shape.keys;
  return std::min(layout.chunk, layout.isOnline ? layout.strip : shape.keys);
}

static int64_t biasRowsOf(const model::AttentionLayout &layout,
                          const model::AttentionShape &shape) {
  int64_t rows = layout.isFused ? layout.rowStrip : layout.softmaxRows;
  // A chunk of all keys is many strips.
  return std::clamp<int64_t>(rows * layout.strip / scoreKeysOf(layout, shape),
                             1, rows);
}

/// Bytes of places that the cost model does not count.
static int64_t extraBytes(const model::AttentionLayout &layout,
                          const AttentionFacts &facts) {
  auto aligned = [](int64_t bytes) { return ceilDiv(bytes, int64_t(64)) * 64; };
  const model::AttentionShape &shape = facts.shape;
  int64_t scoreKeys = scoreKeysOf(layout, shape), bytes = 0;
  bytes += aligned(facts.flow.heads * shape.keys * facts.keyBiasBytes);
  bytes +=
      aligned(kBiasSlots * ceilDiv(biasRowsOf(layout, shape), shape.group()) *
              shape.group() * scoreKeys * facts.biasBytes);
  if (facts.softCap != 0)
    bytes += aligned(scoreKeys * 4);
  if (facts.hasNanRows)
    bytes += 2 * aligned(layout.outRows * 4);
  return bytes;
}

Result<AttentionPlan> tiles::planAttention(const model::Device &device,
                                           const AttentionFacts &facts,
                                           int64_t capacity) {
  if (Status status = model::checkExtended(device, facts.shape, facts.flow);
      !status)
    return status.error();
  if (facts.hasNanRows && !facts.flow.isFused())
    return makeError(Errc::Unsupported,
                     "found an unfused dataflow for attention whose rows "
                     "without keys are NaN, expected a fused one: the "
                     "instruction 'softmax' makes such rows zeros");
  int64_t extra = extraBytes(
      model::AttentionLayout(device, facts.shape, facts.flow), facts);
  model::AttentionLayout layout(device, facts.shape, facts.flow,
                                capacity - extra);
  if (int64_t bytes = layout.bytes + extra; bytes > capacity)
    return makeError(Errc::Unsupported, "found attention in blocks of ",
                     facts.flow.rows, " rows with tiles of ", layout.strip,
                     " keys, which needs ", bytes,
                     " bytes, expected at most the ", capacity,
                     " of the scratchpad of ", device.name);
  return AttentionPlan{layout, scoreKeysOf(layout, facts.shape),
                       biasRowsOf(layout, facts.shape)};
}

double tiles::mostInstructions(const AttentionFacts &facts,
                               const AttentionPlan &plan) {
  const model::AttentionShape &shape = facts.shape;
  const model::AttentionLayout &layout = plan.layout;
  double pieces = 0;
  model::forEachStep(shape, facts.flow.rows, facts.flow.keyTile,
                     [&](int64_t rows, int64_t keys, int64_t count) {
                       int64_t strips =
                           ceilDiv(rows, layout.rowStrip) *
                           ceilDiv(keys, layout.strip) *
                           ceilDiv(shape.valueWidth(), layout.segment);
                       int64_t scores = ceilDiv(rows, plan.biasRows) *
                                        ceilDiv(keys, plan.scoreKeys);
                       int64_t rest = ceilDiv(rows, layout.softmaxRows) +
                                      ceilDiv(rows, layout.outRows);
                       pieces += static_cast<double>(count) *
                                 static_cast<double>(strips + scores + rest);
                     });
  // Of a piece, with room: seven loads, two products, eight that score, three
  // of the sums, a store.
  constexpr double kOfPiece = 24;
  return static_cast<double>(shape.batch * shape.heads) * pieces * kOfPiece;
}

AttentionOp tiles::createAttention(
    OpBuilder &b, Location loc, StringRef name, ArrayRef<Value> tensors,
    const model::AttentionShape &shape, const model::Dataflow &flow,
    const code::HeadsView &q, const code::HeadsView &k,
    const code::HeadsView &v, const code::HeadsView &output,
    const code::AttentionScore &score) {
  auto attrOf = [&](const code::HeadsView &view) {
    return HeadsAttr::get(b.getContext(), view.batch.dim, view.batch.step,
                          view.head.dim, view.head.step, view.offsets[0],
                          view.offsets[1]);
  };
  auto tensor = [&](code::TensorId id) { return tensors[id.index]; };
  auto flag = [&](bool isSet) { return isSet ? b.getUnitAttr() : UnitAttr(); };
  auto stationary = [&](model::Stationarity s) {
    return attacc::StationaryAttr::get(b.getContext(), attacc::toDialect(s));
  };
  return AttentionOp::create(
      b, loc, b.getStringAttr(name), tensor(q.tensor), tensor(k.tensor),
      tensor(v.tensor), score.keyBias ? tensor(*score.keyBias) : Value(),
      score.bias ? tensor(score.bias->tensor) : Value(), tensor(output.tensor),
      attrOf(q), attrOf(k), attrOf(v),
      score.bias ? attrOf(*score.bias) : HeadsAttr(), attrOf(output),
      b.getDenseI64ArrayAttr({shape.batch, shape.heads, shape.kvHeadCount(),
                              shape.queries, shape.keys, shape.headDim,
                              shape.valueWidth()}),
      flag(shape.causal), b.getF32FloatAttr(score.scale),
      b.getF32FloatAttr(score.softCap), b.getI64IntegerAttr(score.window),
      b.getI64IntegerAttr(score.offset), flag(score.dividesByZero),
      b.getDenseI64ArrayAttr(
          {flow.rows, flow.keyTile, flow.heads, flow.packed}),
      b.getI64IntegerAttr(flow.staged),
      flag(flow.order == model::LoopOrder::KeysOuter), stationary(flow.logit),
      stationary(flow.attend));
}
