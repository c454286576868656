//===- Manual.h - Help, man page and completion of a tool -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a tool says about itself, once: --help, the man page and the completion
// of bash are three forms of one table.
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_MANUAL_H
#define NM_SUPPORT_MANUAL_H

#include <string>
#include <vector>

namespace nm::support {

struct Manual {
  /// A word that an option takes.
  struct Word {
    std::string word, help;
  };

  /// An option, or a file where it has no names.
  struct Entry {
    /// With their dashes, the long one last: "-o", "--output".
    std::vector<std::string> names;
    /// What stands for the value; empty: it takes none.
    std::string value;
    bool valueOptional = false;
    std::string help;
    std::vector<Word> words;
    /// Words to complete that the help does not list.
    std::vector<std::string> suggestions;
  };

  struct Group {
    std::string title;
    std::vector<Entry> entries;
  };

  /// "nm-run"; of a command "nm-pifo mesh".
  std::string tool;
  /// A sentence without its subject: "compiles a model and runs it".
  std::string about;
  std::vector<std::string> examples, paragraphs;
  std::vector<Entry> files;
  std::vector<Group> groups;
  /// Those whose name follows the tool's, each with a table of its own.
  std::vector<Manual> commands;
};

/// What --help prints, in 80 columns.
std::string formatHelp(const Manual &manual);

/// A page of section 1 for man: groff_man(7), without anything that depends on
/// the day. `others` are the tools that it refers to.
std::string formatManPage(const Manual &manual, const std::string &version,
                          const std::vector<std::string> &others);

/// A script that tells bash how to complete the tool's command line: options,
/// the words that they take, commands; files by bash itself.
std::string formatCompletion(const Manual &manual);

/// The tools of nm, for pages that refer to one another.
const std::vector<std::string> &toolNames();

} // namespace nm::support

#endif // NM_SUPPORT_MANUAL_H
