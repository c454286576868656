//===- Manual.cpp - What --help prints -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Spelling.h"
#include <sstream>

namespace nm::support {

const std::vector<std::string> &toolNames() {
  static const std::vector<std::string> names = {
      "nm-compile",   "nm-explore",       "nm-inspect", "nm-lsp-server",
      "nm-opt",       "nm-pifo",          "nm-run",     "nm-sim",
      "nm-translate", "nm-recipe-kernels"};
  return names;
}

namespace {

constexpr size_t kWidth = 80, kIndent = 30;

/// Words in lines of at most kWidth, each after the first indented.
std::string wrapped(const std::string &text, size_t indent) {
  std::istringstream words(text);
  std::string result;
  size_t column = indent;
  for (std::string word; words >> word;) {
    if (column != indent && column + 1 + word.size() > kWidth) {
      result += "\n" + std::string(indent, ' ');
      column = indent;
    }
    if (column != indent)
      result += " ", ++column;
    result += word;
    column += word.size();
  }
  return result + "\n";
}

std::string row(const std::string &left, const std::string &help) {
  std::string line = "  " + left;
  if (help.empty())
    return line + "\n";
  if (line.size() + 2 > kIndent)
    line += "\n" + std::string(kIndent, ' ');
  else
    line.resize(kIndent, ' ');
  return line + wrapped(help, kIndent);
}

std::string spelling(const Manual::Entry &entry) {
  return spelling(
      entry, [](const std::string &name) { return name; },
      [](const std::string &value) { return "<" + value + ">"; });
}

std::string rows(const std::vector<Manual::Entry> &entries) {
  std::string text;
  for (const Manual::Entry &entry : entries) {
    text += row(spelling(entry), entry.help);
    for (const Manual::Word &word : entry.words)
      text += row("  " + word.word, word.help);
  }
  return text;
}

} // namespace

std::string formatHelp(const Manual &manual) {
  std::string text = wrapped(manual.tool + ": " + manual.about, 0);
  auto part = [&](const std::string &title, const std::string &content) {
    if (!content.empty())
      text += "\n" + (title.empty() ? "" : title + ":\n") + content;
  };
  std::string examples;
  for (const std::string &example : manual.examples)
    examples += "  " + example + "\n";
  part("", examples);
  for (const std::string &paragraph : manual.paragraphs)
    part("", wrapped(paragraph, 0));
  part("", rows(manual.files));
  std::string commands;
  for (const Manual &command : manual.commands)
    commands += row(command.tool.substr(command.tool.rfind(' ') + 1),
                    command.about + "; " + command.tool + " --help");
  part("Commands, which stand first and have options of their own", commands);
  for (const Manual::Group &group : manual.groups)
    part(group.title, rows(group.entries));
  return text;
}

} // namespace nm::support
