//===- Params.cpp - load the parameters of a compiled model ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Params.h"
#include "Cache.h"
#include "Memory.h"
#include "Support.h"
#include "nm/Runtime/DerivedKey.h"
#include "nm/Runtime/FloatConversion.h"
#include "nm/Runtime/Pack.h"
#include "nm/Runtime/Quantize.h"
#include "nm/Runtime/Sparsity.h"
#include <algorithm>
#include <cstdio>
#include <map>

namespace nm::rt {

Params::Params() = default;
Params::~Params() = default;

/// Fills a Params object.
class ParamsLoader {
public:
  ParamsLoader(const Manifest &manifest, const std::vector<ScopePath> &scopes,
               const ParamsOptions &options)
      : manifest(manifest), scopes(scopes), options(options),
        result(new Params()) {}

  Result<std::unique_ptr<Params>> run();

private:
  const Manifest &manifest;
  const std::vector<ScopePath> &scopes;
  const ParamsOptions &options;
  std::unique_ptr<Params> result;
  /// The checkpoint of every parameter.
  std::vector<const Checkpoint *> sources;
  /// Opened checkpoints, in the order of first use.
  std::vector<std::shared_ptr<const Checkpoint>> opened;
  /// Parameters whose buffers were packed here, for the cache.
  std::vector<bool> packed;

