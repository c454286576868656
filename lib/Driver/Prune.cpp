//===- Prune.cpp - What --prune did to each weight -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Prune.h"
#include "nm/Driver/Support.h"
#include "nm/Runtime/Dequantize.h"
#include "nm/Runtime/FloatConversion.h"
#include "nm/Runtime/PackedBits.h"
#include "nm/Runtime/Params.h"
#include "nm/Runtime/Quantize.h"
#include "nm/Runtime/Sparsity.h"
#include "nm/Runtime/Weight.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

llvm::Error driver::applyPrune(CompileOptions &options) {
  if (!options.quantize.empty())
    if (llvm::Error error = checkQuantize(options.quantize))
      return error;
  options.mask.quantize = StringRef(options.quantize).starts_with("i");
  if (options.roundBy == RoundBy::Gptq && !options.mask.quantize)
    return makeError("--round has no effect: --quantize={0} rounds nothing; "
                     "drop one of them",
                     options.quantize);
  if (options.prune.empty())
    return llvm::Error::success();
  for (const std::string &rule : options.prune)
    if (llvm::Error error = checkPatternRule(rule, "prune"))
      return error;
  options.patterns = options.prune;
  options.mask.policy = rt::MaskPolicy::Derive;
  return llvm::Error::success();
}

namespace {
/// Norms relative to that of the weight.
struct Distance {
  double removed = 0; ///< of what the pattern removes
  double rounded = 0; ///< of what rounding changes in the rest
};
} // namespace

/// The squared norm of the rounding errors of the elements that are kept.
/// Appends the rounded weight to `made`, if that is not null.
static llvm::Expected<double> squaredRounding(rt::Tensor kept,
                                              const rt::ParamSpec &spec,
                                              const rt::RoundedWeights *rounded,
                                              rt::RoundedWeights *made) {
  if (kept.view.dtype != rt::DType::F32) {
    auto floats =
        rt::convertFloats(kept, rt::DType::F32, rt::shownKey(spec.key));
    if (!floats)
      return toError(floats.error());
    kept = std::move(*floats);
  }
  // Owned by this function alone.
  auto *values =
      reinterpret_cast<float *>(const_cast<unsigned char *>(kept.view.data));
  if (rounded && rounded->count({spec.scope, spec.key})) {
    auto *others = reinterpret_cast<const float *>(
        rounded->at({spec.scope, spec.key}).view.data);
    for (int64_t i = 0, count = kept.view.count(); i < count; ++i)
      values[i] -= others[i];
    return rt::squaredNorm(kept.view);
  }
  rt::WeightDesc desc{spec.shape, spec.sparsity->axis, 1, 1, rt::DType::F32};
  auto stats =
      rt::quantizeGroups(desc, spec.sparsity->group, spec.sparsity->form,
                         values, rt::shownKey(spec.key));
  if (!stats)
    return toError(stats.error());
  if (made)
    made->insert({{spec.scope, spec.key}, std::move(kept)});
  return stats->changed;
}

static llvm::Expected<Distance> distanceFromDense(const rt::Checkpoint &file,
                                                  const rt::ParamSpec &spec,
                                                  const CompileOptions &options,
                                                  rt::RoundedWeights *made) {
  auto weight = rt::readWeight(file, spec.key, options.mask);
  if (!weight)
    return toError(weight.error());
  auto contiguous = rt::toContiguous(weight->tensor);
  if (!contiguous)
    return toError(contiguous.error());
  const rt::TensorView &view = contiguous->view;
  rt::WeightDesc desc{view.shape, spec.sparsity->axis, spec.sparsity->n,
                      spec.sparsity->m, view.dtype};
  rt::PackOptions keeping;
  keeping.mask = weight->mask ? &*weight->mask : nullptr;
  keeping.derive = !weight->mask;
  keeping.name = rt::shownKey(spec.key);
  auto bytes = std::make_shared<std::vector<unsigned char>>(view.bytes());
  auto packed = rt::pack(desc, rt::LayoutSpec::dense(), view.data,
                         bytes->data(), nullptr, keeping);
  if (!packed)
    return toError(packed.error());
  rt::Tensor kept{rt::denseView(bytes->data(), view.dtype, view.shape), bytes};
  const double all = rt::squaredNorm(view);
  Distance distance;
  if (all == 0)
    return distance;
  distance.removed =
      std::sqrt(std::max(0.0, all - rt::squaredNorm(kept.view)) / all);
  if (spec.sparsity->group == 0 || !options.mask.quantize)
    return distance;
  auto rounding =
      squaredRounding(std::move(kept), spec, options.mask.rounded.get(), made);
  if (!rounding)
    return rounding.takeError();
  distance.rounded = std::sqrt(*rounding / all);
  return distance;
}

