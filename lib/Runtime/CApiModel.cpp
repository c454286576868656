//===- CApiModel.cpp - C ABI: compiled models -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CApiSupport.h"
#include "Model.h"
#include "Threads.h"
#include "nm/Runtime/Threads.h"

using namespace nm::rt;

struct nm_model {
  std::unique_ptr<Model> impl;
};

/// Functions with more values than this put their pointers on the heap.
static constexpr size_t kFew = 16;

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

extern "C" void nm_model_options_init(nm_model_options *options) {
  if (!options)
    return;
  *options = nm_model_options();
  options->struct_size = sizeof(*options);
}

static Status readModelOptions(const nm_model_options *given,
                               ModelOptions &result) {
  nm_model_options options;
  nm_model_options_init(&options);
  if (given)
    NM_RETURN_IF_ERROR(readStruct(given, "nm_model_options", options));
  if (options.weights)
    result.weights = options.weights;
  if (options.weights && options.num_scopes != 0)
    return makeError(Errc::Argument, "both packed weights and checkpoints are "
                                     "given; expected one of them");
  if (options.params && options.num_scopes == 0)
    return makeError(Errc::Argument, "options for checkpoints are given, but "
                                     "no checkpoint");
  Result<std::vector<ScopePath>> scopes =
      readScopes(options.scopes, options.num_scopes);
  if (!scopes)
    return scopes.error();
  result.scopes = std::move(*scopes);
  Result<COptions> common = readOptions(options.params);
  if (!common)
    return common.error();
  result.params = {common->mask, common->cache, common->cacheFolder};
  return {};
}

extern "C" nm_status nm_model_load(const char *path,
                                   const nm_model_options *options,
                                   nm_model **model, nm_error **error) {
  return runC(error, [&]() -> Status {
    NM_RETURN_IF_ERROR(checkThreadEnvironment());
    NM_RETURN_IF_ERROR(clearResult(model, "model"));
    if (!path)
      return nullArgument("path");
    ModelOptions read;
    NM_RETURN_IF_ERROR(readModelOptions(options, read));
    Result<std::unique_ptr<Model>> loaded = Model::load(path, read);
    if (!loaded)
      return loaded.error();
    *model = new nm_model{std::move(*loaded)};
    return {};
  });
}

extern "C" void nm_model_free(nm_model *model) { delete model; }

//===----------------------------------------------------------------------===//
// What it takes and gives
//===----------------------------------------------------------------------===//

static const ModelFunction *functionAt(const nm_model *model, size_t index) {
  if (!model || index >= model->impl->functions().size())
    return nullptr;
  return &model->impl->functions()[index];
}

static Error noFunction(const nm_model *model, size_t index) {
  return model ? makeError(Errc::Argument, "function ", index, " of ",
                           nm_model_num_functions(model))
               : nullArgument("model");
}

/// The place of a name in a list; the error says which there are.
template <typename T>
static Status findName(const std::vector<T> &list, const char *kind,
                       const char *name, size_t *index) {
  if (!name)
    return nullArgument("name");
  if (!index)
    return nullArgument("index");
  std::string names;
  for (size_t i = 0; i < list.size(); ++i) {
    if (list[i].name == name) {
      *index = i;
      return {};
    }
    names += (i ? ", " : "") + quote(list[i].name);
  }
  return makeError(Errc::NotFound, "no ", kind, " ", quote(name),
                   ", there are: ", names.empty() ? "none" : names);
}

extern "C" size_t nm_model_num_functions(const nm_model *model) {
  return model ? model->impl->functions().size() : 0;
}

extern "C" const char *nm_model_function_name(const nm_model *model,
                                              size_t function) {
  const ModelFunction *found = functionAt(model, function);
  return found ? found->name.c_str() : nullptr;
}

extern "C" nm_status nm_model_find_function(const nm_model *model,
                                            const char *name, size_t *function,
                                            nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!model)
      return nullArgument("model");
    return findName(model->impl->functions(), "function", name, function);
  });
}

extern "C" size_t nm_model_num_inputs(const nm_model *model, size_t function) {
  const ModelFunction *found = functionAt(model, function);
  return found ? found->inputs.size() : 0;
}

extern "C" size_t nm_model_num_outputs(const nm_model *model, size_t function) {
  const ModelFunction *found = functionAt(model, function);
  return found ? found->outputs.size() : 0;
}

using Values = std::vector<ModelValue> ModelFunction::*;

static nm_status typeOf(const nm_model *model, size_t function, Values values,
                        size_t index, nm_value_type *type, nm_error **error) {
  return runC(error, [&]() -> Status {
    const ModelFunction *found = functionAt(model, function);
    if (!found)
      return noFunction(model, function);
    if (!type)
      return nullArgument("type");
    NM_RETURN_IF_ERROR(checkStructSize(type->struct_size, "nm_value_type",
                                       sizeof(*type), sizeof(*type)));
    const std::vector<ModelValue> &list = found->*values;
    if (index >= list.size())
      return makeError(Errc::Argument, "value ", index, " of ", list.size());
    const ModelValue &value = list[index];
    type->name = value.name.c_str();
    type->dtype = static_cast<nm_dtype>(value.dtype);
    type->rank = value.shape.size();
    type->shape = value.shape.data();
    return {};
  });
}

extern "C" nm_status nm_model_input(const nm_model *model, size_t function,
                                    size_t index, nm_value_type *type,
                                    nm_error **error) {
  return typeOf(model, function, &ModelFunction::inputs, index, type, error);
}

extern "C" nm_status nm_model_output(const nm_model *model, size_t function,
                                     size_t index, nm_value_type *type,
                                     nm_error **error) {
  return typeOf(model, function, &ModelFunction::outputs, index, type, error);
}

