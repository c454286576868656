//===- Arguments.cpp - The inputs of a graph -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::nm::onnx {

/// The size that the file, the options or the call give to a dimension.
std::optional<int64_t> Importer::fixedSize(const pb::ValueInfo &input,
                                           size_t d) const {
  const pb::Dimension &dim = input.shape[d];
  if (dim.value >= 0)
    return dim.value;
  if (dim.symbol.empty()) {
    auto shape = callShapes.find(input.name);
    if (shape == callShapes.end())
      return std::nullopt;
    return shape->second[d];
  }
  if (auto given = options.sizes.find(dim.symbol);
      given != options.sizes.end()) {
    if (given->second == OnnxImportOptions::kOpenSize)
      return std::nullopt;
    return given->second;
  }
  auto known = callSizes.find(dim.symbol);
  if (known == callSizes.end())
    return std::nullopt;
  return known->second.size;
}

LogicalResult Importer::readCallSizes(const Scope &scope) {
  if (!options.takesCallSizes || !options.argument)
    return success();
  std::vector<const pb::ValueInfo *> inputs;
  std::vector<std::string> names;
  for (const pb::ValueInfo &input : model.graph.inputs)
    if (!scope.values.count(input.name)) {
      inputs.push_back(&input);
      names.emplace_back(input.name);
    }
  bool ok = true;
  for (auto [i, input] : llvm::enumerate(inputs)) {
    const ::nm::rt::Tensor *array = options.argument(names, i);
    // Another rank is found when the array is checked against the model.
    if (!array || array->view.shape.size() != input->shape.size())
      continue;
    callShapes[input->name] = array->view.shape;
    for (auto [d, dim] : llvm::enumerate(input->shape)) {
      if (dim.symbol.empty() || options.sizes.contains(dim.symbol))
        continue;
      int64_t size = array->view.shape[d];
      std::string place =
          "dimension " + std::to_string(d) + " of " + quoted(input->name);
      auto [known, isNew] =
          callSizes.try_emplace(dim.symbol, CallSize{size, place});
      const CallSize &first = known->second;
      if (isNew || first.size == size)
        continue;
      ok = false;
      report(first.place + " is " + std::to_string(first.size) + " and " +
             place + " is " + std::to_string(size) +
             ", but they must be equal: both are " + quoted(dim.symbol));
    }
  }
  return success(ok);
}

LogicalResult Importer::checkSizes() {
  llvm::StringSet<> symbols;
  std::string known;
  for (const pb::ValueInfo &input : model.graph.inputs)
    for (const pb::Dimension &dim : input.shape)
      if (dim.value < 0 && !dim.symbol.empty() &&
          symbols.insert(dim.symbol).second)
        known += (known.empty() ? "" : ", ") + quoted(dim.symbol);
  bool ok = true;
  for (const auto &given : options.sizes) {
    if (symbols.contains(given.first()))
      continue;
    ok = false;
    report("no dimension of a graph input is called " + quoted(given.first()) +
           (known.empty() ? "; all have sizes" : "; expected one of " + known));
  }
  return success(ok);
}

LogicalResult Importer::addArguments(func::FuncOp func, Scope &scope) {
  Block &entry = func.front();
  llvm::StringMap<Value> symbols;
  bool ok = true;
  for (const pb::ValueInfo &input : model.graph.inputs) {
    // Up to IR version 3 initializers stood among the inputs.
    if (scope.values.count(input.name))
      continue;
    Location loc = NameLoc::get(builder.getStringAttr(input.name));
    Emit emit(builder, loc);
    emit.memo = &memo;
    if (!input.otherKind.empty() || !input.hasShape) {
      report(
          "graph input " + quoted(input.name) +
          (input.hasShape || !input.otherKind.empty()
               ? " is a " + std::string(input.otherKind) + ", expected a tensor"
               : " has no rank; export it with its shape, dimensions may "
                 "stay symbolic"));
      ok = false;
      continue;
    }
    if (!checkType(*this, emit, input.name, input.type)) {
      ok = false;
      continue;
    }
    if (input.shape.size() > ::nm::rt::kMaxRank) {
      report("graph input " + quoted(input.name) + " has " +
             std::to_string(input.shape.size()) +
             " dimensions, expected at "
             "most " +
             std::to_string(::nm::rt::kMaxRank));
      ok = false;
      continue;
    }
    SmallVector<int64_t> sizes;
    for (size_t d = 0; d < input.shape.size(); ++d)
      sizes.push_back(fixedSize(input, d).value_or(ShapedType::kDynamic));
    BlockArgument argument = entry.addArgument(
        RankedTensorType::get(sizes, emit.elementType(input.type)), loc);
    Val value = emit.make(argument, input.type, {});
    for (auto [d, dim] : llvm::enumerate(input.shape)) {
      if (std::optional<int64_t> fixed = fixedSize(input, d)) {
        value.shape.push_back(emit.size(*fixed));
        continue;
      }
      Value size =
          tensor::DimOp::create(builder, loc, argument, emit.indexConstant(d));
      Value &known = dim.symbol.empty() ? size : symbols[dim.symbol];
      if (!known)
        known = size;
      else if (known != size)
        emit.require(size, known,
                     "dimension " + Twine(d) + " of '" + input.name + "' is '" +
                         dim.symbol + "', which");
      value.shape.push_back(known);
    }
    value.argument = arguments.size();
    arguments.emplace_back(input.name);
    ok &= succeeded(define(scope, input.name, value, "a graph input"));
  }
  return success(ok);
}

} // namespace mlir::nm::onnx
