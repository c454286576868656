//===- LowerLaneProduct.cpp - Streams of weights by in-register permutes --===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each step loads one register of activations and, for every stream, one
// register of kept weights; a permute by the stored indices brings to every
// weight the activation that it multiplies. A weight is read once, in order,
// for all columns: memory bandwidth bounds the product as soon as the weights
// leave the caches.
//
//===----------------------------------------------------------------------===//

#include "LanePermute.h"
#include "Lowerings.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::kernel;

namespace {

/// The loop of one product. Sums are [set][stream][column][part].
class LaneProductLowering {
public:
  explicit LaneProductLowering(LaneProductOp op)
      : op(op), target(mlir::nm::getCPUTarget(op)), b(op.getLoc(), op),
        streams(op.getStreams()), columns(op.getColumns()),
        lanes(op.getLanes()), interleave(op.getInterleave()),
        sets(op.getSets()), parts(lanes / target.getLanes()),
        width(target.getLanes()),
        weight(op.getValues().getType().getElementType()),
        sum(op.getAcc().getType().getElementType()) {}

  /// The sums in place of the operation, [stream][column].
  SmallVector<Value> emit() {
    int64_t count = streams * columns * parts;
    SmallVector<Value> sums;
    for (Value acc : b.splitTile(op.getAcc()))
      llvm::append_range(sums, partsOf(acc));
    sums.resize(count * sets,
                sets > 1 ? b.zero(VectorType::get({width}, sum)) : Value());
    sums = emitLoops(sums);
    SmallVector<Value> result;
    for (int64_t chain = 0; chain < streams * columns; ++chain) {
      Value total;
      for (int64_t set = 0; set < sets; ++set) {
        Value part = join(
            ArrayRef<Value>(sums).slice(set * count + chain * parts, parts));
        total = total ? b.addNumbers(total, part) : part;
      }
      result.push_back(total);
    }
    return result;
  }

private:
  bool permutes() { return bool(op.getIndices()); }
  bool isFloat() const { return isa<FloatType>(sum); }
  VectorType vectorType(Type element) const {
    return VectorType::get({lanes}, element);
  }

  /// Which bytes outside of an iteration belong to the stream all the same.
  struct Overread {
    bool valuesBefore = false, wordsAfter = false;
  };

  SmallVector<Value> emitLoops(SmallVector<Value> sums) {
    int64_t unroll = op.getUnroll();
    int64_t full = op.getSteps() / unroll, rest = op.getSteps() % unroll;
    // Loads at byte addresses reach into the neighbours of an iteration: the
    // first and the last of a stream may have none.
    bool peels = loadsBytes() && full + (rest != 0) > 2;
    int64_t from = peels, to = peels && rest == 0 ? full - 1 : full;
    if (peels)
      sums = emitIteration(b.index(0), unroll, sums, {});
    auto loop =
        scf::ForOp::create(b, b.index(from), b.index(to), b.index(1), sums);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      scf::YieldOp::create(b, emitIteration(loop.getInductionVar(), unroll,
                                            loop.getRegionIterArgs(),
                                            {peels, peels && permutes()}));
    }
    sums.assign(loop.getResults().begin(), loop.getResults().end());
    if (to < full)
      sums = emitIteration(b.index(to), unroll, sums, {});
    if (rest != 0)
      sums = emitIteration(b.index(full), rest, sums, {});
    return sums;
  }

  /// `count` steps of iteration `iteration`.
  SmallVector<Value> emitIteration(Value iteration, int64_t count,
                                   ValueRange sums, Overread around) {
    SmallVector<Value> result(sums), words;
    for (int64_t g = 0; g < streams && permutes(); ++g)
      words.push_back(b.loadVector(op.getIndices(),
                                   {b.index(g), iteration, b.index(0)}, lanes));
    Value firstStep = b.mul(iteration, op.getUnroll());
    Value firstRun = b.mul(iteration, op.getUnroll() / interleave);
    // A run of one stream after the other: few registers are live.
    for (int64_t first = 0; first < count; first += interleave) {
      int64_t length = std::min(interleave, count - first);
      SmallVector<SmallVector<Value>> inputs(length);
      for (int64_t s = 0; s < length; ++s)
        for (int64_t c = 0; c < columns; ++c)
          inputs[s].push_back(b.loadVector(
              op.getX(),
              {b.index(c), b.mul(b.add(firstStep, first + s), lanes)}, lanes));
      for (int64_t g = 0; g < streams; ++g) {
        Run run = loadRun(g, b.add(firstRun, first / interleave),
                          around.valuesBefore);
        prefetchRun(run, first);
        for (int64_t s = 0; s < length; ++s) {
          Value indices;
          if (permutes())
            indices = indexOfStep(words[g], {b.index(g), iteration}, first + s,
                                  around.wordsAfter);
          int64_t set = (first + s) % sets;
          addStep(MutableArrayRef<Value>(result).slice(
                      (set * streams + g) * columns * parts, columns * parts),
                  weightOfRun(run, s), indices, inputs[s]);
        }
      }
    }
    return result;
  }

