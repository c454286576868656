//===- Progress.h - A line of progress on a terminal -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DRIVER_PROGRESS_H
#define NM_DRIVER_PROGRESS_H

#include "llvm/Support/raw_ostream.h"
#include <string>

namespace mlir::nm::driver {

/// Shows what is being done while the object lives, if standard error is a
/// terminal; writes nothing otherwise.
class Progress {
public:
  explicit Progress(const std::string &what)
      : shown(llvm::errs().is_displayed()) {
    if (shown)
      llvm::errs() << what << " ..." << '\r';
  }
  ~Progress() {
    // Erase the line: what follows is the answer.
    if (shown)
      llvm::errs() << "\x1b[2K\r";
  }
  Progress(const Progress &) = delete;

private:
  bool shown;
};

} // namespace mlir::nm::driver

#endif // NM_DRIVER_PROGRESS_H
