//===- StandardStreams.h - Start and end of a tool -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_STANDARDSTREAMS_H
#define NM_SUPPORT_STANDARDSTREAMS_H

#include "nm/Support/Result.h"

namespace nm::support {

/// For main, first: standard streams that are closed cannot become a file that
/// is opened later; a reader that goes away and a limit on the size of files
/// are errors of writing and do not end the process without a word; signals
/// leave nothing behind (nm/Support/Signals.h).
void startTool();

/// Flushes standard output of <cstdio> and <iostream>; fails if anything that
/// was printed was lost.
Status flushStandardOutput();

/// For main, last: the exit code, 1 with a message if standard output was lost.
int finishTool(int code);

} // namespace nm::support

#endif // NM_SUPPORT_STANDARDSTREAMS_H
