//===- Threads.cpp - how many threads the runtime uses --------------------===//

#include "Threads.h"
#include <algorithm>
#include <omp.h>

namespace nm::rt {

/// What OpenMP would have used before anybody asked for something else.
static int defaultThreads() {
  static const int count = omp_get_max_threads();
  return count;
}

int numThreads() { return omp_get_max_threads(); }

void setNumThreads(int count) {
  int usual = defaultThreads();
  omp_set_num_threads(count > 0 ? count : usual);
}

int threadsFor(int64_t tasks, int64_t bytes) {
  constexpr int64_t worthwhile = 256 << 10;
  if (bytes < worthwhile || tasks < 2)
    return 1;
  return static_cast<int>(std::min<int64_t>(tasks, numThreads()));
}

} // namespace nm::rt