  Status openScopes();
  Status loadParam(size_t index);
  Status checkScaled(const ParamSpec &spec, const Checkpoint &checkpoint,
                     const Weight &weight) const;
  const Tensor *roundedOf(const ParamSpec &spec) const;
  bool rounds(const ParamSpec &spec) const;
  bool isKept(const ParamSpec &spec) const;
  Result<std::shared_ptr<unsigned char>>
  roundWeight(size_t index, const WeightDesc &desc,
              const PackOptions &packOptions, const void *source);
  Status packInto(size_t index, const Weight &weight, const Tensor &tensor);
  Status checkWeight(const ParamSpec &spec, const Checkpoint &checkpoint,
                     const Weight &weight) const;
  Error overFull(const ParamSpec &spec, const Weight &weight,
                 const Error &error) const;
  std::string cachePath(const std::string &name) const;
  bool takeCache(const PackedContents &contents);
  void noteDifferences();
  void storeCache(const std::string &path, unsigned mode,
                  const std::string &key, const std::string &why);
};

Status ParamsLoader::openScopes() {
  std::map<std::string, const Checkpoint *> byScope;
  for (const ParamSpec &spec : manifest.params) {
    auto known = byScope.find(spec.scope);
    if (known != byScope.end()) {
      sources.push_back(known->second);
      continue;
    }
    auto scope =
        std::find_if(scopes.begin(), scopes.end(),
                     [&](const ScopePath &s) { return s.scope == spec.scope; });
    if (scope == scopes.end()) {
      std::string given;
      for (const ScopePath &s : scopes)
        given += (given.empty() ? "" : ", ") + quote(s.scope);
      return makeError(Errc::NotFound, "no checkpoint is given for scope ",
                       quote(spec.scope), " of parameter ", quote(spec.key),
                       ", given scopes: ", given.empty() ? "none" : given);
    }
    Result<std::shared_ptr<const Checkpoint>> checkpoint =
        Checkpoint::open(scope->path);
    if (!checkpoint)
      return checkpoint.error();
    opened.push_back(*checkpoint);
    byScope[spec.scope] = checkpoint->get();
    sources.push_back(checkpoint->get());
  }
  return {};
}

Status ParamsLoader::checkWeight(const ParamSpec &spec,
                                 const Checkpoint &checkpoint,
                                 const Weight &weight) const {
  const TensorView &view = weight.tensor.view;
  std::string where =
      checkpoint.path() + ": tensor " + quote(shownKey(spec.key));
  if (view.shape != spec.shape) {
    std::vector<int64_t> reversed(spec.shape.rbegin(), spec.shape.rend());
    return makeError(Errc::Mismatch, where, " has shape ",
                     shapeString(view.shape), ", the model expects ",
                     shapeString(spec.shape),
                     view.shape == reversed ? " (it is transposed)" : "");
  }
  if (view.dtype != spec.dtype && !isConvertible(view.dtype, spec.dtype))
    return makeError(
        Errc::Mismatch, where, " has element type ", dtypeName(view.dtype),
        ", the model expects ", dtypeName(spec.dtype),
        ": convert the checkpoint or compile for ", dtypeName(view.dtype));
  bool sparse = spec.sparsity && spec.sparsity->n < spec.sparsity->m;
  if (sparse && options.mask.policy == MaskPolicy::Require && !weight.mask) {
    std::string tried;
    for (const std::string &suffix : options.mask.suffixes)
      tried += (tried.empty() ? "" : ", ") + quote(suffix);
    return makeError(Errc::NotFound, where,
                     " has no explicit mask, and the policy requires one; "
                     "suffixes tried: ",
                     tried);
  }
  return {};
}

/// Adds what to try to the error of an over-full group.
Error ParamsLoader::overFull(const ParamSpec &spec, const Weight &weight,
                             const Error &error) const {
  if (error.code != Errc::Mismatch)
    return error;
  if (!weight.mask)
    return makeError(error.code, error.message, kOverFullAdvice);
  Error extended = makeError(error.code, error.message, " under mask ",
                             quote(weight.maskName));
  Mask other = *weight.mask;
  if (other.form == Mask::Form::Bytes)
    return extended;
  bool lsb = other.order == BitOrder::LsbFirst;
  other.order = lsb ? BitOrder::MsbFirst : BitOrder::LsbFirst;
  if (verifyMask(other, spec.sparsity->axis, spec.sparsity->n, spec.sparsity->m,
                 weight.maskName))
    extended.message += std::string("; read with its bits ") +
                        (lsb ? "MSB" : "LSB") + " first the mask fits";
  return extended;
}

/// A type with bits is a claim. A layout may find out by itself.
Status ParamsLoader::checkScaled(const ParamSpec &spec,
                                 const Checkpoint &checkpoint,
                                 const Weight &weight) const {
  if (!isKept(spec) || spec.layout.hasForm())
    return {};
  Result<Tensor> tensor = toContiguous(weight.tensor);
  if (!tensor)
    return tensor.error();
  WeightDesc desc{spec.shape, spec.sparsity->axis, 1, 1, spec.dtype};
  Status scaled = verifyScaled(
      desc, spec.sparsity->group, spec.sparsity->form,
      reinterpret_cast<const float *>(tensor->view.data), shownKey(spec.key));
  if (scaled)
    return {};
  return makeError(scaled.error().code, checkpoint.path(), ": ",
                   scaled.error().message);
}

/// Null where the weight is the checkpoint's.
const Tensor *ParamsLoader::roundedOf(const ParamSpec &spec) const {
  if (!options.mask.rounded)
    return nullptr;
  auto found = options.mask.rounded->find({spec.scope, spec.key});
  return found == options.mask.rounded->end() ? nullptr : &found->second;
}

bool ParamsLoader::rounds(const ParamSpec &spec) const {
  return options.mask.quantize && spec.sparsity && spec.sparsity->group != 0 &&
         !roundedOf(spec);
}

/// Whether the checkpoint is to have the integers that the type says.
bool ParamsLoader::isKept(const ParamSpec &spec) const {
  return spec.sparsity && spec.sparsity->group != 0 && !rounds(spec);
}

/// The weight as it is multiplied: without what its mask drops, and rounded.
Result<std::shared_ptr<unsigned char>>
ParamsLoader::roundWeight(size_t index, const WeightDesc &desc,
                          const PackOptions &packOptions, const void *source) {
  Result<int64_t> count = checkedCount(desc.shape, 4);
  if (!count)
    return count.error();
  const PatternSpec &pattern = *manifest.params[index].sparsity;
  std::shared_ptr<unsigned char> dense = allocateBuffer(uint64_t(*count * 4));
  Result<PackStats> kept = pack(desc, LayoutSpec::dense(), source, dense.get(),
                                nullptr, packOptions);
  if (!kept)
    return kept.error();
  Result<QuantizeStats> stats =
      quantizeGroups(desc, pattern.group, pattern.form,
                     reinterpret_cast<float *>(dense.get()), packOptions.name);
  if (!stats)
    return makeError(stats.error().code, sources[index]->path(), ": ",
                     stats.error().message);
  return dense;
}

Status ParamsLoader::packInto(size_t index, const Weight &weight,
                              const Tensor &tensor) {
  const ParamSpec &spec = manifest.params[index];
  Param &param = result->list[index];
  PatternSpec pattern = spec.sparsity.value_or(PatternSpec());
  Result<StorageShapes> shapes = storageShapesOf(spec);
  if (!shapes)
    return shapes.error();
  int64_t valuesBytes = shapes->values.bytes();
  int64_t metadataBytes = shapes->metadata.bytes();
  std::shared_ptr<unsigned char> values = allocateBuffer(uint64_t(valuesBytes));
  std::shared_ptr<unsigned char> metadata =
      allocateBuffer(uint64_t(metadataBytes));
  WeightDesc desc{spec.shape, pattern.axis, pattern.n, pattern.m, spec.dtype};
  PackOptions packOptions;
  packOptions.name = shownKey(spec.key);
  packOptions.mask = weight.mask ? &*weight.mask : nullptr;
  packOptions.derive = options.mask.policy == MaskPolicy::Derive &&
                       pattern.n < pattern.m && !weight.mask;
  const void *source = tensor.view.data;
  std::shared_ptr<unsigned char> rounded;
  if (rounds(spec)) {
    Result<std::shared_ptr<unsigned char>> made =
        roundWeight(index, desc, packOptions, source);
    if (!made)
      return made.error();
    rounded = std::move(*made);
    source = rounded.get();
    packOptions.mask = nullptr;
  }
  Result<PackStats> stats = pack(desc, spec.layout, source, values.get(),
                                 metadata.get(), packOptions);
  if (!stats) {
    Error error = overFull(spec, weight, stats.error());
    error.message = sources[index]->path() + ": " + error.message;
    return error;
  }
  if (stats->prunedGroups != 0)
    param.maskSource =
        "derived by magnitude (" + std::to_string(pattern.n) + ":" +
        std::to_string(pattern.m) + " along axis " +
        std::to_string(pattern.axis) + ", ties to the lower index, " +
        std::to_string(stats->prunedGroups) + " groups pruned, " +
        std::to_string(stats->tiedGroups) + " of them by ties)";
  param.values = valuesBytes ? values.get() : nullptr;
  param.metadata = metadataBytes ? metadata.get() : nullptr;
  param.valuesBytes = valuesBytes;
  param.metadataBytes = metadataBytes;
  result->owners.push_back(values);
  result->owners.push_back(metadata);
  packed[index] = true;
  return {};
}

Status ParamsLoader::loadParam(size_t index) {
  const ParamSpec &spec = manifest.params[index];
  const Checkpoint &checkpoint = *sources[index];
  MaskOptions maskOptions = options.mask;
  if (isKept(spec))
    maskOptions.decoding = Decoding::Exact;
  Result<Weight> weight = readWeight(checkpoint, spec.key, maskOptions);
  if (!weight)
    return weight.error();
  NM_RETURN_IF_ERROR(checkWeight(spec, checkpoint, *weight));
  if (options.unmasked && !weight->mask && !roundedOf(spec) && !rounds(spec)) {
    result->list[index] = (*options.unmasked)[index];
    return {};
  }
  if (weight->tensor.view.dtype != spec.dtype) {
    Result<Tensor> converted = convertFloats(weight->tensor, spec.dtype,
                                             checkpoint.path() + ": tensor " +
                                                 quote(shownKey(spec.key)));
    if (!converted)
      return converted.error();
    weight->tensor = std::move(*converted);
  }

  if (const Tensor *rounded = roundedOf(spec))
    weight->tensor = *rounded;
  NM_RETURN_IF_ERROR(checkScaled(spec, checkpoint, *weight));
  Param &param = result->list[index];
  bool sparse = spec.sparsity && spec.sparsity->n < spec.sparsity->m;
  if (weight->mask)
    param.maskSource = "explicit mask " + quote(weight->maskName);
  else if (sparse)
    param.maskSource = "none needed (the weights satisfy " +
                       std::to_string(spec.sparsity->n) + ":" +
                       std::to_string(spec.sparsity->m) + " along axis " +
                       std::to_string(spec.sparsity->axis) + ")";
  else
    param.maskSource = "dense";

  const TensorView &view = weight->tensor.view;
  bool straight = spec.layout.isDense() && !weight->mask && !rounds(spec) &&
                  view.isContiguous() && isAligned(view.data);
  // A dense layout with a pattern is used in place when it fits the pattern.
  if (straight && sparse)
    straight = verifyPattern(view, spec.sparsity->axis, spec.sparsity->n,
                             spec.sparsity->m, spec.key)
                   .ok();
  if (straight) {
    param.valuesBytes = view.bytes();
    param.values = param.valuesBytes ? view.data : nullptr;
    result->owners.push_back(weight->tensor.owner);
    return {};
  }
  Result<Tensor> tensor = toContiguous(weight->tensor);
  if (!tensor)
    return tensor.error();
  return packInto(index, *weight, *tensor);
}

/// `<checkpoint>.<hash of paths, manifest and options>.nmcache`: neither models
/// nor checkpoints of one name fight over a file, and a changed checkpoint
/// replaces its stale one.
std::string ParamsLoader::cachePath(const std::string &name) const {
  char hash[17];
  std::snprintf(
      hash, sizeof(hash), "%016llx",
      static_cast<unsigned long long>(checksum(name.data(), name.size())));
  std::string path = opened.front()->path();
  if (!options.cacheFolder.empty())
    path = options.cacheFolder + "/" + path.substr(path.rfind('/') + 1);
  return path + "." + hash + ".nmcache";
}

bool ParamsLoader::takeCache(const PackedContents &contents) {
  if (contents.entries.size() != manifest.params.size())
    return false;
  for (size_t i = 0; i < contents.entries.size(); ++i) {
    const PackedEntry &entry = contents.entries[i];
    if (!entry.present)
      continue;
    const ParamSpec &spec = manifest.params[i];
    Result<StorageShapes> shapes = storageShapesOf(spec);
    if (!shapes || shapes->values.bytes() != entry.valuesBytes ||
        shapes->metadata.bytes() != entry.metadataBytes)
      return false;
  }
  for (size_t i = 0; i < contents.entries.size(); ++i) {
    const PackedEntry &entry = contents.entries[i];
    if (!entry.present)
      continue;
    result->list[i] = {entry.valuesBytes ? entry.values : nullptr,
                       entry.metadataBytes ? entry.metadata : nullptr,
                       entry.valuesBytes, entry.metadataBytes,
                       entry.maskSource};
    packed[i] = true;
  }
  result->owners.push_back(contents.owner);
  return true;
}

void ParamsLoader::storeCache(const std::string &path, unsigned mode,
                              const std::string &key, const std::string &why) {
  std::vector<PackedEntry> entries(result->list.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    const Param &param = result->list[i];
    if (packed[i])
      entries[i] = {true,
                    static_cast<const unsigned char *>(param.values),
                    static_cast<const unsigned char *>(param.metadata),
                    param.valuesBytes,
                    param.metadataBytes,
                    param.maskSource};
  }
  Status status = writeCache(path, mode, key, entries);
  result->cacheText = status ? "written (" + why + ")"
                             : "not written: " + status.error().message;
}

/// Says in a line for each checkpoint what was read otherwise than the program
/// asks for it: floats of another type, names with another prefix.
void ParamsLoader::noteDifferences() {
  using Difference = std::pair<std::string, std::string>;
  std::map<Difference, int64_t> counts;
  for (size_t i = 0; i < manifest.params.size(); ++i) {
    const ParamSpec &spec = manifest.params[i];
    const TensorInfo *info = findWeight(*sources[i], spec.key);
    if (!info)
      continue; // of a derived key
    if (info->dtype != spec.dtype)
      ++counts[{sources[i]->path(),
                "of " + std::string(dtypeName(info->dtype)) + " converted to " +
                    std::string(dtypeName(spec.dtype))}];
    std::string key = storedKey(*sources[i], spec.key);
    if (key.size() > spec.key.size())
      ++counts[{sources[i]->path(),
                "found under the prefix " +
                    quote(key.substr(0, key.size() - spec.key.size()))}];
    else if (key.size() < spec.key.size())
      ++counts[{sources[i]->path(),
                "found without the prefix " +
                    quote(spec.key.substr(0, spec.key.size() - key.size()))}];
  }
  for (const auto &[difference, count] : counts)
    result->noteTexts.push_back(
        difference.first + ": " + std::to_string(count) +
        (count == 1 ? " parameter " : " parameters ") + difference.second);
}

Result<std::unique_ptr<Params>> ParamsLoader::run() {
  NM_RETURN_IF_ERROR(openScopes());
  std::vector<const Checkpoint *> all;
  for (const auto &checkpoint : opened)
    all.push_back(checkpoint.get());
  NM_RETURN_IF_ERROR(checkMaskNames(all, options.mask));
  if (options.mask.source)
    all.push_back(options.mask.source.get()); // the cache depends on it too
  result->list.resize(manifest.params.size());
  if (options.unmasked) {
    if (options.unmasked->size() != manifest.params.size())
      return makeError(Errc::Argument, "the unmasked parameters are ",
                       options.unmasked->size(), ", the manifest has ",
                       manifest.params.size());
    result->owners.push_back(options.unmasked);
  }
  packed.resize(manifest.params.size());

  bool caching = options.cache && !opened.empty();
  std::string path, key, why = "there was none";
  bool hit = false;
  if (caching) {
    std::string name = cacheName(manifest, all, scopes, options.mask);
    Result<std::string> identity = cacheKey(name, all);
    if (!identity)
      return identity.error();
    key = std::move(*identity);
    path = cachePath(name);
    Result<PackedContents> contents = readCache(path, key);
    if (contents)
      hit = takeCache(*contents);
    if (!contents && contents.error().code != Errc::NotFound)
      why = "the old one was ignored: " + contents.error().message;
    else if (contents && !hit)
      why = "the old one was ignored: its parts do not fit";
  }
  for (size_t i = 0; i < manifest.params.size(); ++i)
    if (!packed[i])
      NM_RETURN_IF_ERROR(loadParam(i));
  noteDifferences();
  if (hit)
    result->cacheText = "hit";
  else if (caching)
    storeCache(path, cacheMode(all), key, why);
  return std::move(result);
}

Result<std::unique_ptr<Params>>
Params::load(const Manifest &manifest, const std::vector<ScopePath> &scopes,
             const ParamsOptions &options) {
  return guarded([&]() -> Result<std::unique_ptr<Params>> {
    return ParamsLoader(manifest, scopes, options).run();
  });
}

} // namespace nm::rt
