//===- AttentionTask.cpp - One block of query rows -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For each tile of keys: the logits of all row groups, panel by panel of keys,
// so that a panel of K stays in L1; then the row maxima; then, for each block
// of keys whose values fit L1, the exponentials and the weighted values. With
// one tile of all keys this is FLAT's row granularity; with several the running
// maxima and sums are rescaled (online softmax).
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include <limits>

using namespace mlir;
using namespace mlir::flat;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Rows whose exponentials are computed together: their maxima, sums and the
/// polynomial's constants share the registers.
constexpr int64_t kExpRows = 1;

class TaskEmitter {
public:
  TaskEmitter(AttentionBuilder &b, const AttentionBlocking &blocking,
              const AttentionProblem &problem, Value packedK, Value packedV,
              Value batch, Value head, Value row0)
      : b(b), blocking(blocking), problem(problem), packedK(packedK),
        packedV(packedV), batch(batch), head(head), row0(row0),
        lanes(blocking.lanes), isOnline(blocking.keyTile != 0),
        type(VectorType::get({lanes}, b.getF32Type())) {}

  void emit() {
    rows = b.min(b.index(blocking.rows), b.sub(problem.rows, row0));
    groups = b.ceilDiv(rows, blocking.tileRows);
    paddedKeys = b.roundUp(problem.keys, blocking.panel());
    paddedWidth = b.roundUp(problem.width, blocking.panel());
    tileCapacity = isOnline ? b.index(blocking.keyTile) : paddedKeys;
    allocate();
    copyQueries();
    initialise();
    // Keys that no row of the block looks at are never touched.
    Value lastRow = b.add(row0, b.sub(rows, b.index(1)));
    Value begin = b.roundDown(firstVisited(row0), blocking.panel());
    Value end = endVisited(lastRow);
    if (isOnline) {
      b.loop(begin, end, blocking.keyTile, [&](Value tile) {
        emitTile(tile, b.min(b.add(tile, blocking.keyTile), end));
      });
    } else {
      emitTile(begin, end);
    }
    writeRows();
    for (Value buffer : {q, p, out, tileMaxima, maxima, shifts, sums, factors})
      b.release(buffer);
  }

private:
  Value firstKey(Value row) { return problem.firstLiveKey(b, batch, row); }
  Value endKey(Value row) { return problem.endLiveKey(b, batch, row); }
  Value firstVisited(Value row) {
    return problem.firstVisitedKey(b, batch, row);
  }
  Value endVisited(Value row) { return problem.endVisitedKey(b, batch, row); }
  /// Whether queries lie side by side, in memory and in `q`.
  bool isTurned() const {
    return problem.q.isContiguous(AttentionOp::Sequence);
  }
  /// Rows of a block, in whole vectors.
  int64_t rowCapacity() const {
    return llvm::divideCeil(blocking.rows, lanes) * lanes;
  }
  void allocate() {
    q = b.allocate(
        b.mul(problem.depth, isTurned() ? rowCapacity() : blocking.rows));
    p = b.allocate(b.mul(tileCapacity, blocking.rows));
    out = b.allocate(b.mul(paddedWidth, blocking.rows));
    // Row statistics are computed for `lanes` rows at a time.
    tileMaxima = b.allocate(rowCapacity() * lanes);
    sums = b.allocate(rowCapacity() * lanes);
    maxima = b.allocate(rowCapacity());
    shifts = b.allocate(rowCapacity());
    factors = b.allocate(rowCapacity());
  }

  /// `count` queries as the copy has them from `offset` on, [row][depth].
  Value viewQueries(OpFoldResult offset, OpFoldResult count) {
    OpFoldResult depth = getAsOpFoldResult(problem.depth),
                 one = b.getIndexAttr(1);
    if (isTurned())
      return b.view(q, offset, {count, depth},
                    {one, b.getIndexAttr(rowCapacity())});
    return b.view(q, offset, {count, depth}, {depth, one});
  }

  /// Rows that fill up the last row group are zero.
  void copyQueries() {
    OpFoldResult zero = b.getIndexAttr(0);
    problem.q.pack(b, {batch, head, row0, zero}, rows,
                   getAsOpFoldResult(problem.depth),
                   /*isTurned=*/false,
                   viewQueries(zero, b.mul(groups, blocking.tileRows)));
  }

  void fill(Value buffer, Value count, double value) {
    Value vector = b.constant(type, value);
    b.loop(b.index(0), count, lanes,
           [&](Value i) { b.store(vector, buffer, i); });
  }

