//===- GroupedKernel.cpp - Products of integers in groups with few columns -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One register holds a pair of bytes of each row of a block: 16 rows of AVX2,
// 32 of AVX-512, and of NEON 16 in two registers. The bytes that two groups of
// a row multiply come out of a table of activations by a byte shuffle, whose
// control is the stored code; a multiplication of bytes adds those of a row
// into 16 bits. After 32 elements of the contraction the sums become floats,
// times the scale of the activations; after a group, times the scales of the
// rows.
//
// The multiplication takes unsigned bytes times signed ones, or on NEON signed
// ones. With codes, the activations are unsigned, 128 more than they are, and a
// sum of the weights says by how much the result is too large; on NEON they are
// as they are. Dense weights are unsigned, 8 or
// their zero point more than they are, and the sums start from as many times
// the activations less. Sums wrap around on the way; in the end they are at
// most 16 * 16 * 127, as 16 is the largest magnitude less a zero point.
//
// Weights of eight bits are signed bytes, and sums have 32 bits: of four bytes
// of a row, so that a register holds half of the rows. Selected activations of
// two steps or of firsts and seconds are interleaved to lie so. With VNNI one
// of the two is made unsigned, of weights with codes the activations, of others
// the weights; elsewhere both stay signed. Zero points multiply the sum of the
// activations that a row selects.
//
//===----------------------------------------------------------------------===//

#include "GroupedColumns.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::nm;

namespace {

/// The locality of memref.prefetch that asks for a line into L1.
constexpr int32_t kIntoL1 = 3;

struct GroupedKernel {
  KernelBuilder &b;
  GroupedColumns shape;
  Value values, packed;
  int64_t columns; ///< of the chunk
  int64_t column0; ///< its first
  CPUAttr target;
  ByteProducts ops;

  int64_t rows() const { return shape.grouped.rows; }
  int64_t bytes() const { return shape.grouped.registerBytes(); }

  VectorType byteType(int64_t count) {
    return VectorType::get({count}, b.getI8Type());
  }
  VectorType wordType() { return VectorType::get({rows()}, b.getI16Type()); }
  VectorType floatType() { return VectorType::get({rows()}, b.getF32Type()); }

  Value splat(VectorType type, int64_t value) {
    return arith::ConstantOp::create(
        b,
        cast<TypedAttr>(DenseElementsAttr::get(
            type, Attribute(b.getIntegerAttr(type.getElementType(), value)))));
  }
  Value splatByte(int64_t value) { return splat(byteType(bytes()), value); }
  /// `even` in the bytes of even position, `odd` in the others.
  Value splatPair(int8_t even, int8_t odd) {
    SmallVector<int8_t> pattern;
    for (int64_t i = 0; i < bytes(); ++i)
      pattern.push_back(i % 2 == 0 ? even : odd);
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(byteType(bytes()), ArrayRef(pattern)));
  }
  Value shiftRight(Value value, int64_t bits) {
    return bits == 0
               ? value
               : arith::ShRUIOp::create(b, value, splatByte(bits)).getResult();
  }
  Value mask(Value value, int64_t bits) {
    return arith::AndIOp::create(b, value, splatByte(bits));
  }
  Value bitOr(Value a, Value c) { return arith::OrIOp::create(b, a, c); }
  Value bitcast(VectorType type, Value value) {
    return vector::BitCastOp::create(b, type, value);
  }
  /// `count` bytes of `memref`, repeated to fill a register.
  Value broadcastBytes(Value memref, Value at, int64_t count) {
    Value loaded =
        vector::LoadOp::create(b, byteType(count), memref, ValueRange{at});
    SmallVector<int64_t> positions;
    for (int64_t i = 0; i < bytes(); ++i)
      positions.push_back(i % count);
    return b.shuffle(loaded, loaded, positions);
  }
  Value loadRegister(Value unit, int64_t reg) {
    return vector::LoadOp::create(b, byteType(bytes()), values,
                                  ValueRange{b.add(unit, reg * bytes())});
  }

