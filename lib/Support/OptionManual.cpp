//===- OptionManual.cpp - Options as a manual, and how they were spelled --===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OptionTable.h"
#include "nm/Support/Text.h"
#include <algorithm>

namespace nm::support {

Manual CommandLine::manual() const {
  Manual manual;
  manual.tool = tool;
  manual.about = about;
  manual.examples = examples;
  manual.paragraphs = paragraphs;
  for (const File &file : files) {
    Manual::Entry entry;
    entry.value = file.value;
    entry.help = file.help;
    entry.suggestions = file.words;
    manual.files.push_back(std::move(entry));
  }
  for (const CommandLine *line : commands)
    manual.commands.push_back(line->manual());
  for (const std::string &title : groups)
    manual.groups.push_back({title, {}});
  for (const Option &option : options) {
    Manual::Entry entry;
    if (option.shorthand)
      entry.names.push_back(std::string("-") + option.shorthand);
    entry.names.push_back(dashed(option.name));
    if (!option.isFlag)
      entry.value = option.value;
    entry.valueOptional = option.valueOptional;
    entry.help = option.help;
    if (option.isList)
      entry.help += "; may be repeated";
    if (!option.defaultText.empty())
      entry.help += " (default: " + option.defaultText + ")";
    for (const Choice &choice : option.choices)
      entry.words.push_back(
          {choice.word, choice.help + (choice.isDefault ? " (default)" : "")});
    entry.suggestions = option.suggestions;
    manual.groups[option.group].entries.push_back(std::move(entry));
  }
  Manual::Entry help;
  help.names = {"--help"};
  help.value = "man|bash";
  help.valueOptional = true;
  help.help = "print this, or the same as a page for man or as a script that "
              "completes in bash";
  help.suggestions = {"man", "bash"};
  Manual::Entry version, end;
  version.names = {"--version"};
  version.help = "print the version";
  end.names = {"--"};
  end.help = "what follows are files";
  manual.groups.push_back({"General", {help, version, end}});
  return manual;
}

void CommandLine::renamed(std::string old, std::string now) {
  renames.emplace_back(std::move(old), std::move(now));
}

void CommandLine::moved(Move move) { moves.push_back(std::move(move)); }

namespace {

/// An argument in its parts: "--name=value".
struct Written {
  std::string name;
  std::optional<std::string> value;
  bool isOption = false;

  explicit Written(const std::string &argument) {
    isOption = argument.size() > 1 && argument[0] == '-' && argument != "--";
    if (!isOption)
      return;
    size_t dashes = argument[1] == '-' ? 2 : 1, equals = argument.find('=');
    name = argument.substr(
        dashes, equals == std::string::npos ? equals : equals - dashes);
    if (equals != std::string::npos)
      value = argument.substr(equals + 1);
  }
};

/// As a shell takes it.
std::string shellWord(const std::string &word) {
  const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                      "0123456789_@%+=:,./-";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos)
    return word;
  return "'" + printable(word) + "'";
}

/// The value that belongs to arguments[i]: joined by '=', or the next one.
std::string valueAt(const std::vector<std::string> &arguments, size_t i) {
  Written written(arguments[i]);
  if (written.value)
    return *written.value;
  bool isNext = i + 1 < arguments.size() && !Written(arguments[i + 1]).isOption;
  return isNext ? arguments[i + 1] : "";
}

} // namespace

std::string CommandLine::rewritten(const std::vector<std::string> &arguments,
                                   const Move &move) const {
  auto all = renames;
  all.insert(all.end(), move.renamed.begin(), move.renamed.end());
  std::string file, rest;
  for (size_t i = 1; i < arguments.size(); ++i) {
    Written written(arguments[i]);
    if (!written.isOption) {
      rest += " " + shellWord(arguments[i]);
      continue;
    }
    auto same = std::find_if(moves.begin(), moves.end(), [&](const Move &each) {
      return each.option == written.name && each.tool == move.tool;
    });
    Move::Kept kept = same == moves.end() ? Move::Option : same->kept;
    if (kept == Move::Nothing)
      continue;
    if (kept == Move::Value) {
      file = " " + shellWord(valueAt(arguments, i));
      i += !written.value;
      continue;
    }
    for (const auto &[old, now] : all)
      if (old == written.name) {
        written.name = now;
        break;
      }
    rest += " " + shellWord(dashed(written.name) +
                            (written.value ? "=" + *written.value : ""));
  }
  return move.tool + file + rest;
}

Status
CommandLine::checkSpelling(const std::vector<std::string> &arguments) const {
  for (size_t i = 1; i < arguments.size() && arguments[i] != "--"; ++i) {
    Written written(arguments[i]);
    if (!written.isOption)
      continue;
    for (const Move &move : moves) {
      if (move.option != written.name)
        continue;
      std::string value = valueAt(arguments, i);
      bool isWord = std::find(move.words.begin(), move.words.end(), value) !=
                    move.words.end();
      if (!move.words.empty() && !isWord)
        continue;
      return makeError(Errc::Argument, dashed(written.name),
                       isWord ? "=" + value : "", " is for ", move.tool,
                       "; write: ", rewritten(arguments, move));
    }
  }
  for (size_t i = 1; i < arguments.size() && arguments[i] != "--"; ++i)
    for (const auto &[old, now] : renames)
      if (Written(arguments[i]).isOption && Written(arguments[i]).name == old)
        return makeError(Errc::Argument, dashed(old), " is spelled ",
                         dashed(now), " now");
  return {};
}

} // namespace nm::support
