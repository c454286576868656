//===- Progress.cpp - A line of progress on a terminal ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Progress.h"
#include "nm/Support/Numbers.h"
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace nm::support {

static int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// The descriptor that $NM_PROGRESS_FD names, if it can be written to: who runs
/// a tool and reads its standard error itself shows the progress in its way.
static int givenDescriptor() {
  const char *text = std::getenv("NM_PROGRESS_FD");
  if (!text)
    return -1;
  int64_t number = 0;
  if (!parseWholeNumber(text, number) || number < 0 || number > INT_MAX)
    return -1;
  int flags = fcntl(static_cast<int>(number), F_GETFL);
  bool isWritable = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
  return isWritable ? static_cast<int>(number) : -1;
}

Progress::Progress(const std::string &what, bool wanted)
    : descriptor(wanted ? givenDescriptor() : -1),
      shown(wanted && (descriptor >= 0 || isatty(STDERR_FILENO))),
      start(now()) {
  if (!what.empty())
    show(what + " ...");
}

Progress::~Progress() {
  if (shown && descriptor < 0)
    std::fputs("\r\x1b[2K", stderr);
}

void Progress::show(const std::string &text) {
  if (!shown)
    return;
  if (descriptor >= 0) {
    std::string line = text + "\n";
    // Nobody reads it any more: the answer is what counts.
    if (write(descriptor, line.data(), line.size()) < 0)
      shown = false;
    return;
  }
  std::fputs(("\r\x1b[2K" + text).c_str(), stderr);
  std::fflush(stderr);
}

void Progress::show(const std::string &text, double part) {
  if (!shown || !(part > 0))
    return show(text);
  double seconds = static_cast<double>(now() - start) / 1e9;
  char left[64];
  std::snprintf(left, sizeof(left), ", %.0f %%, %.0f s left", part * 100,
                seconds / part - seconds);
  show(text + left);
}

} // namespace nm::support