  /// Start of column `column` of the chunk, plus `offset`.
  Value columnAt(int64_t column, int64_t offset) {
    return b.index((column0 + column) * shape.bytes() + offset);
  }

  /// Codes of a unit, still packed.
  SmallVector<Value> loadCodes(Value unit) {
    SmallVector<Value> codes;
    for (int64_t reg = 0; reg < shape.grouped.codeRegisters(); ++reg)
      codes.push_back(loadRegister(unit, reg));
    if (!shape.isPairs())
      return codes;
    // The codes of steps 6 and 7 fill the bits that those of 0 to 5 leave.
    Value rest;
    for (int64_t reg = 0; reg < 3; ++reg) {
      Value bits = shiftRight(mask(codes[reg], 0x88), 3 - reg);
      rest = rest ? bitOr(rest, bits) : bits;
    }
    codes.push_back(rest);
    return codes;
  }

  /// Control of the shuffles of a step: the code, in the half or quarter of the
  /// table that belongs to the group.
  Value controlOf(ArrayRef<Value> codes, int64_t step) {
    if (shape.isPairs())
      return bitOr(mask(shiftRight(codes[step / 2], step % 2 * 4), 7),
                   splatPair(0, 8));
    auto first = static_cast<int8_t>(step % 2 * 8);
    return bitOr(mask(shiftRight(codes[step / 4], step % 4 * 2), 3),
                 splatPair(first, static_cast<int8_t>(first + 4)));
  }

  /// Zero points of group `group` of a block less the least, a byte for each
  /// row; null where all are 8.
  Value zeroPoints(Value block, int64_t group) {
    if (!shape.grouped.form.zeros)
      return {};
    Value at = b.add(block, shape.grouped.zerosAt() + group * rows());
    Value points =
        vector::LoadOp::create(b, byteType(rows()), values, ValueRange{at});
    int64_t least = shape.grouped.form.leastZero();
    return least == 0 ? points : b.sub(points, splat(byteType(rows()), least));
  }

  /// The bytes `first` to `first + count` of `zeros`, each `times` times.
  Value repeatBytes(Value zeros, int64_t first, int64_t count, int64_t times) {
    SmallVector<int64_t> positions;
    for (int64_t i = 0; i < count * times; ++i)
      positions.push_back(first + i / times);
    return b.shuffle(zeros, zeros, positions);
  }

  /// Signed weights of a step: of two of four, the firsts and the seconds.
  /// `zeros` is what is subtracted.
  SmallVector<Value> weightsOf(Value unit, int64_t step, Value zeros) {
    int64_t codes = shape.grouped.codeRegisters();
    auto half = [&](Value stored, bool isHigh) -> Value {
      return b.sub(isHigh ? shiftRight(stored, 4) : mask(stored, 15), zeros);
    };
    if (shape.isPairs()) {
      Value stored = loadRegister(unit, codes + step);
      return {half(stored, false), half(stored, true)};
    }
    return {half(loadRegister(unit, codes + step / 2), step % 2 != 0)};
  }

  /// Tables of column `column` for a step of fold `fold`.
  SmallVector<Value> tablesOf(int64_t column, Value fold, int64_t step) {
    Value at = b.add(columnAt(column, 0), b.mul(fold, shape.foldBytes()));
    if (shape.isPairs())
      return {broadcastBytes(packed, b.add(at, step % 4 * 32), 16),
              broadcastBytes(packed, b.add(at, step % 4 * 32 + 16), 16)};
    return {broadcastBytes(packed, b.add(at, step % 4 / 2 * 16), 16)};
  }

  VectorType dwordType(int64_t count) {
    return VectorType::get({count}, b.getI32Type());
  }
  /// Adds products of signed bytes of weights and of activations, which are
  /// unsigned where isOffset() says so.
  Value addBytes(Value sums, Value weights, Value activations) {
    return shape.isOffset() ? ops.addQuads(sums, activations, weights)
                            : ops.addSignedQuads(sums, weights, activations);
  }

