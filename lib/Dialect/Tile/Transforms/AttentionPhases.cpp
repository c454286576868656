//===- AttentionPhases.cpp - Products and softmax of a step ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionBlocker.h"
#include "nm/Support/Arithmetic.h"

using namespace mlir;
using namespace mlir::tiles;
namespace model = ::nm::model;
namespace code = ::nm::isa;
using model::Sums;
using ::nm::support::ceilDiv;

namespace {

/// Channels by what transfers carry. Key tiles leave results and partial sums
/// one, and rows of a softmax on their way have one of their own if there is
/// one.
enum Lane : int64_t {
  kKeys = 0,
  kResults = 0,
  kValues = 1,
  kLogits = 1,
  kQueries = 2,
  kWeights = 2,
  kReturns = 3, ///< of partial sums, and of weights
  kRows = 4     ///< of a softmax, and of a bias
};

} // namespace

static HeadsAttr rowsOfTensor(MLIRContext *context, int64_t rows,
                              int64_t column = 0) {
  return HeadsAttr::get(context, 0, 0, 0, rows, 0, column);
}

//===----------------------------------------------------------------------===//
// Parts of places
//===----------------------------------------------------------------------===//

/// The logits of the units of a pack, or of unit `q` as a matrix.
Value AttentionBlocker::logitsOf(Value j, Value q, Value more) {
  Cut units = layout.logitsUnits == packed && isKeysOuter ? packUnits(q)
                                                          : residentUnits(q);
  int64_t rank = q || packed == 1 ? 2 : 3;
  return at(logits, {units, {1, {part, more}}, {2, {tile ? tile : j}}}, rank);
}

/// Maxima or sums of unit `q` as a vector.
Value AttentionBlocker::stateOf(Value state, Value q, Value i, Value x) {
  bool isLocal = !isOnline || (isKeysOuter && layout.sums == Sums::Partial);
  Cut rows = isLocal ? Cut{1, {part, i, x}} : placeRows(i, x);
  return at(state, {isLocal ? packUnits(q) : residentUnits(q), rows}, 1);
}

Value AttentionBlocker::sumsOf(Value acc, Value i, Value x, Value q,
                               int64_t rank) {
  if (isResident)
    return at(acc, {residentUnits(q), placeRows(i, x)}, rank);
  return at(acc, {packUnits(q), {1, {i ? i : part, x}}}, rank);
}

//===----------------------------------------------------------------------===//
// Logits
//===----------------------------------------------------------------------===//

void AttentionBlocker::logitsPhase(Value j) {
  if (stagedK) {
    when("first", {rows, tile, part, j}, [&] {
      load(op.getK(), op.getKHeads(), heads, 1, kKeys,
           at(keyPlace, {residentUnits()}), unitsOf(), {}, {});
    });
  } else if (isOnline) {
    when("first", {isKeysOuter ? rows : Value(), part}, [&] {
      load(op.getK(), op.getKHeads(), heads, 1, kKeys,
           at(keyRing, {packUnits(), {1, {tile}}}), unitsOf(), {tile}, {});
    });
  } else {
    keyRing = place(type, {packed, layout.strip, depth}, layout.keySlots);
    load(op.getK(), op.getKHeads(), heads, 1, kKeys,
         at(keyRing, {packUnits(), {1, {j}}}), unitsOf(), {j}, {});
  }
  if (stagedQ)
    when("first", {tile, j}, [&] {
      load(op.getQ(), op.getQHeads(), heads, group, kQueries,
           at(queryPlace, {residentUnits(), placeRows()}), unitsOf(), rowsOf(),
           {});
    });
  if (stagedQ && isFused)
    logitsStrip(j, {});
  else
    each(layout.partRows, layout.rowStrip, {part},
         [&](Value i) { logitsStrip(j, i); });
}

