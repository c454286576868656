//===- CommandFiles.h - The files of one command -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A command says what it will read and write before it does any work; an output
// that is an input, or where another output goes, is refused. What it writes
// appears when all of it is written: a full disk or a mistake leaves the names
// as they were. (Renaming several files is not one step for the system: if it
// fails between two, the message says which one is missing.)
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_COMMANDFILES_H
#define NM_SUPPORT_COMMANDFILES_H

#include "nm/Support/OutputFile.h"
#include <vector>

namespace nm::support {

class CommandFiles {
public:
  CommandFiles();
  ~CommandFiles();
  CommandFiles(CommandFiles &&) noexcept;
  CommandFiles &operator=(CommandFiles &&) noexcept;

  /// `what` reads the path: an option ("--params") or other words for a message
  /// ("the model"). Of a folder every file in it is read; of the index of a
  /// checkpoint in parts (`*.index.json`), every safetensors file beside it.
  /// Fails if an output is known that is the same file.
  Status reads(const std::string &what, const std::string &path);

  /// `what` writes the path. Fails if nothing can be written there, or if it is
  /// the same file as an input or another output: by device and inode where it
  /// is there, by its path without links and dots where it is not. Character
  /// devices may be named as often as one likes.
  Status writes(const std::string &what, const std::string &path);

  /// Whether an output goes to standard output, by whatever name: then nothing
  /// else may.
  bool writesStandardOutput() const;

  /// The file of an output; it appears with commit().
  Result<OutputFile *> open(const std::string &path,
                            OutputOptions options = {});
  Status write(const std::string &path, std::string_view content,
               OutputOptions options = {});

  /// Everything that was opened is written and takes its name, or nothing does.
  Status commit();

private:
  struct NamedFile;
  Status add(NamedFile file);
  std::vector<NamedFile> named;
  std::vector<std::unique_ptr<OutputFile>> files;
};

} // namespace nm::support

#endif // NM_SUPPORT_COMMANDFILES_H
