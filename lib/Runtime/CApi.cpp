//===- CApi.cpp - C ABI: errors, threads, parameters ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CApiSupport.h"
#include "Threads.h"
#include "nm/Runtime/Params.h"
#include "nm/Runtime/Threads.h"
#include "nm/Version.h"
#include <algorithm>
#include <cstdlib>

using namespace nm::rt;

//===----------------------------------------------------------------------===//
// Support
//===----------------------------------------------------------------------===//

/// What is left to say when even the message cannot be allocated.
static nm_error *outOfMemory() {
  static nm_error error{NM_ERR_MEMORY, "out of memory"};
  return &error;
}

nm_status nm::rt::failWith(const Error &error, nm_error **out) {
  nm_status status = static_cast<nm_status>(error.code);
  if (!out)
    return status;
  try {
    *out = new nm_error{status, error.message};
  } catch (const std::bad_alloc &) {
    *out = outOfMemory();
  }
  return status;
}

Result<std::vector<int64_t>> nm::rt::shapeOf(size_t rank,
                                             const int64_t *shape) {
  if (rank > size_t(kMaxRank))
    return makeError(Errc::Argument, "a tensor of ", rank,
                     " dimensions, expected at most ", kMaxRank);
  if (!shape && rank != 0)
    return nullArgument("shape");
  return rank ? std::vector<int64_t>(shape, shape + rank)
              : std::vector<int64_t>();
}

Result<DType> nm::rt::dtypeOf(nm_dtype dtype) {
  if (dtype <= NM_UNKNOWN || dtype > NM_U64)
    return makeError(Errc::Argument, "element type ", dtype,
                     " is not one of nm_dtype");
  return static_cast<DType>(dtype);
}

char *nm::rt::copyString(const std::string &text) {
  char *copy = static_cast<char *>(std::malloc(text.size() + 1));
  if (!copy)
    throw std::bad_alloc();
  std::memcpy(copy, text.c_str(), text.size() + 1);
  return copy;
}

Status nm::rt::checkStructSize(size_t size, const char *type, size_t knownSize,
                               size_t firstSize) {
  // A struct that nobody initialised holds any number.
  constexpr size_t most = 4096;
  if (size >= firstSize && size <= most)
    return {};
  return makeError(Errc::Argument, "struct_size of ", type, " is ", size,
                   ", expected sizeof(", type, "), which is ", knownSize,
                   " in version ", NM_VERSION);
}

Status nm::rt::readStruct(const void *given, const char *type, void *known,
                          size_t knownSize, size_t firstSize) {
  size_t size;
  std::memcpy(&size, given, sizeof(size));
  NM_RETURN_IF_ERROR(checkStructSize(size, type, knownSize, firstSize));
  const unsigned char *bytes = static_cast<const unsigned char *>(given);
  for (size_t i = knownSize; i < size; ++i)
    if (bytes[i] != 0)
      return makeError(Errc::Argument, type, " has a field at byte ", i,
                       " that version ", NM_VERSION,
                       " of this library does not know");
  std::memcpy(known, given, std::min(size, knownSize));
  return {};
}

Result<COptions> nm::rt::readOptions(const nm_params_options *given) {
  nm_params_options options;
  nm_params_options_init(&options);
  if (given)
    NM_RETURN_IF_ERROR(readStruct(given, "nm_params_options", options));
  nm_mask_policy policy = options.mask_policy;
  nm_bit_order order = options.mask_bit_order;
  if (policy < NM_MASK_IF_PRESENT || policy > NM_MASK_IGNORE)
    return makeError(Errc::Argument, "mask policy ", policy, " is unknown");
  if (order != NM_LSB_FIRST && order != NM_MSB_FIRST)
    return makeError(Errc::Argument, "bit order ", order, " is unknown");
  COptions result;
  result.mask.policy = static_cast<MaskPolicy>(policy);
  result.mask.bitOrder = static_cast<BitOrder>(order);
  if (options.mask_suffixes) {
    result.mask.suffixes.clear();
    for (size_t i = 0; i < options.num_mask_suffixes; ++i) {
      if (!options.mask_suffixes[i])
        return nullArgument("mask_suffixes");
      result.mask.suffixes.push_back(options.mask_suffixes[i]);
    }
  }
  if (options.mask_path) {
    auto masks = Checkpoint::open(options.mask_path);
    if (!masks)
      return masks.error();
    result.mask.source = std::move(*masks);
  }
  result.cache = options.cache != 0;
  if (options.cache_folder)
    result.cacheFolder = options.cache_folder;
  return result;
}

