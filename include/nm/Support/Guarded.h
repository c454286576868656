//===- Guarded.h - No exception leaves a library -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_GUARDED_H
#define NM_SUPPORT_GUARDED_H

#include "nm/Support/Result.h"
#include <exception>
#include <new>
#include <stdexcept>

namespace nm::support {

/// Runs `body`, which returns a Status or a Result, and turns what the standard
/// library throws into an Error. Used at every public entry point that
/// allocates by sizes from outside.
template <typename Body> auto guarded(Body &&body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return Error{Errc::Memory, "out of memory"};
  } catch (const std::length_error &) {
    return Error{Errc::Memory, "a size exceeds what can be allocated"};
  } catch (const std::exception &e) {
    return makeError(Errc::Internal, "unexpected exception: ", e.what());
  }
}

} // namespace nm::support

#endif // NM_SUPPORT_GUARDED_H
