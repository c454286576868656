//===- Result.h - Errors without exceptions -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every fallible function of the plain C++ libraries returns a Status or a
// Result<T>. Messages are lower case, have no final period, and name the file,
// the place in it, what was found, what was expected and what to try.
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_RESULT_H
#define NM_SUPPORT_RESULT_H

#include <cassert>
#include <sstream>
#include <string>
#include <utility>
#include <variant>

namespace nm::support {

/// What kind of thing went wrong; the values equal nm_status of the C ABI.
enum class Errc {
  Argument = 1,    ///< the caller passed something that can never work
  Io = 2,          ///< the operating system refused
  Format = 3,      ///< a file or a text is malformed
  NotFound = 4,    ///< a tensor, scope or file is missing
  Mismatch = 5,    ///< dtype, shape or N:M pattern differ from what was asked
  Unsupported = 6, ///< well formed, but not handled
  Memory = 7,      ///< an allocation failed
  Internal = 8     ///< a defect of this library
};

struct Error {
  Errc code = Errc::Internal;
  std::string message;
};

/// Success, or an Error.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(Error error) : failed(true), err(std::move(error)) {}

  bool ok() const { return !failed; }
  explicit operator bool() const { return ok(); }
  const Error &error() const {
    assert(failed && "no error in a successful status");
    return err;
  }

private:
  bool failed = false;
  Error err;
};

/// A value, or an Error.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : storage(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : storage(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return storage.index() == 0; }
  explicit operator bool() const { return ok(); }

  T &operator*() {
    assert(ok() && "value of a failed result");
    return *std::get_if<0>(&storage);
  }
  const T &operator*() const {
    assert(ok() && "value of a failed result");
    return *std::get_if<0>(&storage);
  }
  T *operator->() { return &**this; }
  const T *operator->() const { return &**this; }

  const Error &error() const {
    assert(!ok() && "error of a successful result");
    return *std::get_if<1>(&storage);
  }

private:
  std::variant<T, Error> storage;
};

/// An error whose message is the concatenation of the parts.
template <typename... Parts> Error makeError(Errc code, const Parts &...parts) {
  std::ostringstream os;
  (os << ... << parts);
  return Error{code, os.str()};
}

/// Leaves the enclosing function with the error of a failed Status or Result.
#define NM_RETURN_IF_ERROR(expr)                                               \
  do {                                                                         \
    if (auto nmStatus_ = (expr); !nmStatus_.ok())                              \
      return nmStatus_.error();                                                \
  } while (false)

} // namespace nm::support

#endif // NM_SUPPORT_RESULT_H
