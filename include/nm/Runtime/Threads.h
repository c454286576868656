//===- Threads.h - numbers of threads that can be had ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_THREADS_H
#define NM_RUNTIME_THREADS_H

#include "nm/Runtime/Result.h"
#include <cstdint>
#include <string_view>

namespace nm::rt {

/// The most threads that anybody may ask for: 256, or four times the
/// processors.
int maxThreads();

/// Fails when `count` is not from 1 to maxThreads(). `what` names it.
Status checkThreadCount(std::string_view what, int64_t count);

/// Fails when OMP_NUM_THREADS is set to anything but such numbers: OpenMP takes
/// any text, warns at most, and ends the process when it cannot have as many.
Status checkThreadEnvironment();

} // namespace nm::rt

#endif // NM_RUNTIME_THREADS_H
