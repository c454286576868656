//===- ProductNest.cpp - The products of a mapping, split over levels ------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProductNest.h"
#include "nm/Support/Result.h"
#include <algorithm>
#include <tuple>

namespace nm::explore {

using model::AttentionShape;
using model::Dataflow;
using model::Device;
using model::Granularity;
using model::LoopOrder;
using model::Mapping;
using model::Stationarity;
using support::Errc;
using support::makeError;
using support::Result;

/// Ranks on rows and columns of the array, and the one that goes by. With a
/// product [m, k] by [k, n]: logits have m = P, k = E, n = M, outputs m = P,
/// k = M, n = F.
static std::array<char, 3> placesOf(const Einsum &e,
                                    Stationarity stationarity) {
  char m = 'P', k = e.isLogit ? 'E' : 'M', n = e.isLogit ? 'M' : 'F';
  switch (stationarity) {
  case Stationarity::Output:
    return {m, n, k};
  case Stationarity::Weight:
    return {k, n, m};
  case Stationarity::Input:
    break;
  }
  return {m, k, n};
}

Result<ProductSplit> splitOf(const Device &device, const Mapping &mapping,
                             const Einsum &e) {
  const AttentionShape &shape = mapping.shape;
  const Dataflow &flow = mapping.dataflow;
  if (shape.group() != 1 || shape.causal || flow.packed != 1)
    return makeError(Errc::Unsupported,
                     "found grouped heads, a mask or packed heads, expected "
                     "none of them in a mapping for others");
  support::Status status;
  auto divide = [&](int64_t whole, int64_t part, const char *what) {
    if (whole % part && status)
      status = makeError(Errc::Unsupported, "found ", part, " ", what, " of ",
                         whole, ", expected a divisor: factors are whole");
    return whole / part;
  };
  int64_t tile = flow.keyTile ? flow.keyTile : shape.keys;
  // All heads of a sample first, then samples.
  int64_t heads = std::min(flow.heads, shape.heads);
  int64_t samples = divide(flow.heads, heads, "heads");
  int64_t width = e.isLogit ? shape.headDim : shape.valueWidth();
  ProductSplit split;
  Factors &inner = split.inner;
  split.dram['B'] = divide(shape.batch, samples, "samples");
  split.dram['H'] = divide(shape.heads, heads, "resident heads");
  split.dram['P'] = divide(shape.queries, flow.rows, "rows");
  split.dram['M'] = divide(shape.keys, tile, "keys of a tile");
  inner = {{'B', samples},
           {'H', heads},
           {'P', flow.rows},
           {'M', tile},
           {e.width, width}};
  auto [row, column, by] = placesOf(e, e.isLogit ? flow.logit : flow.attend);
  int64_t a = std::min(inner[row], device.array.rows);
  int64_t b = std::min(inner[column], device.array.cols);
  split.rows[row] = a;
  split.columns[column] = b;
  inner[row] = divide(inner[row], a, "rows of the array");
  inner[column] = divide(inner[column], b, "columns of the array");
  if (!status)
    return status.error();
  // What goes by is the innermost loop.
  split.order = {by, column, row};
  return split;
}

bool ProductNest::times(Factors &factors, char rank, int64_t factor) {
  int64_t &all = factors.try_emplace(rank, 1).first->second;
  return !__builtin_mul_overflow(all, factor, &all);
}

/// What goes by is the innermost loop on the chip; ranks of one element may
/// leave open what is stationary, else the array's two say it.
static Result<Stationarity> stationarityOf(const Einsum &e,
                                           const ProductNest &nest,
                                           const std::string &where) {
  for (bool isInnermost : {true, false})
    for (Stationarity s :
         {Stationarity::Output, Stationarity::Weight, Stationarity::Input}) {
      char by = placesOf(e, s)[2];
      if (!nest.spatial.count(by) && (!isInnermost || by == nest.innermost))
        return s;
    }
  return makeError(Errc::Format, where,
                   ": found three ranks on the array, expected two: the third "
                   "goes by");
}

Result<Mapping> mappingOf(ProductNest &logit, ProductNest &attend,
                          const std::string &logitWhere,
                          const std::string &attendWhere) {
  for (ProductNest *nest : {&logit, &attend})
    for (char rank : {'B', 'H', 'P', 'M', 'E', 'F'})
      for (Factors *factors : {&nest->dram, &nest->below})
        factors->try_emplace(rank, 1);
  Result<Stationarity> first = stationarityOf(kLogit, logit, logitWhere);
  if (!first)
    return first.error();
  Result<Stationarity> second = stationarityOf(kAttend, attend, attendWhere);
  if (!second)
    return second.error();
  for (char rank : {'B', 'H', 'P', 'M'})
    if (logit.dram[rank] != attend.dram[rank] ||
        logit.below[rank] != attend.below[rank])
      return makeError(Errc::Mismatch, attendWhere, ": found ",
                       attend.dram[rank], " times ", attend.below[rank], " of ",
                       rank, ", expected ", logit.dram[rank], " times ",
                       logit.below[rank], " as in ", logitWhere);
  Mapping mapping;
  AttentionShape &shape = mapping.shape;
  Dataflow &flow = mapping.dataflow;
  auto whole = [&](ProductNest &nest, char rank) {
    return nest.dram[rank] * nest.below[rank];
  };
  for (auto [nest, where] :
       {std::pair(&logit, &logitWhere), std::pair(&attend, &attendWhere)})
    for (const Factors *factors : {&nest->dram, &nest->below})
      for (auto [rank, factor] : *factors)
        if (factor > (int64_t(1) << 30))
          return makeError(Errc::Unsupported, *where, ": found a factor of ",
                           rank, " beyond 2^30, expected less");
  shape.batch = whole(logit, 'B');
  shape.heads = whole(logit, 'H');
  shape.queries = whole(logit, 'P');
  shape.keys = whole(logit, 'M');
  shape.headDim = whole(logit, 'E');
  shape.valueDim = whole(attend, 'F');
  NM_RETURN_IF_ERROR(shape.check());
  flow.rows = logit.below['P'];
  flow.keyTile = logit.dram['M'] > 1 ? logit.below['M'] : 0;
  flow.heads = logit.below['B'] * logit.below['H'];
  // A sample's or the batch's are so many heads at a time.
  flow.granularity =
      flow.rows == shape.queries ? Granularity::Head : Granularity::Row;
  flow.order = flow.keyTile && logit.keysOuter ? LoopOrder::KeysOuter
                                               : LoopOrder::RowsOuter;
  flow.logit = *first;
  flow.attend = *second;
  for (auto [nest, name, bit] :
       {std::tuple(&logit, "Q", model::StagedQ),
        std::tuple(&logit, "K", model::StagedK),
        std::tuple(&attend, "V", model::StagedV),
        std::tuple(&attend, "AV", model::StagedOutput)})
    if (nest->onChip.count(name))
      flow.staged |= bit;
  if (logit.onChip.count("QK") != attend.onChip.count("A"))
    return makeError(Errc::Mismatch, attendWhere,
                     ": found A in L3 and QK not, or the other way, expected "
                     "both or none: they are the same logits");
  if (logit.onChip.count("QK"))
    flow.staged |= model::StagedLogits;
  return mapping;
}

} // namespace nm::explore
