//===- Progress.cpp - A line of progress on a terminal ---------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Progress.h"
#include <chrono>
#include <cstdio>
#include <unistd.h>

namespace nm::support {

static int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Progress::Progress(const std::string &what, bool wanted)
    : shown(wanted && isatty(STDERR_FILENO)), start(now()) {
  if (!what.empty())
    show(what + " ...");
}

Progress::~Progress() {
  if (shown)
    std::fputs("\r\x1b[2K", stderr);
}

void Progress::show(const std::string &text) {
  if (!shown)
    return;
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
