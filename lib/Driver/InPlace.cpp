//===- InPlace.cpp - Results in the memory of arguments -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/InPlace.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Driver/Support.h"
#include "nm/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

std::optional<std::string> InPlacePair::argumentOf(StringRef name) const {
  auto [before, after] = StringRef(result).split('*');
  if (!StringRef(result).contains('*'))
    return name == result ? std::optional(argument) : std::nullopt;
  if (name.size() < before.size() + after.size() ||
      !name.consume_front(before) || !name.consume_back(after))
    return std::nullopt;
  auto [front, back] = StringRef(argument).split('*');
  return (front + name + back).str();
}

llvm::Expected<InPlacePair> driver::parseInPlace(StringRef text) {
  auto [result, argument] = text.split('=');
  auto stars = [](StringRef name) { return name.count('*'); };
  if (result.empty() || argument.empty() || stars(result) > 1 ||
      stars(result) != stars(argument))
    return makeError(
        "option '--in-place' found '{0}', expected RESULT=ARGUMENT "
        "such as present=past, with at most one * in each, which "
        "is the same text in both: 'present.*=past.*'",
        printable(text));
  return InPlacePair{result.str(), argument.str()};
}

/// Whether result `index` may have the memory of argument `place`, which is as
/// large or, where it grows, larger.
static llvm::Error checkTypes(const Signature &function, size_t index,
                              size_t place) {
  const Argument &argument = function.arguments[place];
  const ValueType &result = function.results[index], &type = argument.type;
  bool fits = !type.isScalar && !type.isBuffer && !result.isScalar &&
              !result.isBuffer && type.dtype == result.dtype &&
              type.rank() == result.rank();
  for (int64_t d = 0; fits && d < type.rank(); ++d)
    fits = type.shape[d] == result.shape[d] || argument.grows == d ||
           ShapedType::isDynamic(type.shape[d]) ||
           ShapedType::isDynamic(result.shape[d]);
  if (fits)
    return llvm::Error::success();
  return makeError("result '{0}' of function '{1}' is {2} and cannot be "
                   "written to argument '{3}', which is {4}; expected tensors "
                   "of one type, or the argument with rows behind it",
                   function.resultNames[index], function.name, result.str(),
                   argument.name, type.str());
}

/// Result `index` is to be written to argument `place`.
static llvm::Error tie(func::FuncOp func, Signature &function, size_t index,
                       size_t place) {
  const Argument &argument = function.arguments[place];
  const std::string &name = function.resultNames[index];
  if (auto known = func.getArgAttrOfType<IntegerAttr>(place, kInPlaceAttrName);
      known && size_t(known.getInt()) != index)
    return makeError("argument '{0}' of function '{1}' gets result '{2}' "
                     "already; expected one result for it, found '{3}'",
                     argument.name, function.name,
                     function.resultNames[known.getInt()], name);
  if (std::optional<size_t> known = function.argumentOf(index);
      known && *known != place)
    return makeError("result '{0}' of function '{1}' is written to argument "
                     "'{2}' already; expected one argument for it, found '{3}'",
                     name, function.name, function.arguments[*known].name,
                     argument.name);
  func.setArgAttr(place, kInPlaceAttrName,
                  Builder(func.getContext()).getI64IntegerAttr(index));
  function.inPlace.resize(function.results.size());
  function.inPlace[index] = place;
  return llvm::Error::success();
}

/// Reads the pairs that attributes of the module name.
static llvm::Error readAttributes(func::FuncOp func, Signature &function) {
  for (unsigned i = 0; i < func.getNumArguments(); ++i) {
    Attribute attribute = func.getArgAttr(i, kInPlaceAttrName);
    if (!attribute)
      continue;
    auto number = dyn_cast<IntegerAttr>(attribute);
    if (!number || number.getInt() < 0 ||
        size_t(number.getInt()) >= function.results.size())
      return makeError("'{0}' of argument '{1}' of function '{2}' is no number "
                       "of a result; expected one below {3}",
                       kInPlaceAttrName, function.arguments[i].name,
                       function.name, function.results.size());
    if (llvm::Error error = tie(func, function, number.getInt(), i))
      return error;
  }
  return llvm::Error::success();
}

