//===- FoldDequantize.cpp - Integers with scales become weights -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StoredTerm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Remarks.h"
#include "nm/Dialect/Common/ElementTypes.h"
#include "nm/Dialect/NM/IR/NMConstants.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Dialect/NM/Transforms/Passes.h"
#include "nm/Runtime/Dequantize.h"

namespace mlir::nm {
#define GEN_PASS_DEF_FOLDDEQUANTIZE
#include "nm/Dialect/NM/Transforms/Passes.h.inc"
} // namespace mlir::nm

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::stored;
namespace rt = ::nm::rt;

namespace {

struct FoldDequantizePass
    : public mlir::nm::impl::FoldDequantizeBase<FoldDequantizePass> {
  void runOnOperation() override {
    replaceComputedWeights(getOperation(), replace);
  }

private:
  static bool replace(Value weight, Term term, ArrayRef<int64_t> loops,
                      IRRewriter &rewriter) {
    auto type = cast<RankedTensorType>(weight.getType());
    if (term.kind == Term::Integer && term.leaf.value && term.isUnsigned) {
      term.values = term.leaf;
      term.values.isUnsigned = *term.isUnsigned;
      term.compute = term.type;
    } else if (term.kind != Term::Centred && term.kind != Term::Scaled) {
      return false;
    }
    if (!isa<FloatType>(type.getElementType()) ||
        term.type != type.getElementType())
      return false;
    rt::Dequantized tensor;
    tensor.loops.assign(loops.begin(), loops.end());
    tensor.values = describe(term.values);
    tensor.zero = describe(term.zero);
    tensor.scale = describe(term.scale);
    tensor.compute = toDType(term.compute);
    tensor.dtype = toDType(type.getElementType());
    tensor.shape.assign(type.getShape().begin(), type.getShape().end());
    if (!rt::checkDequantized(tensor))
      return false;
    SmallVector<Value> leaves;
    for (const Leaf &leaf : {term.values, term.zero, term.scale})
      if (leaf.value)
        leaves.push_back(leaf.value);
    rewriter.setInsertionPointAfterValue(weight);
    Value result;
    if (llvm::all_of(leaves, [](Value leaf) {
          return leaf.getDefiningOp<ParamOp>() != nullptr;
        })) {
      auto first = leaves.front().getDefiningOp<ParamOp>();
      for (Value leaf : leaves)
        if (leaf.getDefiningOp<ParamOp>().getScopeAttr() !=
            first.getScopeAttr())
          return false;
      result = ParamOp::create(rewriter, weight.getLoc(), type,
                               rewriter.getStringAttr(tensor.key()),
                               first.getScopeAttr());
    } else {
      result = foldConstants(weight, tensor, term, rewriter);
    }
    if (!result)
      return false;
    remark::passed(
        weight.getLoc(),
        remark::RemarkOpts::name("dequantized").category("nm-fold-dequantize"))
        << remark::metric("weight", term.values.value.getDefiningOp<ParamOp>()
                                        ? tensor.values.key
                                        : "constant")
        << remark::metric("zero", tensor.zero.isNumber()
                                      ? std::to_string(tensor.zero.number)
                                      : tensor.zero.key)
        << remark::metric("scale", tensor.scale.isNumber()
                                       ? std::to_string(tensor.scale.number)
                                       : tensor.scale.key);
    rewriter.replaceAllUsesWith(weight, result);
    eraseUnused(weight.getDefiningOp(), rewriter);
    return true;
  }

  static Value foldConstants(Value weight, const rt::Dequantized &tensor,
                             const Term &term, IRRewriter &rewriter) {
    std::vector<char> buffers[3];
    rt::TensorView views[3];
    const rt::Dequantized::Operand *operands[] = {&tensor.values, &tensor.zero,
                                                  &tensor.scale};
    const Leaf *leaves[] = {&term.values, &term.zero, &term.scale};
    for (int i = 0; i < 3; ++i) {
      if (!leaves[i]->value)
        continue;
      DenseElementsAttr elements = getConstantElements(leaves[i]->value);
      if (!elements)
        return {};
      ArrayRef<char> raw = elements.getRawData();
      int64_t copies = elements.isSplat() ? elements.getNumElements() : 1;
      for (int64_t k = 0; k != copies; ++k)
        buffers[i].insert(buffers[i].end(), raw.begin(), raw.end());
      views[i] = rt::denseView(buffers[i].data(), operands[i]->dtype,
                               operands[i]->shape);
    }
    auto result = rt::dequantize(tensor, views[0], views[1], views[2]);
    if (!result)
      return {};
    auto type = cast<RankedTensorType>(weight.getType());
    ArrayRef<char> bytes(reinterpret_cast<const char *>(result->view.data),
                         static_cast<size_t>(result->view.bytes()));
    return arith::ConstantOp::create(
        rewriter, weight.getLoc(),
        DenseElementsAttr::getFromRawBuffer(type, bytes));
  }
};

} // namespace
