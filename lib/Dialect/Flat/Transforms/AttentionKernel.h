//===- AttentionKernel.h - Pieces of a generated attention kernel -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fused attention is made of few pieces: kernel.pack for its operands, the
// micro-kernel of the logits, the exponentials, and the micro-kernel of the
// weighted values. Each is emitted by one function here; AttentionTask.cpp puts
// the loops of one block of query rows around them.
//
// The logits of a row group (as many rows as the register tile has) lie as
// [key / lanes][row][lane]: what the first micro-kernel writes, the
// exponentials rewrite and the second one reads is contiguous.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_FLAT_TRANSFORMS_ATTENTIONKERNEL_H
#define NM_LIB_DIALECT_FLAT_TRANSFORMS_ATTENTIONKERNEL_H

#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "nm/Dialect/Kernel/Transforms/KernelBuilder.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include <functional>
#include <optional>

namespace mlir::flat {

/// How the loops of one attention are blocked.
struct AttentionBlocking {
  int64_t lanes; ///< f32 lanes of a vector register
  /// A register tile: query rows by vectors of keys (logits) or of value
  /// columns.
  int64_t tileRows, tileVectors;
  /// Query rows of one task, a multiple of tileRows.
  int64_t rows = 96;
  /// Keys of one online-softmax tile, a multiple of the panel; 0: all keys at
  /// once (FLAT row granularity, no rescaling).
  int64_t keyTile = 256;
  /// Keys over which a panel of values stays in L1.
  int64_t valueBlock = 256;
  /// Prefetch the next panels: packed keys and values exceed L2.
  bool prefetches = false;

  /// A load of a register tile, in the multiply-adds that it keeps waiting.
  double loadCost;
  /// Independent sums that hide the latency of a multiply-add.
  int64_t chains;
  /// Exponentials use AVX-512's instructions for powers of two.
  bool scales;

  explicit AttentionBlocking(nm::CPUAttr target);

  /// Keys of a K panel, columns of a V panel.
  int64_t panel() const { return tileVectors * lanes; }
};

/// Index arithmetic plus the float operations of the kernels.
class AttentionBuilder : public kernel::KernelBuilder {
public:
  using KernelBuilder::KernelBuilder;

  /// A constant of `type`, a float or vector of floats.
  Value constant(Type type, double value);
  Value constantInt(Type type, int64_t value);
  Value addf(Value a, Value b) { return arith::AddFOp::create(*this, a, b); }
  Value subf(Value a, Value b) { return arith::SubFOp::create(*this, a, b); }
  Value mulf(Value a, Value b) { return arith::MulFOp::create(*this, a, b); }
  /// a * b + c with one rounding, on scalars or vectors.
  Value fma(Value a, Value b, Value c);
  /// The larger; `b` if either is NaN (one `maxps`).
  Value maxf(Value a, Value b);
  Value minf(Value a, Value b);
  Value maxi(Value a, Value b) { return arith::MaxSIOp::create(*this, a, b); }
  Value cmp(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(*this, predicate, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(*this, condition, a, b);
  }
  /// `a` limited to [0, limit].
  Value clamp(Value a, Value limit);

  /// Loads and stores of a 1-D buffer.
  Value load(Value buffer, Value at, int64_t lanes) {
    return loadVector(buffer, at, lanes);
  }
  Value loadScalar(Value buffer, ValueRange at) {
    return memref::LoadOp::create(*this, buffer, at);
  }
  void store(Value value, Value buffer, ValueRange at);
  /// A 1-D f32 buffer on a cache line of its own.
  Value allocate(Value elements);
  Value allocate(int64_t elements) { return allocate(index(elements)); }
  void release(Value buffer) { memref::DeallocOp::create(*this, buffer); }

  /// `for i in [lower, upper)` with values carried along.
  SmallVector<Value>
  reduce(Value lower, Value upper, int64_t step, ValueRange init,
         function_ref<SmallVector<Value>(Value, ValueRange)> body);
};

/// The range of inputs that an exponential has to serve.
enum class ExpRange {
  Full,       ///< any; subnormal results, infinities, NaN
  NonPositive ///< up to 0; results under 2^-126 become 0
};

/// 2^x of f32 scalars or vectors, within 2 ulp; NaN stays NaN. Several are
/// computed step by step side by side: a processor's scheduler is too small to
/// overlap whole polynomials. `scales`: they are vectors of a whole AVX-512
/// register each, whose instructions take the place of a few steps.
SmallVector<Value> emitExp2(AttentionBuilder &b, ArrayRef<Value> inputs,
                            ExpRange range, bool scales = false);
/// e^x over the whole range, within 2 ulp.
Value emitExp(AttentionBuilder &b, Value x);

/// One operand with its dimensions by meaning: `dims[i]` is the position in the
/// memref of logical dimension i (batch, head, row, column).
struct AttentionView {
  Value memref;
  SmallVector<int64_t, 4> dims;
  /// Numbers of a row that flat.quantize_rows made, whose scale lies behind
  /// them; 0: the elements are the numbers.
  int64_t quantizedWidth = 0;

