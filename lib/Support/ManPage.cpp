//===- ManPage.cpp - A tool's page for man -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The macros are those of groff_man(7) that mandoc takes as well.
//
//===----------------------------------------------------------------------===//

#include "Spelling.h"
#include <algorithm>

namespace nm::support {

namespace {

/// Text as troff takes it: no character of it is a command or a hyphen where a
/// minus was meant, which could not be copied from the page.
std::string escaped(const std::string &text) {
  std::string result;
  bool lineBegins = true;
  for (char c : text) {
    if (lineBegins && (c == '.' || c == '\''))
      result += "\\&";
    lineBegins = c == '\n';
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else if (c == '^')
      result += "\\(ha";
    else if (c == '~')
      result += "\\(ti";
    else if (c == '`')
      result += "\\(ga";
    else if (c == '\'')
      result += "\\(aq";
    else
      result += c;
  }
  return result;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(std::toupper(c));
  });
  return text;
}

/// An argument of a macro: blanks in it do not end it.
std::string quoted(const std::string &text) {
  std::string result;
  for (char c : escaped(text))
    result += c == '"' ? std::string("\\(dq") : std::string(1, c);
  return "\"" + result + "\"";
}

std::string bold(const std::string &text) {
  return "\\fB" + escaped(text) + "\\fR";
}

std::string italic(const std::string &text) {
  return "\\fI" + escaped(text) + "\\fR";
}

std::string spelling(const Manual::Entry &entry) {
  return spelling(entry, bold, italic);
}

std::string entries(const std::vector<Manual::Entry> &list) {
  std::string text;
  for (const Manual::Entry &entry : list) {
    text += ".TP\n" + spelling(entry) + "\n";
    text += entry.help.empty() ? "\\&\n" : escaped(entry.help) + "\n";
    if (entry.words.empty())
      continue;
    text += ".RS\n";
    for (const Manual::Word &word : entry.words)
      text += ".TP\n" + bold(word.word) + "\n" +
              (word.help.empty() ? "\\&" : escaped(word.help)) + "\n";
    text += ".RE\n";
  }
  return text;
}

std::string synopsis(const Manual &manual) {
  std::string text = bold(manual.tool);
  for (const Manual::Entry &file : manual.files)
    text += " [" + italic(file.value) + "]";
  text += " [" + italic("options") + "]\n";
  for (const Manual &command : manual.commands)
    text += ".br\n" + synopsis(command);
  return text;
}

std::string options(const Manual &manual) {
  std::string text = entries(manual.files);
  for (const Manual::Group &group : manual.groups)
    if (!group.entries.empty())
      text += ".SS " + quoted(group.title) + "\n" + entries(group.entries);
  return text;
}

std::string examples(const Manual &manual) {
  if (manual.examples.empty())
    return "";
  std::string text = ".PP\n.nf\n";
  for (const std::string &example : manual.examples)
    text += escaped(example) + "\n";
  return text + ".fi\n";
}

} // namespace

std::string formatManPage(const Manual &manual, const std::string &version,
                          const std::vector<std::string> &others) {
  std::string text = ".\\\" Made from the options of " + manual.tool + ".\n";
  text += ".TH " + quoted(upper(manual.tool)) + " 1 \"\" " +
          quoted("nm " + version) + " " + quoted("nm manual") + "\n";
  text += ".SH NAME\n" + escaped(manual.tool) + " \\- " +
          escaped(manual.about) + "\n";
  text += ".SH SYNOPSIS\n" + synopsis(manual);
  text += ".SH DESCRIPTION\n" + bold(manual.tool) + " " +
          escaped(manual.about) + ".\n";
  for (const std::string &paragraph : manual.paragraphs)
    text += ".PP\n" + escaped(paragraph) + "\n";
  text += ".SH OPTIONS\n" + options(manual);
  for (const Manual &command : manual.commands) {
    text += ".SH " + quoted(upper(command.tool)) + "\n" + bold(command.tool) +
            " " + escaped(command.about) + ".\n";
    for (const std::string &paragraph : command.paragraphs)
      text += ".PP\n" + escaped(paragraph) + "\n";
    text += options(command);
  }
  text += ".SH EXIT STATUS\n0 if all that was asked for was done, 1 otherwise; "
          "an error says what was found, what was expected and what to try.\n";
  text += ".SH ENVIRONMENT\n.TP\n" + bold("NO_COLOR") +
          "\nIf it is set and not empty, messages are not coloured.\n";
  std::string all = examples(manual);
  for (const Manual &command : manual.commands)
    all += examples(command);
  if (!all.empty())
    text += ".SH EXAMPLES\n" + all.substr(4); // no .PP after a heading
  text += ".SH SEE ALSO\n";
  std::vector<std::string> also = others;
  also.erase(std::remove(also.begin(), also.end(), manual.tool), also.end());
  for (const std::string &other : also)
    text += ".BR " + escaped(other) + " (1)" +
            (&other == &also.back() ? "\n" : ",\n");
  return text;
}

} // namespace nm::support