  void initialise() {
    statRows = b.roundUp(b.mul(groups, blocking.tileRows), lanes);
    fill(out, b.mul(b.mul(groups, blocking.tileRows), paddedWidth), 0);
    fill(sums, b.mul(statRows, lanes), 0);
    if (isOnline)
      fill(maxima, statRows, -kInfinity);
  }

  void emitTile(Value begin, Value end) {
    fill(tileMaxima, b.mul(statRows, lanes), -kInfinity);
    Value firstPanel =
        arith::DivUIOp::create(b, begin, b.index(blocking.panel()));
    b.loop(firstPanel, b.ceilDiv(end, blocking.panel()), 1, [&](Value panel) {
      b.loop(b.index(0), groups, 1,
             [&](Value group) { emitLogitTile(panel, group, begin); });
    });
    updateMaxima();
    if (isOnline)
      rescale();
    b.loop(begin, end, blocking.valueBlock, [&](Value block) {
      Value blockEnd = b.min(b.add(block, blocking.valueBlock), end);
      emitValueBlock(begin, block, blockEnd);
    });
  }

  Value firstRow(Value group) {
    return b.add(row0, b.mul(group, blocking.tileRows));
  }
  Value groupBase(Value group) {
    return b.mul(b.mul(group, tileCapacity), blocking.tileRows);
  }

  void emitLogitTile(Value panel, Value group, Value tileBegin) {
    Value key = b.mul(panel, blocking.panel());
    Value keyEnd = b.add(key, blocking.panel());
    Value first = firstRow(group), last = b.add(first, blocking.tileRows - 1);
    auto emitLive = [&] {
      prefetchShare(packedK, b.mul(keyEnd, problem.depth), problem.depth,
                    group);
      Value kBase = b.mul(key, problem.depth);
      Value row = b.mul(group, blocking.tileRows);
      Value queries = viewQueries(isTurned() ? row : b.mul(row, problem.depth),
                                  b.getIndexAttr(blocking.tileRows));
      SmallVector<Value> accs = mlir::flat::emitLogits(
          b, blocking, queries, packedK, kBase, problem.depth);
      finishLogits(accs, group, key, keyEnd, first, last, tileBegin);
    };
    using Predicate = arith::CmpIPredicate;
    Value isLive;
    if (problem.endKey)
      isLive = b.cmp(Predicate::slt, key, endVisited(last));
    if (problem.firstKey) {
      Value reaches = b.cmp(Predicate::sgt, keyEnd, firstVisited(first));
      isLive = isLive ? arith::AndIOp::create(b, isLive, reaches) : reaches;
    }
    if (isLive)
      b.ifThen(isLive, emitLive);
    else
      emitLive();
  }

  /// Fetches this group's share of a panel that is needed next into L2:
  /// `length` lines from `base` on. A panel is about the page at which hardware
  /// prefetchers stop.
  void prefetchShare(Value buffer, Value base, Value length, Value group) {
    std::optional<int64_t> lines = getConstantIntValue(length);
    if (!blocking.prefetches || !lines)
      return;
    int64_t shares = blocking.rows / blocking.tileRows;
    int64_t count = (*lines + shares - 1) / shares;
    Value first = b.add(base, b.mul(group, count * blocking.panel()));
    for (int64_t line = 0; line < count; ++line)
      memref::PrefetchOp::create(
          b, buffer, ValueRange{b.add(first, line * blocking.panel())},
          /*isWrite=*/false, /*localityHint=*/2, /*isDataCache=*/true);
  }

  /// Masks the tile if some of its keys are dead for some of its rows, stores
  /// it and takes its maxima.
  void finishLogits(ArrayRef<Value> accs, Value group, Value key, Value keyEnd,
                    Value first, Value last, Value tileBegin) {
    auto finish = [&](bool isPartial) {
      SmallVector<Value> scores(accs);
      for (int64_t row = 0; row < blocking.tileRows; ++row)
        for (int64_t v = 0; v < blocking.tileVectors; ++v) {
          Value &score = scores[row * blocking.tileVectors + v];
          score = finalScore(score, existing(b.add(first, row)),
                             b.add(key, v * lanes), isPartial);
        }
      storeLogits(scores, group, key, tileBegin);
    };
    std::optional<int64_t> keys = getConstantIntValue(problem.keys);
    bool hasTail = !keys || *keys % blocking.panel() != 0;
    if (!hasTail && !problem.firstKey && !problem.endKey)
      return finish(false);
    using Predicate = arith::CmpIPredicate;
    Value isWhole = b.cmp(Predicate::sle, keyEnd, endKey(first));
    if (problem.firstKey)
      isWhole = arith::AndIOp::create(
          b, isWhole, b.cmp(Predicate::sge, key, firstKey(last)));
    b.either(isWhole, [&] { finish(false); }, [&] { finish(true); });
  }

