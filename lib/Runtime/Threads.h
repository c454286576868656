//===- Threads.h - how many threads the runtime uses ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_THREADS_H
#define NM_LIB_RUNTIME_THREADS_H

#include <cstdint>

namespace nm::rt {

/// Threads of the next parallel region.
int numThreads();
void setNumThreads(int count);

/// Threads worth starting for `tasks` tasks over `bytes` bytes: one when there
/// is too little to do.
int threadsFor(int64_t tasks, int64_t bytes);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_THREADS_H