/// What `get` says of an output.
template <typename Get>
static nm_status askOutput(const nm_model *model, size_t function,
                           size_t output, size_t *answer, const char *name,
                           nm_error **error, Get get) {
  return runC(error, [&]() -> Status {
    const ModelFunction *found = functionAt(model, function);
    if (!found)
      return noFunction(model, function);
    if (!answer)
      return nullArgument(name);
    if (output >= found->outputs.size())
      return makeError(Errc::Argument, "value ", output, " of ",
                       found->outputs.size());
    *answer = get(found->outputs[output]);
    return {};
  });
}

extern "C" nm_status nm_model_output_input(const nm_model *model,
                                           size_t function, size_t output,
                                           size_t *input, nm_error **error) {
  return askOutput(model, function, output, input, "input", error,
                   [](const ModelValue &value) {
                     return value.input == ModelValue::kReturned
                                ? NM_RETURNED
                                : size_t(value.input);
                   });
}

extern "C" nm_status nm_model_output_grows(const nm_model *model,
                                           size_t function, size_t output,
                                           size_t *dimension,
                                           nm_error **error) {
  return askOutput(model, function, output, dimension, "dimension", error,
                   [](const ModelValue &value) {
                     return value.grows == ModelValue::kNowhere
                                ? NM_NOWHERE
                                : size_t(value.grows);
                   });
}

extern "C" nm_status nm_model_find_input(const nm_model *model, size_t function,
                                         const char *name, size_t *index,
                                         nm_error **error) {
  return runC(error, [&]() -> Status {
    const ModelFunction *found = functionAt(model, function);
    return found ? findName(found->inputs, "input", name, index)
                 : Status(noFunction(model, function));
  });
}

extern "C" nm_status nm_model_find_output(const nm_model *model,
                                          size_t function, const char *name,
                                          size_t *index, nm_error **error) {
  return runC(error, [&]() -> Status {
    const ModelFunction *found = functionAt(model, function);
    return found ? findName(found->outputs, "output", name, index)
                 : Status(noFunction(model, function));
  });
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

extern "C" void nm_value_init(nm_value *value) {
  if (!value)
    return;
  *value = nm_value();
  value->struct_size = sizeof(*value);
}

extern "C" void nm_value_free(nm_value *value) {
  if (!value)
    return;
  releaseResult(value->owner);
  nm_value_init(value);
}

namespace {
/// Pointers to the elements of a caller's array of structs.
template <typename T> class Pointers {
public:
  Status read(T *first, size_t count, const char *what, size_t expected) {
    if (count != expected)
      return makeError(Errc::Argument, count, " ", what,
                       " are given, expected ", expected);
    if (count == 0)
      return {};
    if (!first)
      return nullArgument(what);
    if (count > kFew)
      many.resize(count);
    size_t stride = first->struct_size;
    for (size_t i = 0; i < count; ++i) {
      auto *at = reinterpret_cast<T *>(reinterpret_cast<uintptr_t>(first) +
                                       i * stride);
      NM_RETURN_IF_ERROR(checkStructSize(at->struct_size, "nm_value",
                                         sizeof(nm_value), sizeof(nm_value)));
      if (at->struct_size != stride)
        return makeError(Errc::Argument, "struct_size of nm_value ", i, " is ",
                         at->struct_size, ", but that of the first one is ",
                         stride);
      data()[i] = at;
    }
    return {};
  }
  T **data() { return many.empty() ? few : many.data(); }

private:
  T *few[kFew] = {};
  std::vector<T *> many;
};

/// The threads of this thread's parallel regions, for a while.
class ThreadCount {
public:
  explicit ThreadCount(int count) : before(count ? numThreads() : 0) {
    if (count)
      setNumThreads(count);
  }
  ~ThreadCount() {
    if (before)
      setNumThreads(before);
  }

private:
  int before;
};
} // namespace

extern "C" nm_status nm_model_run(nm_model *model, size_t function,
                                  const nm_value *inputs, size_t num_inputs,
                                  nm_value *outputs, size_t num_outputs,
                                  const nm_run_options *options,
                                  nm_error **error) {
  return runC(error, [&]() -> Status {
    const ModelFunction *found = functionAt(model, function);
    if (!found)
      return noFunction(model, function);
    nm_run_options run = {sizeof(run), 0};
    if (options)
      NM_RETURN_IF_ERROR(readStruct(options, "nm_run_options", run));
    if (run.threads != 0)
      NM_RETURN_IF_ERROR(checkThreadCount("threads", run.threads));
    Pointers<const nm_value> from;
    Pointers<nm_value> to;
    NM_RETURN_IF_ERROR(
        from.read(inputs, num_inputs, "inputs", found->inputs.size()));
    NM_RETURN_IF_ERROR(
        to.read(outputs, num_outputs, "outputs", found->outputs.size()));
    for (size_t i = 0; i < num_outputs; ++i)
      if (to.data()[i]->owner)
        return makeError(Errc::Argument, "output ", i,
                         " still owns a result; release it by nm_value_free");
    ThreadCount threads(run.threads);
    return model->impl->run(function, from.data(), to.data());
  });
}

extern "C" nm_status nm_params_open(const char *manifest_json, const char *path,
                                    nm_params **params, nm_error **error) {
  return runC(error, [&]() -> Status {
    NM_RETURN_IF_ERROR(clearResult(params, "params"));
    if (!manifest_json)
      return nullArgument("manifest_json");
    if (!path)
      return nullArgument("path");
    Result<Manifest> manifest = parseManifest(manifest_json);
    if (!manifest)
      return manifest.error();
    return giveParams(*manifest, Params::open(*manifest, path), params);
  });
}
