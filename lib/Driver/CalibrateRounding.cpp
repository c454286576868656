//===- CalibrateRounding.cpp - Rounding by what weights multiply -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CalibrationState.h"
#include "nm/Driver/Support.h"
#include "nm/Runtime/DerivedKey.h"
#include "nm/Runtime/ErrorFeedback.h"
#include "nm/Runtime/FloatConversion.h"
#include "nm/Runtime/Sparsity.h"
#include "nm/Support/Progress.h"
#include <cmath>
#include <map>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

/// Memory of the matrices X^T X that are made at once, if one is not larger.
static constexpr uint64_t kMostGramBytes = uint64_t(1) << 30;

namespace {

/// Weights whose products have the same inputs.
struct SameInputs {
  /// Results of the observed model, and which dimension the features are.
  std::vector<std::pair<size_t, int64_t>> inputs;
  std::vector<const rt::ParamSpec *> weights;
  int64_t features = 0;
  std::unique_ptr<rt::InputGram> gram;
};

} // namespace

/// Adds the inputs of a tensor whose dimension `axis` the features are.
static void addInputs(rt::InputGram &gram, const rt::TensorView &view,
                      int64_t axis) {
  const int64_t features = view.shape[axis],
                bytes = rt::elementBytes(view.dtype);
  int64_t inner = 1;
  for (size_t d = axis + 1; d < view.shape.size(); ++d)
    inner *= view.shape[d];
  constexpr int64_t kMost = 64;
  std::vector<float> rows(kMost * features);
  const int64_t count = features == 0 ? 0 : view.count() / features;
  for (int64_t first = 0; first < count; first += kMost) {
    const int64_t used = std::min(kMost, count - first);
    for (int64_t r = 0; r < used; ++r)
      for (int64_t k = 0; k < features; ++k) {
        int64_t row = first + r;
        int64_t at = (row / inner * features + k) * inner + row % inner;
        rows[r * features + k] = static_cast<float>(
            rt::elementToDouble(view.data + at * bytes, view.dtype));
      }
    gram.add(rows.data(), used);
  }
}

/// What is kept of a weight before it is rounded: by its mask or, as the loader
/// would, by magnitude; else its non-zeros.
static llvm::Expected<std::optional<rt::Mask>>
keptOf(const rt::Weight &weight, const rt::TensorView &view,
       const rt::PatternSpec &pattern, const rt::MaskOptions &options) {
  if (weight.mask || pattern.n == pattern.m)
    return weight.mask;
  if (options.policy == rt::MaskPolicy::Derive) {
    auto derived = rt::deriveMask(view, pattern.axis, pattern.n, pattern.m);
    if (!derived)
      return toError(derived.error());
    return std::optional<rt::Mask>(std::move(*derived));
  }
  auto bytes = std::make_shared<std::string>(view.count(), 0);
  auto *values = reinterpret_cast<const float *>(view.data);
  for (size_t i = 0; i < bytes->size(); ++i)
    (*bytes)[i] = values[i] != 0;
  rt::Mask mask;
  mask.shape = view.shape;
  mask.data = reinterpret_cast<const unsigned char *>(bytes->data());
  mask.owner = bytes;
  return std::optional<rt::Mask>(std::move(mask));
}

/// Rounds a weight and enters it into `weights`.
static llvm::Expected<RoundedLayer> roundWeight(const rt::Checkpoint &file,
                                                const rt::ParamSpec &spec,
                                                const rt::InputFactor &factor,
                                                const rt::MaskOptions &options,
                                                rt::RoundedWeights &weights) {
  std::string name = rt::shownKey(spec.key);
  auto weight = rt::readWeight(file, spec.key, options);
  if (!weight)
    return toError(weight.error());
  if (weight->tensor.view.shape != spec.shape)
    return makeError("{0}: tensor '{1}' has shape {2}, the model expects {3}",
                     file.path(), name,
                     rt::shapeString(weight->tensor.view.shape),
                     rt::shapeString(spec.shape));
  if (weight->tensor.view.dtype != rt::DType::F32) {
    auto floats = rt::convertFloats(weight->tensor, rt::DType::F32, name);
    if (!floats)
      return toError(floats.error());
    weight->tensor = std::move(*floats);
  }
  auto tensor = rt::toContiguous(weight->tensor);
  if (!tensor)
    return toError(tensor.error());
  auto mask = keptOf(*weight, tensor->view, *spec.sparsity, options);
  if (!mask)
    return mask.takeError();
  auto *values = reinterpret_cast<const float *>(tensor->view.data);
  auto rounded = std::make_shared<std::vector<float>>(
      values, values + tensor->view.count());
  auto stats = rt::roundWithFeedback(
      {spec.shape, spec.sparsity->axis, 1, 1, rt::DType::F32},
      {spec.sparsity->group, spec.sparsity->form}, factor,
      *mask ? &**mask : nullptr, rounded->data(), name);
  if (!stats)
    return makeError("{0}: {1}", file.path(), stats.error().message);
  weights[{spec.scope, spec.key}] = {
      rt::denseView(rounded->data(), rt::DType::F32, spec.shape), rounded};
  auto relative = [&](double changed) {
    return stats->outputs == 0 ? 0 : std::sqrt(changed / stats->outputs);
  };
  return RoundedLayer{spec.key, relative(stats->nearest), relative(stats->fed)};
}