  /// The rows in order, from the halves that interleavePairs() makes.
  Value joinHalves(ArrayRef<Value> parts) {
    SmallVector<int64_t> positions;
    for (int64_t r = 0; r < rows(); ++r)
      positions.push_back(r % 8 / 4 * (rows() / 2) + r / 8 * 4 + r % 4);
    return b.shuffle(parts[0], parts[1], positions);
  }

  /// The activations of step `step` (of two of four) or steps `step` and
  /// `step + 1` (of one of four) for each row, as interleavePairs() has them.
  SmallVector<Value> selectBytes(int64_t column, Value fold, int64_t step,
                                 ArrayRef<Value> controls) {
    SmallVector<Value> selected;
    for (auto [i, control] : llvm::enumerate(controls))
      for (Value table : tablesOf(column, fold, step + static_cast<int64_t>(i)))
        selected.push_back(ops.select(table, control));
    return {ops.interleavePairs(selected[0], selected[1], false),
            ops.interleavePairs(selected[0], selected[1], true)};
  }

  /// Sums of fold `half` of a unit of eight bits with codes for each column, in
  /// 32 bits for each row.
  SmallVector<Value> sparseWideFold(Value unit, ArrayRef<Value> codes,
                                    int64_t half, Value fold, Value points) {
    const int64_t steps = shape.isPairs() ? 1 : 2; // of a pair of registers
    Value zero = b.zero(dwordType(rows() / 2)), ones = splatByte(1);
    using Halves = SmallVector<Value>;
    SmallVector<Halves> sums(columns, Halves(2, zero));
    SmallVector<Halves> activations(columns, Halves(2, zero));
    Halves total(2, zero);
    for (int64_t step = 4 * half; step < 4 * half + 4; step += steps) {
      SmallVector<Value> controls;
      for (int64_t i = 0; i < steps; ++i)
        controls.push_back(controlOf(codes, step + i));
      Halves weights;
      for (int64_t part = 0; part < 2; ++part) {
        weights.push_back(loadRegister(unit, shape.grouped.codeRegisters() +
                                                 step / steps * 2 + part));
        // 128 times these is by how much offset activations are too large.
        if (shape.isOffset())
          total[part] =
              ops.addQuads(total[part], splatByte(-128), weights[part]);
      }
      for (int64_t c = 0; c < columns; ++c) {
        SmallVector<Value> selected = selectBytes(c, fold, step, controls);
        for (int64_t part = 0; part < 2; ++part) {
          Value &sum = sums[c][part], &all = activations[c][part];
          sum = addBytes(sum, weights[part], selected[part]);
          if (points)
            all = addBytes(all, ones, selected[part]);
        }
      }
    }
    SmallVector<Value> result;
    for (int64_t c = 0; c < columns; ++c) {
      if (shape.isOffset())
        for (int64_t part = 0; part < 2; ++part)
          sums[c][part] = b.sub(sums[c][part], total[part]);
      Value sum = joinHalves(sums[c]);
      if (points) {
        Value all = joinHalves(activations[c]);
        const int64_t kept = shape.grouped.kept / shape.foldsPerUnit();
        if (shape.isOffset())
          all = b.sub(all, splat(dwordType(rows()), 128 * kept));
        sum = b.sub(sum, b.mul(all, signedPoints(points, dwordType(rows()))));
      }
      result.push_back(sum);
    }
    return result;
  }

  /// Zero points less `excess` in a wider type.
  Value widenPoints(Value points, VectorType type, int64_t excess) {
    Value wide = arith::ExtUIOp::create(b, type, points);
    excess -= shape.grouped.form.leastZero();
    return excess == 0 ? wide : b.sub(wide, splat(type, excess));
  }
  /// Zero points as they are subtracted from bytes, 128 less than stored.
  Value signedPoints(Value points, VectorType type) {
    return widenPoints(points, type, 128);
  }