  /// A group's rows beyond the last are copies of it: operands have no more.
  Value existing(Value row) {
    std::optional<int64_t> count = getConstantIntValue(problem.rows);
    if (count && *count % blocking.tileRows == 0)
      return row;
    return b.min(row, b.sub(problem.rows, b.index(1)));
  }

  Value finalScore(Value score, Value row, Value key, bool isPartial) {
    return emitFinalScore(b, problem, score,
                          {batch, head, row, key, lanes, isPartial});
  }

  void storeLogits(ArrayRef<Value> scores, Value group, Value key,
                   Value tileBegin) {
    Value base = b.add(groupBase(group),
                       b.mul(b.sub(key, tileBegin), blocking.tileRows));
    Value rowBase = b.mul(group, blocking.tileRows * lanes);
    for (int64_t row = 0; row < blocking.tileRows; ++row) {
      Value place = b.add(rowBase, row * lanes);
      Value maximum = b.load(tileMaxima, place, lanes);
      for (int64_t v = 0; v < blocking.tileVectors; ++v) {
        Value score = scores[row * blocking.tileVectors + v];
        b.store(score, p, b.add(base, (v * blocking.tileRows + row) * lanes));
        maximum = b.maxf(score, maximum);
      }
      b.store(maximum, tileMaxima, place);
    }
  }

  /// The maxima of `lanes` rows in one vector.
  template <typename Combine>
  Value combineLanes(Value buffer, Value row, Combine combine) {
    SmallVector<Value> vectors;
    for (int64_t lane = 0; lane < lanes; ++lane)
      vectors.push_back(b.load(buffer, b.mul(b.add(row, lane), lanes), lanes));
    vectors = b.transpose(vectors);
    while (vectors.size() > 1) {
      size_t half = vectors.size() / 2;
      for (size_t i = 0; i < half; ++i)
        vectors[i] = combine(vectors[i], vectors[i + half]);
      vectors.resize(half);
    }
    return vectors.front();
  }

  void updateMaxima() {
    b.loop(b.index(0), statRows, lanes, [&](Value row) {
      Value maximum = combineLanes(
          tileMaxima, row, [&](Value x, Value y) { return b.maxf(x, y); });
      if (!isOnline)
        return b.store(emitShift(b, problem, maximum), shifts, row);
      Value before = b.load(maxima, row, lanes);
      maximum = b.maxf(maximum, before);
      b.store(maximum, maxima, row);
      b.store(emitShift(b, problem, maximum), shifts, row);
      b.store(emitRescaling(b, problem, before, maximum), factors, row);
    });
  }

