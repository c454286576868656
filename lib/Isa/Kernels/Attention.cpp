//===- Attention.cpp - Attention as a program ------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../../Runtime/Support.h"
#include "AttentionProgram.h"
#include <algorithm>

namespace nm::isa {

using model::Stationarity;
using rt::ceilDiv;

AttentionProgram::AttentionProgram(Builder &builder, const Device &device,
                                   const model::AttentionShape &shape,
                                   const model::Dataflow &flow, Type type,
                                   const HeadsView &q, const HeadsView &k,
                                   const HeadsView &v, const HeadsView &output,
                                   const AttentionScore &score)
    : b(builder), device(device), shape(shape), flow(flow), type(type), q(q),
      k(k), v(v), output(output), score(score), t(true), group(shape.group()),
      total(model::foldedRows(shape)), keys(shape.keys), depth(shape.headDim),
      width(shape.valueWidth()), units(shape.batch * shape.kvHeadCount()),
      resident(flow.heads), packed(flow.packed),
      packs(ceilDiv(resident, packed)), segment(device.array.cols / packed),
      isFused(flow.isFused()), isOnline(flow.keyTile != 0),
      isKeysOuter(flow.order == model::LoopOrder::KeysOuter),
      stagedQ(flow.isStaged(model::StagedQ)),
      stagedK(flow.isStaged(model::StagedK)),
      stagedV(flow.isStaged(model::StagedV)) {
  bool stagedO = flow.isStaged(model::StagedOutput);
  sums = stagedO ? Sums::Resident
         : !isOnline && flow.attend == Stationarity::Output ? Sums::Strip
                                                            : Sums::Partial;
  strip = isOnline ? flow.keyTile : std::min(segment, keys);
  int64_t a = device.array.rows;
  bool passes = !stagedQ || !stagedK || !stagedV || !isFused ||
                (!isOnline && sums == Sums::Partial);

  // Two steps at work at a time need logits each: of another pack, of another
  // half of the rows, or of a second tile if a tile is no more than the array.
  bool isDivided = isFused && packs == 1 && flow.rows > a &&
                   (isOnline || (!passes && stagedO));
  partRows =
      isDivided ? ceilDiv(ceilDiv(flow.rows, a), int64_t(2)) * a : flow.rows;
  logitsSlots = isOnline && packs == 1 && !isDivided ? 2 : 1;
  alternates = isFused && !isOnline && packs == 1 && !isDivided && stagedO;

  // Chunks that alternate: enough of them that the ends of a block cost little.
  constexpr int64_t kChunks = 8;
  int64_t unit = std::max(segment, a);
  chunkKeys = passes       ? strip
              : alternates ? ceilDiv(ceilDiv(keys, kChunks), unit) * unit
                           : keys;
  rowStrip = isOnline ? partRows : std::min(a, flow.rows);
  outRows = std::min(a, flow.rows);
  softmaxRows = std::clamp<int64_t>(rowStrip * strip / keys, 1, flow.rows);
  residentRows = isKeysOuter ? total : flow.rows;
  // A last round of fewer packs would leave tokens over.
  int64_t rest = units % resident;
  isFine = 2 * packs <= kMaxCount &&
           (rest == 0 || ceilDiv(rest, packed) == packs);
  // A place in DRAM is used again two steps later at the earliest.
  int64_t roundSteps = ceilDiv(total, flow.rows) * packs;
  spilledUnits = roundSteps > 1 ? resident
                 : resident == 1 && shape.kvHeadCount() > 1
                     ? shape.kvHeadCount()
                     : units;
  softChannel = b.target().channels > 4 ? 4
                                        : channel(stagedK   ? 0
                                                  : stagedV ? 1
                                                            : 2);
}

/// Writes the program; false if loops did not come out, and nothing is written.
bool AttentionProgram::run(bool allowsGaps) {
  t = Trace(allowsGaps);
  t.bind(b);
  rounds = blocksDone = steps = logitsUses = 0;
  for (Ring *ring : {&qRing, &kRing, &vRing, &outRing, &accRing, &writtenRing,
                     &readRing, &softRing})
    ring->uses = 0;
  emitRounds();
  drain();
  return t.finish(b);
}

Status AttentionProgram::emit() {
  int64_t mark = b.mark();
  allocate();
  if (!run(true))
    run(false);
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
  return AttentionProgram(builder, device, shape, flow, type, q, k, v, output,
                          score)
      .emit();
}

} // namespace nm::isa
