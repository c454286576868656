//===- ProgramParams.cpp - Parameters of accelerator programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/ProgramParams.h"
#include "nm/Driver/Signature.h"
#include "nm/Driver/Support.h"
#include "nm/Support/Progress.h"
#include "llvm/Support/WithColor.h"
#include <cstring>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace isa = ::nm::isa;
namespace sim = ::nm::sim;

static bool isPacked(const isa::Tensor &tensor) {
  return isa::isValues(tensor.part) || isa::isIndices(tensor.part);
}

/// The weight as the checkpoint holds it.
static llvm::Expected<std::vector<int64_t>>
weightShape(const isa::Program &program, const isa::Tensor &tensor) {
  std::vector<int64_t> shape =
      tensor.hostShape.empty() ? tensor.shape : tensor.hostShape;
  if (!tensor.hostShape.empty() || tensor.part == isa::Part::Whole)
    return shape;
  if (tensor.part == isa::Part::Transposed) {
    std::reverse(shape.begin(), shape.end());
    return shape;
  }
  if (isa::isValues(tensor.part) && shape.size() == 2) {
    shape[1] = shape[1] / tensor.pattern.n * tensor.pattern.m;
    if (isa::isTransposed(tensor.part))
      std::swap(shape[0], shape[1]);
    return shape;
  }
  // Bytes of indices do not determine K; the values beside them do.
  for (const isa::Tensor &other : program.tensors)
    if (other.role == isa::Role::Param && isa::isValues(other.part) &&
        isa::isTransposed(other.part) == isa::isTransposed(tensor.part) &&
        other.key == tensor.key && other.scope == tensor.scope)
      return weightShape(program, other);
  return makeError("tensor '{0}' holds the indices of '{1}', but not the shape "
                   "of that weight; expected a host shape",
                   tensor.name, tensor.key);
}

llvm::Expected<rt::Manifest> driver::manifestOf(const isa::Program &program,
                                                std::vector<int> &places) {
  rt::Manifest manifest;
  places.assign(program.tensors.size(), -1);
  // Values first: they know the element type of the weight, indices need not.
  std::vector<size_t> order;
  for (bool indices : {false, true})
    for (size_t i = 0; i != program.tensors.size(); ++i)
      if (program.tensors[i].role == isa::Role::Param &&
          isa::isIndices(program.tensors[i].part) == indices)
        order.push_back(i);
  for (size_t i : order) {
    const isa::Tensor &tensor = program.tensors[i];
    rt::ParamSpec spec;
    spec.scope = tensor.scope;
    spec.key = tensor.key;
    auto shape = weightShape(program, tensor);
    if (!shape)
      return shape.takeError();
    spec.shape = std::move(*shape);
    spec.dtype = dtypeOf(tensor.hostType);
    if (isPacked(tensor)) {
      spec.layout = rt::LayoutSpec::canonical();
      spec.sparsity =
          rt::PatternSpec{tensor.pattern.n, tensor.pattern.m,
                          isa::isTransposed(tensor.part)
                              ? 0
                              : static_cast<int64_t>(spec.shape.size()) - 1};
    }
    // The same weight may appear as values and as indices, and in several
    // tables.
    for (size_t k = 0; k != manifest.params.size(); ++k) {
      const rt::ParamSpec &known = manifest.params[k];
      if (known.scope == spec.scope && known.key == spec.key &&
          known.shape == spec.shape && known.layout == spec.layout &&
          (!spec.sparsity || (known.sparsity->n == spec.sparsity->n &&
                              known.sparsity->m == spec.sparsity->m &&
                              known.sparsity->axis == spec.sparsity->axis)) &&
          (known.dtype == spec.dtype || isa::isIndices(tensor.part)))
        places[i] = static_cast<int>(k);
    }
    if (places[i] >= 0)
      continue;
    places[i] = static_cast<int>(manifest.params.size());
    manifest.params.push_back(std::move(spec));
  }
  return manifest;
}

/// Writes a host tensor of rank 2 with its dimensions swapped.
static isa::Overflow writeTransposed(const isa::Tensor &tensor,
                                     uint8_t *content, const void *host) {
  int64_t rows = tensor.shape[0], cols = tensor.shape[1];
  int64_t bytes = isa::typeBytes(tensor.hostType);
  std::vector<uint8_t> swapped(static_cast<size_t>(rows * cols * bytes));
  const auto *from = static_cast<const uint8_t *>(host);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j)
      std::memcpy(&swapped[static_cast<size_t>((i * cols + j) * bytes)],
                  from + (j * rows + i) * bytes, static_cast<size_t>(bytes));
  return sim::writeTensor(tensor, content, swapped.data(), tensor.hostType);
}

void driver::warnOfOverflow(const isa::Tensor &tensor,
                            const isa::Overflow &overflow) {
  if (overflow.count == 0)
    return;
  llvm::WithColor::warning() << isa::describe(tensor, overflow) << '\n';
}

llvm::Error driver::loadProgramParams(const isa::Program &program,
                                      const CheckpointOptions &options,
                                      sim::Memory &memory) {
  std::vector<int> places;
  auto manifest = manifestOf(program, places);
  if (!manifest)
    return manifest.takeError();
  if (manifest->params.empty())
    return llvm::Error::success();
  if (options.params.empty())
    return makeError("program '{0}' reads {1} parameters, such as '{2}', from "
                     "a checkpoint; give --params model.safetensors, or "
                     "--timing-only",
                     program.name, manifest->params.size(),
                     manifest->params.front().key);
  std::vector<rt::ScopePath> scopes;
  scopes.reserve(options.params.size());
  for (const Binding &binding : options.params)
    scopes.push_back({binding.name, binding.path});
  ::nm::support::Progress progress("loading parameters");
  auto params = rt::Params::load(
      *manifest, scopes, {options.mask, options.cache, options.cacheFolder});
  if (!params)
    return toError(params.error());
  for (const std::string &note : (*params)->notes())
    llvm::WithColor::note() << note << '\n';
  for (size_t i = 0; i != program.tensors.size(); ++i) {
    if (places[i] < 0)
      continue;
    const isa::Tensor &tensor = program.tensors[i];
    const rt::Param &param = (**params)[static_cast<size_t>(places[i])];
    bool isIndices = isa::isIndices(tensor.part);
    isa::Type type = isIndices ? isa::Type::I8 : tensor.hostType;
    int64_t found = isIndices ? param.metadataBytes : param.valuesBytes;
    int64_t expected = isa::numElements(tensor.shape) * isa::typeBytes(type);
    if (found != expected)
      return makeError("tensor '{0}' holds {1} bytes of '{2}', but the "
                       "checkpoint gives {3}",
                       tensor.name, expected, tensor.key, found);
    // The kept values of [K, C] are [K', C], their indices [C, bytes] as ever.
    warnOfOverflow(tensor,
                   isa::isTransposed(tensor.part) && !isIndices
                       ? writeTransposed(tensor, memory.data(i), param.values)
                       : sim::writeTensor(
                             tensor, memory.data(i),
                             isIndices ? param.metadata : param.values, type));
  }
  return llvm::Error::success();
}