  void rescale() {
    b.loop(b.index(0), b.mul(groups, blocking.tileRows), 1, [&](Value row) {
      Value factor = b.loadScalar(factors, row);
      Value changes =
          arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, factor,
                                b.constant(b.getF32Type(), 1.0));
      b.ifThen(changes, [&] {
        Value wide = b.splat(factor, lanes);
        auto scale = [&](Value buffer, Value at) {
          b.store(b.mulf(b.load(buffer, at, lanes), wide), buffer, at);
        };
        scale(sums, b.mul(row, lanes));
        Value base = b.mul(row, paddedWidth);
        b.loop(b.index(0), paddedWidth, lanes,
               [&](Value column) { scale(out, b.add(base, column)); });
      });
    });
  }

  /// Keys of [block, blockEnd) that some row of the group looks at, in whole
  /// vectors.
  std::pair<Value, Value> liveKeys(Value group, Value block, Value blockEnd) {
    Value first = firstRow(group);
    Value begin = block, end = b.roundUp(blockEnd, lanes);
    if (problem.firstKey)
      begin = b.maxi(begin, b.roundDown(firstVisited(first), lanes));
    if (problem.endKey)
      end =
          b.min(end, b.roundUp(endVisited(b.add(first, blocking.tileRows - 1)),
                               lanes));
    return {begin, b.maxi(begin, end)};
  }

  void emitValueBlock(Value tileBegin, Value block, Value blockEnd) {
    b.loop(b.index(0), groups, 1, [&](Value group) {
      auto [begin, end] = liveKeys(group, block, blockEnd);
      for (int64_t row = 0; row < blocking.tileRows; row += kExpRows)
        emitExponentials(group, row, b.sub(begin, tileBegin),
                         b.sub(end, tileBegin));
    });
    b.loop(b.index(0), paddedWidth, blocking.panel(), [&](Value column) {
      b.loop(b.index(0), groups, 1, [&](Value group) {
        auto [begin, end] = liveKeys(group, block, blockEnd);
        Value pBase = b.add(groupBase(group),
                            b.mul(b.sub(begin, tileBegin), blocking.tileRows));
        Value vBase =
            b.add(b.mul(column, paddedKeys), b.mul(begin, blocking.panel()));
        Value outBase =
            b.add(b.mul(b.mul(group, paddedWidth), blocking.tileRows), column);
        prefetchShare(packedV,
                      b.add(b.mul(b.add(column, blocking.panel()), paddedKeys),
                            b.mul(block, blocking.panel())),
                      b.index(blocking.valueBlock), group);
        emitWeightedValues(b, blocking, p, pBase, packedV, vBase,
                           b.sub(end, begin), out, outBase, paddedWidth);
      });
    });
  }

  /// Rows [row, row + kExpRows) of a group, keys [begin, end) of the tile.
  void emitExponentials(Value group, int64_t row, Value begin, Value end) {
    SmallVector<Value> init, shift;
    for (int64_t i = 0; i < kExpRows; ++i) {
      Value number = b.add(b.mul(group, blocking.tileRows), row + i);
      init.push_back(b.zero(type));
      shift.push_back(b.splat(b.loadScalar(shifts, number), lanes));
    }
    Value base = groupBase(group);
    SmallVector<Value> totals =
        b.reduce(begin, end, lanes, init, [&](Value key, ValueRange carried) {
          SmallVector<Value> current(carried);
          Value at = b.add(base, b.mul(key, blocking.tileRows));
          SmallVector<Value> places, exponents;
          for (int64_t i = 0; i < kExpRows; ++i) {
            places.push_back(b.add(at, (row + i) * lanes));
            Value score = b.load(p, places.back(), lanes);
            exponents.push_back(emitExponent(b, problem, score, shift[i]));
          }
          SmallVector<Value> weights =
              emitExp2(b, exponents, ExpRange::NonPositive, blocking.scales);
          for (int64_t i = 0; i < kExpRows; ++i) {
            b.store(weights[i], p, places[i]);
            current[i] = b.addf(current[i], weights[i]);
          }
          return current;
        });
    for (auto [i, total] : llvm::enumerate(totals)) {
      Value place =
          b.mul(b.add(b.mul(group, blocking.tileRows), row + i), lanes);
      b.store(b.addf(b.load(sums, place, lanes), total), sums, place);
    }
  }

  /// Divides by the sums.
  void writeRows() {
    b.loop(b.index(0), statRows, lanes, [&](Value row) {
      Value sum = combineLanes(sums, row,
                               [&](Value x, Value y) { return b.addf(x, y); });
      b.store(emitInverse(b, problem, sum), factors, row);
    });
    const AttentionView &target = problem.out;
    Value wide =
        target.isContiguous(3) ? b.roundDown(problem.width, lanes) : b.index(0);
    b.loop(b.index(0), rows, 1, [&](Value row) {
      Value factor = b.loadScalar(factors, row);
      Value base = b.mul(row, paddedWidth);
      auto write = [&](Value column, int64_t width) {
        Value from = b.add(base, column);
        Value value =
            width == 1 ? b.loadScalar(out, from) : b.load(out, from, width);
        value = emitQuotient(b, problem, value,
                             width == 1 ? factor : b.splat(factor, width));
        b.store(b.convert(value, target.element()), target.memref,
                target.indices({batch, head, b.add(row0, row), column}));
      };
      b.loop(b.index(0), wide, lanes, [&](Value c) { write(c, lanes); });
      b.loop(wide, problem.width, 1, [&](Value c) { write(c, 1); });
    });
  }

  AttentionBuilder &b;
  const AttentionBlocking &blocking;
  const AttentionProblem &problem;
  Value packedK, packedV, batch, head, row0;
  int64_t lanes;
  bool isOnline;
  VectorType type;
  Value rows, groups, paddedKeys, paddedWidth, tileCapacity, statRows;
  Value q;          ///< [row][depth], turned [depth][rowCapacity]
  Value p;          ///< [group][key / lanes][row][lane]
  Value out;        ///< [row][paddedWidth], not yet divided by the sums
  Value tileMaxima; ///< [row][lane], of the tile
  Value sums;       ///< [row][lane]
  Value maxima;     ///< [row], running
  Value shifts;     ///< [row], see updateMaxima
  Value factors;    ///< [row], of a rescaling
};

} // namespace

void mlir::flat::emitAttentionTask(AttentionBuilder &b,
                                   const AttentionBlocking &blocking,
                                   const AttentionProblem &problem,
                                   Value packedK, Value packedV, Value batch,
                                   Value head, Value row0) {
  TaskEmitter(b, blocking, problem, packedK, packedV, batch, head, row0).emit();
}
