//===- Progress.h - A line of progress on a terminal -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_PROGRESS_H
#define NM_SUPPORT_PROGRESS_H

#include <cstdint>
#include <string>

namespace nm::support {

/// Shows what is being done while the object lives, if `wanted` and standard
/// error is a terminal; writes nothing otherwise. With the number of an open
/// descriptor in $NM_PROGRESS_FD it writes there, a text a line. One thread at
/// a time.
class Progress {
public:
  explicit Progress(const std::string &what, bool wanted = true);
  /// Erases the line: what follows is the answer.
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  bool isShown() const { return shown; }
  /// Puts `text` in the line's place.
  void show(const std::string &text);
  /// The same with the time that is left if the rest takes as long as the part
  /// from 0 to 1 that is done, since the object was made.
  void show(const std::string &text, double part);

private:
  int descriptor; ///< -1: the terminal
  bool shown;
  int64_t start; ///< in nanoseconds
};

} // namespace nm::support

#endif // NM_SUPPORT_PROGRESS_H
