//===- SplitBodies.cpp - Elementwise bodies of bounded length -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementWork.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "nm/Transforms/Passes.h"

namespace mlir::nm {
#define GEN_PASS_DEF_SPLITBODIES
#include "nm/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;

namespace {

/// Splits one operation. Values that cross a cut are tensors between the parts.
class Splitter {
public:
  Splitter(linalg::GenericOp op, int64_t maxBody)
      : op(op), body(op.getBody()), maxBody(maxBody) {
    for (Operation &inner : body->without_terminator())
      ops.push_back(&inner);
  }

  bool check() {
    if (!op.hasPureTensorSemantics() ||
        op.getNumParallelLoops() != op.getNumLoops() || workOf(op) <= maxBody ||
        op.getNumDpsInits() == 0)
      return false;
    for (OpOperand &init : op.getDpsInitsMutable())
      if (!op.getMatchingIndexingMap(&init).isIdentity())
        return false;
    return llvm::all_of(ops, [](Operation *inner) {
      return inner->getNumRegions() == 0 &&
             llvm::all_of(inner->getResultTypes(), [](Type type) {
               return TensorType::isValidElementType(type);
             });
    });
  }

  void split(RewriterBase &rewriter) {
    findLastUses();
    size_t begin = 0;
    for (size_t end : findCuts()) {
      emitPart(rewriter, begin, end);
      begin = end;
    }
    emitLast(rewriter, begin);
  }

private:
  /// Costs nothing and is made again in each part.
  static bool isFree(Operation *inner) {
    return isa<linalg::IndexOp>(inner) || matchPattern(inner, m_Constant());
  }

  void findLastUses() {
    llvm::DenseMap<Operation *, size_t> index;
    for (auto [i, inner] : llvm::enumerate(ops))
      index[inner] = i;
    lastUse.assign(ops.size(), 0);
    for (auto [i, inner] : llvm::enumerate(ops))
      for (Operation *user : inner->getUsers()) {
        auto found = index.find(user); // else the terminator
        size_t at = found == index.end() ? ops.size() : found->second;
        lastUse[i] = std::max(lastUse[i], at);
      }
  }

  /// In the second half of what a part may hold, where fewest values cross.
  std::vector<size_t> findCuts() {
    // Values of ops before i that are used at i or later.
    std::vector<int64_t> crossing(ops.size() + 2, 0);
    for (auto [i, inner] : llvm::enumerate(ops))
      if (!isFree(inner)) {
        crossing[i + 1] += inner->getNumResults();
        crossing[std::max(lastUse[i], i) + 1] -= inner->getNumResults();
      }
    for (size_t i = 1; i < crossing.size(); ++i)
      crossing[i] += crossing[i - 1];
    std::vector<size_t> cuts;
    int64_t work = 0;
    size_t best = 0;
    for (size_t i = 0; i < ops.size(); ++i) {
      work += workOfInner(ops[i]);
      if (2 * work >= maxBody && (!best || crossing[i + 1] <= crossing[best]))
        best = i + 1;
      if (work < maxBody || i + 1 == ops.size())
        continue;
      cuts.push_back(best);
      work = 0;
      for (size_t after = best; after <= i; ++after)
        work += workOfInner(ops[after]);
      best = 0;
    }
    return cuts;
  }

  /// The operands of a part: arguments and earlier values that it reads.
  struct Inputs {
    SmallVector<Value> inner, tensors;
    SmallVector<AffineMap> maps;
  };

  Inputs inputsOf(size_t begin, size_t end, bool keepInits) {
    llvm::SetVector<Value> read;
    auto add = [&](Value value) {
      if (auto argument = dyn_cast<BlockArgument>(value)) {
        bool isInit = argument.getArgNumber() >= op.getNumDpsInputs();
        if (argument.getOwner() == body && !(isInit && keepInits))
          read.insert(value);
      } else if (tensors.contains(value)) {
        read.insert(value);
      }
    };
    for (size_t i = begin; i < end; ++i)
      llvm::for_each(ops[i]->getOperands(), add);
    if (keepInits)
      llvm::for_each(body->getTerminator()->getOperands(), add);
    Inputs inputs;
    for (Value value : read) {
      inputs.inner.push_back(value);
      auto argument = dyn_cast<BlockArgument>(value);
      OpOperand *operand =
          argument ? &op->getOpOperand(argument.getArgNumber()) : nullptr;
      inputs.tensors.push_back(operand ? operand->get()
                                       : tensors.lookup(value));
      inputs.maps.push_back(operand ? op.getMatchingIndexingMap(operand)
                                    : identity());
    }
    return inputs;
  }

