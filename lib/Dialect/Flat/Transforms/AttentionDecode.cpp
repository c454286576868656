//===- AttentionDecode.cpp - Few query rows against a long cache -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory bounds this case: keys and values pass once, unpacked, and serve all
// rows of all heads that share them. A task is a part of the keys of one key
// head. It reads them as four streams, as one does not saturate the memory, and
// leaves maximum, sum and weighted values of each row; a second loop combines
// the parts.
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include <utility>

using namespace mlir;
using namespace mlir::flat;

namespace {

/// Streams of keys, and consecutive keys of one stream in a step: as many keys
/// as a register has lanes are reduced together.
constexpr int64_t kStreams = 4;

/// Rows of K or V that one step reads.
struct StepRows {
  const AttentionView &x;
  SmallVector<Value> keys;
  int64_t size; ///< numbers of a row
  Value staged; ///< [key][padded size], f32, if they were copied
  Value scales; ///< of rows that are read as they lie, a vector
};

class DecodeEmitter {
public:
  DecodeEmitter(AttentionBuilder &b, const AttentionBlocking &blocking,
                const AttentionProblem &problem, int64_t splits)
      : b(b), blocking(blocking), problem(problem), splits(splits),
        lanes(blocking.lanes), type(VectorType::get({lanes}, b.getF32Type())),
        step(std::max<int64_t>(1, lanes / kStreams)), streams(lanes / step) {
    group = arith::DivUIOp::create(b, problem.heads,
                                   b.maxi(problem.kvHeads, b.index(1)));
    foldedRows = b.mul(group, problem.rows);
    depth = *getConstantIntValue(problem.depth);
    width = *getConstantIntValue(problem.width);
    paddedDepth = (depth + lanes - 1) / lanes * lanes;
    paddedWidth = (width + lanes - 1) / lanes * lanes;
  }

  void emit(bool parallel) {
    int64_t block = std::max<int64_t>(1, *getConstantIntValue(problem.rows));
    HiddenScan scan(b, blocking, problem, block, parallel);
    Value parts = b.mul(b.mul(problem.batches, problem.kvHeads), splits);
    Value partRows = b.mul(parts, foldedRows);
    // A cache line for each row's maximum and sum.
    maxima = b.allocate(partRows);
    sums = b.allocate(partRows);
    values = b.allocate(b.mul(partRows, paddedWidth));
    b.forEach({problem.batches, problem.kvHeads, b.index(splits)}, parallel,
              [&](ValueRange ivs) {
                problem.visitsAll = visitsAll(scan, ivs[0], ivs[1]);
                emitPart(ivs);
              });
    b.forEach({problem.batches, problem.kvHeads}, false,
              [&](ValueRange ivs) { combine(ivs[0], ivs[1]); });
    for (Value buffer : {maxima, sums, values})
      b.release(buffer);
    scan.release(b);
  }

private:
  /// Whether any head that shares the key head does.
  Value visitsAll(const HiddenScan &scan, Value batch, Value kvHead) {
    if (problem.hidden.empty())
      return {};
    Value first = b.mul(kvHead, group);
    Value no = arith::ConstantOp::create(b, b.getBoolAttr(false));
    return b
        .reduce(b.index(0), group, 1, {no},
                [&](Value i, ValueRange carried) -> SmallVector<Value> {
                  Value flag = scan.load(b, batch, b.add(first, i), b.index(0));
                  return {arith::OrIOp::create(b, carried[0], flag)};
                })
        .front();
  }

  /// Vectors whose exponentials are computed side by side, a divisor of the
  /// streams: each is two chains, its polynomial and its power of two.
  int64_t expVectors() const {
    int64_t most = std::max<int64_t>(1, blocking.chains / 2);
    return std::min(static_cast<int64_t>(llvm::bit_floor<uint64_t>(most)),
                    streams);
  }

