//===- AttentionLayout.cpp - How a program works attention ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/AttentionLayout.h"
#include "ExtendedTerms.h"
#include "nm/Machine/TransferTerms.h"
#include <algorithm>
#include <array>

namespace nm::model {

namespace {

/// A strip is hidden by 2, 4 or 8 slots if no more than these multiples of it
/// are on their way at a time. Four slots then hide what two do not even where
/// array and DRAM are equally busy: (A + D + latency)/4 <= max(A, D).
constexpr double kTwoSlots = 0, kFourSlots = 2;

int64_t slotsOf(double bits, bool isOnline, double reach) {
  if (reach < 0)
    return 2;
  double more = reach * 8 / bits;
  // Powers of two, which loops of unrolled iterations divide. With whole rows
  // two more let a stream run ahead while another one is in need.
  return more > kFourSlots ? 8 : more > kTwoSlots || !isOnline ? 4 : 2;
}

} // namespace

AttentionLayout::AttentionLayout(const Device &device,
                                 const AttentionShape &shape,
                                 const Dataflow &flow, int64_t capacity)
    : isFused(flow.isFused()), isOnline(flow.keyTile != 0),
      isKeysOuter(flow.order == LoopOrder::KeysOuter), total(foldedRows(shape)),
      packs(ceilDiv(flow.heads, flow.packed)),
      segment(device.array.cols / flow.packed) {
  bool stagedO = flow.isStaged(StagedOutput);
  bool inArray = !isOnline && flow.attend == Stationarity::Output;
  sums = stagedO ? Sums::Resident : inArray ? Sums::Strip : Sums::Partial;
  int64_t a = device.array.rows;
  // Queries and partial sums pass once for each of the array's columns; else
  // strips are no narrower than its rows, which hold the values of a strip.
  isNarrow = !flow.isStaged(StagedQ) || !isFused || sums == Sums::Partial;
  strip = isOnline ? flow.keyTile
                   : std::min(stripOf(device, segment, isNarrow), shape.keys);
  passes = !flow.isStaged(StagedQ) || !flow.isStaged(StagedK) ||
           !flow.isStaged(StagedV) || !isFused ||
           (!isOnline && sums == Sums::Partial);
  isDivided = isFused && packs == 1 && flow.rows > a &&
              (isOnline || (!passes && stagedO));
  partRows = isDivided ? longerPart(flow.rows, a) : flow.rows;
  // With keys in the outer loop a pack's steps follow each other.
  logitsUnits = isKeysOuter ? flow.packed : flow.heads;
  logitsSlots = isOnline && !isDivided && (packs == 1 || isKeysOuter) ? 2 : 1;
  alternates = isFused && !isOnline && packs == 1 && !isDivided && stagedO;
  // Enough chunks that the ends of a block cost little.
  constexpr int64_t kChunks = 8;
  int64_t unit = std::max(segment, a);
  chunk = passes       ? strip
          : alternates ? ceilDiv(ceilDiv(shape.keys, kChunks), unit) * unit
                       : shape.keys;
  rowStrip = isOnline ? partRows : std::min(a, flow.rows);
  outRows = std::min(a, flow.rows);
  softmaxRows = softmaxRowsOf(device, shape, flow.rows, flow.packed, strip);
  residentRows = isKeysOuter ? total : flow.rows;
  stateRows = !isOnline || (isKeysOuter && sums == Sums::Partial)
                  ? flow.packed * flow.rows
                  : flow.heads * residentRows;

  double reach = transferLatency(device) * device.dramBytesPerCycle();
  setSlots(device, shape, flow, reach);
  if (bytes <= capacity)
    return;
  setSlots(device, shape, flow, -1);
  if (bytes > capacity)
    return;
  // The most that fits. Slots change where a ring's strip is just hidden.
  int64_t d = shape.headDim, v = shape.valueWidth(), p = flow.packed;
  std::array<double, 12> reaches;
  size_t count = 0;
  for (int64_t elements :
       {p * strip * d, p * strip * v, p * rowStrip * d, outRows * v,
        p * rowStrip * strip, softmaxRows * shape.keys})
    reaches[count++] =
        static_cast<double>(elements) * device.elementBits / 8 * kFourSlots;
  reaches[count++] = static_cast<double>(p * rowStrip * v) *
                     device.accumulatorBits / 8 * kFourSlots;
  reaches[count++] = 0;
  std::sort(reaches.begin(), reaches.begin() + count, std::greater<>());
  for (size_t i = 0; i != count; ++i) {
    if (reaches[i] >= reach)
      continue;
    setSlots(device, shape, flow, reaches[i]);
    if (bytes <= capacity)
      return;
  }
  setSlots(device, shape, flow, -1);
}

template <typename Body>
void AttentionLayout::forEachBuffer(const Device &device,
                                    const AttentionShape &shape,
                                    const Dataflow &flow, Body body) const {
  int64_t d = shape.headDim, v = shape.valueWidth(), S = shape.keys;
  int64_t g = flow.heads, p = flow.packed, group = shape.group();
  int64_t e = device.elementBits, wide = device.accumulatorBits;
  auto add = [&](const char *name, int64_t slots, int64_t elements,
                 int64_t bits) { body(Buffer{name, slots, elements, bits}); };
  // Rows of grouped heads lie position by position.
  auto padded = [&](int64_t rows) { return ceilDiv(rows, group) * group; };
  // What is not staged passes through a few buffers of a strip.
  if (flow.isStaged(StagedQ))
    add("queries", 2, g * padded(residentRows) * d, e);
  else
    add("queries, passing", querySlots, p * padded(rowStrip) * d, e);
  if (flow.isStaged(StagedK))
    add("keys", 2, g * S * d, e);
  else
    add("keys, passing", keySlots, p * strip * d, e);
  if (flow.isStaged(StagedV))
    add("values", 2, g * S * v, e);
  else
    add("values, passing", valueSlots, p * strip * v, e);
  if (isFused) {
    add("logits", logitsSlots, logitsUnits * flow.rows * (isOnline ? strip : S),
        e);
    // Maxima, sums, and the maxima before a key tile, of two blocks at work.
    add("row maxima", stateSlots, stateRows, wide);
    add("row sums", stateSlots, stateRows, wide);
    if (isOnline)
      add("row maxima before a tile", stateSlots, stateRows, wide);
  } else {
    add("logits, leaving", spillSlots, p * rowStrip * strip, e);
    add("weights, coming back", spillSlots, p * rowStrip * strip, e);
    add("rows of the softmax", softmaxSlots, softmaxRows * S, e);
  }
  add("results, leaving", resultSlots, p * padded(outRows) * v, e);
  // A sum is as large as the two elements of a double buffer.
  if (sums == Sums::Resident)
    add("sums", 1, g * residentRows * v, wide);
  else
    add("sums, passing", sumSlots, p * rowStrip * v, wide);
}

void AttentionLayout::setSlots(const Device &device,
                               const AttentionShape &shape,
                               const Dataflow &flow, double reach) {
  int64_t d = shape.headDim, v = shape.valueWidth(), p = flow.packed;
  auto slots = [&](int64_t elements, int64_t width) {
    return slotsOf(static_cast<double>(elements) * static_cast<double>(width),
                   isOnline, reach);
  };
  int64_t e = device.elementBits;
  keySlots = slots(p * strip * d, e);
  valueSlots = slots(p * strip * v, e);
  querySlots = slots(p * rowStrip * d, e);
  sumSlots = slots(p * rowStrip * v, device.accumulatorBits);
  if (isOnline)
    sumSlots = std::max<int64_t>(sumSlots, 4);
  resultSlots = slots(outRows * v, e);
  spillSlots = slots(p * rowStrip * strip, e);
  // One long row is more than a tile of the array. With a causal mask some rows
  // see few keys, which hide the latency of none.
  softmaxSlots = softmaxRows == 1 ? 2
                 : shape.causal && reach > 0
                     ? 8
                     : slots(softmaxRows * shape.keys, e);
  // State that passes by with the sums has as many slots.
  stateSlots = isKeysOuter && sums == Sums::Partial ? sumSlots : 2;
  bytes = 0;
  forEachBuffer(device, shape, flow,
                [&](const Buffer &buffer) { bytes += buffer.bytes(); });
}

std::vector<AttentionLayout::Buffer>
AttentionLayout::buffers(const Device &device, const AttentionShape &shape,
                         const Dataflow &flow) const {
  std::vector<Buffer> all;
  forEachBuffer(device, shape, flow,
                [&](const Buffer &buffer) { all.push_back(buffer); });
  return all;
}

} // namespace nm::model
