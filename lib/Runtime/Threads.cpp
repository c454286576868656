//===- Threads.cpp - how many threads the runtime uses --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Threads.h"
#include "Support.h"
#include "nm/Runtime/Threads.h"
#include <algorithm>
#include <cstdlib>
#include <omp.h>
#include <unistd.h>

namespace nm::rt {

int maxThreads() {
  // More than one a processor helps nobody; a hundred times as many is a slip
  // of the pen, and OpenMP ends the process when the system refuses a thread.
  // Not by OpenMP, which would read its environment.
  static const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  return static_cast<int>(std::max(256L, 4 * processors));
}

Status checkThreadCount(std::string_view what, int64_t count) {
  if (count >= 1 && count <= maxThreads())
    return {};
  return makeError(Errc::Argument, what, " is ", count,
                   ", expected a number from 1 to ", maxThreads());
}

Status checkThreadEnvironment() {
  const char *name = "OMP_NUM_THREADS";
  const char *value = std::getenv(name);
  if (!value)
    return {};
  auto fail = [&] {
    return makeError(Errc::Argument, "the environment variable ", name, " is ",
                     quote(value), ", expected a number from 1 to ",
                     maxThreads(), "; unset it to use all processors");
  };
  // A list has one number for each level of nested regions.
  std::string_view rest = value;
  while (true) {
    size_t end = std::min(rest.find(','), rest.size());
    std::string_view text = rest.substr(0, end);
    while (!text.empty() && text.front() == ' ')
      text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ')
      text.remove_suffix(1);
    if (text.empty() || text.size() > 9)
      return fail();
    int64_t count = 0;
    for (char c : text) {
      if (c < '0' || c > '9')
        return fail();
      count = count * 10 + (c - '0');
    }
    if (count < 1 || count > maxThreads())
      return fail();
    if (end == rest.size())
      return {};
    rest.remove_prefix(end + 1);
  }
}

/// Called before the first use of OpenMP, which ends the process for some
/// values of its environment. Entry points that can fail say what is wrong with
/// it; to the others it is not set.
static void prepareOpenMP() {
  static const bool once = [] {
    if (!checkThreadEnvironment())
      unsetenv("OMP_NUM_THREADS");
    return true;
  }();
  (void)once;
}

/// What OpenMP would have used before anybody asked for something else.
static int defaultThreads() {
  static const int count = std::min(omp_get_max_threads(), maxThreads());
  return count;
}

int numThreads() {
  prepareOpenMP();
  return std::min(omp_get_max_threads(), maxThreads());
}

void setNumThreads(int count) {
  prepareOpenMP();
  int usual = defaultThreads();
  omp_set_num_threads(count > 0 ? std::min(count, maxThreads()) : usual);
}

int threadsFor(int64_t tasks, int64_t bytes) {
  constexpr int64_t worthwhile = 256 << 10;
  prepareOpenMP();
  if (bytes < worthwhile || tasks < 2)
    return 1;
  return static_cast<int>(std::min<int64_t>(tasks, numThreads()));
}

} // namespace nm::rt
