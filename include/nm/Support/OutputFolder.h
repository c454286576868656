//===- OutputFolder.h - Folders that a command writes files into -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_OUTPUTFOLDER_H
#define NM_SUPPORT_OUTPUTFOLDER_H

#include "nm/Support/Result.h"
#include <string>

namespace nm::support {

/// Whether files can be written there: a folder that this process may write, or
/// none yet in a folder that it may write. `option` ("--dump-stages-to") stands
/// in the message. `empty`: nothing may be in it, so that nothing is replaced
/// and everything in it afterwards is of one command.
Status checkOutputFolder(const std::string &option, const std::string &path,
                         bool empty);

/// Makes it if it is not there.
Status makeOutputFolder(const std::string &option, const std::string &path);

} // namespace nm::support

#endif // NM_SUPPORT_OUTPUTFOLDER_H