  AffineMap identity() {
    return AffineMap::getMultiDimIdentityMap(op.getNumLoops(), op.getContext());
  }

  /// Clones what a part computes, free operations as they are needed.
  void cloneOps(OpBuilder &b, size_t begin, size_t end, IRMapping &mapping) {
    auto need = [&](Value value) {
      Operation *def = value.getDefiningOp();
      if (def && def->getBlock() == body && isFree(def) &&
          !mapping.contains(value))
        b.clone(*def, mapping);
    };
    for (size_t i = begin; i < end; ++i) {
      if (isFree(ops[i]))
        continue;
      llvm::for_each(ops[i]->getOperands(), need);
      b.clone(*ops[i], mapping);
    }
    if (end == ops.size())
      llvm::for_each(body->getTerminator()->getOperands(), need);
  }

  linalg::GenericOp emit(RewriterBase &rewriter, size_t begin, size_t end,
                         const Inputs &inputs, ValueRange inits,
                         ValueRange yielded, bool keepInits) {
    SmallVector<AffineMap> maps(inputs.maps);
    maps.append(inits.size(), identity());
    SmallVector<utils::IteratorType> iterators(op.getNumLoops(),
                                               utils::IteratorType::parallel);
    return linalg::GenericOp::create(
        rewriter, op.getLoc(), inits.getTypes(), inputs.tensors, inits, maps,
        iterators, [&](OpBuilder &b, Location loc, ValueRange arguments) {
          IRMapping mapping;
          mapping.map(inputs.inner, arguments.take_front(inputs.inner.size()));
          if (keepInits)
            mapping.map(body->getArguments().drop_front(op.getNumDpsInputs()),
                        arguments.drop_front(inputs.inner.size()));
          cloneOps(b, begin, end, mapping);
          SmallVector<Value> results;
          for (Value value : yielded)
            results.push_back(mapping.lookupOrDefault(value));
          linalg::YieldOp::create(b, loc, results);
        });
  }

  void emitPart(RewriterBase &rewriter, size_t begin, size_t end) {
    Inputs inputs = inputsOf(begin, end, /*keepInits=*/false);
    SmallVector<Value> results, inits;
    for (size_t i = begin; i < end; ++i)
      if (lastUse[i] >= end && !isFree(ops[i]))
        llvm::append_range(results, ops[i]->getResults());
    if (sizes.empty())
      sizes = tensor::getMixedSizes(rewriter, op.getLoc(), op.getDpsInits()[0]);
    for (Value value : results)
      inits.push_back(tensor::EmptyOp::create(rewriter, op.getLoc(), sizes,
                                              value.getType()));
    auto part = emit(rewriter, begin, end, inputs, inits, results,
                     /*keepInits=*/false);
    for (auto [value, tensor] : llvm::zip(results, part.getResults()))
      tensors[value] = tensor;
  }

  void emitLast(RewriterBase &rewriter, size_t begin) {
    Inputs inputs = inputsOf(begin, ops.size(), /*keepInits=*/true);
    SmallVector<Value> inits(op.getDpsInits());
    auto last = emit(rewriter, begin, ops.size(), inputs, inits,
                     body->getTerminator()->getOperands(), /*keepInits=*/true);
    rewriter.replaceOp(op, last.getResults());
  }

  linalg::GenericOp op;
  Block *body;
  int64_t maxBody;
  SmallVector<Operation *> ops;
  std::vector<size_t> lastUse;
  SmallVector<OpFoldResult> sizes;
  llvm::DenseMap<Value, Value> tensors;
};

struct SplitBodiesPass : public nm::impl::SplitBodiesBase<SplitBodiesPass> {
  using SplitBodiesBase::SplitBodiesBase;

  void runOnOperation() override {
    SmallVector<linalg::GenericOp> ops;
    getOperation().walk([&](linalg::GenericOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (linalg::GenericOp op : ops) {
      Splitter splitter(op, maxBody);
      if (!splitter.check())
        continue;
      rewriter.setInsertionPoint(op);
      splitter.split(rewriter);
    }
  }
};

} // namespace