  /// One step of a stream by all columns. One of the target's registers after
  /// the other: as whole registers of the layout, LLVM would keep all permuted
  /// parts live.
  void addStep(MutableArrayRef<Value> sums, Value weights, Value indices,
               ArrayRef<Value> inputs) {
    SmallVector<Value> weightParts = partsOf(weights), indexParts;
    if (indices)
      indexParts = partsOf(indices);
    for (int64_t c = 0; c < columns; ++c) {
      SmallVector<Value> sources = partsOf(inputs[c]);
      for (int64_t part = 0; part < parts; ++part) {
        Value input =
            indices ? permute(sources, part, indexParts[part]) : sources[part];
        Value &acc = sums[c * parts + part];
        acc = b.multiplyAdd(weightParts[part], input, acc);
      }
    }
    if (indices && parts > 1 && target.getRegisters() < 32)
      fence();
  }

  /// The target's vector registers that make up a register of lanes.
  SmallVector<Value> partsOf(Value value) {
    if (parts == 1)
      return {value};
    SmallVector<Value> result;
    for (int64_t i = 0; i < parts; ++i)
      result.push_back(
          b.shuffle(value, value,
                    llvm::to_vector(llvm::seq(i * width, (i + 1) * width))));
    return result;
  }

  /// A register of lanes from its parts.
  Value join(ArrayRef<Value> from) {
    SmallVector<Value> pieces(from);
    for (int64_t size = width; pieces.size() > 1; size *= 2) {
      for (size_t i = 0; i < pieces.size() / 2; ++i)
        pieces[i] = b.shuffle(pieces[2 * i], pieces[2 * i + 1],
                              llvm::to_vector(llvm::seq<int64_t>(0, 2 * size)));
      pieces.truncate(pieces.size() / 2);
    }
    return pieces.front();
  }

  /// Clears those of a segment's parts that no lane of part `part` can name.
  void dropUnreachable(MutableArrayRef<Value> sources, int64_t part) {
    int64_t segment = *op.getSegment(), slots = *op.getSlots();
    int64_t low = segment, high = 0, rows = segment / slots;
    for (int64_t lane = part * width; lane < (part + 1) * width; ++lane) {
      if (lane >= rows * slots)
        continue;
      low = std::min(low, lane % slots);
      high = std::max(high, lane % slots + segment - slots);
    }
    for (auto [i, source] : llvm::enumerate(sources))
      if (high >= low &&
          (int64_t(i) < low / width || int64_t(i) > high / width))
        source = {};
  }