  /// Number of a part's first row among all parts' rows.
  Value partBase(Value batch, Value kvHead, Value split) {
    Value head = b.add(b.mul(batch, problem.kvHeads), kvHead);
    return b.mul(b.add(b.mul(head, splits), split), foldedRows);
  }
  Value headOf(Value kvHead, Value row) {
    return b.add(b.mul(kvHead, group),
                 arith::DivUIOp::create(b, row, problem.rows));
  }
  Value queryOf(Value row) {
    return arith::RemUIOp::create(b, row, problem.rows);
  }

  void emitPart(ValueRange ivs) {
    batch = ivs[0], kvHead = ivs[1];
    Value base = partBase(batch, kvHead, ivs[2]);
    // The keys that any query sees, and this part's share of them.
    Value begin = problem.firstVisitedKey(b, batch, b.index(0));
    Value end =
        problem.endVisitedKey(b, batch, b.sub(problem.rows, b.index(1)));
    Value count = b.maxi(b.sub(end, begin), b.index(0));
    Value share = b.roundUp(b.ceilDiv(count, splits), lanes);
    first = b.min(b.add(begin, b.mul(ivs[2], share)), end);
    live = b.min(share, b.maxi(b.sub(end, first), b.index(0)));
    segment = b.roundUp(b.ceilDiv(live, streams), lanes);
    logitStride = b.mul(segment, streams);
    Value q = b.allocate(b.mul(foldedRows, paddedDepth));
    logits = b.allocate(b.mul(foldedRows, logitStride));
    if (isStaged(problem.k) || isStaged(problem.v))
      staging = b.allocate(lanes * std::max(paddedDepth, paddedWidth));
    copyQueries(q);
    emitLogitPass(q);
    b.loop(b.index(0), foldedRows, 1,
           [&](Value row) { emitSoftmax(row, b.add(base, row)); });
    emitValuePass(base);
    b.release(q);
    b.release(logits);
    if (staging)
      b.release(std::exchange(staging, Value()));
  }

  /// Quantised rows that several queries share are made numbers once.
  bool isStaged(const AttentionView &x) const {
    std::optional<int64_t> shared = getConstantIntValue(problem.rows),
                           heads = getConstantIntValue(problem.heads),
                           kvHeads = getConstantIntValue(problem.kvHeads);
    return x.quantizedWidth && *shared * (*heads / *kvHeads) > 1;
  }

  void copyQueries(Value q) {
    b.loop(b.index(0), foldedRows, 1, [&](Value row) {
      Value head = headOf(kvHead, row), query = queryOf(row);
      OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
      OpFoldResult padded = b.getIndexAttr(paddedDepth);
      Value copy =
          b.view(q, b.mul(row, paddedDepth), {padded, one}, {one, padded});
      problem.q.pack(b, {batch, head, query, zero}, one, b.getIndexAttr(depth),
                     /*isTurned=*/true, copy);
    });
  }

  /// `lanes` elements of row `key` of K or V from column `column` (a constant)
  /// on; past the row's end zeros.
  Value loadRow(const AttentionView &x, Value key, int64_t column,
                int64_t size) {
    auto at = [&](int64_t from) {
      return x.indices({batch, kvHead, key, b.index(from)});
    };
    if (column + lanes <= size)
      return b.convert(b.loadVector(x.memref, at(column), lanes),
                       b.getF32Type());
    auto vector = VectorType::get({lanes}, x.element());
    int64_t rest = size - column;
    if (x.quantizedWidth && size >= lanes) {
      // The last ones of the row, moved: not every processor masks bytes.
      SmallVector<int64_t> mask;
      for (int64_t i = 0; i < lanes; ++i)
        mask.push_back(lanes - rest + i);
      Value last = b.loadVector(x.memref, at(size - lanes), lanes);
      return b.convert(b.shuffle(last, b.zero(vector), mask), b.getF32Type());
    }
    Value mask = vector::ConstantMaskOp::create(
        b, VectorType::get({lanes}, b.getI1Type()), {rest});
    Value loaded = vector::MaskedLoadOp::create(b, vector, x.memref, at(column),
                                                mask, b.zero(vector));
    return b.convert(loaded, b.getF32Type());
  }

