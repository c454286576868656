//===- nm-pifo-mesh.cpp - Mesh configurations on the command line ---------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/PifoMesh/Area.h"
#include "nm/Model/PifoMesh/Atoms.h"
#include "nm/Model/PifoMesh/Config.h"
#include "nm/Model/PifoMesh/Replay.h"
#include "nm/Support/CommandFiles.h"
#include "nm/Support/StandardStreams.h"
#include "nm/Support/Text.h"
#include "nm/Target/SystemVerilog/SystemVerilog.h"
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

using namespace nm::mesh;

static const char kUsage[] =
    R"(usage: nm-pifo-mesh <action> [<mesh.json>] [-o <file>] [--trace <csv>] [--cycles <n>]
actions:
  check     read a mesh configuration and say what is in it
  json      print it in its canonical form
  verilog   print it as SystemVerilog
  area      estimate its area
  run       run its cycle-level model on a trace (--trace)
  hardware  print docs/pifo-hardware.md; takes no configuration
A trace has a header 'now,leaf' and names of fields, then a packet or, with the
leaf '-', a dequeue a line; with the leaf '+' the packet's fields choose its
leaf, with none only time passes. Every line takes <n> clock cycles (default 64).
The output goes to standard output without -o; a file is replaced as a whole.
docs/pifo-mesh.md describes configurations.
)";

static const char kActions[] =
    "expected check, json, verilog, area, run or hardware";

static int fail(const std::string &message) {
  std::fprintf(stderr, "nm-pifo-mesh: error: %s\n", message.c_str());
  return 1;
}

static std::string summary(const Config &config) {
  std::string text = "mesh '" + config.name + "'\n";
  for (const Block &block : config.blocks) {
    text += "  block '" + block.name + "', depth " +
            std::to_string(block.depth) + (block.shaping ? ", shaping" : "") +
            ": {";
    for (const LogicalPifo &pifo : block.pifos)
      text += (&pifo == block.pifos.data() ? "" : ", ") + pifo.name;
    text += "}, " + std::to_string(block.programs.size()) + " programs\n";
    for (const Program &program : block.programs) {
      AtomReport report = classify(block, program);
      text += "    " + program.name + ": ";
      for (const StateAtom &atom : report.stateful) {
        text += std::string(atomName(atom.atom)) + "(";
        for (unsigned state : atom.states)
          text +=
              (state == atom.states[0] ? "" : ", ") + block.states[state].name;
        text += ") ";
      }
      text += report.refusal.empty()
                  ? "+ " + std::to_string(report.stateless) + " stateless\n"
                  : "fits no atoms: " + report.refusal + "\n";
    }
  }
  if (config.classifier)
    text += "  classifier: " + std::to_string(config.leaves.size()) +
            " leaves, " + std::to_string(config.classifier->values.size()) +
            " values\n";
  return text;
}

static bool read(const std::string &path, std::string &text) {
  std::ifstream file(path, std::ios::binary);
  text.assign(std::istreambuf_iterator<char>(file), {});
  return !path.empty() && file && text.size() <= (64u << 20);
}

static int write(const std::string &text, const std::string &path) {
  auto status = nm::support::writeFile(path.empty() ? "-" : path, text);
  return status ? 0 : fail(status.error().message);
}

namespace {
struct Options {
  std::string action, input, output, trace, cycles;
  bool help = false;
};
} // namespace

/// Options are `--name value` or `--name=value`; "" or what is wrong.
static std::string parse(int argc, char **argv, Options &options) {
  const std::pair<const char *, std::string *> known[] = {
      {"-o", &options.output},
      {"--trace", &options.trace},
      {"--cycles", &options.cycles}};
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "-h" || argument == "--help") {
      options.help = true;
      return "";
    }
    if (argument.size() < 2 || argument[0] != '-') {
      std::string &place =
          options.action.empty() ? options.action : options.input;
      if (!place.empty())
        return "more than one configuration: " + nm::support::quote(place) +
               " and " + nm::support::quote(argument);
      place = argument;
      continue;
    }
    size_t equal = argument.find('=');
    std::string name = argument.substr(0, equal);
    std::string *place = nullptr;
    for (auto [option, value] : known)
      if (name == option)
        place = value;
    if (!place)
      return "unknown option " + nm::support::quote(name) +
             "; expected -o, --trace, --cycles or --help";
    if (!place->empty())
      return name + " is given twice";
    if (equal != std::string::npos)
      *place = argument.substr(equal + 1);
    else if (i + 1 < argc)
      *place = argv[++i];
    if (place->empty())
      return name + " has no value; expected " + name + " <" +
             (name == "--cycles" ? "n" : "file") + ">";
  }
  return "";
}

/// Clock cycles a line: 1 to 1000000, or 0.
static unsigned cyclesOf(const std::string &text) {
  unsigned value = 0;
  for (char c : text) {
    if (c < '0' || c > '9' || value > 1000000)
      return 0;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value > 1000000 ? 0 : value;
}

static int run(int argc, char **argv) {
  Options options;
  std::string error = parse(argc, argv, options);
  if (!error.empty())
    return fail(error);
  if (options.help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  const std::string &action = options.action, &input = options.input;
  if (action.empty())
    return fail(std::string("no action; ") + kActions);
  if (action != "run" && action != "area" && action != "check" &&
      action != "json" && action != "verilog" && action != "hardware")
    return fail("unknown action " + nm::support::quote(action) + "; " +
                kActions);
  for (auto [name, value] : {std::pair("--trace", &options.trace),
                             std::pair("--cycles", &options.cycles)})
    if (action != "run" && !value->empty())
      return fail(std::string(name) + " has no effect on " + action +
                  "; expected it with run");
  nm::support::CommandFiles files;
  nm::support::Status status;
  for (const std::string &path : {input, options.trace})
    if (status && !path.empty())
      status = files.reads("the command", path);
  if (status)
    status = files.writes("-o", options.output.empty() ? "-" : options.output);
  if (!status)
    return fail(status.error().message);
  if (action == "hardware") {
    if (!input.empty())
      return fail("hardware takes no configuration, but " +
                  nm::support::quote(input) + " is given");
    return write(hardwarePage(), options.output);
  }
  unsigned cycles = options.cycles.empty() ? 64 : cyclesOf(options.cycles);
  if (cycles == 0)
    return fail("--cycles is " + nm::support::quote(options.cycles) +
                "; expected 1 to 1000000");
  std::string text;
  if (input.empty())
    return fail("no configuration; expected " + action + " <mesh.json>");
  if (!read(input, text))
    return fail("cannot read " + nm::support::quote(input));
  std::optional<Config> config = parseConfig(text, input, error);
  if (!config)
    return fail(error);
  if (action == "run") {
    std::string csv;
    if (options.trace.empty())
      return fail("no trace; expected --trace <csv>");
    if (!read(options.trace, csv))
      return fail("cannot read the trace " + nm::support::quote(options.trace));
    std::optional<std::string> result = replay(*config, csv, cycles, error);
    return result ? write(*result, options.output)
                  : fail(options.trace + ": " + error);
  }
  return write(action == "check"  ? summary(*config)
               : action == "area" ? areaReport(*config)
               : action == "json" ? printConfig(*config)
                                  : systemVerilogOfMesh(*config),
               options.output);
}

int main(int argc, char **argv) {
  nm::support::startTool();
  return nm::support::finishTool(run(argc, argv));
}
