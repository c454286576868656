//===- Constants.cpp - Parameters and constants as tensors -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramEmitter.h"
#include "nm/Dialect/NM/IR/NMConstants.h"
#include "nm/Runtime/Pack.h"
#include <cstdio>

using namespace mlir;
using namespace mlir::attacc;
namespace rt = ::nm::rt;

FailureOr<isa::TensorId> ProgramEmitter::parameter(nm::ParamOp op,
                                                   isa::Part part,
                                                   std::vector<int64_t> shape,
                                                   isa::Type type,
                                                   isa::SparsePattern pattern) {
  isa::Tensor tensor;
  tensor.name = op.getKey().str();
  if (op.getScope())
    tensor.name = op.getScope()->str() + ":" + tensor.name;
  if (part != isa::Part::Whole)
    tensor.name += std::string(".") + isa::toString(part);
  auto weight = cast<RankedTensorType>(op.getType());
  if (weight.getRank() == 0 || weight.getNumElements() == 0)
    return op.emitOpError("is a parameter of type ")
           << weight << ", expected at least one dimension and one element";
  // Each shape and part of a parameter is a tensor of its own.
  auto [place, isNew] = tensors.try_emplace(tensor.name);
  if (!isNew &&
      (b[place->second].shape != shape || b[place->second].part != part)) {
    tensor.name += std::string(".") + isa::toString(part);
    for (int64_t size : shape)
      tensor.name += "." + std::to_string(size);
    std::tie(place, isNew) = tensors.try_emplace(tensor.name);
  }
  if (!isNew)
    return place->second;
  FailureOr<isa::Type> host = hostType(weight.getElementType(), op);
  if (failed(host))
    return failure();
  tensor.role = isa::Role::Param;
  tensor.type = type;
  tensor.shape = std::move(shape);
  tensor.hostShape = weight.getShape().vec();
  tensor.hostType = *host;
  tensor.key = op.getKey().str();
  tensor.scope = op.getScope().value_or("").str();
  tensor.part = part;
  tensor.pattern = pattern;
  return place->second = declare(std::move(tensor));
}

/// Appends an element in the program's type; notes values that the type cannot
/// represent.
static void appendElement(std::vector<uint8_t> &data, isa::Type type,
                          APFloat value, isa::Overflow &overflow) {
  overflow.add(value.convertToDouble(), type);
  bool loses = false;
  const llvm::fltSemantics &semantics =
      type == isa::Type::F32   ? APFloat::IEEEsingle()
      : type == isa::Type::F16 ? APFloat::IEEEhalf()
                               : APFloat::BFloat();
  value.convert(semantics, APFloat::rmNearestTiesToEven, &loses);
  uint64_t bits = value.bitcastToAPInt().getZExtValue();
  for (int64_t i = 0; i < isa::typeBytes(type); ++i)
    data.push_back(static_cast<uint8_t>(bits >> (8 * i)));
}

void ProgramEmitter::warnOfOverflow(isa::TensorId tensor,
                                    const isa::Overflow &overflow) {
  if (overflow.count != 0)
    emitWarning(reason) << isa::describe(b[tensor], overflow);
}

FailureOr<isa::TensorId>
ProgramEmitter::constantTensor(DenseElementsAttr elements,
                               std::vector<int64_t> shape, Operation *user) {
  if (!llvm::isa<FloatType>(elements.getElementType()))
    return user->emitOpError("reads a constant of type ")
           << elements.getType() << ", expected floats";
  // Equal layers have equal constants: one tensor.
  auto [place, isNew] =
      constants.try_emplace(std::pair(elements.getAsOpaquePointer(), shape));
  if (!isNew)
    return place->second;
  std::vector<uint8_t> bytes;
  isa::Overflow overflow;
  for (const APFloat &value : elements.getValues<APFloat>())
    appendElement(bytes, options.type, value, overflow);
  place->second =
      constantBytes(options.type, std::move(shape), std::move(bytes));
  warnOfOverflow(place->second, overflow);
  return place->second;
}

isa::TensorId ProgramEmitter::constantBytes(isa::Type type,
                                            std::vector<int64_t> shape,
                                            std::vector<uint8_t> bytes) {
  isa::Tensor tensor;
  tensor.name = "c" + std::to_string(tensors.size());
  tensor.role = isa::Role::Constant;
  tensor.type = type;
  tensor.shape = std::move(shape);
  tensor.data = std::move(bytes);
  std::string name = tensor.name;
  return tensors[name] = declare(std::move(tensor));
}

isa::TensorId ProgramEmitter::constantVector(double value, int64_t cols) {
  // With all digits, so that different numbers get different names.
  char digits[40];
  std::snprintf(digits, sizeof(digits), "%.17g", value);
  std::string name = std::string("c_") + digits + "_" + std::to_string(cols);
  auto [place, isNew] = tensors.try_emplace(name);
  if (!isNew)
    return place->second;
  isa::Tensor tensor;
  tensor.name = name;
  tensor.role = isa::Role::Constant;
  tensor.type = options.type;
  tensor.shape = {cols};
  isa::Overflow overflow;
  for (int64_t i = 0; i < cols; ++i)
    appendElement(tensor.data, tensor.type, APFloat(value), overflow);
  place->second = declare(std::move(tensor));
  warnOfOverflow(place->second, overflow);
  return place->second;
}