Result<std::vector<ScopePath>> nm::rt::readScopes(const nm_scope *scopes,
                                                  size_t count) {
  if (!scopes && count != 0)
    return nullArgument("scopes");
  std::vector<ScopePath> paths;
  NM_RETURN_IF_ERROR(forEachStruct(scopes, count, "nm_scope",
                                   [&](const nm_scope &scope) -> Status {
                                     if (!scope.name || !scope.path)
                                       return nullArgument("scopes");
                                     paths.push_back({scope.name, scope.path});
                                     return {};
                                   }));
  return paths;
}

//===----------------------------------------------------------------------===//
// Errors, threads, element types
//===----------------------------------------------------------------------===//

extern "C" const char *nm_error_message(const nm_error *error) {
  return error ? error->message.c_str() : "";
}

extern "C" nm_status nm_error_status(const nm_error *error) {
  return error ? error->status : NM_OK;
}

extern "C" void nm_error_free(nm_error *error) {
  if (error != outOfMemory())
    delete error;
}

extern "C" void nm_string_free(char *string) { std::free(string); }

extern "C" const char *nm_runtime_version(void) { return NM_VERSION; }

extern "C" void nm_set_num_threads(int count) { setNumThreads(count); }

extern "C" int nm_get_num_threads(void) { return numThreads(); }

extern "C" size_t nm_dtype_bytes(nm_dtype dtype) {
  Result<DType> known = dtypeOf(dtype);
  return known ? size_t(elementBytes(*known)) : 0;
}

extern "C" const char *nm_dtype_name(nm_dtype dtype) {
  Result<DType> known = dtypeOf(dtype);
  // The names are literals, so their data is terminated.
  return dtypeName(known ? *known : DType::Unknown).data();
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

extern "C" void nm_params_options_init(nm_params_options *options) {
  if (!options)
    return;
  *options = nm_params_options();
  options->struct_size = sizeof(*options);
}

Status nm::rt::giveParams(const Manifest &manifest,
                          Result<std::unique_ptr<Params>> loaded,
                          nm_params **out) {
  if (!loaded)
    return loaded.error();
  Result<std::vector<const void *>> table = paramTable(manifest, **loaded);
  if (!table)
    return table.error();
  *out = new nm_params{std::move(*loaded), hashManifest(manifest),
                       std::move(*table)};
  return {};
}

extern "C" nm_status nm_params_load(const char *manifest_json,
                                    const nm_scope *scopes, size_t num_scopes,
                                    const nm_params_options *options,
                                    nm_params **params, nm_error **error) {
  return runC(error, [&]() -> Status {
    NM_RETURN_IF_ERROR(checkThreadEnvironment());
    NM_RETURN_IF_ERROR(clearResult(params, "params"));
    if (!manifest_json)
      return nullArgument("manifest_json");
    Result<COptions> common = readOptions(options);
    if (!common)
      return common.error();
    Result<std::vector<ScopePath>> paths = readScopes(scopes, num_scopes);
    if (!paths)
      return paths.error();
    Result<Manifest> manifest = parseManifest(manifest_json);
    if (!manifest)
      return manifest.error();
    ParamsOptions loadOptions;
    loadOptions.mask = common->mask;
    loadOptions.cache = common->cache;
    loadOptions.cacheFolder = common->cacheFolder;
    return giveParams(*manifest, Params::load(*manifest, *paths, loadOptions),
                      params);
  });
}

extern "C" void nm_params_free(nm_params *params) { delete params; }

extern "C" size_t nm_params_count(const nm_params *params) {
  return params ? params->impl->size() : 0;
}

extern "C" uint64_t nm_params_manifest_hash(const nm_params *params) {
  return params ? params->manifestHash : 0;
}

extern "C" const void *const *nm_params_table(const nm_params *params) {
  return params ? params->table.data() : nullptr;
}

static const Param *paramAt(const nm_params *params, size_t index) {
  return index < nm_params_count(params) ? &(*params->impl)[index] : nullptr;
}

extern "C" const void *nm_params_data(const nm_params *params, size_t index,
                                      int part) {
  const Param *param = paramAt(params, index);
  if (!param)
    return nullptr;
  return part == 0 ? param->values : part == 1 ? param->metadata : nullptr;
}

extern "C" size_t nm_params_bytes(const nm_params *params, size_t index,
                                  int part) {
  const Param *param = paramAt(params, index);
  if (!param)
    return 0;
  return size_t(part == 0   ? param->valuesBytes
                : part == 1 ? param->metadataBytes
                            : 0);
}

extern "C" const char *nm_params_mask_source(const nm_params *params,
                                             size_t index) {
  const Param *param = paramAt(params, index);
  return param ? param->maskSource.c_str() : nullptr;
}

extern "C" const char *nm_params_cache_state(const nm_params *params) {
  return params ? params->impl->cacheState().c_str() : "off";
}

extern "C" const char *nm_params_note(const nm_params *params, size_t index) {
  if (!params || index >= params->impl->notes().size())
    return nullptr;
  return params->impl->notes()[index].c_str();
}