/// The inputs of the products of a weight; features are 0 where there are none
/// of its length.
static SameInputs inputsOf(const rt::ParamSpec &spec,
                           ArrayRef<ObservedProduct> products) {
  SameInputs same;
  for (const ObservedProduct &product : products)
    if (product.key == spec.key && product.scope == spec.scope)
      same.inputs.emplace_back(product.input, product.axis);
  llvm::sort(same.inputs);
  same.inputs.erase(llvm::unique(same.inputs), same.inputs.end());
  if (!same.inputs.empty())
    same.features = spec.shape[spec.sparsity->axis];
  return same;
}

llvm::Expected<Calibration::Rounded>
Calibration::round(const rt::Manifest &manifest, const rt::MaskOptions &mask,
                   std::vector<std::string> &notes) const {
  auto files = state->openFiles();
  if (!files)
    return files.takeError();
  std::map<std::vector<std::pair<size_t, int64_t>>, SameInputs> work;
  std::set<std::pair<std::string, std::string>> known;
  for (const rt::ParamSpec &spec : manifest.params) {
    if (!spec.sparsity || spec.sparsity->group == 0 ||
        !known.insert({spec.scope, spec.key}).second)
      continue;
    SameInputs same = inputsOf(spec, state->products);
    if (same.features == 0) {
      notes.push_back(rt::shownKey(spec.key) +
                      " is rounded to nearest: no product shows its input");
      continue;
    }
    SameInputs &all =
        work.try_emplace(same.inputs, std::move(same)).first->second;
    all.weights.push_back(&spec);
  }
  ::nm::support::Progress progress("rounding");
  auto weights = std::make_shared<rt::RoundedWeights>();
  Rounded result;
  for (auto next = work.begin(); next != work.end();) {
    // As many as fit.
    uint64_t bytes = 0;
    std::vector<SameInputs *> batch;
    for (; next != work.end(); ++next) {
      bytes += rt::InputGram::bytes(next->second.features);
      if (!batch.empty() && bytes > kMostGramBytes)
        break;
      auto gram = rt::InputGram::make(next->second.features);
      if (!gram)
        return toError(gram.error());
      next->second.gram = std::move(*gram);
      batch.push_back(&next->second);
    }
    llvm::Error failed = state->run(
        state->options.mask, [&](State::Results results) -> llvm::Error {
          for (SameInputs *same : batch)
            for (auto [input, axis] : same->inputs) {
              const rt::TensorView &view =
                  results[state->ownResults + input].view;
              if (view.shape[axis] != same->features)
                return makeError("'{0}' has {1} features, but its input {2}",
                                 rt::shownKey(same->weights[0]->key),
                                 same->features, view.shape[axis]);
              addInputs(*same->gram, view, axis);
            }
          return llvm::Error::success();
        });
    if (failed)
      return std::move(failed);
    for (SameInputs *same : batch) {
      auto factor = rt::InputFactor::factor(std::move(same->gram));
      if (!factor)
        return makeError("rounding '{0}': {1}",
                         rt::shownKey(same->weights[0]->key),
                         factor.error().message);
      for (const rt::ParamSpec *spec : same->weights) {
        auto file = files->find(spec->scope);
        if (file == files->end())
          continue; // loading says so
        auto layer = roundWeight(*file->second, *spec, *factor, mask, *weights);
        if (!layer)
          return layer.takeError();
        result.layers.push_back(std::move(*layer));
      }
    }
  }
  result.weights = std::move(weights);
  return std::move(result);
}