/// Ties what `pair` names; whether there was any.
static llvm::Expected<bool> apply(func::FuncOp func, Signature &function,
                                  const InPlacePair &pair) {
  bool found = false;
  for (size_t i = 0; i < function.results.size(); ++i) {
    std::optional<std::string> name = pair.argumentOf(function.resultNames[i]);
    if (!name && pair.result == std::to_string(i))
      name = pair.argument;
    if (!name)
      continue;
    llvm::Expected<size_t> place = function.findArgument(*name);
    if (!place)
      return place.takeError();
    if (llvm::Error error = tie(func, function, i, *place))
      return error;
    found = true;
  }
  return found;
}

/// Converts caches to rows of eight-bit integers.
static llvm::Error quantizeCaches(Source &source) {
  PassManager pm(source.module.get()->getName());
  pm.nest<func::FuncOp>().addPass(createQuantizeCaches());
  if (failed(pm.run(*source.module)))
    return makeError("the module's caches cannot be held in i8; leave "
                     "--kv-cache out");
  auto quantize = [](ValueType &type) {
    type.dtype = rt::DType::I8;
    type.shape.back() += flat::kRowScaleBytes;
  };
  for (Signature &function : source.functions)
    for (size_t i = 0; i < function.inPlace.size(); ++i)
      if (function.inPlace[i]) {
        quantize(function.results[i]);
        quantize(function.arguments[*function.inPlace[i]].type);
      }
  return llvm::Error::success();
}

/// Finds the caches that grow, which become memory with room.
static llvm::Error growCaches(Source &source, bool isQuantized) {
  if (llvm::none_of(source.functions, [](const Signature &function) {
        return !function.inPlace.empty();
      })) {
    if (isQuantized)
      return makeError("--kv-cache has no effect: no result is written to the "
                       "memory of an argument; name the caches with "
                       "--in-place, such as --in-place 'present.*=past.*'");
    return llvm::Error::success();
  }
  PassManager pm(source.module.get()->getName());
  pm.nest<func::FuncOp>().addPass(createGrowCaches());
  if (failed(pm.run(*source.module)))
    return makeError("the module's caches cannot grow where they lie");
  for (Signature &function : source.functions) {
    auto func = source.module->lookupSymbol<func::FuncOp>(function.name);
    for (auto [i, argument] : llvm::enumerate(function.arguments))
      if (auto dim = func.getArgAttrOfType<IntegerAttr>(i, kGrowsAttrName))
        argument.grows = dim.getInt();
    for (size_t i = 0; i < function.inPlace.size(); ++i)
      if (function.inPlace[i])
        if (llvm::Error error = checkTypes(function, i, *function.inPlace[i]))
          return error;
  }
  return isQuantized ? quantizeCaches(source) : llvm::Error::success();
}

llvm::Error driver::tieResults(Source &source, ArrayRef<InPlacePair> pairs,
                               StringRef entry, StringRef kvCache) {
  SmallVector<StringRef> names;
  std::vector<bool> found(pairs.size());
  for (Signature &function : source.functions) {
    auto func = source.module->lookupSymbol<func::FuncOp>(function.name);
    if (llvm::Error error = readAttributes(func, function))
      return error;
    if (!entry.empty() && function.name != entry)
      continue;
    llvm::append_range(names, function.resultNames);
    for (auto [i, pair] : llvm::enumerate(pairs)) {
      llvm::Expected<bool> applied = apply(func, function, pair);
      if (!applied)
        return applied.takeError();
      found[i] = found[i] || *applied;
    }
  }
  for (auto [i, pair] : llvm::enumerate(pairs))
    if (!found[i])
      return makeError("--in-place {0}={1} has no effect: there is no result "
                       "'{0}'{2}; the results are {3}",
                       pair.result, pair.argument,
                       didYouMean(pair.result, names),
                       names.empty() ? "none" : listNames(names));
  return growCaches(source, /*isQuantized=*/!kvCache.empty());
}
