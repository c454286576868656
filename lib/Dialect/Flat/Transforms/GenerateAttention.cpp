//===- GenerateAttention.cpp - From flat.attention to loops -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionScore.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Flat/IR/ScoreAnalysis.h"
#include "nm/Dialect/Flat/Transforms/Passes.h"
#include "nm/Dialect/Kernel/IR/KernelDialect.h"
#include "nm/Dialect/NM/IR/CPUTarget.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::flat {
#define GEN_PASS_DEF_GENERATEATTENTION
#include "nm/Dialect/Flat/Transforms/Passes.h.inc"
} // namespace mlir::flat

using namespace mlir;
using namespace mlir::flat;

namespace {

/// Rows of a block: all keys of a few rows while their logits fit the cache, or
/// many rows to reuse a tile of keys.
constexpr int64_t kRowsOfAllKeys = 48, kRowsOfKeyTile = 96, kKeyTile = 256;
/// Limits of what a dataflow may ask for: block buffers stay small beside keys
/// and values, and linear in the lengths.
constexpr int64_t kMaxRows = 1024, kMaxKeyTile = 16384;

/// Query rows that share keys up to which they are not packed (any number if
/// there is one query a head), and the widest rows of K and V for that.
constexpr int64_t kDecodingRows = 8, kMaxDecodingWidth = 512;

/// Rows where their number is not known.
constexpr int64_t kManyRows = 1024;

/// Beyond every distance between positions.
constexpr int64_t kFarthest = int64_t(1) << 40;

int64_t roundUp(int64_t value, int64_t unit) {
  return (value + unit - 1) / unit * unit;
}

struct GenerateAttentionPass
    : public mlir::flat::impl::GenerateAttentionBase<GenerateAttentionPass> {
  using GenerateAttentionBase::GenerateAttentionBase;

  void runOnOperation() override {
    SmallVector<AttentionOp> ops;
    getOperation().walk([&](AttentionOp op) { ops.push_back(op); });
    for (AttentionOp op : ops)
      if (failed(lower(op)))
        return signalPassFailure();
  }

  LogicalResult lower(AttentionOp op) {
    if (op.getResult())
      return op.emitOpError(
          "is on tensors, expected buffers; run "
          "one-shot-bufferize before flat-generate-attention");
    AttentionBuilder b(op.getLoc(), op.getContext());
    b.setInsertionPoint(op);
    AttentionProblem problem = describe(b, op);
    mlir::nm::CPUAttr target = mlir::nm::getCPUTarget(op);
    bool distribute = parallel && flops(op) >= double(minParallelFlops < 0
                                                          ? target.getParallel()
                                                          : minParallelFlops);
    if (isDecoding(op, problem)) {
      AttentionBlocking blocking(target);
      int64_t splits = distribute ? decodingSplits(op) : 1;
      report(op, "decoding",
             llvm::formatv("{0} rows share each key: keys and values are "
                           "streamed, in {1} part(s)",
                           rowsOfKey(op), splits));
      emitDecoding(b, blocking, problem, distribute, splits);
    } else {
      AttentionBlocking blocking = chooseBlocking(op);
      emitAttention(b, blocking, problem,
                    distribute ? chooseThreads(op, blocking)
                               : AttentionThreads::None);
    }
    op.erase();
    return success();
  }

  /// Heads, unless blocks of rows leave fewer threads without work: a head's
  /// thread finds what it packed in its own cache, and nobody waits before the
  /// end.
  static AttentionThreads chooseThreads(AttentionOp op,
                                        const AttentionBlocking &blocking) {
    using Role = AttentionOp::Role;
    // A description that knows of one core does not say that there is no other.
    int64_t cores = std::max<int64_t>(2, mlir::nm::getCPUTarget(op).getCores());
    int64_t kvHeads = staticSize(op, Role::K, AttentionOp::Head, 1);
    int64_t rows = staticSize(op, Role::Q, AttentionOp::Sequence, kManyRows);
    double heads = busyPart(
        kvHeads * staticSize(op, Role::K, AttentionOp::Batch, 1), cores);
    double blocks =
        busyPart(llvm::divideCeil(rows, blocking.rows) *
                     (staticSize(op, Role::Q, AttentionOp::Head, 1) /
                      std::max<int64_t>(1, kvHeads)),
                 cores);
    return heads >= blocks ? AttentionThreads::Heads : AttentionThreads::Blocks;
  }

  /// The part of the time that threads work on so many equal tasks.
  static double busyPart(int64_t tasks, int64_t cores) {
    return double(tasks) / double(llvm::divideCeil(tasks, cores) * cores);
  }

  /// Few rows share each key: packing would cost more than it saves.
  bool isDecoding(AttentionOp op, const AttentionProblem &problem) {
    using Role = AttentionOp::Role;
    int64_t queries = op.getStaticSize(Role::Q, AttentionOp::Sequence);
    int64_t heads = op.getStaticSize(Role::Q, AttentionOp::Head);
    int64_t kvHeads = op.getStaticSize(Role::K, AttentionOp::Head);
    int64_t depth = op.getStaticSize(Role::Q, AttentionOp::Width);
    int64_t width = op.getStaticSize(Role::V, AttentionOp::Width);
    for (int64_t size : {queries, heads, kvHeads, depth, width})
      if (ShapedType::isDynamic(size))
        return false;
    // The inner loops are unrolled over a row of K and of V.
    if (queries == 0 || kvHeads == 0 || depth > kMaxDecodingWidth ||
        width > kMaxDecodingWidth)
      return false;
    return (queries == 1 || rowsOfKey(op) <= kDecodingRows) &&
           problem.k.isContiguous(AttentionOp::Width) &&
           problem.v.isContiguous(AttentionOp::Width);
  }

  /// Parts of the keys, so that there is work for several threads.
  int64_t decodingSplits(AttentionOp op) {
    using Role = AttentionOp::Role;
    int64_t tasks = op.getStaticSize(Role::K, AttentionOp::Head) *
                    staticSize(op, Role::K, AttentionOp::Batch, 1);
    int64_t cores = mlir::nm::getCPUTarget(op).getCores();
    return tasks >= cores ? 1 : cores;
  }

  /// Query rows of all heads that share a key.
  static int64_t rowsOfKey(AttentionOp op) {
    using Role = AttentionOp::Role;
    return op.getStaticSize(Role::Q, AttentionOp::Sequence) *
           (op.getStaticSize(Role::Q, AttentionOp::Head) /
            op.getStaticSize(Role::K, AttentionOp::Head));
  }

  static void report(AttentionOp op, StringRef kernel, const Twine &reason) {
    remark::passed(op.getLoc(), remark::RemarkOpts::name("attention-kernel")
                                    .category("flat-generate-attention"))
        << remark::metric("kernel", kernel)
        << remark::reason("{0}", reason.str());
  }

  AttentionView view(AttentionOp op, AttentionOp::Role role) {
    return {op.getShaped(role),
            SmallVector<int64_t, 4>(op.getOrder(role).getPositions()),
            op.isQuantized(role) ? op.getStaticSize(role, AttentionOp::Width)
                                 : 0};
  }

  AttentionProblem describe(AttentionBuilder &b, AttentionOp op) {
    using Role = AttentionOp::Role;
    AttentionProblem problem;
    problem.guard = op.getGuard();
    problem.q = view(op, Role::Q);
    problem.k = view(op, Role::K);
    problem.v = view(op, Role::V);
    problem.out = view(op, Role::Out);
    problem.batches = problem.q.size(b, AttentionOp::Batch);
    problem.heads = problem.q.size(b, AttentionOp::Head);
    problem.kvHeads = problem.k.size(b, AttentionOp::Head);
    problem.rows = problem.q.size(b, AttentionOp::Sequence);
    problem.keys = problem.k.size(b, AttentionOp::Sequence);
    problem.depth = problem.q.size(b, AttentionOp::Width);
    problem.width = problem.v.size(b, AttentionOp::Width);
    if (Value length = op.getLength())
      problem.keys = b.clamp(length, problem.keys);
    if (std::optional<double> scale = op.getConstantScale())
      problem.scale = *scale;
    else
      problem.scaleValue = op.getOrCreateScale(b);
    describeScore(b, op, problem);
    return problem;
  }

  /// The largest of the first keys and the smallest of those behind the last.
  static void describeWindow(AttentionOp op, const ScoreAnalysis &analysis,
                             AttentionProblem &problem) {
    SmallVector<WindowBound> firstKeys(analysis.firstKeys),
        endKeys(analysis.endKeys);
    if (analysis.left)
      firstKeys.push_back({true, {}, 0, -*analysis.left});
    if (analysis.right)
      endKeys.push_back({true, {}, 0, *analysis.right + 1});
    for (const WindowBound &bound :
         llvm::concat<const WindowBound>(firstKeys, endKeys))
      problem.windowFollowsBatch |= bound.term != nullptr;
    auto combine = [op](const SmallVector<WindowBound> &bounds, bool isFirst) {
      return [=](AttentionBuilder &b, Value batch, Value row) {
        Value result;
        for (const WindowBound &bound : bounds) {
          Value key = emitBound(b, op, bound, batch, row);
          result = !result   ? key
                   : isFirst ? b.maxi(result, key)
                             : b.min(result, key);
        }
        return result;
      };
    };
    if (!firstKeys.empty())
      problem.firstKey = combine(firstKeys, true);
    if (!endKeys.empty())
      problem.endKey = combine(endKeys, false);
  }

  static Value emitBound(AttentionBuilder &b, AttentionOp op,
                         const WindowBound &bound, Value batch, Value row) {
    // No position is that large: an open bound in disguise.
    Value key = b.index(std::clamp(bound.constant, -kFarthest, kFarthest));
    if (bound.followsQuery) {
      if (op.getOffset())
        key = b.add(op.getOffset(), key);
      key = b.add(row, key);
    }
    if (!bound.term)
      return key;
    Value term = emitOfBatch(b, op, bound.term, batch);
    if (!term.getType().isIndex())
      term = arith::IndexCastOp::create(b, b.getIndexType(), term);
    term = b.maxi(b.min(term, b.index(kFarthest)), b.index(-kFarthest));
    return bound.sign > 0 ? b.add(key, term) : b.sub(key, term);
  }

  /// What the analysis found: the keys that a row sees at all, and what is left
  /// to compute for them.
  void describeScore(AttentionBuilder &b, AttentionOp op,
                     AttentionProblem &problem) {
    ScoreAnalysis analysis = analyzeScore(op, /*takesBatchValues=*/true);
    describeWindow(op, analysis, problem);
    Value yielded, whole;
    if (op.hasScoreRegion()) {
      whole = op.getScore().front().getTerminator()->getOperand(0);
      if (!analysis.isIdentity())
        yielded = analysis.isWindowExact ? analysis.value : whole;
    }
    describeHidden(op, analysis, problem);
    if (!yielded && !op.getMask() && problem.hidden.empty())
      return;
    bool hidesByAdding = analysis.hidesByAdding;
    problem.score = [=, keys = problem.keys](
                        AttentionBuilder &builder, Value logits,
                        const AttentionProblem::Position &position) {
      Value isSeen = position.isSeen;
      // What hides a key by adding to it is asked what it makes of it, but
      // not about its logit: keys outside the window are not looked at.
      bool asks = isSeen && hidesByAdding;
      if (asks)
        logits = builder.select(isSeen, logits, builder.zero(logits.getType()));
      Value score = emitRegion(builder, op, logits, position, keys,
                               asks ? whole : yielded);
      if (isSeen && !asks)
        score = builder.select(
            isSeen, score,
            builder.constant(score.getType(),
                             -std::numeric_limits<double>::infinity()));
      return emitMask(builder, op, score, position, keys);
    };
  }

  /// The operands that may make a hidden key's score NaN: a mask of floats, and
  /// those of a region that hides by adding.
  void describeHidden(AttentionOp op, const ScoreAnalysis &analysis,
                      AttentionProblem &problem) {
    if (!analysis.hasWindow())
      return;
    auto add = [&](Value operand, AffineMap map, bool isAdded) {
      if (!isa<FloatType>(getElementTypeOrSelf(operand.getType())))
        return;
      auto load =
          [=, keys = problem.keys](AttentionBuilder &builder,
                                   const AttentionProblem::Position &position) {
            return emitElements(builder, op, operand, map, position, keys);
          };
      problem.hidden.push_back({map, isAdded, load});
    };
    if (Value mask = op.getMask())
      add(mask, *op.getMaskMap(), /*isAdded=*/true);
    if (!analysis.hidesByAdding)
      return;
    for (auto [argument, operand, map] :
         llvm::zip(op.getScore().getArguments().drop_front(5),
                   op.getScoreOperands(), op.getScoreMapArray()))
      if (!argument.use_empty())
        add(operand, map,
            argument.hasOneUse() &&
                llvm::is_contained(analysis.added, argument));
  }

  static int64_t staticSize(AttentionOp op, AttentionOp::Role role, int64_t dim,
                            int64_t otherwise) {
    int64_t size = op.getStaticSize(role, dim);
    return ShapedType::isDynamic(size) ? otherwise : size;
  }

  /// Unknown sizes count as large.
  double flops(AttentionOp op) {
    using Role = AttentionOp::Role;
    auto size = [&](Role role, int64_t dim) {
      return double(staticSize(op, role, dim, kManyRows));
    };
    return 2 * size(Role::Q, AttentionOp::Batch) *
           size(Role::Q, AttentionOp::Head) *
           size(Role::Q, AttentionOp::Sequence) *
           size(Role::K, AttentionOp::Sequence) *
           (size(Role::Q, AttentionOp::Width) +
            size(Role::V, AttentionOp::Width));
  }

  /// Of one head's keys and values; unknown widths count as 64.
  static int64_t packedBytes(AttentionOp op) {
    using Role = AttentionOp::Role;
    auto size = [&](Role role, int64_t dim) {
      return std::min<int64_t>(staticSize(op, role, dim, 64), 1 << 24);
    };
    return 4 * size(Role::K, AttentionOp::Sequence) *
           (size(Role::K, AttentionOp::Width) +
            size(Role::V, AttentionOp::Width));
  }

  /// Vectors of a register tile, up to those that the registers hold: wide ones
  /// load less for a multiply-add, narrow ones pad keys and columns less. Most
  /// loads hide behind multiply-adds; with AVX-512, where a quarter shows, 4
  /// vectors gained 1 to 2 % at a width of 64 and lost 18 % at 80. One vector
  /// leaves too few sums to hide the latency of a multiply-add.
  static int64_t chooseTileVectors(AttentionOp op,
                                   const AttentionBlocking &blocking) {
    using Role = AttentionOp::Role;
    // Of many keys or columns the padding does not count.
    constexpr int64_t kMany = 4096;
    int64_t keys = staticSize(op, Role::K, AttentionOp::Sequence, kMany);
    int64_t depth = staticSize(op, Role::K, AttentionOp::Width, kMany);
    int64_t width = staticSize(op, Role::V, AttentionOp::Width, kMany);
    auto costOf = [&](int64_t vectors) {
      int64_t rows = blocking.tileRows, panel = vectors * blocking.lanes;
      double perProduct = 1 + blocking.loadCost * double(rows + vectors) /
                                  double(rows * vectors);
      return perProduct * (double(depth) * double(roundUp(keys, panel)) +
                           double(keys) * double(roundUp(width, panel)));
    };
    int64_t best = blocking.tileVectors;
    for (int64_t vectors = best / 2; vectors >= 2; vectors /= 2)
      if (costOf(vectors) < costOf(best))
        best = vectors;
    return best;
  }

  AttentionBlocking chooseBlocking(AttentionOp op) {
    using Role = AttentionOp::Role;
    mlir::nm::CPUAttr target = mlir::nm::getCPUTarget(op);
    AttentionBlocking blocking(target);
    blocking.tileVectors = chooseTileVectors(op, blocking);
    int64_t keys = op.getStaticSize(Role::K, AttentionOp::Sequence);
    DataflowAttr dataflow = op.getDataflow().value_or(DataflowAttr());
    std::string reason;
    if (dataflow && dataflow.getGranularity() == Granularity::Row) {
      blocking.rows = std::min(dataflow.getRows(), kMaxRows);
      blocking.keyTile = std::min(dataflow.getKeyTile(), kMaxKeyTile);
      reason = "as its dataflow says";
    } else {
      // Two fifths of the cache: keys and values pass through it too. Without
      // a cache to speak of, tiles are small as well.
      bool isKnown = !ShapedType::isDynamic(keys);
      int64_t bytes =
          isKnown ? std::min(keys, kFarthest) * kRowsOfAllKeys * 4 : 0;
      bool fits = isKnown && bytes <= target.getL2() * 2 / 5;
      blocking.rows = fits ? kRowsOfAllKeys : kRowsOfKeyTile;
      blocking.keyTile = fits ? 0 : kKeyTile;
      reason = !isKnown ? "an unknown number of keys"
                        : llvm::formatv("{0} bytes of logits {1} two fifths of "
                                        "{2} bytes of L2",
                                        bytes, fits ? "fit" : "exceed",
                                        target.getL2())
                              .str();
    }
    blocking.keyTile = roundUp(blocking.keyTile, blocking.panel());
    blocking.prefetches =
        ShapedType::isDynamic(keys) || packedBytes(op) > target.getL2();
    // No larger than the problem: the buffers of a block have its size.
    int64_t rows =
        staticSize(op, Role::Q, AttentionOp::Sequence, blocking.rows);
    blocking.rows = std::min(blocking.rows, std::max<int64_t>(1, rows));
    blocking.rows = roundUp(blocking.rows, blocking.tileRows);
    report(op, blocking.keyTile == 0 ? "rows" : "key-tiles",
           llvm::formatv("blocks of {0} rows by {1} keys: {2}", blocking.rows,
                         blocking.keyTile == 0
                             ? std::string("all")
                             : std::to_string(blocking.keyTile),
                         reason));
    return blocking;
  }
};

} // namespace
