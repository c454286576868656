//===- SparsityRules.cpp - Patterns that a user asks for ------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SparsityRules.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"
#include "nm/Runtime/DerivedKey.h"
#include "nm/Runtime/Recipe.h"
#include "nm/Support/Text.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace mlir::nm;
namespace rt = ::nm::rt;

/// Whether all of each row is in the slice, of some rows.
static bool takesRows(tensor::ExtractSliceOp slice) {
  ArrayRef<int64_t> shape = slice.getSourceType().getShape();
  return !shape.empty() &&
         slice.getStaticSizes().drop_front() == shape.drop_front();
}

bool mlir::nm::isLookupTable(ParamOp op) {
  return llvm::any_of(op->getUsers(), [](Operation *user) {
    auto slice = dyn_cast<tensor::ExtractSliceOp>(user);
    return isa<layer::EmbeddingOp, tensor::ExtractOp, tensor::GatherOp>(user) ||
           (slice && takesRows(slice));
  });
}

bool mlir::nm::isReadInParts(ParamOp op) {
  return isLookupTable(op) ||
         llvm::any_of(op->getUsers(), llvm::IsaPred<tensor::ExtractSliceOp>);
}

static FailureOr<SparsityRule> readRule(StringRef text, OptionError error) {
  SparsityRule rule;
  auto [key, ratio] = text.rsplit('=');
  if (!text.contains('='))
    std::swap(key, ratio);
  rule.key = key.str();
  rule.text = text.str();
  if (ratio != "dense" || key.empty()) {
    auto [n, m] = ratio.split(':');
    if (n.getAsInteger(10, rule.n) || m.getAsInteger(10, rule.m) ||
        rule.n < 1 || rule.n > rule.m || rule.m > 64)
      return error() << "pattern must be N:M with 1 <= N <= M <= 64, "
                        "got '"
                     << ratio << "'";
  }
  return rule;
}

LogicalResult SparsityRules::read(ArrayRef<std::string> texts,
                                  OptionError error) {
  rules.clear();
  for (const std::string &text : texts) {
    FailureOr<SparsityRule> rule = readRule(text, error);
    if (failed(rule))
      return failure();
    rules.push_back(std::move(*rule));
  }
  return success();
}

const SparsityRule *SparsityRules::find(ParamOp op) const {
  int64_t rank = op.getResult().getType().getRank();
  for (const SparsityRule &rule : rules)
    if (rule.key.empty() ? rank == 2 && !isReadInParts(op)
                         : rt::matchesName(rule.key, rt::shownKey(op.getKey())))
      return &rule;
  return nullptr;
}

/// The first few of them.
static std::string shownKeys(ArrayRef<std::string> keys) {
  constexpr size_t most = 4;
  std::string text;
  for (const std::string &key : keys.take_front(most))
    text += (text.empty() ? "" : ", ") + ::nm::support::quote(key);
  if (keys.size() > most)
    text += " and " + std::to_string(keys.size() - most) + " more";
  return text;
}

LogicalResult SparsityRules::check(ArrayRef<ParamOp> ops,
                                   OptionError error) const {
  llvm::SmallPtrSet<const SparsityRule *, 4> used;
  for (ParamOp op : ops)
    used.insert(find(op));
  for (const SparsityRule &rule : rules) {
    if (used.contains(&rule) || rule.key.empty())
      continue;
    std::vector<std::string> keys;
    for (ParamOp op : ops)
      keys.push_back(rt::shownKey(op.getKey()));
    bool isTaken = llvm::any_of(keys, [&](const std::string &key) {
      return rt::matchesName(rule.key, key);
    });
    if (isTaken)
      return error() << "pattern '" << rule.text << "' has no effect: "
                     << "earlier patterns take all that it names; put "
                        "it before them";
    return error() << "pattern '" << rule.text << "' names no parameter"
                   << ::nm::support::didYouMean(rule.key, keys)
                   << "; expected one of " << shownKeys(keys);
  }
  return success();
}
