//===- Support.h - Errors and small helpers of the driver -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_SUPPORT_H
#define NM_DRIVER_SUPPORT_H

#include "nm/Runtime/Result.h"
#include "nm/Support/Text.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FormatVariadic.h"
#include <chrono>

namespace mlir::nm::driver {

/// The runtime library; `nm::rt` alone would be looked up in mlir::nm.
namespace rt = ::nm::rt;

/// An error whose text is `format` applied to `args` (llvm::formatv).
template <typename... Ts>
llvm::Error makeError(const char *format, Ts &&...args) {
  return llvm::createStringError(
      llvm::formatv(format, std::forward<Ts>(args)...).str());
}

/// Messages of the runtime are one line; a line's end in one is that of a name.
inline llvm::Error toError(const rt::Error &error) {
  return llvm::createStringError(::nm::support::printable(error.message));
}

inline llvm::Error toError(const rt::Status &status) {
  return status ? llvm::Error::success() : toError(status.error());
}

/// " (did you mean 'x'?)" if one of `names` is close to `name`, else "".
std::string didYouMean(llvm::StringRef name,
                       llvm::ArrayRef<llvm::StringRef> names);

/// `name` with control characters as \xNN, as it may stand in a message.
std::string printable(llvm::StringRef name);

/// "'a', 'b' and 'c'".
std::string listNames(llvm::ArrayRef<llvm::StringRef> names);

/// Milliseconds since construction.
class Stopwatch {
public:
  double ms() const {
    return std::chrono::duration<double, std::milli>(Clock::now() - start)
        .count();
  }

private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
};

} // namespace mlir::nm::driver

#endif // NM_DRIVER_SUPPORT_H