  /// Sums of fold `half` of a unit for each column, in 32 bits for each row.
  SmallVector<Value> sparseFold(Value unit, ArrayRef<Value> codes, int64_t half,
                                Value fold, Value points) {
    SmallVector<Value> sums(columns);
    Value zeros = points ? repeatBytes(points, 0, rows(), 2) : splatByte(8),
          total;
    for (int64_t step = 4 * half; step < 4 * half + 4; ++step) {
      Value control = controlOf(codes, step);
      SmallVector<Value> weights = weightsOf(unit, step, zeros);
      if (shape.isOffset())
        for (Value weight : weights)
          total = total ? b.add(total, weight) : weight;
      for (int64_t c = 0; c < columns; ++c)
        for (auto [table, weight] :
             llvm::zip(tablesOf(c, fold, step), weights)) {
          Value product = ops.multiplyPairs(ops.select(table, control), weight);
          sums[c] = sums[c] ? b.add(sums[c], product) : product;
        }
    }
    Value excess;
    if (shape.isOffset())
      excess = ops.multiplyPairs(splatByte(-128), total);
    auto wide = VectorType::get({rows()}, b.getI32Type());
    for (Value &sum : sums)
      sum = arith::ExtSIOp::create(b, wide, excess ? b.sub(sum, excess) : sum);
    return sums;
  }

  /// Zero points of half of the rows in both words of each.
  Value wordsOf(Value points, int64_t part) {
    Value bytes = repeatBytes(points, part * rows() / 2, rows() / 2, 2);
    if (shape.isWide() && !ops.hasQuads())
      return signedPoints(bytes, wordType());
    return widenPoints(bytes, wordType(), 0);
  }

  /// What the sums of half of the rows start from, in 16 bits or as addQuads
  /// takes them.
  Value startOf(Value start, Value points, int64_t part) {
    if (shape.isWide()) {
      if (points)
        return ops.multiplyWords(start, wordsOf(points, part));
      return ops.hasQuads() ? ops.multiplyWords(start, splat(wordType(), 128))
                            : b.zero(dwordType(rows() / 2));
    }
    if (!ops.hasQuads())
      return points ? b.mul(start, wordsOf(points, part)) : start;
    return points ? ops.multiplyWords(start, wordsOf(points, part))
                  : ops.addPairs(start);
  }

  /// Four dense elements of eight bits, of half of the rows.
  Value addDenseBytes(Value sums, Value stored, Value activations) {
    if (!ops.hasQuads())
      return ops.addSignedQuads(sums, stored, activations);
    Value weights = arith::XOrIOp::create(b, stored, splatByte(-128));
    return ops.addQuads(sums, weights, activations);
  }

  /// The same for dense weights: each register holds four elements, and of four
  /// bits in its high halves the next four, of half of the rows.
  SmallVector<Value> denseFold(Value unit, int64_t half, Value fold,
                               Value points) {
    SmallVector<SmallVector<Value>> sums(columns);
    for (int64_t c = 0; c < columns; ++c) {
      Value at = b.add(columnAt(c, shape.startsAt()), b.mul(fold, 4));
      Value start = bitcast(wordType(), broadcastBytes(packed, at, 4));
      for (int64_t part = 0; part < 2; ++part)
        sums[c].push_back(startOf(start, points, part));
    }
    // Elements of a register.
    const int64_t depth = shape.isWide() ? 4 : 8, steps = 32 / depth;
    for (int64_t step = 0; step < steps; ++step)
      for (int64_t part = 0; part < 2; ++part) {
        Value stored = loadRegister(unit, (half * steps + step) * 2 + part);
        SmallVector<Value> weights{stored};
        if (!shape.isWide())
          weights = {mask(stored, 15), shiftRight(stored, 4)};
        for (int64_t c = 0; c < columns; ++c)
          for (auto [i, weight] : llvm::enumerate(weights)) {
            Value at = b.add(b.add(columnAt(c, 0), b.mul(fold, 32)),
                             step * depth + static_cast<int64_t>(i) * 4);
            Value bytes = broadcastBytes(packed, at, 4);
            Value &sum = sums[c][part];
            if (shape.isWide()) {
              sum = addDenseBytes(sum, weight, bytes);
              continue;
            }
            sum = ops.hasQuads() ? ops.addQuads(sum, weight, bytes)
                                 : b.add(sum, ops.multiplyPairs(weight, bytes));
          }
      }
    SmallVector<Value> result;
    for (auto &parts : sums) {
      if (!ops.hasQuads() && !shape.isWide())
        for (Value &part : parts)
          part = ops.addPairs(part);
      result.push_back(b.shuffle(
          parts[0], parts[1], llvm::to_vector(llvm::seq<int64_t>(0, rows()))));
    }
    return result;
  }

