//===- Signals.h - Nothing left behind -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_SIGNALS_H
#define NM_SUPPORT_SIGNALS_H

#include "nm/Support/Result.h"
#include <string>
#include <sys/types.h>

namespace nm::support {

/// While it lives, the file of this path is removed when a signal ends the
/// process (removeTemporariesOnSignal) or exit() is called. The path may name
/// nothing yet.
class TemporaryPath {
public:
  explicit TemporaryPath(const std::string &path);
  ~TemporaryPath();
  TemporaryPath(const TemporaryPath &) = delete;
  TemporaryPath &operator=(const TemporaryPath &) = delete;

private:
  void *slot;
};

/// A new folder below $TMPDIR or /tmp that goes with all files in it when the
/// object does, or when a signal ends the process. For files that another
/// program writes by name.
class TemporaryFolder {
public:
  static Result<TemporaryFolder> create();
  ~TemporaryFolder();
  TemporaryFolder(TemporaryFolder &&other) noexcept;
  TemporaryFolder &operator=(TemporaryFolder &&) = delete;

  std::string file(const std::string &name) const { return path + "/" + name; }

private:
  TemporaryFolder(std::string path, void *slot)
      : path(std::move(path)), slot(slot) {}
  std::string path;
  void *slot;
};

/// While it lives, a signal that ends this process ends the process group of
/// `leader` as well, before folders are removed.
class ChildGroup {
public:
  explicit ChildGroup(pid_t leader);
  ~ChildGroup();
  ChildGroup(const ChildGroup &) = delete;
  ChildGroup &operator=(const ChildGroup &) = delete;

private:
  void *slot;
};

/// For tools, once, at their start: SIGINT, SIGTERM, SIGHUP, SIGQUIT and
/// SIGXCPU remove what is registered above, then do what they did before.
/// Signals that the process was told to ignore (nohup) stay ignored.
void removeTemporariesOnSignal();

} // namespace nm::support

#endif // NM_SUPPORT_SIGNALS_H