/// Why the passes left a weight, in the words of their remarks.
static std::string whyLeft(const std::string &key, const CompileLog &log) {
  std::string head = "key=" + key + " ";
  // The reason why it has no integers is more specific than that it is dense.
  for (StringRef name : {"bits-not-declared", "sparsity-not-declared"})
    for (const RemarkRecord &remark : log.remarks)
      if (remark.name == name && StringRef(remark.message).starts_with(head))
        return remark.message.substr(head.size());
  return "it is no operand of a product";
}

using Files = llvm::StringMap<std::shared_ptr<const rt::Checkpoint>>;

static llvm::Error describeWeight(const rt::ParamSpec &spec, const Files &files,
                                  const CompileOptions &options,
                                  const CompileLog &log, llvm::raw_ostream &os,
                                  rt::RoundedWeights *made) {
  std::string key = rt::shownKey(spec.key);
  std::string shown = (spec.scope.empty() ? "" : spec.scope + ": ") + key +
                      " " + rt::shapeString(spec.shape);
  bool isPruned = spec.sparsity && spec.sparsity->n < spec.sparsity->m;
  bool isRounded = spec.sparsity && spec.sparsity->group != 0;
  if (!isPruned && !isRounded) {
    os << "left " << shown << ": " << whyLeft(key, log) << "\n";
    return llvm::Error::success();
  }
  std::string line =
      isPruned && !options.prune.empty()
          ? llvm::formatv("pruned {0} to {1}:{2} along dimension {3}", shown,
                          spec.sparsity->n, spec.sparsity->m,
                          spec.sparsity->axis)
                .str()
      : isPruned ? llvm::formatv("kept {0} at {1}:{2} along dimension {3}",
                                 shown, spec.sparsity->n, spec.sparsity->m,
                                 spec.sparsity->axis)
                       .str()
                 : llvm::formatv("took {0} as dense along dimension {1}", shown,
                                 spec.sparsity->axis)
                       .str();
  // Weights that are worked out from integers have no values in the file.
  auto file = files.find(spec.scope);
  if (file != files.end() && !rt::isDequantizedKey(spec.key) &&
      !rt::isPackedBitsKey(spec.key)) {
    auto distance = distanceFromDense(*file->second, spec, options, made);
    if (!distance)
      return distance.takeError();
    if (isPruned)
      line += llvm::formatv(", {0:f2} % of its norm removed",
                            distance->removed * 100);
    if (isRounded && options.mask.quantize)
      line += llvm::formatv("; rounded to {0} bits in groups of {1}, {2:f2} % "
                            "of its norm changed",
                            spec.sparsity->form.bits, spec.sparsity->group,
                            distance->rounded * 100);
  }
  if (isRounded && !options.mask.quantize)
    line += llvm::formatv(", of {0} bits in groups of {1}, {2}",
                          spec.sparsity->form.bits, spec.sparsity->group,
                          spec.sparsity->form.describe());
  os << line << "\n";
  return llvm::Error::success();
}

llvm::Error driver::describePruning(ArrayRef<rt::ParamSpec> params,
                                    const CompileOptions &options,
                                    const CompileLog &log,
                                    llvm::raw_ostream &os,
                                    rt::RoundedWeights *made) {
  Files files;
  for (const Binding &binding : options.params) {
    auto file = rt::Checkpoint::open(binding.path);
    if (!file)
      return toError(file.error());
    files[binding.name] = *file;
  }
  for (const rt::ParamSpec &spec : params)
    if (spec.shape.size() > 1)
      if (llvm::Error error =
              describeWeight(spec, files, options, log, os, made))
        return error;
  return llvm::Error::success();
}

llvm::Error
driver::describePruning(ModuleOp module, ArrayRef<Signature> functions,
                        const CompileOptions &options, const CompileLog &log,
                        llvm::raw_ostream &os, rt::RoundedWeights *made) {
  std::vector<rt::ParamSpec> params;
  for (const Signature &function : functions) {
    auto manifest = readManifest(module, function.name);
    if (!manifest)
      return manifest.takeError();
    llvm::append_range(params, manifest->params);
  }
  return describePruning(params, options, log, os, made);
}
