//===- ServerReplies.h - What MLIR's language server says, for nm -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MLIR's language server has no place for a server's name or for descriptions
// of operations, which are not in the program. Its replies are completed on
// their way to standard output.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DRIVER_MAIN_SERVERREPLIES_H
#define NM_LIB_DRIVER_MAIN_SERVERREPLIES_H

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <string>
#include <thread>

namespace mlir::nm::driver {

/// What the reference pages say of an operation, as Markdown: summary, syntax
/// and description, without the tables. Empty for operations of others.
llvm::StringRef describeOperation(llvm::StringRef name);

/// A message of the server as the editor gets it: the reply to `initialize`
/// with our name and version, a hover over an operation of ours with its
/// description behind the name. All others unchanged.
std::string completeReply(llvm::StringRef message);

/// Stands between standard output and what is written to it, from the
/// constructor to `finish`.
class ReplyStream {
public:
  /// The error says what the system refused; `finish` may be called all the
  /// same.
  llvm::Error start();
  /// Gives standard output back. An error if something that was written to it
  /// is lost.
  llvm::Error finish();

private:
  void forward();
  bool writeAll(llvm::StringRef bytes);

  int output = -1, source = -1;
  std::thread thread;
  int writeError = 0;
};

} // namespace mlir::nm::driver

#endif // NM_LIB_DRIVER_MAIN_SERVERREPLIES_H
