//===- AttentionLoops.cpp - Batches, heads and blocks of rows -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A thread packs the keys and values of one key head, and all row blocks of all
// heads of its group read them while they are in cache. Where there are too few
// key heads for that, all threads do it for one head after the other.
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"

using namespace mlir;
using namespace mlir::flat;

/// 0, n - 1, 1, n - 2, ...: with causal attention the work of a block grows
/// with its number, and every thread's contiguous share then has some of each.
static Value alternate(AttentionBuilder &b, Value number, Value count) {
  Value two = b.index(2);
  Value half = arith::DivUIOp::create(b, number, two);
  Value isOdd = b.cmp(arith::CmpIPredicate::ne,
                      arith::RemUIOp::create(b, number, two), b.index(0));
  return b.select(isOdd, b.sub(b.sub(count, b.index(1)), half), half);
}

namespace {

class LoopEmitter {
public:
  LoopEmitter(AttentionBuilder &b, const AttentionBlocking &blocking,
              const AttentionProblem &problem, AttentionThreads threads)
      : b(b), blocking(blocking), problem(problem),
        sharesBlocks(threads == AttentionThreads::Blocks),
        sharesHeads(threads == AttentionThreads::Heads),
        paddedKeys(b.roundUp(problem.keys, blocking.panel())),
        paddedWidth(b.roundUp(problem.width, blocking.panel())),
        group(arith::DivUIOp::create(b, problem.heads,
                                     b.maxi(problem.kvHeads, b.index(1)))),
        blocks(b.ceilDiv(problem.rows, blocking.rows)),
        scan(b, blocking, problem, blocking.rows,
             threads != AttentionThreads::None) {}

  void emit() {
    if (!sharesHeads)
      allocate();
    b.forEach({problem.batches, problem.kvHeads}, sharesHeads,
              [&](ValueRange ivs) {
                batch = ivs[0], kvHead = ivs[1];
                if (sharesHeads)
                  allocate();
                pack();
                emitBlocks();
                if (sharesHeads)
                  release();
              });
    scan.release(b);
    if (!sharesHeads)
      release();
  }

private:
  void allocate() {
    packedK = b.allocate(b.mul(paddedKeys, problem.depth));
    packedV = b.allocate(b.mul(paddedKeys, paddedWidth));
  }
  void release() {
    b.release(packedK);
    b.release(packedV);
  }

  void pack() {
    // The unit of work, for both operands: a block of keys.
    const int64_t unit = 16 * blocking.panel();
    Value units = b.ceilDiv(problem.keys, unit);
    Value widthPanels = b.ceilDiv(problem.width, blocking.panel());
    // What lies in a cache behind a batch's length may be anything: a weight of
    // zero, which keys of the last panel have there, would not hide a NaN.
    Value liveKeys =
        problem.endLiveKey(b, batch, b.sub(problem.rows, b.index(1)));
    b.forEach({units}, sharesBlocks, [&](ValueRange ivs) {
      Value first = b.mul(ivs[0], unit);
      Value last = b.min(b.add(first, unit), paddedKeys);
      b.loop(first, last, blocking.panel(), [&](Value key) { packKeys(key); });
      b.loop(b.index(0), widthPanels, 1,
             [&](Value panel) { packValues(panel, first, last, liveKeys); });
    });
  }

  /// The panel of keys from `key` on, [depth][panel].
  void packKeys(Value key) {
    OpFoldResult zero = b.getIndexAttr(0),
                 depth = getAsOpFoldResult(problem.depth);
    Value panel = viewPanel(packedK, b.mul(key, problem.depth), depth);
    problem.k
        .pack(b, {batch, kvHead, key, zero},
              b.restFrom(key, problem.keys, blocking.panel()), depth,
              /*isTurned=*/true, panel)
        .setFill(true);
  }

  /// Rows [first, last) of a panel of value columns, [key][panel].
  void packValues(Value panel, Value first, Value last, Value liveKeys) {
    Value column = b.mul(panel, blocking.panel()), rows = b.sub(last, first);
    Value live = b.min(b.maxi(b.sub(liveKeys, first), b.index(0)), rows);
    Value place =
        b.mul(b.add(b.mul(panel, paddedKeys), first), blocking.panel());
    problem.v
        .pack(b, {batch, kvHead, first, column}, live,
              b.restFrom(column, problem.width, blocking.panel()),
              /*isTurned=*/false, viewPanel(packedV, place, rows))
        .setFill(true);
  }

  Value viewPanel(Value packed, Value place, OpFoldResult rows) {
    OpFoldResult panel = b.getIndexAttr(blocking.panel());
    return b.view(packed, place, {rows, panel}, {panel, b.getIndexAttr(1)});
  }

  void emitBlocks() {
    b.forEach({group, blocks}, sharesBlocks, [&](ValueRange ivs) {
      Value head = b.add(b.mul(kvHead, group), ivs[0]);
      Value block = ivs[1];
      if (sharesBlocks && (problem.firstKey || problem.endKey))
        block = alternate(b, block, blocks);
      AttentionProblem task = problem;
      task.visitsAll = scan.load(b, batch, head, block);
      emitAttentionTask(b, blocking, task, packedK, packedV, batch, head,
                        b.mul(block, blocking.rows));
    });
  }

  AttentionBuilder &b;
  const AttentionBlocking &blocking;
  const AttentionProblem &problem;
  bool sharesBlocks, sharesHeads;
  Value paddedKeys, paddedWidth;
  Value group; ///< heads of a key head
  Value blocks;
  HiddenScan scan;
  Value batch, kvHead, packedK, packedV;
};

} // namespace

void mlir::flat::emitAttention(AttentionBuilder &b,
                               const AttentionBlocking &blocking,
                               const AttentionProblem &problem,
                               AttentionThreads threads) {
  LoopEmitter(b, blocking, problem, threads).emit();
}
