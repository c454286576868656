//===- Options.cpp - The grammar of all command lines -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OptionTable.h"
#include "nm/Support/Numbers.h"
#include "nm/Support/ResponseFile.h"
#include "nm/Support/Text.h"
#include "nm/Version.h"
#include <cstdio>

namespace nm::support {

CommandLine::CommandLine(std::string tool, std::string about,
                         std::string detail)
    : tool(std::move(tool)), about(std::move(about)), detail(std::move(detail)),
      groups({"Options"}) {}
CommandLine::~CommandLine() = default;

void CommandLine::example(std::string command) {
  examples.push_back(std::move(command));
}

void CommandLine::paragraph(std::string text) {
  paragraphs.push_back(std::move(text));
}

void CommandLine::command(CommandLine &line) { commands.push_back(&line); }

void CommandLine::group(std::string title) {
  groups.push_back(std::move(title));
}

CommandLine::Option &CommandLine::add(std::string name, std::string value,
                                      std::string help) {
  Option option;
  option.name = std::move(name);
  option.value = std::move(value);
  option.help = std::move(help);
  option.group = groups.size() - 1;
  options.push_back(std::move(option));
  return options.back();
}

void CommandLine::flag(std::string name, bool &target, std::string help) {
  Option &option = add(std::move(name), "", std::move(help));
  option.isFlag = true;
  option.set = [&target](const std::string &) {
    target = true;
    return Status();
  };
}

void CommandLine::text(std::string name, std::string &target, std::string value,
                       std::string help) {
  Option &option = add(std::move(name), std::move(value), std::move(help));
  option.defaultText = target;
  option.set = [&target](const std::string &text) {
    target = text;
    return Status();
  };
}

void CommandLine::list(std::string name, std::vector<std::string> &target,
                       std::string value, std::string help) {
  Option &option = add(std::move(name), std::move(value), std::move(help));
  option.isList = true;
  option.set = [&target](const std::string &text) {
    target.push_back(text);
    return Status();
  };
}

void CommandLine::optional(std::string name, bool &given, std::string &target,
                           std::string value, std::string help) {
  Option &option = add(std::move(name), std::move(value), std::move(help));
  option.valueOptional = true;
  option.set = [&given, &target](const std::string &text) {
    given = true;
    target = text;
    return Status();
  };
}

void CommandLine::number(std::string name, int64_t &target, int64_t least,
                         int64_t most, std::string value, std::string help) {
  Option &option = add(std::move(name), std::move(value), std::move(help));
  if (target >= least)
    option.defaultText = std::to_string(target);
  option.set = [&target, least, most](const std::string &text) -> Status {
    int64_t number = 0;
    if (!parseWholeNumber(text, number) || number < least || number > most)
      return makeError(
          Errc::Argument, "expected a whole number from ", least, " to ", most,
          least < 1024 && most >= 1024 ? ", such as 512 or 64K" : "");
    target = number;
    return {};
  };
}

void CommandLine::real(std::string name, double &target, std::string value,
                       std::string help) {
  Option &option = add(std::move(name), std::move(value), std::move(help));
  option.set = [&target](const std::string &text) -> Status {
    double number = 0;
    if (!parseReal(text, number) || !(number >= 0))
      return makeError(Errc::Argument,
                       "expected a number that is not negative, such as 1e-3");
    target = number;
    return {};
  };
}

void CommandLine::parsed(std::string name, std::string value, std::string help,
                         std::function<Status(const std::string &)> parse) {
  add(std::move(name), std::move(value), std::move(help)).set =
      std::move(parse);
}

void CommandLine::addChoice(std::string name, std::string help,
                            std::vector<Choice> choices) {
  Option &option = add(std::move(name), "", std::move(help));
  std::vector<std::string> words;
  for (const Choice &choice : choices) {
    words.push_back(choice.word);
    option.value += (option.value.empty() ? "" : "|") + choice.word;
  }
  if (option.value.size() > 20)
    option.value = "what";
  option.choices = choices;
  option.set = [choices, words](const std::string &text) -> Status {
    for (const Choice &choice : choices)
      if (choice.word == text) {
        choice.set();
        return {};
      }
    std::string near = nearest(text, words);
    return makeError(Errc::Argument, "expected ", alternatives(words),
                     near.empty() ? "" : "; did you mean " + quote(near) + "?");
  };
}

void CommandLine::positional(std::string value, std::string &target,
                             std::string help, std::vector<std::string> words) {
  files.push_back(
      {std::move(value), std::move(help), &target, std::move(words)});
}

CommandLine::Option *CommandLine::find(const std::string &name) {
  for (Option &each : options)
    if (each.name == name ||
        (name.size() == 1 && each.shorthand == name.front()))
      return &each;
  return nullptr;
}

void CommandLine::shorthand(char letter, const std::string &name) {
  if (Option *option = find(name))
    option->shorthand = letter;
}

void CommandLine::suggest(const std::string &name,
                          std::vector<std::string> words) {
  if (Option *option = find(name))
    option->suggestions = std::move(words);
}

void CommandLine::foreign(std::string beginning,
                          std::vector<std::string> &arguments) {
  others.emplace_back(std::move(beginning), &arguments);
}

std::vector<std::string> CommandLine::names() const {
  std::vector<std::string> all;
  for (const Option &option : options)
    all.push_back(option.name);
  return all;
}

bool CommandLine::given(const std::string &name) const {
  for (const std::string &each : order)
    if (each == name)
      return true;
  return false;
}

Status CommandLine::unknown(const std::string &name) const {
  std::vector<std::string> all = names();
  all.insert(all.end(), {"help", "version"});
  std::string near = nearest(name, all);
  return makeError(Errc::Argument, "unknown option ", quote(dashed(name)),
                   near.empty() ? ""
                                : " (did you mean '" + dashed(near) + "'?)",
                   "; ", tool, " --help lists the options");
}

/// Whether the next argument can be a value: files, `-`, negative numbers.
static bool isValue(const char *next) {
  if (!next)
    return false;
  if (next[0] != '-' || next[1] == 0)
    return true;
  return next[1] == '.' || (next[1] >= '0' && next[1] <= '9');
}

Status CommandLine::take(const std::string &argument, const char *next,
                         bool &usedNext) {
  size_t dashes = argument[1] == '-' ? 2 : 1;
  size_t equals = argument.find('=');
  std::string name = argument.substr(
      dashes, equals == std::string::npos ? equals : equals - dashes);
  std::optional<std::string> value;
  if (equals != std::string::npos)
    value = argument.substr(equals + 1);
  Option *option = find(name);
  if (!option) {
    for (auto &[beginning, arguments] : others)
      if (name.rfind(beginning, 0) == 0) {
        arguments->push_back(argument);
        return {};
      }
    return unknown(name);
  }
  std::string shown = dashed(name);
  if (option->isFlag && value)
    return makeError(Errc::Argument, shown, " takes no value, but ",
                     quote(*value), " is given; write ", shown, " alone");
  if (!option->isFlag && !option->valueOptional && !value) {
    if (!isValue(next))
      return makeError(Errc::Argument, shown, " has no value; expected ", shown,
                       "=<", option->value, ">",
                       next ? "; write " + shown + "=" + printable(next) +
                                  " if that is the value"
                            : "");
    value = next;
    usedNext = true;
  }
  if (!option->isFlag && value && value->empty())
    return makeError(Errc::Argument, shown, " has an empty value; expected ",
                     shown, "=<", option->value, ">");
  if (option->first && !option->isList)
    return makeError(Errc::Argument, shown, " is given twice",
                     option->isFlag ? std::string()
                                    : ", as " + quote(*option->first) +
                                          " and " + quote(value.value_or("")),
                     "; drop one of them");
  if (!option->first)
    order.push_back(option->name);
  option->first = value.value_or("");
  if (Status status = option->set(value.value_or("")); !status)
    return makeError(Errc::Argument, shown, " is ", quote(value.value_or("")),
                     "; ", status.error().message);
  return {};
}

Result<CommandLine::Outcome> CommandLine::parse(int argc,
                                                const char *const *argv) {
  auto expanded =
      expandResponseFiles(std::vector<std::string>(argv, argv + argc));
  if (!expanded)
    return expanded.error();
  return parse(*expanded);
}

Result<CommandLine::Outcome> CommandLine::answer(const std::string &question,
                                                 const std::string &form) {
  std::string text;
  if (question == "version" && form.empty())
    text = version();
  else if (question == "help" && form.empty())
    text = help();
  else if (question == "help" && form == "man")
    text = formatManPage(manual(), NM_VERSION, toolNames());
  else if (question == "help" && form == "bash")
    text = formatCompletion(manual());
  else
    return makeError(Errc::Argument, "--", question, " is ", quote(form),
                     question == "help" ? "; expected man or bash, or nothing"
                                        : "; it takes no value");
  std::fwrite(text.data(), 1, text.size(), stdout);
  return Outcome::Done;
}

Result<CommandLine::Outcome>
CommandLine::parse(const std::vector<std::string> &argv) {
  size_t argc = argv.size();
  for (CommandLine *line : commands)
    if (argc > 1 && line->tool == tool + " " + argv[1]) {
      taken = line;
      return line->parse(
          std::vector<std::string>(argv.begin() + 1, argv.end()));
    }
  // Asked for help, nobody wants to be told what is wrong.
  for (size_t i = 1; i < argc && argv[i] != "--"; ++i) {
    std::string argument = argv[i], form;
    if (size_t equals = argument.find('='); equals != std::string::npos) {
      form = argument.substr(equals + 1);
      argument.resize(equals);
    }
    if (argument == "--help" || argument == "-help" || argument == "-h")
      return answer("help", form);
    if (argument == "--version" || argument == "-version")
      return answer("version", form);
  }
  NM_RETURN_IF_ERROR(checkSpelling(argv));
  bool onlyFiles = false;
  for (size_t i = 1; i < argc; ++i) {
    const std::string &argument = argv[i];
    if (!onlyFiles && argument == "--") {
      onlyFiles = true;
    } else if (!onlyFiles && argument.size() > 1 && argument[0] == '-') {
      bool usedNext = false;
      NM_RETURN_IF_ERROR(take(
          argument, i + 1 < argc ? argv[i + 1].c_str() : nullptr, usedNext));
      i += usedNext;
    } else if (filesGiven == files.size()) {
      std::string before = files.empty() ? "" : *files.back().target;
      return makeError(Errc::Argument, quotePath(argument),
                       " is one file too many",
                       before.empty() ? "" : " after " + quotePath(before),
                       "; expected at most ", files.size());
    } else {
      *files[filesGiven++].target = argument;
    }
  }
  return Outcome::Run;
}

std::string CommandLine::version() const {
  return tool + " " + NM_VERSION + (detail.empty() ? "" : " (" + detail + ")") +
         "\n";
}

} // namespace nm::support