void AttentionBlocker::logitsStrip(Value j, Value i) {
  int64_t rank = packed == 1 ? 2 : 3;
  Value by = tile ? tile : j;
  Value key = stagedK ? at(keyPlace, {residentUnits(), {1, {by}}}, rank)
                      : at(keyRing, {packUnits(), {1, {by}}}, rank);
  Value query;
  if (stagedQ) {
    query = at(queryPlace, {residentUnits(), placeRows(i)}, rank);
  } else {
    Value ring = place(type, {packed, layout.rowStrip, depth},
                       layout.querySlots, /*isFolded=*/true);
    load(op.getQ(), op.getQHeads(), heads, group, kQueries,
         at(ring, {packUnits(), {1, {i}}}), unitsOf(), rowsOf(i), {});
    query = at(ring, {packUnits(), {1, {i}}}, rank);
  }
  if (isFused)
    return product(flow.logit, query, key, logitsOf(j, {}, i), true, {});
  Value written =
      place(type, {packed, layout.rowStrip, layout.strip}, layout.spillSlots);
  Cut cuts[] = {packUnits(), {1, {i}}, {2, {j}}};
  product(flow.logit, query, key, at(written, cuts, rank), true, {});
  store(spilled, rowsOfTensor(b.getContext(), total), count, 1, kLogits,
        at(written, cuts), spillUnits(), rowsOf(i), {j}, /*byStep=*/true);
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

void AttentionBlocker::outputPhase() {
  if (layout.sums == Sums::Strip)
    return outputStrips();
  eachChunk([&](Value j) { outputChunk(j); });
}

/// The product of the weights of a chunk with its values, a segment of value
/// columns at a time.
void AttentionBlocker::outputColumns(Value j, Value i, Value acc,
                                     bool isStrip) {
  int64_t rank = packed == 1 ? 2 : 3;
  auto column = [&](Value c) {
    auto chunk = [&](Value j) {
      Value by = tile ? tile : j;
      Value weights;
      if (isFused) {
        weights = logitsOf(j, {}, i);
      } else {
        Value ring = place(type, {packed, layout.rowStrip, layout.strip},
                           layout.spillSlots);
        Cut cuts[] = {packUnits(), {1, {i}}, {2, {j}}};
        load(spilled, rowsOfTensor(b.getContext(), total), count, 1, kReturns,
             at(ring, cuts), spillUnits(), rowsOf(i), {j}, /*byStep=*/true);
        weights = at(ring, cuts, rank);
      }
      Value values;
      if (stagedV) {
        when("first", {rows, tile, part, j, i, c}, [&] {
          load(op.getV(), op.getVHeads(), heads, 1, kValues,
               at(valuePlace, {residentUnits()}), unitsOf(), {}, {});
        });
        values = at(valuePlace, {residentUnits(), {1, {by}}, {2, {c}}}, rank);
      } else if (isStrip) {
        Value ring =
            place(type, {packed, layout.strip, width}, layout.valueSlots);
        load(op.getV(), op.getVHeads(), heads, 1, kValues,
             at(ring, {packUnits(), {1, {j}}, {2, {c}}}), unitsOf(), {j}, {c});
        values = at(ring, {packUnits(), {1, {j}}, {2, {c}}}, rank);
      } else {
        Loops first{i, c};
        if (isOnline)
          first = {isKeysOuter ? rows : Value(), part, i, c};
        when("first", first, [&] {
          load(op.getV(), op.getVHeads(), heads, 1, kValues,
               at(valueRing, {packUnits(), {1, {by}}}), unitsOf(), {by}, {});
        });
        values = at(valueRing, {packUnits(), {1, {by}}, {2, {c}}}, rank);
      }
      Cut units = isResident ? residentUnits() : packUnits();
      Cut lines = isResident ? placeRows(i) : Cut{1, {i ? i : part}};
      product(flow.attend, weights, values,
              at(acc, {units, lines, {2, {c}}}, rank), false, {tile, j});
    };
    if (isStrip)
      eachChunk(chunk);
    else
      chunk(j);
  };
  // Logits that were spilled to DRAM are read once for each segment of value
  // columns.
  if (!isFused && layout.segment < width)
    each(width, layout.segment, {}, column);
  else
    column({});
}

/// The product of a chunk of weights, added to the sums.
void AttentionBlocker::outputChunk(Value j) {
  if (!stagedV && !isOnline)
    valueRing = place(type, {packed, layout.strip, width}, layout.valueSlots);
  if (isFused && (isResident || isOnline)) {
    outputColumns(j, {}, sums, false);
    if (!isResident)
      when("not_last", {tile}, [&] { movePartial(false, {}, sums); });
    return;
  }
  each(layout.partRows, layout.rowStrip, {part}, [&](Value i) {
    if (isResident)
      return outputColumns(j, i, sums, false);
    // Strips of the sums are loaded and stored again.
    Value acc = place(f32, {packed, layout.rowStrip, width}, layout.sumSlots);
    when("not_first", {j}, [&] { movePartial(true, i, acc); });
    outputColumns(j, i, acc, false);
    when("last", {j}, [&] { results(i, acc); });
    when("not_last", {j}, [&] { movePartial(false, i, acc); });
  });
}

/// One strip of rows at a time, over all chunks of keys.
void AttentionBlocker::outputStrips() {
  each(layout.partRows, layout.rowStrip, {part}, [&](Value i) {
    Value acc = place(f32, {packed, layout.rowStrip, width}, layout.sumSlots);
    outputColumns({}, i, acc, true);
    results(i, acc);
  });
}

/// Loads or stores partial sums; with keys in the outer loop, also maxima and
/// row sums.
void AttentionBlocker::movePartial(bool isLoad, Value i, Value acc) {
  Loops lines = {keepsAllRows ? rows : Value(), part, i}, units{inRound, pack};
  auto move = [&](int64_t column, Value part) {
    HeadsAttr heads = rowsOfTensor(b.getContext(), layout.residentRows, column);
    if (isLoad)
      load(partials, heads, resident, 1, kReturns, part, units, lines, {});
    else
      store(partials, heads, resident, 1, kResults, part, units, lines, {});
  };
  move(0, at(acc, {packUnits(), {1, {i ? i : part}}}));
  if (!isKeysOuter)
    return;
  move(width, at(maxima, {packUnits(), {1, {part}}}));
  move(width + 1, at(rowSums, {packUnits(), {1, {part}}}));
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// Divides the sums by the row sums, converts them to the element type, and
/// stores them.
void AttentionBlocker::results(Value i, Value acc) {
  int64_t block = i ? layout.rowStrip : layout.partRows;
  each(block, std::min(layout.outRows, block), {i ? i : part}, [&](Value x) {
    Value out = place(type, {packed, layout.outRows, width}, layout.resultSlots,
                      /*isFolded=*/true);
    eachUnit([&](Value q) { resultUnit(i, x, q, acc, out); });
    store(op.getOutput(), op.getOutputHeads(), heads, group, kResults,
          at(out, {packUnits(), {1, {x}}}), unitsOf(), rowsOf(i, x), {});
  });
}

void AttentionBlocker::resultUnit(Value i, Value x, Value q, Value acc,
                                  Value out) {
  Value source = sumsOf(acc, i, x, q, 2);
  Value dest = at(out, {packUnits(q), {1, {x}}}, 2);
  if (!isFused)
    return put(tiles.unary(code::UnaryKind::Copy, source, type), dest);
  Value factor = stateOf(rowSums, q, i, x);
  if (facts.hasNanRows) {
    // A row sum of 0 gives infinity, and 0 times infinity the NaN of such a
    // row.
    Value inverse = at(inverses, {{0, {x}}});
    put(tiles.elementwise(code::BinaryKind::Div, at(ones, {{0, {x}}}), factor,
                          f32),
        inverse);
    return put(tiles.scale(source, inverse, /*reciprocal=*/false, type), dest);
  }
  put(tiles.scale(source, factor, /*reciprocal=*/true, type), dest);
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

void AttentionBlocker::loadKeyBias(const Loops &first) {
  if (!biasPlace)
    return;
  int64_t samples =
      cast<attacc::RegionType>(op.getKeyBias().getType()).getShape()[0];
  when("first", first, [&] {
    load(op.getKeyBias(),
         HeadsAttr::get(b.getContext(), 0, samples > 1, 0, 0, 0, 0), heads, 1,
         kQueries, at(biasPlace, {residentUnits()}), unitsOf(), {}, {});
  });
}

void AttentionBlocker::score(PartOf part, const Loops &lines, Value rowLoop,
                             int64_t rowCount, Value q, Value keyLoop) {
  if (facts.softCap != 0) {
    // The product has been divided by the cap.
    put(tiles.unary(code::UnaryKind::Tanh, part({}), type), part({}));
    put(tiles.elementwise(code::BinaryKind::Mul, part({}),
                          at(caps, {{0, {keyLoop}}}), type),
        part({}));
  }
  if (biasPlace)
    put(tiles.elementwise(code::BinaryKind::Add, part({}),
                          at(biasPlace, {residentUnits(q), {1, {keyLoop}}}, 1),
                          type),
        part({}));
  if (Value bias = op.getBias())
    // A few rows at a time, each loaded for its heads.
    each(rowCount, plan.biasRows, {rowLoop}, [&](Value i) {
      Value ring =
          place(cast<attacc::RegionType>(bias.getType()).getElementType(),
                {1, plan.biasRows, plan.scoreKeys}, 2, /*isFolded=*/true);
      Cut cuts[] = {{1, {i}}, {2, {keyLoop}}};
      Loops rows(lines);
      rows.push_back(i);
      load(bias, *op.getBiasHeads(), heads, group, kRows, at(ring, cuts),
           unitsOf(q), rows, {keyLoop});
      put(tiles.elementwise(code::BinaryKind::Add, part(i), at(ring, cuts, 2),
                            type),
          part(i));
    });
  if (shape.causal || facts.window > 0)
    MaskOp::create(b, loc, part({}),
                   llvm::filter_to_vector(lines, [](Value v) { return v; }),
                   ValueRange(keyLoop), b.getI64IntegerAttr(group),
                   b.getI64IntegerAttr(facts.offset),
                   b.getI64IntegerAttr(facts.window),
                   shape.causal ? b.getUnitAttr() : UnitAttr());
}

/// Adds bias and mask of a chunk, and updates the row maximum.
void AttentionBlocker::maximum(Value j) {
  loadKeyBias({rows, tile, part, j});
  eachUnit([&](Value q) {
    auto part = [&](Value more) { return logitsOf(j, q, more); };
    score(part, rowsOf(), this->part, layout.partRows, q, tile ? tile : j);
    if (isOnline)
      when("not_first", {tile}, [&] {
        put(tiles.unary(code::UnaryKind::Copy, stateOf(maxima, q), f32),
            stateOf(before, q));
      });
    put(tiles.rowMax(part({}), f32), stateOf(maxima, q), true, {tile, j});
  });
}

void AttentionBlocker::exponentials(Value j) {
  eachUnit([&](Value q) {
    Value part = logitsOf(j, q);
    auto [weights, sum] = tiles.expSum(part, stateOf(maxima, q), type, f32);
    put(weights, logitsOf(j, q));
    put(sum, stateOf(rowSums, q), true, {tile, j});
  });
}

/// Rescales the running sums to the new maximum.
void AttentionBlocker::rescale() {
  when("not_first", {tile}, [&] {
    eachUnit([&](Value q) {
      RescaleOp::create(b, loc, stateOf(before, q), stateOf(maxima, q),
                        stateOf(rowSums, q), sumsOf(sums, {}, {}, q, 2));
    });
  });
}

void AttentionBlocker::softmaxPhase() {
  if (!isFused)
    return unfusedSoftmax();
  if (isOnline) {
    if (!isResident)
      when("not_first", {tile}, [&] { movePartial(true, {}, sums); });
    maximum({});
    rescale();
    return exponentials({});
  }
  eachChunk([&](Value j) { maximum(j); });
  eachChunk([&](Value j) { exponentials(j); });
}

void AttentionBlocker::unfusedSoftmax() {
  loadKeyBias({rows, part});
  HeadsAttr lines = rowsOfTensor(b.getContext(), total);
  auto group = [&](Value seen, Value q, Value g) {
    Value ring =
        place(type, {1, layout.softmaxRows, keys}, layout.softmaxSlots);
    Cut cuts[] = {{1, {g}}, {2, {seen}}};
    load(spilled, lines, count, 1, kRows, at(ring, cuts), spillUnits(q),
         rowsOf(g), {seen});
    auto part = [&](Value more) {
      return at(ring, {{1, {g, more}}, {2, {seen}}}, 2);
    };
    score(part, rowsOf(g), g, layout.softmaxRows, q, seen);
    put(tiles.softmax(part({}), 1, type), part({}));
    store(spilled, lines, count, 1, kWeights, at(ring, cuts), spillUnits(q),
          rowsOf(g), {seen});
  };
  each(keys, keys, {{}, rows, Sight::Keys}, [&](Value seen) {
    eachUnit([&](Value q) {
      each(layout.partRows, layout.softmaxRows,
           {part, {}, Sight::None, shape.causal || facts.window > 0},
           [&](Value g) { group(seen, q, g); });
    });
  });
}
