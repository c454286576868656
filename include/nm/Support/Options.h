//===- Options.h - The grammar of all command lines -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   --name=value   --name value   --flag   -o file   file   -- file
//
// The same words mean the same in every tool:
//
//   --input    what a run takes in
//   --output   where the tool's product goes, -o for short
//   --json     the report, for programs
//   --html     the report, as a page
//   --svg      the report, as a picture
//   --trace    what happened when, for ui.perfetto.dev
//
// A tool may have commands (`nm-pifo mesh`), each with options of its own. What
// was spelled otherwise once is an error that says how it is spelled now.
//
// One dash serves as well as two. A value that begins with a dash is joined by
// `=`, but for `-` and negative numbers. After `--` everything is a file. An
// option that is given twice is an error unless it is a list. Names and words
// are matched exactly; what is near is offered in the message.
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_OPTIONS_H
#define NM_SUPPORT_OPTIONS_H

#include "nm/Support/Manual.h"
#include "nm/Support/Result.h"
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace nm::support {

/// A word that an option takes.
template <typename T> struct Word {
  std::string word;
  T value;
  std::string help;
};

class CommandLine {
  struct Choice {
    std::string word, help;
    bool isDefault;
    std::function<void()> set;
  };

public:
  /// `about` is a sentence without its subject; `detail` follows the version
  /// ("LLVM 22.1.0").
  CommandLine(std::string tool, std::string about, std::string detail = "");
  ~CommandLine();
  CommandLine(const CommandLine &) = delete;
  CommandLine &operator=(const CommandLine &) = delete;

  /// A command line that shows what the tool is for.
  void example(std::string command);
  /// What the table of options cannot say.
  void paragraph(std::string text);

  /// `line` takes over if its name, the last word of its tool, stands first.
  /// It outlives this one.
  void command(CommandLine &line);
  /// The command that took over; null if none did.
  const CommandLine *chosen() const { return taken; }

  /// Options that follow stand under this title in the help.
  void group(std::string title);

  /// Targets keep what they hold if the option is not given; the help shows it
  /// as the default where that says something. `value` is what stands for the
  /// value in the help.
  void flag(std::string name, bool &target, std::string help);
  void text(std::string name, std::string &target, std::string value,
            std::string help);
  /// May be given several times.
  void list(std::string name, std::vector<std::string> &target,
            std::string value, std::string help);
  /// Alone or with a value joined by `=`; `target` stays as it is if alone.
  void optional(std::string name, bool &given, std::string &target,
                std::string value, std::string help);
  /// A whole number from `least` to `most`, with K, M or G for powers of 1024.
  void number(std::string name, int64_t &target, int64_t least, int64_t most,
              std::string value, std::string help);
  /// A number that is not negative.
  void real(std::string name, double &target, std::string value,
            std::string help);
  /// One of the words; the target's default is the one that the help marks.
  template <typename T>
  void choice(std::string name, T &target, std::string help,
              const std::vector<Word<T>> &words) {
    std::vector<Choice> choices;
    for (const Word<T> &word : words)
      choices.push_back({word.word, word.help, word.value == target,
                         [&target, value = word.value] { target = value; }});
    addChoice(std::move(name), std::move(help), std::move(choices));
  }
  /// Anything else: `parse` says what is wrong with a value, without naming the
  /// option.
  void parsed(std::string name, std::string value, std::string help,
              std::function<Status(const std::string &)> parse);

  /// `-letter` is `--name`.
  void shorthand(char letter, const std::string &name);
  /// Words that may be completed where others are taken too.
  void suggest(const std::string &name, std::vector<std::string> words);

  /// Files, in order; `value` is how the help names them, `words` some that a
  /// shell may complete.
  void positional(std::string value, std::string &target, std::string help,
                  std::vector<std::string> words = {});

  /// Options of these beginnings belong to someone else (`--mlir-`); they are
  /// kept as they are, with values joined by `=`.
  void foreign(std::string beginning, std::vector<std::string> &arguments);

  /// `--old` is spelled `--now`.
  void renamed(std::string old, std::string now);

  /// An option that another tool has.
  struct Move {
    std::string option;
    /// "nm-sim tenants".
    std::string tool;
    /// What of it the other tool's command line has: the option as it is, its
    /// value as the first file, or nothing.
    enum Kept { Option, Value, Nothing } kept = Option;
    /// Only with one of these values, if there are any.
    std::vector<std::string> words = {};
    /// Other options that the other tool spells otherwise.
    std::vector<std::pair<std::string, std::string>> renamed = {};
  };
  /// The message shows the command line to write instead.
  void moved(Move move);

  enum class Outcome { Run, Done };
  /// Done: the help or the version was asked for and printed. `@path` among the
  /// arguments stands for those in a file (ResponseFile.h).
  Result<Outcome> parse(int argc, const char *const *argv);

  bool given(const std::string &name) const;
  /// Names of the options that were given, in order.
  const std::vector<std::string> &given() const { return order; }
  /// Names of all options.
  std::vector<std::string> names() const;

  /// What is known about the options, in the forms in which it is shown.
  Manual manual() const;
  std::string help() const { return formatHelp(manual()); }
  std::string version() const;

private:
  Result<Outcome> parse(const std::vector<std::string> &arguments);
  struct Option;
  struct File {
    std::string value, help;
    std::string *target;
    std::vector<std::string> words;
  };
  Option &add(std::string name, std::string value, std::string help);
  void addChoice(std::string name, std::string help,
                 std::vector<Choice> choices);
  Option *find(const std::string &name);
  Result<Outcome> answer(const std::string &question, const std::string &form);
  Status take(const std::string &argument, const char *next, bool &usedNext);
  Status unknown(const std::string &name) const;
  Status checkSpelling(const std::vector<std::string> &arguments) const;
  std::string rewritten(const std::vector<std::string> &arguments,
                        const Move &move) const;

  std::string tool, about, detail;
  std::vector<std::string> examples, paragraphs;
  std::vector<CommandLine *> commands;
  const CommandLine *taken = nullptr;
  std::vector<std::pair<std::string, std::string>> renames;
  std::vector<Move> moves;
  std::vector<std::string> groups;
  std::vector<Option> options;
  std::vector<File> files;
  std::vector<std::pair<std::string, std::vector<std::string> *>> others;
  std::vector<std::string> order;
  size_t filesGiven = 0;
};

} // namespace nm::support

#endif // NM_SUPPORT_OPTIONS_H