  /// The rows of a step from `position` on, made ready for all queries.
  StepRows readRows(const AttentionView &x, int64_t size, Value position) {
    StepRows rows{x, stepKeys(position), size, {}, {}};
    if (!x.quantizedWidth)
      return rows;
    SmallVector<Value> scales;
    for (Value key : rows.keys)
      scales.push_back(x.loadScale(b, batch, kvHead, key));
    if (!isStaged(x)) {
      rows.scales = vector::FromElementsOp::create(b, type, scales);
      return rows;
    }
    rows.staged = staging;
    for (auto [i, key] : llvm::enumerate(rows.keys)) {
      Value scale = b.splat(scales[i], lanes);
      for (int64_t column = 0; column < size; column += lanes)
        b.store(b.mulf(loadRow(x, key, column, size), scale), staging,
                b.index(stagedAt(i, column, size)));
    }
    return rows;
  }
  int64_t stagedAt(int64_t i, int64_t column, int64_t size) const {
    return i * ((size + lanes - 1) / lanes * lanes) + column;
  }
  /// `lanes` elements of the i-th row, without the scale of one that is read as
  /// it lies.
  Value rowPart(const StepRows &rows, int64_t i, int64_t column) {
    if (rows.staged)
      return b.load(rows.staged, b.index(stagedAt(i, column, rows.size)),
                    lanes);
    return loadRow(rows.x, rows.keys[i], column, rows.size);
  }

