//===- Attention.cpp - Attention as a program ------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionProgram.h"
#include "nm/Support/Arithmetic.h"
#include "nm/Support/Result.h"
#include <algorithm>

namespace nm::isa {

using support::ceilDiv;

/// Bytes of the scratchpad for what the cost model knows of.
static int64_t capacity(const Builder &b, const Device &device,
                        const model::AttentionShape &shape,
                        const model::Dataflow &flow,
                        const AttentionScore &score) {
  auto aligned = [](int64_t bytes) { return ceilDiv(bytes, int64_t(64)) * 64; };
  int64_t bytes = b.target().scratchpadBytes - aligned(b.mark());
  if (score.keyBias)
    bytes -=
        aligned(flow.heads * shape.keys * typeBytes(b[*score.keyBias].type));
  const model::AttentionLayout layout(device, shape, flow);
  int64_t scoreKeys = scoreKeysOf(layout, shape);
  if (score.bias)
    bytes -= aligned(
        kBiasSlots * ceilDiv(biasRowsOf(layout, shape), shape.group()) *
        shape.group() * scoreKeys * typeBytes(b[score.bias->tensor].type));
  if (score.softCap != 0)
    bytes -= aligned(scoreKeys * 4);
  if (score.dividesByZero)
    bytes -= 2 * aligned(layout.outRows * 4);
  return bytes;
}

int64_t biasRowsOf(const model::AttentionLayout &layout,
                   const model::AttentionShape &shape) {
  int64_t rows = layout.isFused ? layout.rowStrip : layout.softmaxRows;
  // A chunk of all keys is many strips.
  return std::clamp<int64_t>(rows * layout.strip / scoreKeysOf(layout, shape),
                             1, rows);
}

int64_t scoreKeysOf(const model::AttentionLayout &layout,
                    const model::AttentionShape &shape) {
  if (!layout.isFused)
    return shape.keys;
  return std::min(layout.chunk, layout.isOnline ? layout.strip : shape.keys);
}

AttentionProgram::AttentionProgram(Builder &builder, const Device &device,
                                   const model::AttentionShape &shape,
                                   const model::Dataflow &flow, Type type,
                                   const HeadsView &q, const HeadsView &k,
                                   const HeadsView &v, const HeadsView &output,
                                   const AttentionScore &score)
    : b(builder), shape(shape), flow(flow), type(type), q(q), k(k), v(v),
      output(output), score(score), roller(true),
      layout(device, shape, flow,
             capacity(builder, device, shape, flow, score)),
      group(shape.group()), total(layout.total), keys(shape.keys),
      depth(shape.headDim), width(shape.valueWidth()),
      units(shape.batch * shape.kvHeadCount()), resident(flow.heads),
      packed(flow.packed), packs(layout.packs), segment(layout.segment),
      strip(layout.strip), rowStrip(layout.rowStrip), outRows(layout.outRows),
      residentRows(layout.residentRows), isFused(layout.isFused),
      isOnline(layout.isOnline), isKeysOuter(layout.isKeysOuter),
      stagedQ(flow.isStaged(model::StagedQ)),
      stagedK(flow.isStaged(model::StagedK)),
      stagedV(flow.isStaged(model::StagedV)), sums(layout.sums) {
  // A last round of fewer packs would leave tokens over.
  int64_t rest = units % resident;
  isFine =
      2 * packs <= kMaxCount && (rest == 0 || ceilDiv(rest, packed) == packs);
  // A place in DRAM is used again when the step that used it is done; a last
  // round of fewer packs comes too soon for that.
  int64_t roundSteps = ceilDiv(total, flow.rows) * packs;
  spilledUnits = rest == 0 && roundSteps > static_cast<int64_t>(kSpilledSteps)
                     ? resident
                     : units;
  softChannel = channel(b.target().channels > 4 ? 4 : 3);
}

/// Writes the program; false if loops did not come out, and nothing is written.
bool AttentionProgram::run(bool allowsGaps) {
  roller = LoopRoller(allowsGaps);
  roller.bind(b);
  pending.clear();
  rounds = blocksDone = steps = logitsUses = 0;
  for (Ring *ring : {&qRing, &kRing, &vRing, &outRing, &accRing, &writtenRing,
                     &readRing, &softRing, &biasRing})
    ring->uses = 0;
  prepareConstants();
  emitRounds();
  drain();
  return roller.finish(b);
}

Status AttentionProgram::emit() {
  int64_t mark = b.mark();
  allocate();
  if (!run(true) && (roller.isTooLong() || !run(false))) {
    b.release(mark);
    return support::makeError(
        Errc::Unsupported, "found attention in blocks of ", flow.rows,
        " rows with tiles of ", strip,
        " keys, whose program has more than 2^20 "
        "instructions or takes too long to write, expected "
        "larger blocks or tiles");
  }
  b.barrier();
  b.release(mark);
  return {};
}

Status emitAttention(Builder &builder, const Device &device,
                     const model::AttentionShape &shape,
                     const model::Dataflow &flow, Type type, const HeadsView &q,
                     const HeadsView &k, const HeadsView &v,
                     const HeadsView &output, const AttentionScore &score) {
  if (Status status = model::checkExtended(device, shape, flow); !status)
    return status;
  if (score.dividesByZero && !flow.isFused())
    return support::makeError(
        Errc::Unsupported, "found an unfused dataflow for attention whose rows "
                           "without keys are NaN, expected a fused one: the "
                           "instruction 'softmax' makes such rows zeros");
  return AttentionProgram(builder, device, shape, flow, type, q, k, v, output,
                          score)
      .emit();
}

} // namespace nm::isa
