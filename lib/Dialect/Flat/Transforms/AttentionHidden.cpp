//===- AttentionHidden.cpp - NaN at keys that windows hide -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mask is added to hidden keys as well, whose score is minus infinity: NaN or
// plus infinity in it makes the sum NaN, and with it the row. No sane mask has
// either, but a window lets whole tiles of keys be skipped only where it is
// known. So the hidden elements are read once beforehand, a compare for eight
// of them, and a block of rows with such an element skips nothing.
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include <limits>

using namespace mlir;
using namespace mlir::flat;

namespace {

/// Ones in each lane of an accumulator that met NaN or infinity.
class Scanner {
public:
  Scanner(AttentionBuilder &b, const AttentionProblem &problem, int64_t lanes,
          Value batch, Value head)
      : b(b), problem(problem), lanes(lanes), batch(batch), head(head),
        type(VectorType::get({lanes}, b.getF32Type())) {}

  /// Rows [first, first + count) of one operand.
  Value rows(const AttentionProblem::HiddenOperand &operand, Value first,
             Value count, Value found) {
    Value last = b.add(first, b.sub(count, b.index(1)));
    Value before = problem.firstLiveKey(b, batch, last),
          after = problem.endLiveKey(b, batch, first);
    auto scanRow = [&](Value row, Value known) {
      known = keys(operand, row, b.index(0), before, known);
      return keys(operand, row, after, problem.keys, known);
    };
    if (!operand.dependsOn(AttentionOp::Sequence))
      return scanRow(first, found);
    return b
        .reduce(b.index(0), count, 1, {found},
                [&](Value row, ValueRange carried) -> SmallVector<Value> {
                  return {scanRow(b.add(first, row), carried[0])};
                })
        .front();
  }

private:
  /// Keys [begin, end).
  Value keys(const AttentionProblem::HiddenOperand &operand, Value row,
             Value begin, Value end, Value found) {
    constexpr unsigned kKeyDim = 3;
    // The same for all keys: one of them.
    if (!operand.dependsOn(kKeyDim))
      end = b.min(end, b.add(begin, 1));
    Value count = b.maxi(b.sub(end, begin), b.index(0));
    Value whole = b.add(begin, b.roundDown(count, lanes));
    auto step = [&](bool mayExceed) {
      return [&, mayExceed](Value key, ValueRange carried) {
        Value x = operand.load(b, {batch, head, row, key, lanes, mayExceed});
        return SmallVector<Value>{check(operand, x, carried[0])};
      };
    };
    found = b.reduce(begin, whole, lanes, {found}, step(false)).front();
    return b.reduce(whole, end, lanes, {found}, step(true)).front();
  }

  Value check(const AttentionProblem::HiddenOperand &operand, Value x,
              Value found) {
    const double infinity = std::numeric_limits<double>::infinity();
    auto note = [&](arith::CmpFPredicate predicate, double limit) {
      Value met =
          arith::CmpFOp::create(b, predicate, x, b.constant(type, limit));
      found = b.select(met, b.constant(type, 1.0), found);
    };
    note(arith::CmpFPredicate::UGE, infinity);
    if (!operand.isAdded)
      note(arith::CmpFPredicate::OLE, -infinity);
    return found;
  }

  AttentionBuilder &b;
  const AttentionProblem &problem;
  int64_t lanes;
  Value batch, head;
  VectorType type;
};

} // namespace

HiddenScan::HiddenScan(AttentionBuilder &b, const AttentionBlocking &blocking,
                       const AttentionProblem &problem, int64_t rows,
                       bool parallel)
    : heads(problem.heads), blocks(b.ceilDiv(problem.rows, rows)) {
  if (problem.hidden.empty())
    return;
  hasBatch = problem.windowFollowsBatch;
  for (const AttentionProblem::HiddenOperand &operand : problem.hidden) {
    hasBatch |= operand.dependsOn(AttentionOp::Batch);
    hasHead |= operand.dependsOn(AttentionOp::Head);
  }
  Value one = b.index(1);
  Value batches = hasBatch ? problem.batches : one;
  if (!hasHead)
    heads = one;
  auto type = MemRefType::get({ShapedType::kDynamic}, b.getI1Type());
  flags = memref::AllocOp::create(
      b, type, ValueRange{b.mul(b.mul(batches, heads), blocks)});
  b.forEach({batches, heads, blocks}, parallel, [&](ValueRange ivs) {
    Value first = b.mul(ivs[2], rows);
    Value count = b.min(b.index(rows), b.sub(problem.rows, first));
    Scanner scanner(b, problem, blocking.lanes, ivs[0], ivs[1]);
    Value zero = b.zero(b.getF32Type());
    Value found = b.splat(zero, blocking.lanes);
    for (const AttentionProblem::HiddenOperand &operand : problem.hidden)
      found = scanner.rows(operand, first, count, found);
    Value sum =
        vector::ReductionOp::create(b, vector::CombiningKind::ADD, found);
    b.store(arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, sum, zero),
            flags, place(b, ivs[0], ivs[1], ivs[2]));
  });
}

Value HiddenScan::place(AttentionBuilder &b, Value batch, Value head,
                        Value block) const {
  Value row = hasHead ? head : b.index(0);
  if (hasBatch)
    row = b.add(b.mul(batch, heads), row);
  return b.add(b.mul(row, blocks), block);
}

Value HiddenScan::load(AttentionBuilder &b, Value batch, Value head,
                       Value block) const {
  return flags ? b.loadScalar(flags, place(b, batch, head, block)) : Value();
}

void HiddenScan::release(AttentionBuilder &b) {
  if (flags)
    b.release(flags);
}
