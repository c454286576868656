//===- CApiSupport.h - from C++ results to C status -----------------------===//

#ifndef NM_LIB_RUNTIME_CAPISUPPORT_H
#define NM_LIB_RUNTIME_CAPISUPPORT_H

#include "Support.h"
#include "nm/Runtime/Weight.h"
#include "nm/Runtime/nm_runtime.h"

struct nm_error {
  nm_status status;
  std::string message;
};

namespace nm::rt {

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

/// The dimensions of a C tensor, checked.
Result<std::vector<int64_t>> shapeOf(size_t rank, const int64_t *shape);

Result<DType> dtypeOf(nm_dtype dtype);

/// A C string that the caller frees with nm_string_free.
char *copyString(const std::string &text);

struct COptions {
  MaskOptions mask;
  bool cache = false;
  std::string cacheFolder;
};
/// `options` may be null.
Result<COptions> readOptions(const nm_params_options *options);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_CAPISUPPORT_H
