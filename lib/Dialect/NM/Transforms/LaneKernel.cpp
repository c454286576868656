//===- LaneKernel.cpp - Products with few columns by in-register permutes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each step loads one register of activations and, for every row group in
// flight, one register of kept weights; a permute by the stored indices brings
// to every weight the activation that it multiplies. A weight is read once, in
// order, for all columns of the chunk: memory bandwidth bounds the product as
// soon as the weights leave the caches.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "nm/Dialect/NM/Transforms/ProductKernel.h"
#include "nm/Runtime/Layout.h"

using namespace mlir;
using namespace mlir::nm;
using ::nm::rt::LaneShape;

namespace {

/// Vector registers of the target that a register of the layout takes.
int64_t registersOf(const KernelShape &shape) {
  return shape.lanes / shape.target.getLanes();
}

struct LaneKernel {
  KernelBuilder &b;
  const KernelShape &shape;
  LaneShape lane;
  Value values, words, x;
  int64_t columns; ///< columns of the chunk
  int64_t groups;  ///< row groups in flight, each its own stream
  Value stride;    ///< from one row group in flight to the next

  Value groupAt(Value firstGroup, int64_t g) {
    return b.add(firstGroup, b.mul(stride, g));
  }
  int64_t steps() const {
    return (shape.contraction + shape.lanes - 1) / shape.lanes;
  }
  int64_t storedSteps() const {
    return (steps() + shape.interleave - 1) / shape.interleave *
           shape.interleave;
  }
  int64_t superblocks() const {
    return (steps() + lane.stepsPerWord() - 1) / lane.stepsPerWord();
  }
  bool permutes() const { return lane.hasIndices(); }
  /// Two sums per chain hide the latency of the multiply-add when few chains
  /// are in flight. Narrow weights take registers, and as long to widen as to
  /// multiply: half as many chains keep up with them.
  int64_t sets() const {
    int64_t chains = shape.target.getChains() / (shape.interleave == 1 ? 1 : 2);
    return registersOf(shape) == 1 && groups * columns < chains ? 2 : 1;
  }
  VectorType vectorType(Type element) const {
    return VectorType::get({shape.lanes}, element);
  }

  /// The target's vector registers that make up a register of the layout.
  SmallVector<Value> partsOf(Value value) {
    int64_t count = registersOf(shape), width = shape.lanes / count;
    if (count == 1)
      return {value};
    SmallVector<Value> parts;
    for (int64_t i = 0; i < count; ++i)
      parts.push_back(
          b.shuffle(value, value,
                    llvm::to_vector(llvm::seq(i * width, (i + 1) * width))));
    return parts;
  }

  /// A register of the layout from its parts.
  Value join(SmallVector<Value> parts) {
    for (int64_t width = shape.lanes / parts.size(); parts.size() > 1;
         width *= 2) {
      for (size_t i = 0; i < parts.size() / 2; ++i)
        parts[i] = b.shuffle(parts[2 * i], parts[2 * i + 1],
                             llvm::to_vector(llvm::seq<int64_t>(0, 2 * width)));
      parts.truncate(parts.size() / 2);
    }
    return parts.front();
  }

  /// Indices of a group ascend: kept element j is one of the group's elements
  /// j to j + M - N. Clears the sources that no lane of part `part` can name.
  void dropUnreachable(MutableArrayRef<Value> sources, int64_t part) {
    int64_t width = shape.target.getLanes(), low = shape.m, high = 0;
    for (int64_t i = part * width; i < (part + 1) * width; ++i) {
      int64_t kept = i % lane.kept;
      if (i >= lane.rows * lane.kept)
        continue;
      low = std::min(low, kept);
      high = std::max(high, kept + shape.m - shape.n);
    }
    for (auto [i, source] : llvm::enumerate(sources))
      if (high >= low &&
          (int64_t(i) < low / width || int64_t(i) > high / width))
        source = {};
  }

