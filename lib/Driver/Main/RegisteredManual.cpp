//===- RegisteredManual.cpp - Manuals from LLVM's options -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM keeps the options of nm-opt, nm-translate and nm-lsp-server, and knows
// them all only when it reads the command line. It calls a printer of versions
// then, which is where a manual is written.
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Main.h"
#include "nm/Support/Manual.h"
#include "nm/Version.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/CommandLine.h"
#include <map>

using namespace mlir::nm::driver;
namespace cl = llvm::cl;
namespace support = ::nm::support;

/// As help has it: a line, without a period and without ends that LLVM left.
static std::string plainHelp(llvm::StringRef help) {
  std::string text;
  for (char c : help.trim())
    text += c == '\n' ? ' ' : c;
  while (!text.empty() && (text.back() == '.' || text.back() == ':'))
    text.pop_back();
  return text;
}

static support::Manual::Entry entryOf(llvm::StringRef name, cl::Option &option,
                                      llvm::StringRef help) {
  support::Manual::Entry entry;
  entry.names = {(name.size() == 1 ? "-" : "--") + name.str()};
  entry.help = plainHelp(help);
  // A name that is a value of its option, such as a pass, takes what follows
  // for itself.
  if (!option.hasArgStr()) {
    entry.value = "options";
    entry.valueOptional = true;
  } else if (option.getValueExpectedFlag() != cl::ValueDisallowed) {
    bool isFlag = option.getValueExpectedFlag() == cl::ValueOptional;
    if (!isFlag || !option.ValueStr.empty())
      entry.value = option.ValueStr.empty() ? "value" : option.ValueStr.str();
    entry.valueOptional = isFlag;
  }
  return entry;
}

/// Options in the order of their names, those that `describe` knows in groups
/// of their own.
static void
addOptions(support::Manual &manual,
           const std::function<ManualRow(llvm::StringRef)> &describe) {
  std::map<std::string, support::Manual::Group> groups;
  std::vector<std::pair<std::string, cl::Option *>> options;
  for (auto &entry : cl::getRegisteredOptions())
    options.push_back({entry.first.str(), entry.second});
  llvm::sort(options);
  for (auto [name, option] : options) {
    if (option->getOptionHiddenFlag() != cl::NotHidden)
      continue;
    ManualRow row = describe ? describe(name) : ManualRow();
    support::Manual::Group &group = groups[row.group];
    group.title = row.group.empty() ? "Options" : row.group;
    group.entries.push_back(
        entryOf(name, *option, row.help.empty() ? option->HelpStr : row.help));
  }
  for (auto &[title, group] : groups)
    manual.groups.push_back(std::move(group));
}

char **mlir::nm::driver::answerManual(
    int argc, char **argv, support::Manual manual,
    std::function<ManualRow(llvm::StringRef)> describe) {
  llvm::StringRef asked = argc == 2 ? argv[1] : "";
  if (asked != "--help=man" && asked != "--help=bash")
    return argv;
  cl::SetVersionPrinter(
      [=, isPage = asked == "--help=man"](llvm::raw_ostream &os) mutable {
        addOptions(manual, describe);
        os << (isPage ? support::formatManPage(manual, NM_VERSION,
                                               support::toolNames())
                      : support::formatCompletion(manual));
      });
  static char version[] = "--version";
  static char *arguments[] = {argv[0], version, nullptr};
  return arguments;
}
