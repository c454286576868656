//===- Completion.cpp - What bash completes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Needs nothing of the package bash-completion. Bash splits `--name=value` at
// the `=`, which is a word of its own then.
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Manual.h"

namespace nm::support {

namespace {

/// In single quotes for the shell.
std::string quoted(const std::string &text) {
  std::string result = "'";
  for (char c : text)
    result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

/// The name of a function: nm-pifo mesh is _nm_pifo_mesh.
std::string functionOf(const std::string &tool) {
  std::string name = "_";
  for (char c : tool)
    name += c == '-' || c == ' ' ? '_' : c;
  return name;
}

std::string joined(const std::vector<std::string> &words) {
  std::string text;
  for (const std::string &word : words)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

/// The words that an option takes, those for "--name" alone among them.
std::vector<std::string> wordsOf(const Manual::Entry &entry) {
  std::vector<std::string> words = entry.suggestions;
  for (const Manual::Word &word : entry.words)
    words.push_back(word.word);
  return words;
}

/// Options by what may follow them: words, or anything (a file).
std::string values(const Manual &manual) {
  std::string known, any;
  for (const Manual::Group &group : manual.groups)
    for (const Manual::Entry &entry : group.entries) {
      if (entry.value.empty())
        continue;
      std::string names;
      for (const std::string &name : entry.names)
        names += (names.empty() ? "" : "|") + name;
      std::vector<std::string> words = wordsOf(entry);
      if (!words.empty())
        known += "  " + names + ") " +
                 (entry.valueOptional ? "[[ $_nm_equals ]] && " : "") +
                 "_nm_words " + quoted(joined(words)) + " && return ;;\n";
      else if (!entry.valueOptional)
        any += (any.empty() ? "" : "|") + names;
    }
  std::string text = known;
  if (!any.empty())
    text += "  " + any + ") return ;;\n";
  return text.empty() ? "" : "  case $_nm_previous in\n" + text + "  esac\n";
}

std::string body(const Manual &manual) {
  std::string text = functionOf(manual.tool) + "() {\n";
  text += values(manual);
  std::vector<std::string> names, commands;
  for (const Manual::Group &group : manual.groups)
    for (const Manual::Entry &entry : group.entries)
      names.insert(names.end(), entry.names.begin(), entry.names.end());
  text += "  if [[ $_nm_current == -* ]]; then _nm_words " +
          quoted(joined(names)) + "; return; fi\n";
  for (const Manual &command : manual.commands)
    commands.push_back(command.tool.substr(command.tool.rfind(' ') + 1));
  // Words that the first file may be, such as the actions of a command.
  for (const Manual::Entry &file : manual.files) {
    std::vector<std::string> words = wordsOf(file);
    commands.insert(commands.end(), words.begin(), words.end());
  }
  if (!commands.empty())
    text += "  _nm_words " + quoted(joined(commands)) + "\n";
  return text + "}\n";
}

} // namespace

std::string formatCompletion(const Manual &manual) {
  std::string text =
      "# Completion of " + manual.tool + " for bash, made from its options.\n";
  text += R"(_nm_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$_nm_current")
}
)";
  text += body(manual);
  for (const Manual &command : manual.commands)
    text += body(command);
  std::string start = functionOf(manual.tool) + "_start";
  text += start + R"(() {
  local _nm_current=${COMP_WORDS[COMP_CWORD]}
  local _nm_previous=${COMP_WORDS[COMP_CWORD - 1]} _nm_equals=
  COMPREPLY=()
  if [[ $_nm_current == = ]]; then
    _nm_current= _nm_equals=1
  elif [[ $_nm_previous == = ]]; then
    _nm_previous=${COMP_WORDS[COMP_CWORD - 2]} _nm_equals=1
  fi
)";
  if (!manual.commands.empty()) {
    text += "  if ((COMP_CWORD > 1)); then\n    case ${COMP_WORDS[1]} in\n";
    for (const Manual &command : manual.commands)
      text += "    " + command.tool.substr(command.tool.rfind(' ') + 1) + ") " +
              functionOf(command.tool) + "; return ;;\n";
    text += "    esac\n  fi\n";
  }
  text += "  " + functionOf(manual.tool) + "\n}\n";
  // Where nothing is offered, bash completes files.
  return text + "complete -o bashdefault -o default -F " + start + " " +
         manual.tool + "\n";
}

} // namespace nm::support