  /// Part `part` of `sources` with lane i replaced by the element of its
  /// segment that the low bits of index i name. The instructions ignore the
  /// bits above.
  Value permute(ArrayRef<Value> sources, size_t part, Value indices) {
    Type f32 = b.getF32Type();
    bool isFloat = isa<FloatType>(shape.accumulator);
    SmallVector<Value> from(sources);
    if (lane.segment <= shape.target.getLanes())
      from = {sources[part]};
    else
      dropUnreachable(from, part);
    auto type = VectorType::get({shape.target.getLanes()}, f32);
    if (!isFloat)
      for (Value &source : from)
        source = !source ? source : vector::BitCastOp::create(b, type, source);
    Value result = emitPermute(b, shape, lane.segment, from, indices);
    if (!isFloat)
      result = vector::BitCastOp::create(
          b, type.cloneWith(std::nullopt, shape.accumulator), result);
    return result;
  }

  /// Keeps LLVM's scheduler from starting on the activations and weights that
  /// are read after this before it is done with those read before: permuted
  /// parts of several steps would not fit the registers.
  void fence() {
    LLVM::InlineAsmOp::create(b, TypeRange{}, ValueRange{}, "", "",
                              /*has_side_effects=*/true,
                              /*is_align_stack=*/false,
                              LLVM::tailcallkind::TailCallKind::None,
                              LLVM::AsmDialectAttr(), ArrayAttr());
  }

  Value constant(int32_t value) {
    VectorType type = vectorType(b.getI32Type());
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(type, b.getI32IntegerAttr(value)));
  }

  /// Whether bytes are extracted by loads at byte addresses. On AVX2 shifts and
  /// byte shuffles compete with the permutes for two of the four vector units,
  /// while loads have units of their own and cost little where they are not
  /// aligned. Registers of 64 bytes would cross a cache line every time.
  bool loadsBytes() const {
    auto isPlain = [](Value memref) {
      return !memref ||
             cast<MemRefType>(memref.getType()).getLayout().isIdentity();
    };
    return shape.interleave == 4 && isa<FloatType>(shape.accumulator) &&
           shape.target.getVector() == 256 &&
           !shape.target.hasFeature("neon") && isPlain(values) &&
           isPlain(words);
  }

  /// A register of 32-bit lanes that starts `bytes` after element `position`.
  Value loadAtByte(Value memref, Value position, int64_t bytes) {
    unsigned size =
        cast<MemRefType>(memref.getType()).getElementTypeBitWidth() / 8;
    Value start = memref::ExtractAlignedPointerAsIndexOp::create(b, memref);
    Value at = b.add(b.add(start, b.mul(position, size)), bytes);
    Value bits = arith::IndexCastUIOp::create(b, b.getI64Type(), at);
    Value address = LLVM::IntToPtrOp::create(
        b, LLVM::LLVMPointerType::get(b.getContext()), ValueRange{bits});
    return LLVM::LoadOp::create(b, vectorType(b.getI32Type()), address,
                                /*alignment=*/1);
  }

  /// Weights of a run of `interleave` steps, as memory holds them: narrow
  /// values as the 32-bit lanes that they share, others as they are.
  struct Run {
    Value position, loaded;
    bool readsBefore; ///< whether the three bytes before are the storage's
  };

  Run loadRun(Value position, bool readsBefore) {
    if (readsBefore)
      return {position, Value(), true};
    Value loaded =
        b.loadVector(values, position, shape.lanes * shape.interleave);
    if (shape.interleave != 1)
      loaded = vector::BitCastOp::create(b, vectorType(b.getI32Type()), loaded);
    return {position, loaded, false};
  }

  /// Asks for the lines that a thread reads an eighth of L1 after the run of
  /// steps from `first` on, one request for each: few columns of narrow weights
  /// wait for memory at the start of every page, where the hardware does not
  /// look ahead. Weights of 32 bits give it time enough.
  void prefetchRun(Value position, int64_t first) {
    if (shape.interleave == 1)
      return;
    const int64_t width = shape.weightElement.getIntOrFloatBitWidth() / 8;
    const int64_t line = shape.target.getLine() / width;
    const int64_t ahead = shape.target.getL1() / 8 / width;
    const int64_t size = shape.lanes * shape.interleave;
    const int64_t runsOfLine = std::max<int64_t>(1, line / size);
    if (first / shape.interleave % runsOfLine != 0)
      return;
    for (int64_t at = 0; at < size; at += line)
      b.prefetch(values, b.add(position, ahead + at));
  }

