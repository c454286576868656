//===- Model.cpp - Compiled models are loaded -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Model.h"
#include "Memory.h"
#include "Support.h"
#include "nm/Runtime/PackedWeights.h"
#include <filesystem>

namespace nm::rt {

namespace {
/// The library and the weights that a path stands for.
struct ModelFiles {
  std::string library, weights;
};
} // namespace

static ModelFiles filesOf(const std::string &path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return {path + "/model.so", path + "/model.nmw"};
  std::filesystem::path library(path), weights(path);
  weights.replace_extension(".nmw");
  if (library.extension() == ".nmw")
    library.replace_extension(".so");
  return {library.string(), weights.string()};
}

Status Model::loadParams(const std::string &path, const ModelOptions &options) {
  std::vector<Manifest> manifests;
  for (size_t i = 0; i < functions().size(); ++i)
    manifests.push_back(library->manifest(i));
  Manifest all = mergeManifests(manifests);
  if (all.params.empty()) {
    if (!options.weights.empty() || !options.scopes.empty())
      return makeError(Errc::Argument, path,
                       " has no parameters; expected neither weights nor "
                       "checkpoints");
    return {};
  }
  std::string weights =
      options.weights.empty() ? filesOf(path).weights : options.weights;
  std::error_code ignored;
  if (options.scopes.empty() && options.weights.empty() &&
      !std::filesystem::exists(weights, ignored))
    return makeError(Errc::NotFound, path, " reads ", all.params.size(),
                     " parameters, such as ", quote(all.params.front().key),
                     ", and there is no ", weights,
                     "; nm-compile --weights writes it, or give checkpoints");
  auto loaded = options.scopes.empty()
                    ? Params::open(all, weights)
                    : Params::load(all, options.scopes, options.params);
  if (!loaded)
    return loaded.error();
  params = std::move(*loaded);
  return {};
}

/// {allocated, aligned, offset, sizes..., strides...} of row-major data.
Status Model::prepare() {
  std::vector<Manifest> manifests;
  for (size_t i = 0; i < functions().size(); ++i)
    manifests.push_back(library->manifest(i));
  Manifest all = mergeManifests(manifests);
  for (const Manifest &manifest : manifests) {
    Prepared &entry = prepared.emplace_back();
    entry.hash = hashManifest(manifest);
    Result<std::vector<size_t>> places = findParams(manifest, all, "the model");
    if (!places)
      return places.error();
    if (places->empty())
      continue;
    auto table = paramTable(manifest, *params, *places);
    if (!table)
      return table.error();
    entry.table = std::move(*table);
  }
  // None of them moves any more.
  for (Prepared &entry : prepared)
    entry.place = entry.table.data();
  return {};
}

Result<std::unique_ptr<Model>> Model::load(const std::string &path,
                                           const ModelOptions &options) {
  auto library = CompiledLibrary::open(filesOf(path).library);
  if (!library)
    return library.error();
  std::unique_ptr<Model> model(new Model());
  model->library = std::move(*library);
  NM_RETURN_IF_ERROR(model->loadParams(path, options));
  NM_RETURN_IF_ERROR(model->prepare());
  // Headers and manifests were read, and are done with.
  returnFreeHeap();
  return std::move(model);
}

} // namespace nm::rt
