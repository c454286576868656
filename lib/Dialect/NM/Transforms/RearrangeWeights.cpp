//===- RearrangeWeights.cpp - Weights in the order of products -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StoredTerm.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "nm/Runtime/Rearrange.h"

namespace mlir::nm {
#define GEN_PASS_DEF_REARRANGEWEIGHTS
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::stored;
namespace rt = ::nm::rt;

namespace {

struct RearrangeWeightsPass
    : public mlir::nm::impl::RearrangeWeightsBase<RearrangeWeightsPass> {
  void runOnOperation() override {
    replaceComputedWeights(getOperation(), replace);
  }

private:
  /// Where nothing but the order of the elements changes.
  static bool replace(Value weight, const Term &term, ArrayRef<int64_t> loops,
                      IRRewriter &rewriter) {
    auto type = cast<RankedTensorType>(weight.getType());
    auto param =
        term.leaf.value ? term.leaf.value.getDefiningOp<ParamOp>() : ParamOp();
    if (term.kind != Term::Float || !param ||
        param.getResult().getType().getElementType() != type.getElementType())
      return false;
    rt::Rearranged tensor;
    tensor.values = describe(term.leaf);
    tensor.loops.assign(loops.begin(), loops.end());
    tensor.shape.assign(type.getShape().begin(), type.getShape().end());
    std::string key = tensor.key();
    // What repeats elements is no rearrangement.
    if (!rt::parseRearranged(key))
      return false;
    rewriter.setInsertionPointAfterValue(weight);
    auto made =
        ParamOp::create(rewriter, weight.getLoc(), type,
                        rewriter.getStringAttr(key), param.getScopeAttr());
    remark::passed(
        weight.getLoc(),
        remark::RemarkOpts::name("rearranged").category("nm-rearrange-weights"))
        << remark::metric("key", rt::shownKey(tensor.values.key));
    rewriter.replaceAllUsesWith(weight, made);
    eraseUnused(weight.getDefiningOp(), rewriter);
    return true;
  }
};

} // namespace