  /// The weights of step `s` of a run, widened to the accumulator's type.
  Value weightOfRun(const Run &run, int64_t s) {
    if (shape.interleave == 1)
      return b.convert(run.loaded, shape.accumulator);
    int64_t width = 32 / shape.interleave;
    bool isTop = s + 1 == shape.interleave;
    if (shape.weightElement.isBF16()) {
      Value bits =
          isTop ? Value(arith::AndIOp::create(b, run.loaded,
                                              constant(0xffff0000)))
                : Value(arith::ShLIOp::create(b, run.loaded, constant(width)));
      return b.convert(
          vector::BitCastOp::create(b, vectorType(b.getF32Type()), bits),
          shape.accumulator);
    }
    // The lane's top byte, with other weights below it.
    Value top = run.loaded;
    if (run.readsBefore)
      top = loadAtByte(values, run.position, s + 1 - shape.interleave);
    else if (!isTop)
      top = arith::ShLIOp::create(b, top, constant(32 - (s + 1) * width));
    if (isa<FloatType>(shape.accumulator)) {
      // The weight times 2^24: activations are scaled where they are packed. A
      // mask runs on any port, an arithmetic shift only where the permutes do.
      if (s != 0 || run.readsBefore)
        top = arith::AndIOp::create(b, top, constant(0xff000000));
      return b.convert(top, shape.accumulator);
    }
    return arith::ShRSIOp::create(b, top, constant(32 - width));
  }

  /// Which bytes outside of a superblock belong to the storage all the same.
  struct Overread {
    bool valuesBefore = false, wordsAfter = false;
  };

  /// What holds the index of step `step` of a superblock in its low bits.
  /// `words` is the superblock's, at `position`.
  Value indexOfStep(Value loaded, Value position, int64_t step,
                    bool readsAfter) {
    int64_t shift = step * lane.bits;
    Value from = loaded;
    if (readsAfter && shift >= 8) {
      from = loadAtByte(words, position, shift / 8);
      shift %= 8;
    }
    return shift == 0 ? from
                      : Value(arith::ShRUIOp::create(b, from, constant(shift)));
  }

  /// `count` steps of superblock `superblock`; accs is
  /// [set][group][column][part].
  SmallVector<Value> superblockSteps(Value firstGroup, Value column0,
                                     Value superblock, int64_t count,
                                     ValueRange accs, Overread around) {
    SmallVector<Value> result(accs), wordsAt, indices;
    for (int64_t g = 0; g < groups && permutes(); ++g) {
      Value at =
          b.add(b.mul(groupAt(firstGroup, g), superblocks()), superblock);
      wordsAt.push_back(b.mul(at, shape.lanes));
      indices.push_back(b.loadVector(words, wordsAt.back(), shape.lanes));
    }
    Value firstStep = b.mul(superblock, lane.stepsPerWord());
    // A run of one row group after the other: few registers are live.
    for (int64_t first = 0; first < count; first += shape.interleave) {
      Value step = b.add(firstStep, first);
      int64_t length = std::min(shape.interleave, count - first);
      SmallVector<SmallVector<Value>> inputs(length);
      for (int64_t s = 0; s < length; ++s)
        for (int64_t c = 0; c < columns; ++c)
          inputs[s].push_back(b.loadVector(
              x, {b.add(column0, c), b.mul(b.add(step, s), shape.lanes)},
              shape.lanes));
      for (int64_t g = 0; g < groups; ++g) {
        Run run = loadRun(
            b.mul(b.add(b.mul(groupAt(firstGroup, g), storedSteps()), step),
                  shape.lanes),
            around.valuesBefore);
        prefetchRun(run.position, first);
        for (int64_t s = 0; s < length; ++s) {
          Value weight = weightOfRun(run, s);
          Value shifted;
          if (permutes())
            shifted = indexOfStep(indices[g], wordsAt[g], first + s,
                                  around.wordsAfter);
          // One of the target's registers after the other: as whole registers
          // of the layout, LLVM would keep all permuted parts live.
          SmallVector<Value> weights = partsOf(weight), shifts;
          if (permutes())
            shifts = partsOf(shifted);
          for (int64_t c = 0; c < columns; ++c) {
            SmallVector<Value> sources = partsOf(inputs[s][c]);
            int64_t set = (first + s) % sets();
            for (size_t part = 0; part < weights.size(); ++part) {
              Value input = permutes() ? permute(sources, part, shifts[part])
                                       : sources[part];
              Value &acc =
                  result[((set * groups + g) * columns + c) * weights.size() +
                         part];
              acc = b.multiplyAdd(weights[part], input, acc);
            }
          }
          if (permutes() && weights.size() > 1 &&
              shape.target.getRegisters() < 32)
            fence();
        }
      }
    }
    return result;
  }

