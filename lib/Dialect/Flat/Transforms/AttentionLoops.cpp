//===- AttentionLoops.cpp - Batches, heads and blocks of rows -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Key heads one after the other: the packed keys and values of one are read by
// all row blocks of all heads of its group while they are in cache, and no more
// than one copy exists.
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

void mlir::flat::emitAttention(AttentionBuilder &b,
                               const AttentionBlocking &blocking,
                               const AttentionProblem &problem, bool parallel) {
  Value paddedKeys = b.roundUp(problem.keys, blocking.panel());
  Value paddedWidth = b.roundUp(problem.width, blocking.panel());
  Value packedK = b.allocate(b.mul(paddedKeys, problem.depth));
  Value packedV = b.allocate(b.mul(paddedKeys, paddedWidth));
  Value group = arith::DivUIOp::create(b, problem.heads,
                                       b.maxi(problem.kvHeads, b.index(1)));
  Value blocks = b.ceilDiv(problem.rows, blocking.rows);
  // The packing's unit of work, for both operands: a block of keys.
  const int64_t unit = 16 * blocking.panel();
  Value units = b.ceilDiv(problem.keys, unit);
  Value widthPanels = b.ceilDiv(problem.width, blocking.panel());
  HiddenScan scan(b, blocking, problem, blocking.rows, parallel);

  b.forEach({problem.batches, problem.kvHeads}, false, [&](ValueRange outer) {
    Value batch = outer[0], kvHead = outer[1];
    // What lies in a cache behind a batch's length may be anything: a weight of
    // zero, which keys of the last panel have there, would not hide a NaN.
    Value liveKeys =
        problem.endLiveKey(b, batch, b.sub(problem.rows, b.index(1)));
    b.forEach({units}, parallel, [&](ValueRange ivs) {
      Value first = b.mul(ivs[0], unit);
      Value last = b.min(b.add(first, unit), paddedKeys);
      PanelPacking keys{
          problem.k,     2,       batch,        kvHead, problem.keys,
          problem.depth, packedK, problem.depth};
      b.loop(first, last, blocking.panel(), [&](Value key) {
        Value panel = arith::DivUIOp::create(b, key, b.index(blocking.panel()));
        emitPackPanel(b, blocking, keys, panel, b.index(0), problem.depth);
      });
      PanelPacking values{problem.v,     3,        batch,   kvHead,
                          problem.width, liveKeys, packedV, paddedKeys};
      b.loop(b.index(0), widthPanels, 1, [&](Value panel) {
        emitPackPanel(b, blocking, values, panel, first, last);
      });
    });
    b.forEach({group, blocks}, parallel, [&](ValueRange ivs) {
      Value head = b.add(b.mul(kvHead, group), ivs[0]);
      Value block = ivs[1];
      if (parallel && (problem.firstKey || problem.endKey))
        block = alternate(b, block, blocks);
      AttentionProblem task = problem;
      task.visitsAll = scan.load(b, batch, head, block);
      emitAttentionTask(b, blocking, task, packedK, packedV, batch, head,
                        b.mul(block, blocking.rows));
    });
  });
  scan.release(b);
  b.release(packedK);
  b.release(packedV);
}
