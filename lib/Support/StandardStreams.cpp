//===- StandardStreams.cpp - Start and end of a tool -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/StandardStreams.h"
#include "Place.h"
#include "nm/Support/Signals.h"
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <unistd.h>

namespace nm::support {

/// A closed stream is given /dev/null the wrong way round, so that it stays as
/// unusable as it was.
static void occupy(int descriptor, int flags) {
  if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF)
    return;
  int fd = ::open("/dev/null", flags);
  if (fd >= 0 && fd != descriptor) {
    ::dup2(fd, descriptor);
    ::close(fd);
  }
}

void startTool() {
  occupy(STDIN_FILENO, O_WRONLY);
  occupy(STDOUT_FILENO, O_RDONLY);
  occupy(STDERR_FILENO, O_RDONLY);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  removeTemporariesOnSignal();
}

Status flushStandardOutput() {
  errno = 0;
  std::cout.flush();
  bool lost = !std::cout || std::fflush(stdout) != 0 || std::ferror(stdout);
  int code = errno;
  if (lost)
    return writeError("-", std::strerror(code ? code : EIO));
  return {};
}

int finishTool(int code) {
  Status status = flushStandardOutput();
  if (status)
    return code;
  std::fprintf(stderr, "error: %s\n", status.error().message.c_str());
  return code ? code : 1;
}

} // namespace nm::support