  /// Part `part` of `sources` with each lane replaced by what its index names.
  /// The instructions ignore the bits above.
  Value permute(ArrayRef<Value> sources, int64_t part, Value indices) {
    int64_t segment = *op.getSegment();
    int64_t count = std::max<int64_t>(1, segment / width);
    int64_t first = part / count * count;
    SmallVector<Value> from(sources.slice(first, count));
    if (count > 1)
      dropUnreachable(from, part - first);
    auto type = VectorType::get({width}, b.getF32Type());
    if (!isFloat())
      for (Value &source : from)
        source = !source ? source : vector::BitCastOp::create(b, type, source);
    Value result = emitPermute(b, target, segment, from, indices);
    if (!isFloat())
      result = vector::BitCastOp::create(b, type.cloneWith(std::nullopt, sum),
                                         result);
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
  bool loadsBytes() {
    auto hasNeighbours = [](Value memref) {
      return !memref ||
             cast<MemRefType>(memref.getType()).isLastDimUnitStride();
    };
    return interleave == 4 && isFloat() && target.getVector() == 256 &&
           !target.hasFeature("neon") && hasNeighbours(op.getValues()) &&
           hasNeighbours(op.getIndices());
  }

  /// A register of 32-bit lanes that starts `bytes` after the first element of
  /// [at].
  Value loadAtByte(Value memref, ArrayRef<Value> at, int64_t bytes) {
    unsigned size =
        cast<MemRefType>(memref.getType()).getElementTypeBitWidth() / 8;
    auto metadata = memref::ExtractStridedMetadataOp::create(b, memref);
    Value position = metadata.getOffset();
    for (auto [index, stride] : llvm::zip(at, metadata.getStrides()))
      position = b.add(position, b.mul(index, stride));
    Value start = memref::ExtractAlignedPointerAsIndexOp::create(b, memref);
    Value byte = b.add(b.add(start, b.mul(position, size)), bytes);
    Value bits = arith::IndexCastUIOp::create(b, b.getI64Type(), byte);
    Value address = LLVM::IntToPtrOp::create(
        b, LLVM::LLVMPointerType::get(b.getContext()), ValueRange{bits});
    return LLVM::LoadOp::create(b, vectorType(b.getI32Type()), address,
                                /*alignment=*/1);
  }

  /// Weights of a run of `interleave` steps, as memory holds them: narrow
  /// values as the 32-bit lanes that they share, others as they are.
  struct Run {
    SmallVector<Value, 2> at;
    Value loaded; ///< null if the three bytes before are the stream's
  };

  Run loadRun(int64_t stream, Value number, bool readsBefore) {
    Run run{{b.index(stream), number}, Value()};
    if (readsBefore)
      return run;
    run.loaded = b.loadVector(
        op.getValues(), {run.at[0], run.at[1], b.index(0)}, lanes * interleave);
    if (interleave != 1)
      run.loaded =
          vector::BitCastOp::create(b, vectorType(b.getI32Type()), run.loaded);
    return run;
  }

  /// Asks for the lines `ahead` of a run whose first step is number `first` of
  /// an iteration, one request for each.
  void prefetchRun(const Run &run, int64_t first) {
    if (op.getAhead() == 0)
      return;
    int64_t line = target.getLine() * 8 / weight.getIntOrFloatBitWidth();
    int64_t size = lanes * interleave;
    int64_t runsOfLine = std::max<int64_t>(1, line / size);
    if (first / interleave % runsOfLine != 0)
      return;
    int64_t ahead = op.getAhead();
    for (int64_t at = 0; at < size; at += line)
      b.prefetch(op.getValues(), {run.at[0], run.at[1], b.index(ahead + at)});
  }

  /// The weights of step `s` of a run, widened to the type of the sums.
  Value weightOfRun(const Run &run, int64_t s) {
    if (interleave == 1)
      return b.convert(run.loaded, sum);
    int64_t bits = 32 / interleave;
    bool isTop = s + 1 == interleave;
    if (weight.isBF16()) {
      Value word =
          isTop ? Value(arith::AndIOp::create(b, run.loaded,
                                              constant(0xffff0000)))
                : Value(arith::ShLIOp::create(b, run.loaded, constant(bits)));
      return b.convert(
          vector::BitCastOp::create(b, vectorType(b.getF32Type()), word), sum);
    }
    // The lane's top byte, with other weights below it.
    Value top = run.loaded;
    if (!top)
      top = loadAtByte(op.getValues(), run.at, s + 1 - interleave);
    else if (!isTop)
      top = arith::ShLIOp::create(b, top, constant(32 - (s + 1) * bits));
    if (isFloat()) {
      // The weight times 2^24. A mask runs on any port, an arithmetic shift
      // only where the permutes do.
      if (s != 0 || !run.loaded)
        top = arith::AndIOp::create(b, top, constant(0xff000000));
      return b.convert(top, sum);
    }
    return arith::ShRSIOp::create(b, top, constant(32 - bits));
  }

  /// What holds the index of step `step` of an iteration in its low bits.
  /// `word` is the iteration's, at `at`.
  Value indexOfStep(Value word, ArrayRef<Value> at, int64_t step,
                    bool readsAfter) {
    int64_t shift = step * op.getIndexBits();
    Value from = word;
    if (readsAfter && shift >= 8) {
      from = loadAtByte(op.getIndices(), at, shift / 8);
      shift %= 8;
    }
    return shift == 0 ? from
                      : Value(arith::ShRUIOp::create(b, from, constant(shift)));
  }

  LaneProductOp op;
  mlir::nm::CPUAttr target;
  KernelBuilder b;
  int64_t streams, columns, lanes, interleave, sets;
  int64_t parts; ///< registers of the target that hold `lanes`
  int64_t width; ///< elements of one of them
  Type weight, sum;
};

} // namespace

LogicalResult mlir::kernel::lowerLaneProduct(LaneProductOp op) {
  mlir::nm::CPUAttr target = mlir::nm::getCPUTarget(op);
  if (op.getLanes() % target.getLanes() != 0)
    return op.emitOpError("has registers of ")
           << op.getLanes() << " lanes, expected whole ones of the target's "
           << target.getLanes();
  if (op.getIndices() && !target.permutesGroupsOf(*op.getSegment()))
    return op.emitOpError("has segments of ")
           << *op.getSegment()
           << " elements, which the target has no permutes for";
  replaceTile(op, op.getAcc(), LaneProductLowering(op).emit());
  return success();
}
