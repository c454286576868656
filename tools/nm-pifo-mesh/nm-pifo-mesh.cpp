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
#include "nm/Support/Options.h"
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
    R"(  nm-pifo-mesh <action> [<mesh.json>] [options]

Actions:
  check     read a mesh configuration and say what is in it
  json      print it in its canonical form
  verilog   print it as SystemVerilog
  area      estimate its area
  run       run its cycle-level model on a trace (--trace)
  hardware  print docs/pifo-hardware.md; takes no configuration

A trace has a header 'now,leaf' and names of fields, then a packet or, with the
leaf '-', a dequeue a line; with the leaf '+' the packet's fields choose its
leaf, with none only time passes. docs/pifo-mesh.md describes configurations.

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

static int run(int argc, char **argv) {
  std::string action, input, output, trace;
  int64_t cycles = 64;
  nm::support::CommandLine line("nm-pifo-mesh",
                                "reads, prints and runs configurations of PIFO "
                                "meshes",
                                kUsage);
  line.positional("action", action, "one of those above");
  line.positional("mesh.json", input, "the configuration");
  line.text("o", output, "file", "the output (default: standard output)");
  line.text("trace", trace, "file", "what run does, as CSV");
  line.number("cycles", cycles, 1, 1000000, "n",
              "clock cycles for each line of the trace");
  auto outcome = line.parse(argc, argv);
  if (!outcome)
    return fail(outcome.error().message);
  if (*outcome == nm::support::CommandLine::Outcome::Done)
    return 0;
  if (action.empty())
    return fail(std::string("no action; ") + kActions);
  if (action != "run" && action != "area" && action != "check" &&
      action != "json" && action != "verilog" && action != "hardware")
    return fail("unknown action " + nm::support::quote(action) + "; " +
                kActions);
  for (const char *name : {"trace", "cycles"})
    if (action != "run" && line.given(name))
      return fail(std::string("--") + name + " has no effect on " + action +
                  "; expected it with run");
  nm::support::CommandFiles files;
  nm::support::Status status;
  for (const std::string &path : {input, trace})
    if (status && !path.empty())
      status = files.reads("the command", path);
  if (status)
    status = files.writes("-o", output.empty() ? "-" : output);
  if (!status)
    return fail(status.error().message);
  if (action == "hardware") {
    if (!input.empty())
      return fail("hardware takes no configuration, but " +
                  nm::support::quote(input) + " is given");
    return write(hardwarePage(), output);
  }
  std::string text;
  if (input.empty())
    return fail("no configuration; expected " + action + " <mesh.json>");
  if (!read(input, text))
    return fail("cannot read " + nm::support::quote(input));
  nm::support::Result<Config> config = parseConfig(text, input);
  if (!config)
    return fail(config.error().message);
  if (action == "run") {
    std::string csv;
    if (trace.empty())
      return fail("no trace; expected --trace <csv>");
    if (!read(trace, csv))
      return fail("cannot read the trace " + nm::support::quote(trace));
    nm::support::Result<std::string> result =
        replay(*config, csv, nm::support::printable(trace),
               static_cast<unsigned>(cycles));
    return result ? write(*result, output) : fail(result.error().message);
  }
  return write(action == "check"  ? summary(*config)
               : action == "area" ? areaReport(*config)
               : action == "json" ? printConfig(*config)
                                  : systemVerilogOfMesh(*config),
               output);
}

int main(int argc, char **argv) {
  nm::support::startTool();
  return nm::support::finishTool(run(argc, argv));
}