  MemRefType type() const { return cast<MemRefType>(memref.getType()); }
  Type element() const { return type().getElementType(); }
  SmallVector<Value> indices(ValueRange logical) const;
  /// True if consecutive elements along logical dimension `dim` are adjacent.
  bool isContiguous(int64_t dim) const;
  /// The width of quantised rows is that of the numbers in them.
  Value size(AttentionBuilder &b, int64_t dim) const;
  /// The scale of a quantised row, f32.
  Value loadScale(AttentionBuilder &b, Value batch, Value head,
                  Value row) const;
  /// Rows and columns of one head from `first` (batch, head, row, column) on,
  /// as a matrix.
  Value slice(AttentionBuilder &b, ArrayRef<OpFoldResult> first,
              OpFoldResult rows, OpFoldResult columns) const;
  /// Packs them, or the same with rows and columns exchanged, into a matrix of
  /// f32: bf16, f16 and quantised rows are widened, so that the kernels behind
  /// know one type.
  kernel::PackOp pack(AttentionBuilder &b, ArrayRef<OpFoldResult> first,
                      OpFoldResult rows, OpFoldResult columns, bool isTurned,
                      Value panel) const;
};

/// Logits of tileRows rows and one panel of keys: accumulators
/// [row][vector]. `queries` is a view [row][depth], `k` [depth][panel] from
/// `kBase` on.
SmallVector<Value> emitLogits(AttentionBuilder &b,
                              const AttentionBlocking &blocking, Value queries,
                              Value k, Value kBase, Value depth);

/// out[row][.. panel] += P V for tileRows rows and one panel of value columns.
/// `p` is laid out as above from `pBase` on, `v` [key][panel] from `vBase` on;
/// `keys` is a multiple of the lanes.
void emitWeightedValues(AttentionBuilder &b, const AttentionBlocking &blocking,
                        Value p, Value pBase, Value v, Value vBase, Value keys,
                        Value out, Value outBase, Value outStride);

/// Everything about one attention that its loops need to know. Sizes are
/// constants where they are known.
struct AttentionProblem {
  AttentionView q, k, v, out;
  Value batches, heads, kvHeads; ///< heads is a multiple of kvHeads
  Value rows, keys;              ///< N, S
  Value depth, width;            ///< D, E
  /// The logits are q k times this (`scaleValue`, f32, if it is not null);
  /// folded into the exponentials if positive and no score function follows.
  double scale = 1.0;
  Value scaleValue;
  /// What rows without weights give.
  Guard guard = Guard::Unseen;
  /// Position of a vector of logits, and whether it may reach past the last
  /// key.
  struct Position {
    Value batch, head, row, key;
    int64_t lanes;
    bool mayExceed;
    /// Lanes in the row's window, if the score function has to say what the
    /// others are; null: they are hidden afterwards.
    Value isSeen = {};
  };
  /// Replaces a vector of scaled logits; null: they stay.
  std::function<Value(AttentionBuilder &, Value, const Position &)> score;
  /// The first live key of a row and the one past the last, unclamped and both
  /// non-decreasing in the row of a batch; null: all keys.
  std::function<Value(AttentionBuilder &, Value batch, Value row)> firstKey,
      endKey;
  /// True if these depend on the batch.
  bool windowFollowsBatch = false;
  /// Operands that are added to hidden keys too: NaN and infinity there make
  /// the row NaN, as minus infinity plus either is.
  struct HiddenOperand {
    AffineMap map; ///< from (b, h, i, j)
    bool isAdded;  ///< as it is: minus infinity is harmless
    /// Its elements in f32.
    std::function<Value(AttentionBuilder &, const Position &)> load;