  /// Scale of fold `fold` of a column, in all lanes.
  Value activationScale(int64_t column, Value fold) {
    Value at = b.add(columnAt(column, shape.scalesAt()), b.mul(fold, 4));
    Value loaded =
        vector::LoadOp::create(b, byteType(4), packed, ValueRange{at});
    Value scale = bitcast(VectorType::get({1}, b.getF32Type()), loaded);
    return vector::BroadcastOp::create(b, floatType(), scale);
  }

  /// Scales of group `group` of a block.
  Value weightScales(Value block, int64_t group) {
    int64_t size = rows() * shape.grouped.scaleBytes();
    Value bits = vector::LoadOp::create(b, byteType(size), values,
                                        ValueRange{b.add(block, group * size)});
    Type type = b.getF32Type();
    if (shape.grouped.form.scale != ::nm::support::DType::F32)
      type = shape.grouped.form.scale == ::nm::support::DType::F16
                 ? Type(b.getF16Type())
                 : Type(b.getBF16Type());
    return b.convert(bitcast(VectorType::get({rows()}, type), bits),
                     b.getF32Type());
  }

  /// Bytes between what a stream reads and what it asks for: an eighth of L1 of
  /// all streams.
  int64_t bytesAhead() const {
    return llvm::alignTo(target.getL1() / 8 / GroupedColumns::kStreams,
                         target.getLine());
  }

  /// Asks for unit `unit` of the block at `block`, which a thread reads later.
  /// The hardware follows one piece of memory as far as its page goes; the wait
  /// at the start of the next one is as long as the reading of half of it.
  /// Other columns find the block in the caches. Into L1, which has room for
  /// what is on its way: what L2 holds already comes early too.
  void prefetchUnit(Value block, int64_t unit) {
    if (column0 != 0)
      return;
    const int64_t line = target.getLine(), units = shape.grouped.units();
    const int64_t lines = llvm::divideCeil(shape.grouped.blockBytes(), line);
    for (int64_t i = lines * unit / units; i < lines * (unit + 1) / units; ++i)
      memref::PrefetchOp::create(b, values, ValueRange{b.add(block, i * line)},
                                 /*isWrite=*/false, kIntoL1,
                                 /*isDataCache=*/true);
  }

  /// One block: `accs` has the sums of each column; the one at `later` is asked
  /// for.
  SmallVector<Value> emitBlock(Value block, Value later, Value firstFold,
                               ValueRange accs) {
    SmallVector<Value> result(accs), group(columns);
    const auto &grouped = shape.grouped;
    int64_t foldsOfGroup = grouped.depth / GroupedColumns::kFold, done = 0;
    Value points;
    for (int64_t u = 0; u < grouped.units(); ++u) {
      prefetchUnit(later, u);
      Value unit = b.add(block, grouped.unitsAt() + u * grouped.unitBytes());
      SmallVector<Value> codes = loadCodes(unit);
      for (int64_t half = 0; half < shape.foldsPerUnit(); ++half, ++done) {
        Value fold = b.add(firstFold, done);
        if (done % foldsOfGroup == 0)
          points = zeroPoints(block, done / foldsOfGroup);
        SmallVector<Value> sums =
            shape.isDense()  ? denseFold(unit, half, fold, points)
            : shape.isWide() ? sparseWideFold(unit, codes, half, fold, points)
                             : sparseFold(unit, codes, half, fold, points);
        bool isFirst = done % foldsOfGroup == 0;
        bool isLast = (done + 1) % foldsOfGroup == 0;
        Value scales =
            isLast ? weightScales(block, done / foldsOfGroup) : Value();
        for (int64_t c = 0; c < columns; ++c) {
          Value sum = b.convert(sums[c], b.getF32Type());
          Value scale = activationScale(c, fold);
          group[c] = isFirst ? arith::MulFOp::create(b, sum, scale).getResult()
                             : b.multiplyAdd(sum, scale, group[c]);
          if (isLast)
            result[c] = b.multiplyAdd(group[c], scales, result[c]);
        }
      }
    }
    return result;
  }

