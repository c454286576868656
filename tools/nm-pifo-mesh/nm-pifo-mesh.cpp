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
  if (path.empty()) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return std::fflush(stdout) == 0 ? 0 : fail("cannot write the output");
  }
  std::string temporary = path + ".tmp";
  {
    std::ofstream file(temporary, std::ios::binary);
    file << text;
    file.close();
    if (!file || std::rename(temporary.c_str(), path.c_str()) != 0) {
      std::remove(temporary.c_str());
      return fail("cannot write '" + path + "'");
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  std::string action, input, output, trace;
  unsigned cycles = 64;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "-h" || argument == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    if (argument == "-o" && i + 1 < argc)
      output = argv[++i];
    else if (argument == "--trace" && i + 1 < argc)
      trace = argv[++i];
    else if (argument == "--cycles" && i + 1 < argc) {
      cycles = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
      if (cycles < 1 || cycles > 1000000)
        return fail("--cycles is not 1 to 1000000");
    } else if (argument.size() > 1 && argument[0] == '-')
      return fail("unknown option '" + argument + "'; try --help");
    else if (action.empty())
      action = argument;
    else if (input.empty())
      input = argument;
    else
      return fail("more than one configuration; try --help");
  }
  if (action == "hardware" && input.empty())
    return write(hardwarePage(), output);
  if (action != "run" && action != "area" && action != "check" &&
      action != "json" && action != "verilog")
    return fail("expected an action; try --help");
  std::string text;
  if (input.empty())
    return fail("expected a mesh configuration");
  if (!read(input, text))
    return fail("cannot read '" + input + "'");
  std::string error;
  std::optional<Config> config = parseConfig(text, input, error);
  if (!config)
    return fail(error);
  if (action == "run") {
    std::string csv;
    if (!read(trace, csv))
      return fail("cannot read the trace '" + trace + "'; give one by --trace");
    std::optional<std::string> result = replay(*config, csv, cycles, error);
    return result ? write(*result, output) : fail(trace + ": " + error);
  }
  return write(action == "check"  ? summary(*config)
               : action == "area" ? areaReport(*config)
               : action == "json" ? printConfig(*config)
                                  : systemVerilogOfMesh(*config),
               output);
}
