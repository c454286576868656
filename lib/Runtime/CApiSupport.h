//===- CApiSupport.h - from C++ results to C status -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_CAPISUPPORT_H
#define NM_LIB_RUNTIME_CAPISUPPORT_H

#include "Support.h"
#include "nm/Runtime/Params.h"
#include "nm/Runtime/Weight.h"
#include "nm/Runtime/Writer.h"
#include "nm/Runtime/nm_runtime.h"

struct nm_error {
  nm_status status;
  std::string message;
};

struct nm_params {
  std::unique_ptr<nm::rt::Params> impl;
  uint64_t manifestHash;
  std::vector<const void *> table;
};

namespace nm::rt {

/// Gives C the parameters that were loaded for `manifest`, if they were.
Status giveParams(const Manifest &manifest,
                  Result<std::unique_ptr<Params>> loaded, nm_params **out);

/// Stores the error, if anybody wants it, and gives its status.
nm_status failWith(const Error &error, nm_error **out);

/// Runs `body`, which returns a Status, as a C function: no exception leaves.
template <typename Body> nm_status runC(nm_error **error, Body &&body) {
  if (error)
    *error = nullptr;
  Status status = guarded([&]() -> Status { return body(); });
  return status ? NM_OK : failWith(status.error(), error);
}

inline Error nullArgument(const char *name) {
  return makeError(Errc::Argument, "argument '", name, "' is null");
}

/// Null for now where a call gives what it makes: one that fails leaves null.
template <typename T> Status clearResult(T **out, const char *name) {
  if (!out)
    return nullArgument(name);
  *out = nullptr;
  return {};
}

/// The dimensions of a C tensor, checked.
Result<std::vector<int64_t>> shapeOf(size_t rank, const int64_t *shape);

Result<DType> dtypeOf(nm_dtype dtype);

/// A view of row-major C data.
Result<TensorView> viewOf(nm_dtype dtype, size_t rank, const int64_t *shape,
                          const void *data);

/// Views of `count` tensors of a caller, which keeps the data.
Result<std::vector<NamedView>> namedViewsOf(const nm_named_tensor *tensors,
                                            size_t count);

/// Whether a caller's struct_size is that of some header: at least the first
/// version's, and no accident.
Status checkStructSize(size_t size, const char *type, size_t knownSize,
                       size_t firstSize);

/// Copies a struct of the C ABI that the caller's header may have made shorter
/// or longer than ours. `known` is our copy with its defaults set; what the
/// caller's header does not have keeps them.
Status readStruct(const void *given, const char *type, void *known,
                  size_t knownSize, size_t firstSize);

/// As above for a struct whose fields have all been there from the first
/// version on.
template <typename T>
Status readStruct(const T *given, const char *type, T &known) {
  return readStruct(given, type, &known, sizeof(T), sizeof(T));
}

/// Calls `body`, which returns a Status, for each element of an array of
/// structs: they lie as far apart as the first one's header says.
template <typename T, typename Body>
Status forEachStruct(const T *first, size_t count, const char *type,
                     Body body) {
  for (size_t i = 0; i < count; ++i) {
    size_t stride = first->struct_size;
    T element = T();
    NM_RETURN_IF_ERROR(readStruct(first, type, element));
    auto *at = reinterpret_cast<const T *>(
        reinterpret_cast<const char *>(first) + i * stride);
    NM_RETURN_IF_ERROR(readStruct(at, type, element));
    if (at->struct_size != stride)
      return makeError(Errc::Argument, "struct_size of ", type, " ", i, " is ",
                       at->struct_size, ", but that of the first one is ",
                       stride);
    NM_RETURN_IF_ERROR(body(element));
  }
  return {};
}

/// A C string that the caller frees with nm_string_free.
char *copyString(const std::string &text);

struct COptions {
  MaskOptions mask;
  bool cache = false;
  std::string cacheFolder;
};
/// `options` may be null.
Result<COptions> readOptions(const nm_params_options *options);

/// The checkpoints of a caller, by scope.
Result<std::vector<ScopePath>> readScopes(const nm_scope *scopes, size_t count);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_CAPISUPPORT_H