  /// Sums of a register's rows: lanes are [segment][row][kept].
  SmallVector<Value> foldRows(Value acc) {
    int64_t width = shape.lanes;
    auto halves = [&](ArrayRef<int64_t> low, ArrayRef<int64_t> high) {
      acc = b.addNumbers(b.shuffle(acc, acc, low), b.shuffle(acc, acc, high));
      width /= 2;
    };
    while (width > lane.segment)
      halves(llvm::to_vector(llvm::seq<int64_t>(0, width / 2)),
             llvm::to_vector(llvm::seq<int64_t>(width / 2, width)));
    int64_t kept = lane.kept;
    bool even = llvm::isPowerOf2_64(kept) && lane.rows * kept == width;
    for (; even && kept > 1; kept /= 2) {
      SmallVector<int64_t> low, high;
      for (int64_t i = 0; i < width; i += 2) {
        low.push_back(i);
        high.push_back(i + 1);
      }
      halves(low, high);
    }
    SmallVector<Value> sums;
    for (int64_t row = 0; row < lane.rows; ++row) {
      Value sum;
      for (int64_t k = 0; k < kept; ++k) {
        Value part = vector::ExtractOp::create(b, acc, row * kept + k);
        sum = sum ? b.addNumbers(sum, part) : part;
      }
      sums.push_back(sum);
    }
    return sums;
  }

  void emit(Value firstGroup, Value column0, Value tile, Value tileRow) {
    int64_t parts = registersOf(shape);
    SmallVector<Value> accs(
        sets() * groups * columns * parts,
        b.zero(VectorType::get({shape.lanes / parts}, shape.accumulator)));
    int64_t perWord = lane.stepsPerWord();
    int64_t full = steps() / perWord, rest = steps() % perWord;
    auto emitSuperblock = [&](Value superblock, int64_t count,
                              Overread around) {
      accs =
          superblockSteps(firstGroup, column0, superblock, count, accs, around);
    };
    // Loads at byte addresses reach into the neighbours of a superblock: the
    // first and the last of a row group may have none.
    bool peels = loadsBytes() && full + (rest != 0) > 2;
    int64_t from = peels, to = peels && rest == 0 ? full - 1 : full;
    if (peels)
      emitSuperblock(b.index(0), perWord, {});
    auto loop =
        scf::ForOp::create(b, b.index(from), b.index(to), b.index(1), accs);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      scf::YieldOp::create(b, superblockSteps(firstGroup, column0,
                                              loop.getInductionVar(), perWord,
                                              loop.getRegionIterArgs(),
                                              {peels, peels && permutes()}));
    }
    accs.assign(loop.getResults().begin(), loop.getResults().end());
    if (to < full)
      emitSuperblock(b.index(to), perWord, {});
    if (rest != 0)
      emitSuperblock(b.index(full), rest, {});
    for (int64_t g = 0; g < groups; ++g) {
      for (int64_t c = 0; c < columns; ++c) {
        auto sum = [&](int64_t set) {
          int64_t first = ((set * groups + g) * columns + c) * parts;
          return join({accs.begin() + first, accs.begin() + first + parts});
        };
        Value acc = sum(0);
        for (int64_t set = 1; set < sets(); ++set)
          acc = b.addNumbers(acc, sum(set));
        for (auto [row, sum] : llvm::enumerate(foldRows(acc)))
          memref::StoreOp::create(
              b, sum, tile,
              ValueRange{
                  b.add(column0, c),
                  b.add(tileRow, b.add(b.mul(stride, g * lane.rows), row))});
      }
    }
  }
};

} // namespace