FailureOr<Weight> ProgramEmitter::weightOf(nm::MatmulOp op, int64_t in,
                                           int64_t out) {
  Weight weight;
  Value value = strip(op.getRhs());
  bool isOutFirst = op.getTransposeRhs();
  auto param = value.getDefiningOp<nm::ParamOp>();
  nm::SparsityAttr sparsity = op.getSparsity();
  DenseElementsAttr elements = nm::getConstantElements(value);
  isa::SparsePattern pattern;
  if (sparsity && !sparsity.isDense())
    pattern = {sparsity.getN(), sparsity.getM()};
  auto dense = [&](const Twine &why) {
    remark::missed(
        op.getLoc(),
        remark::RemarkOpts::name("SparseWeight").category("convert-to-attacc"))
        << remark::add("{0}: the weight is stored and multiplied dense",
                       why.str());
    pattern = {};
  };
  if (pattern.m && !device.array.skips(pattern))
    dense("the array of " + Twine(device.name) + " does not decode " +
          sparsity.getPatternString());
  if (pattern.m && !param && !elements)
    dense("its values are known when the program runs");
  if (!pattern.m) {
    int64_t rows = isOutFirst ? out : in, cols = isOutFirst ? in : out;
    FailureOr<isa::TensorId> values = matrix(op.getRhs(), rows, cols, op);
    if (failed(values))
      return failure();
    weight.values = *values;
    weight.transposed = !isOutFirst;
    return weight;
  }
  weight.pattern = pattern;
  int64_t kept = in / pattern.m * pattern.n;
  std::vector<int64_t> shape{out, kept},
      bytes{out, int64_t(llvm::divideCeil(kept * pattern.indexBits(), 8))};
  if (!param)
    return constantWeight(op, elements, in, out);
  FailureOr<isa::TensorId> values = parameter(
      param, isOutFirst ? isa::Part::Values : isa::Part::TransposedValues,
      shape, options.type, pattern);
  FailureOr<isa::TensorId> indices = parameter(
      param, isOutFirst ? isa::Part::Indices : isa::Part::TransposedIndices,
      bytes, isa::Type::I8, pattern);
  if (failed(values) || failed(indices))
    return failure();
  weight.values = *values;
  weight.indices = *indices;
  return weight;
}

/// A constant weight in the layout of the array, one row for each output.
FailureOr<Weight> ProgramEmitter::constantWeight(nm::MatmulOp op,
                                                 DenseElementsAttr elements,
                                                 int64_t in, int64_t out) {
  nm::SparsityAttr sparsity = op.getSparsity();
  auto refuse = [&]() -> LogicalResult {
    return op.emitOpError("has a constant of type ")
           << elements.getType() << " as its " << sparsity.getPatternString()
           << " weight, expected floats of that pattern";
  };
  if (!llvm::isa<FloatType>(elements.getElementType()) ||
      elements.getType().getRank() != 2)
    return refuse();
  isa::SparsePattern pattern{sparsity.getN(), sparsity.getM()};
  int64_t kept = in / pattern.m * pattern.n;
  bool isOutFirst = op.getTransposeRhs();
  std::vector<float> dense(static_cast<size_t>(in * out));
  for (auto [at, value] : llvm::enumerate(elements.getValues<APFloat>())) {
    APFloat number = value;
    bool loses = false;
    number.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &loses);
    size_t row = at / static_cast<size_t>(isOutFirst ? in : out),
           col = at % static_cast<size_t>(isOutFirst ? in : out);
    dense[isOutFirst ? at : col * static_cast<size_t>(in) + row] =
        number.convertToFloat();
  }
  std::vector<float> values(static_cast<size_t>(out * kept));
  int64_t rowBytes = int64_t(llvm::divideCeil(kept * pattern.indexBits(), 8));
  std::vector<uint8_t> indices(static_cast<size_t>(out * rowBytes));
  rt::WeightDesc desc{{out, in}, 1, pattern.n, pattern.m, rt::DType::F32};
  auto packed = rt::pack(desc, rt::LayoutSpec::canonical(), dense.data(),
                         values.data(), indices.data());
  if (!packed.ok())
    return refuse();
  std::vector<uint8_t> bytes;
  isa::Overflow overflow;
  for (float value : values)
    appendElement(bytes, options.type, APFloat(value), overflow);
  Weight weight;
  weight.pattern = pattern;
  weight.values = constantBytes(options.type, {out, kept}, std::move(bytes));
  warnOfOverflow(weight.values, overflow);
  weight.indices =
      constantBytes(isa::Type::I8, {out, rowBytes}, std::move(indices));
  return weight;
}
