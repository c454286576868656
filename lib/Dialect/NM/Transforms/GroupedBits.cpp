//===- GroupedBits.cpp - Which weights become integers ----------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GroupedBits.h"

#include "mlir/IR/Remarks.h"
#include "nm/Dialect/NM/IR/GroupForm.h"
#include "nm/Runtime/DerivedKey.h"
#include "nm/Runtime/Layout.h"
#include "nm/Runtime/Quantize.h"

using namespace mlir;
using namespace mlir::nm;
namespace rt = ::nm::rt;

LogicalResult GroupedBits::read(StringRef quantize,
                                ArrayRef<SparsityRule> rules,
                                OptionError error) {
  groups = std::nullopt;
  keeps = quantize == "keep";
  if (quantize.empty() || keeps)
    return success();
  groups = rt::parseGroups(quantize);
  if (!groups)
    return error() << "quantize must be keep, or i4 or i8 in groups of 32, 64 "
                      "or 128, such as i4:64, got '"
                   << quantize << "'";
  for (const SparsityRule &rule : rules)
    if (rule.m != 0 && !rt::groupedSupports(rule.n, rule.m))
      return error() << "pattern '" << rule.text
                     << "' has no form of integers in groups, expected 2:4, "
                        "1:4 or dense beside quantize";
  return success();
}

static remark::detail::InFlightRemark noBits(ParamOp op) {
  auto left =
      remark::missed(op.getLoc(), remark::RemarkOpts::name("bits-not-declared")
                                      .category("nm-declare-sparsity"));
  left << remark::metric("key", rt::shownKey(op.getKey()));
  return left;
}

/// The pattern that integers in groups have: the weight's, or that of a dense
/// one.
static SparsityAttr patternOfBits(SparsityAttr sparsity) {
  return rt::groupedSupports(sparsity.getN(), sparsity.getM())
             ? sparsity
             : SparsityAttr::get(sparsity.getContext(), 1, 1,
                                 sparsity.getAxis());
}

static SparsityAttr addBits(SparsityAttr sparsity, int64_t size,
                            const rt::GroupForm &form) {
  return withGroups(patternOfBits(sparsity), size, form);
}

/// Forms of groups, those of the fewest bytes first.
static ArrayRef<rt::GroupForm> groupForms() {
  using rt::DType;
  static const rt::GroupForm forms[] = {
      {DType::F16, false, 4}, {DType::BF16, false, 4}, {DType::F16, true, 4},
      {DType::BF16, true, 4}, {DType::F32, false, 4},  {DType::F32, true, 4},
      {DType::F16, false, 8}, {DType::BF16, false, 8}, {DType::F16, true, 8},
      {DType::BF16, true, 8}, {DType::F32, false, 8},  {DType::F32, true, 8}};
  return forms;
}

/// The pattern with the form of integers that the values are made of and
/// that takes the fewest bytes, or the pattern alone.
static SparsityAttr keepBits(ParamOp op, const rt::Weight &weight,
                             SparsityAttr sparsity) {
  RankedTensorType type = op.getResult().getType();
  auto leave = [&](const std::string &reason) {
    noBits(op) << remark::reason("{0}", reason);
    return sparsity;
  };
  if (!type.getElementType().isF32() || type.getRank() != 2)
    return leave("it is no matrix of f32");
  auto tensor = rt::toContiguous(weight.tensor);
  if (!tensor || tensor->view.dtype != rt::DType::F32)
    return leave("the checkpoint has it in floats");
  rt::WeightDesc desc{tensor->view.shape, sparsity.getAxis(), 1, 1,
                      rt::DType::F32};
  auto *values = reinterpret_cast<const float *>(tensor->view.data);
  SparsityAttr best = sparsity;
  double least = 0;
  for (const rt::GroupForm &form : groupForms())
    for (int64_t size : {128, 64, 32}) {
      // An integer, a scale, and a byte for the zero point.
      double bits =
          double(form.bits) +
          double(8 * rt::elementBytes(form.scale) + (form.zeros ? 8 : 0)) /
              double(size);
      if (best != sparsity && bits >= least)
        break;
      if (!rt::verifyScaled(desc, size, form, values, weight.valuesName))
        continue;
      best = addBits(sparsity, size, form);
      least = bits;
      break;
    }
  if (best == sparsity)
    return leave(
        llvm::formatv("no groups of 32, 64 or 128 elements along dimension "
                      "{0} are a scale times integers of four or eight bits",
                      sparsity.getAxis()));
  return best;
}

SparsityAttr GroupedBits::apply(ParamOp op, const rt::Weight &weight,
                                SparsityAttr sparsity) const {
  RankedTensorType type = op.getResult().getType();
  int64_t size = type.getDimSize(sparsity.getAxis());
  if (keeps)
    return keepBits(op, weight, sparsity);
  bool isMatrix = type.getElementType().isF32() && type.getRank() == 2;
  if (!groups)
    return sparsity;
  if (isMatrix && size % groups->size == 0)
    return addBits(sparsity, groups->size, groups->form);
  auto left = noBits(op);
  if (!isMatrix)
    left << remark::reason("it is no matrix of f32");
  else
    left << remark::reason(
        "dimension {0} has size {1}, which groups of {2} do not divide",
        sparsity.getAxis(), size, groups->size);
  return sparsity;
}