  /// The sums of block `block` of the tile.
  Value sumsOf(Value tile, Value block, int64_t column) {
    return vector::LoadOp::create(b, floatType(), tile, at(block, column));
  }
  void setSums(Value tile, Value block, int64_t column, Value sums) {
    vector::StoreOp::create(b, sums, tile, at(block, column));
  }
  SmallVector<Value> at(Value block, int64_t column) {
    return {b.index(column0 + column), b.mul(block, rows())};
  }

  /// Of `blocks` blocks of rows, the first of which is block `firstBlock` of
  /// the weight, those that are `stride` apart from `block` on. Each is a
  /// stream; they take turns, a block of the contraction each. Their sums are
  /// in the tile between turns.
  void emitStreams(Value firstBlock, Value block, Value stride, Value blocks,
                   Value tile) {
    const int64_t bytes = shape.grouped.blockBytes();
    Value rest = b.add(b.sub(blocks, block), b.sub(stride, b.index(1)));
    Value streams = arith::DivUIOp::create(b, rest, stride);
    auto eachStream = [&](llvm::function_ref<void(Value)> body) {
      b.loop(b.index(0), streams, 1,
             [&](Value stream) { body(b.add(block, b.mul(stride, stream))); });
    };
    eachStream([&](Value each) {
      for (int64_t c = 0; c < columns; ++c)
        setSums(tile, each, c, b.zero(floatType()));
    });
    // Behind its last rows a stream goes on with those that it reads in the
    // next task, whose streams begin behind all of this one.
    const int64_t rowBytes = shape.blocks() * bytes;
    Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                         b.add(block, 1), stride);
    Value others = b.mul(b.sub(blocks, stride), rowBytes);
    Value skipped = arith::SelectOp::create(b, isLast, others, b.index(0));
    b.loop(b.index(0), b.index(shape.blocks()), 1, [&](Value i) {
      Value fold = b.mul(i, shape.grouped.units() * shape.foldsPerUnit());
      Value isBehind = arith::CmpIOp::create(
          b, arith::CmpIPredicate::uge, b.add(b.mul(i, bytes), bytesAhead()),
          b.index(rowBytes));
      Value ahead =
          b.add(arith::SelectOp::create(b, isBehind, skipped, b.index(0)),
                bytesAhead());
      eachStream([&](Value each) {
        Value place =
            b.add(b.mul(b.add(firstBlock, each), rowBytes), b.mul(i, bytes));
        SmallVector<Value> sums;
        for (int64_t c = 0; c < columns; ++c)
          sums.push_back(sumsOf(tile, each, c));
        sums = emitBlock(place, b.add(place, ahead), fold, sums);
        for (int64_t c = 0; c < columns; ++c)
          setSums(tile, each, c, sums[c]);
      });
    });
  }
};

} // namespace

void mlir::nm::emitGroupedRows(KernelBuilder &b, const KernelShape &shape,
                               int64_t columns, Value values, Value packed,
                               Value firstBlock, Value blocks, Value tile) {
  Value stride = b.ceilDiv(blocks, GroupedColumns::kStreams);
  for (int64_t done = 0; done < columns;) {
    int64_t chunk = std::min(GroupedColumns::kColumns, columns - done);
    GroupedKernel kernel{b,
                         GroupedColumns(shape),
                         values,
                         packed,
                         chunk,
                         done,
                         shape.target,
                         ByteProducts(b, shape.target, 2 * shape.rows)};
    b.loop(b.index(0), stride, 1, [&](Value block) {
      kernel.emitStreams(firstBlock, block, stride, blocks, tile);
    });
    done += chunk;
  }
}