    bool dependsOn(unsigned dim) const { return map.isFunctionOfDim(dim); }
  };
  SmallVector<HiddenOperand> hidden;
  /// True (i1) if keys outside the window have to be visited; null: never.
  Value visitsAll;

  /// The same limited to [0, keys].
  Value firstLiveKey(AttentionBuilder &b, Value batch, Value row) const;
  Value endLiveKey(AttentionBuilder &b, Value batch, Value row) const;
  /// Those between which keys are visited.
  Value firstVisitedKey(AttentionBuilder &b, Value batch, Value row) const;
  Value endVisitedKey(AttentionBuilder &b, Value batch, Value row) const;

  bool isExponentScaled() const { return !score && !scaleValue && scale > 0; }
  /// What a difference of scores is multiplied with to be an exponent of two.
  double exponentScale() const;
};

/// From products of queries and keys to scores: scale, score function and, if
/// the position may exceed the live keys of its row, minus infinity outside.
/// The scale is left out where the exponentials apply it.
Value emitFinalScore(AttentionBuilder &b, const AttentionProblem &problem,
                     Value products,
                     const AttentionProblem::Position &position);

/// What is subtracted from scores whose row has the maximum `maxima`, times
/// -exponentScale() where that is folded into a multiply-add. A row without a
/// live key has maximum minus infinity, and that less itself would be NaN: 0.
Value emitShift(AttentionBuilder &b, const AttentionProblem &problem,
                Value maximum);
/// What sums over scores with the maximum `before` are multiplied with when the
/// maximum becomes `maximum`: exactly 1 if it stays.
Value emitRescaling(AttentionBuilder &b, const AttentionProblem &problem,
                    Value before, Value maximum);
/// What a row's weighted values are multiplied with if its exponentials sum to
/// `sum` (scalar or vector): its inverse, or what the guard says.
Value emitInverse(AttentionBuilder &b, const AttentionProblem &problem,
                  Value sum);
/// A sum of weighted values times that.
Value emitQuotient(AttentionBuilder &b, const AttentionProblem &problem,
                   Value value, Value inverse);
/// Exponents of two of `score` with that shift.
Value emitExponent(AttentionBuilder &b, const AttentionProblem &problem,
                   Value score, Value shift);

/// Which blocks of rows have to visit the keys that their windows hide: those
/// where an operand is NaN or infinite there. Each operand's hidden elements
/// are read once, before the loops.
class HiddenScan {
public:
  /// Emits the scan for blocks of `rows` rows; nothing if no operand may
  /// matter.
  HiddenScan(AttentionBuilder &b, const AttentionBlocking &blocking,
             const AttentionProblem &problem, int64_t rows, bool parallel);
  void release(AttentionBuilder &b);

  /// The answer (i1) for a block, null if nothing was emitted.
  Value load(AttentionBuilder &b, Value batch, Value head, Value block) const;

private:
  Value place(AttentionBuilder &b, Value batch, Value head, Value block) const;

  Value flags; ///< [batch][head][block] as far as the operands have them
  bool hasBatch = false, hasHead = false;
  Value heads, blocks;
};

/// What threads share out among them.
enum class AttentionThreads {
  None,  ///< one thread does it all
  Heads, ///< key heads: each is packed and read by one thread
  Blocks ///< packing, then blocks of query rows, of one key head after the
         ///< other
};

/// Emits the fused loops for all batches and heads: packing of K and V once per
/// key head, then the blocks of query rows.
void emitAttention(AttentionBuilder &b, const AttentionBlocking &blocking,
                   const AttentionProblem &problem, AttentionThreads threads);

/// One block of rows of one head: rows [row0, row0 + blocking.rows) against the
/// packed keys and values.
void emitAttentionTask(AttentionBuilder &b, const AttentionBlocking &blocking,
                       const AttentionProblem &problem, Value packedK,
                       Value packedV, Value batch, Value head, Value row0);

/// The same for few query rows (decoding): keys and values are read once, where
/// they lie, by all heads that share them. `rows` of `problem` and the heads of
/// a group are constants, K and V are contiguous along their width, `depth` and
/// `width` are constants. `splits` parts of the keys are separate tasks.
void emitDecoding(AttentionBuilder &b, const AttentionBlocking &blocking,
                  const AttentionProblem &problem, bool parallel,
                  int64_t splits);

} // namespace mlir::flat

#endif // NM_LIB_DIALECT_FLAT_TRANSFORMS_ATTENTIONKERNEL_H