  /// Fetches a row's share of the K or V lines that the next step reads: while
  /// several rows work on keys in L1 nothing else would ask the memory for
  /// more. One row alone is fetched fast enough by the hardware.
  void prefetchNext(const AttentionView &x, int64_t size, Value position,
                    Value row) {
    int64_t line = 64 * 8 / x.element().getIntOrFloatBitWidth();
    int64_t keyLines = (size + line - 1) / line;
    Value count = b.index(lanes * keyLines);
    Value share =
        arith::CeilDivUIOp::create(b, count, b.maxi(foldedRows, b.index(1)));
    Value isShared = b.cmp(arith::CmpIPredicate::sgt, foldedRows, b.index(1));
    Value begin = b.mul(row, share);
    Value end = b.select(isShared, b.min(b.add(begin, share), count), begin);
    Value last = b.sub(b.add(first, live), b.index(1));
    b.loop(begin, end, 1, [&](Value i) {
      Value key = arith::DivUIOp::create(b, i, b.index(keyLines));
      Value column =
          b.mul(arith::RemUIOp::create(b, i, b.index(keyLines)), b.index(line));
      Value stream = arith::DivUIOp::create(b, key, b.index(step));
      Value place = b.add(b.add(position, step),
                          b.add(b.mul(stream, segment),
                                arith::RemUIOp::create(b, key, b.index(step))));
      memref::PrefetchOp::create(
          b, x.memref,
          x.indices({batch, kvHead, b.min(b.add(first, place), last), column}),
          /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
    });
  }

  /// The keys of one step: `step` consecutive ones of each stream. Streams that
  /// run past the live keys repeat the last one.
  SmallVector<Value> stepKeys(Value position) {
    SmallVector<Value> keys;
    Value last = b.sub(b.add(first, live), b.index(1));
    for (int64_t stream = 0; stream < streams; ++stream)
      for (int64_t i = 0; i < step; ++i) {
        Value offset = b.add(position, i);
        offset = b.add(offset, b.mul(segment, stream));
        keys.push_back(b.min(b.add(first, offset), last));
      }
    return keys;
  }

  void emitLogitPass(Value q) {
    b.loop(b.index(0), segment, step, [&](Value position) {
      StepRows keys = readRows(problem.k, depth, position);
      b.loop(b.index(0), foldedRows, 1, [&](Value row) {
        Value qBase = b.mul(row, paddedDepth);
        prefetchNext(problem.k, depth, position, row);
        SmallVector<Value> accs(lanes, b.zero(type));
        for (int64_t d = 0; d < depth; d += lanes) {
          Value query = b.load(q, b.add(qBase, d), lanes);
          for (int64_t i = 0; i < lanes; ++i)
            accs[i] = b.fma(rowPart(keys, i, d), query, accs[i]);
        }
        SmallVector<Value> parts = b.transpose(accs);
        while (parts.size() > 1) {
          size_t half = parts.size() / 2;
          for (size_t i = 0; i < half; ++i)
            parts[i] = b.addf(parts[i], parts[i + half]);
          parts.resize(half);
        }
        if (keys.scales)
          parts[0] = b.mulf(parts[0], keys.scales);
        Value base = b.add(b.mul(row, logitStride), position);
        for (int64_t stream = 0; stream < streams; ++stream) {
          SmallVector<int64_t> mask;
          for (int64_t i = 0; i < step; ++i)
            mask.push_back(stream * step + i);
          b.store(b.shuffle(parts[0], parts[0], mask), logits,
                  b.add(base, b.mul(segment, stream)));
        }
      });
    });
  }

  /// Scores, their maximum, weights and their sum, of one row.
  void emitSoftmax(Value row, Value slot) {
    Value base = b.mul(row, logitStride);
    Value head = headOf(kvHead, row), query = queryOf(row);
    Value extent = logitStride;
    auto limits = problem; // this part ends before the keys do
    limits.keys = b.add(first, live);
    Value infinity = b.constant(type, -std::numeric_limits<double>::infinity());
    SmallVector<Value> maximum =
        b.reduce(b.index(0), extent, lanes, {infinity},
                 [&](Value i, ValueRange carried) -> SmallVector<Value> {
                   Value place = b.add(base, i);
                   Value score = b.load(logits, place, lanes);
                   score = emitFinalScore(
                       b, limits, score,
                       {batch, head, query, b.add(first, i), lanes, true});
                   b.store(score, logits, place);
                   return {b.maxf(score, carried[0])};
                 });
    Value whole =
        reduceLanes(maximum[0], [&](Value x, Value y) { return b.maxf(x, y); });
    b.store(whole, maxima, slot);
    Value shift = b.splat(emitShift(b, problem, whole), lanes);
    // `segment` is a multiple of the lanes, and there are `streams` of them.
    int64_t wide = expVectors();
    SmallVector<Value> sum = b.reduce(
        b.index(0), extent, wide * lanes, {b.zero(type)},
        [&](Value i, ValueRange carried) -> SmallVector<Value> {
          SmallVector<Value> places, exponents;
          for (int64_t v = 0; v < wide; ++v) {
            places.push_back(b.add(b.add(base, i), v * lanes));
            exponents.push_back(emitExponent(
                b, problem, b.load(logits, places.back(), lanes), shift));
          }
          SmallVector<Value> weights =
              emitExp2(b, exponents, ExpRange::NonPositive, blocking.scales);
          Value total = carried[0];
          for (int64_t v = 0; v < wide; ++v) {
            b.store(weights[v], logits, places[v]);
            total = b.addf(total, weights[v]);
          }
          return {total};
        });
    b.store(reduceLanes(sum[0], [&](Value x, Value y) { return b.addf(x, y); }),
            sums, slot);
  }

  template <typename Combine> Value reduceLanes(Value vector, Combine combine) {
    SmallVector<Value> scalars;
    for (int64_t lane = 0; lane < lanes; ++lane)
      scalars.push_back(vector::ExtractOp::create(b, vector, lane));
    while (scalars.size() > 1) {
      size_t half = scalars.size() / 2;
      for (size_t i = 0; i < half; ++i)
        scalars[i] = combine(scalars[i], scalars[i + half]);
      scalars.resize(half);
    }
    return scalars.front();
  }

  void emitValuePass(Value base) {
    b.loop(b.index(0), b.mul(foldedRows, paddedWidth), lanes, [&](Value i) {
      b.store(b.zero(type), values, b.add(b.mul(base, paddedWidth), i));
    });
    b.loop(b.index(0), segment, step, [&](Value position) {
      StepRows keys = readRows(problem.v, width, position);
      b.loop(b.index(0), foldedRows, 1, [&](Value row) {
        prefetchNext(problem.v, width, position, row);
        Value pBase = b.add(b.mul(row, logitStride), position);
        SmallVector<Value> weights;
        for (int64_t i = 0; i < lanes; ++i) {
          Value place = b.add(b.add(pBase, i % step), b.mul(segment, i / step));
          Value weight = b.loadScalar(logits, place);
          if (keys.scales)
            weight =
                b.mulf(weight, vector::ExtractOp::create(b, keys.scales, i));
          weights.push_back(b.splat(weight, lanes));
        }
        Value outBase = b.mul(b.add(base, row), paddedWidth);
        for (int64_t column = 0; column < width; column += lanes) {
          Value place = b.add(outBase, column);
          // Eight keys among themselves, then on top of the others: fewer
          // roundings of the long sum, and a shorter chain.
          Value part;
          for (int64_t i = 0; i < lanes; ++i) {
            Value value = rowPart(keys, i, column);
            part = part ? b.fma(weights[i], value, part)
                        : b.mulf(weights[i], value);
          }
          b.store(b.addf(b.load(values, place, lanes), part), values, place);
        }
      });
    });
  }

  /// Joins the parts of each row and writes it.
  void combine(Value batch, Value kvHead) {
    Type scalar = b.getF32Type();
    b.loop(b.index(0), foldedRows, 1, [&](Value row) {
      SmallVector<Value> slots, factors;
      for (int64_t split = 0; split < splits; ++split)
        slots.push_back(b.add(partBase(batch, kvHead, b.index(split)), row));
      Value maximum = b.loadScalar(maxima, slots[0]);
      for (Value slot : ArrayRef(slots).drop_front())
        maximum = b.maxf(b.loadScalar(maxima, slot), maximum);
      Value sum = b.zero(scalar);
      for (Value slot : slots) {
        factors.push_back(
            emitRescaling(b, problem, b.loadScalar(maxima, slot), maximum));
        sum = b.fma(b.loadScalar(sums, slot), factors.back(), sum);
      }
      Value inverse = emitInverse(b, problem, sum);
      Value head = headOf(kvHead, row), query = queryOf(row);
      b.loop(b.index(0), b.index(width), 1, [&](Value column) {
        Value total;
        for (auto [slot, factor] : llvm::zip(slots, factors)) {
          Value place = b.add(b.mul(slot, paddedWidth), column);
          Value part = b.loadScalar(values, place);
          total = total ? b.fma(part, factor, total) : b.mulf(part, factor);
        }
        total = emitQuotient(b, problem, total, inverse);
        b.store(b.convert(total, problem.out.element()), problem.out.memref,
                problem.out.indices({batch, head, query, column}));
      });
    });
  }

  AttentionBuilder &b;
  const AttentionBlocking &blocking;
  AttentionProblem problem; ///< `visitsAll` is that of the part being emitted
  int64_t splits, lanes;
  VectorType type;
  int64_t step, streams; ///< keys of a stream in a step, streams
  int64_t depth, width, paddedDepth, paddedWidth;
  Value group;      ///< query heads of a key head
  Value foldedRows; ///< rows that share keys: group * queries
  Value maxima;     ///< [part][row]
  Value sums;       ///< [part][row]
  Value values;     ///< [part][row][paddedWidth], not divided by the sums
  // Of the part being emitted:
  Value batch, kvHead;
  Value first, live; ///< its first key, and how many
  Value segment;     ///< keys of a stream, rounded up to whole vectors
  Value logits;      ///< [row][stream][segment]
  Value logitStride;
  Value staging; ///< [lane][padded width] of a step's rows, if they are copied
};

} // namespace

void mlir::flat::emitDecoding(AttentionBuilder &b,
                              const AttentionBlocking &blocking,
                              const AttentionProblem &problem, bool parallel,
                              int64_t splits) {
  DecodeEmitter(b, blocking, problem, splits).emit(parallel);
}