/// Most columns that a kernel multiplies at once, a power of two.
static int64_t mostColumns(const KernelShape &shape) {
  return std::max<int64_t>(1, 4 / registersOf(shape));
}

/// Products with the `chunk` columns from `column0` on; the fewer they are, the
/// more row groups are in flight.
static void emitChunk(KernelBuilder &b, const KernelShape &shape, int64_t chunk,
                      Value column0, Value values, Value words, Value x,
                      Value firstGroup, Value groups, Value tile) {
  LaneShape lane = ::nm::rt::laneShape(shape.n, shape.m);
  int64_t registers = registersOf(shape);
  int64_t inFlight = std::max<int64_t>(1, (chunk == 1 ? 4 : 2) / registers);
  // Without permuted parts in registers there is room for twice as many sums.
  if (chunk == 1 && !lane.hasIndices() && registers > 1)
    inFlight *= 2;
  auto emitGroups = [&](Value from, Value to, int64_t step, int64_t count,
                        Value stride) {
    b.loop(from, to, step, [&](Value group) {
      LaneKernel kernel{b, shape, lane, values, words, x, chunk, count, stride};
      kernel.emit(b.add(firstGroup, group), column0, tile,
                  b.mul(group, lane.rows));
    });
  };
  // Each of the row groups in flight belongs to a part of the task of its
  // own: what it reads lies in one piece, and the hardware's prefetchers,
  // which start anew at the end of a page, follow it across row groups. For
  // NEON neighbours are in flight: with four places in memory LLVM spills a
  // constant of the permutes.
  Value one = b.index(1);
  Value perPart = arith::DivUIOp::create(b, groups, b.index(inFlight));
  Value even = b.mul(perPart, inFlight);
  if (shape.target.hasFeature("neon"))
    emitGroups(b.index(0), even, inFlight, inFlight, one);
  else
    emitGroups(b.index(0), perPart, 1, inFlight, perPart);
  emitGroups(even, groups, 1, 1, one);
}

void mlir::nm::emitLaneRows(KernelBuilder &b, const KernelShape &shape,
                            int64_t columns, Value values, Value words, Value x,
                            Value firstGroup, Value groups, Value tile) {
  // Chunks of four, two or one columns.
  for (int64_t done = 0; done < columns;) {
    int64_t chunk = std::min<int64_t>(
        mostColumns(shape), llvm::bit_floor<uint64_t>(columns - done));
    emitChunk(b, shape, chunk, b.index(done), values, words, x, firstGroup,
              groups, tile);
    done += chunk;
  }
}

void mlir::nm::emitLaneRows(KernelBuilder &b, const KernelShape &shape,
                            Value columns, Value values, Value words, Value x,
                            Value firstGroup, Value groups, Value tile) {
  int64_t most = mostColumns(shape);
  // All columns but those of the bits below `chunk`.
  auto before = [&](int64_t chunk) -> Value {
    return b.mul(arith::DivUIOp::create(b, columns, b.index(chunk)), chunk);
  };
  b.loop(b.index(0), before(most), most, [&](Value column) {
    emitChunk(b, shape, most, column, values, words, x, firstGroup, groups,
              tile);
  });
  for (int64_t chunk = most / 2; chunk > 0; chunk /= 2) {
    Value first = before(2 * chunk);
    Value isSet = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, first,
                                        before(chunk));
    b.ifThen(isSet, [&] {
      emitChunk(b, shape, chunk, first, values, words, x, firstGroup, groups,
                tile);
    });
  }
}
