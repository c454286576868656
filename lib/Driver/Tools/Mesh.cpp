//===- Mesh.cpp - nm-pifo mesh -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mesh.h"
#include "nm/Driver/Main.h"
#include "nm/Driver/Support.h"
#include "nm/Model/PifoMesh/Area.h"
#include "nm/Model/PifoMesh/Atoms.h"
#include "nm/Model/PifoMesh/Config.h"
#include "nm/Model/PifoMesh/Replay.h"
#include "nm/Support/CommandFiles.h"
#include "nm/Support/Text.h"
#include "nm/Target/SystemVerilog/SystemVerilog.h"
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

using namespace mlir::nm::driver;
using namespace ::nm::mesh;
using ::nm::support::quote;
using ::nm::support::quotePath;

static const std::vector<std::string> kActions = {
    "check",    "json",  "verilog", "area",      "run",
    "hardware", "block", "tree",    "hierarchy", "axis"};

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

static constexpr size_t kMaxBytes = size_t(64) << 20;

static bool read(const std::string &path, std::string &text) {
  std::ifstream file(path, std::ios::binary);
  text.assign(std::istreambuf_iterator<char>(file), {});
  return !path.empty() && file && text.size() <= kMaxBytes;
}

/// Right after read() failed.
static llvm::Error cannotRead(const std::string &path,
                              const std::string &text) {
  int code = errno;
  return makeError("cannot read {0}: {1}", quotePath(path),
                   text.size() > kMaxBytes ? "it has more than 64 MiB"
                                           : std::strerror(code));
}

tools::MeshCommand::MeshCommand()
    : line("nm-pifo mesh",
           "reads, prints and runs configurations of PIFO meshes",
           llvmVersion()) {
  line.example("nm-pifo mesh check mesh.json");
  line.example("nm-pifo mesh verilog mesh.json -o mesh.sv");
  line.example("nm-pifo mesh tree --levels 8 --emit=datasheet");
  line.example("nm-pifo mesh run mesh.json --input packets.csv -o "
               "departures.csv");
  line.paragraph("The actions: check reads a mesh configuration and says what "
                 "is in it; json prints it in its canonical form; verilog "
                 "prints it as SystemVerilog; area estimates its area; run "
                 "runs its cycle-level model on what --input brings; hardware "
                 "prints the first part of docs/pifo-hardware.md; block and "
                 "tree print a PIFO block or tree with AXI-Stream ports, "
                 "hierarchy queues in levels that share a tree, for other "
                 "designs. These four take no configuration. axis prints a "
                 "configuration like those three.");
  line.paragraph("The input has a header 'now,leaf' and names of fields, then "
                 "a packet or, with the leaf '-', a dequeue a line; with the "
                 "leaf '+' the packet's fields choose its leaf, with none only "
                 "time passes. docs/pifo-mesh.md describes configurations.");
  line.positional("action", action, "one of those above", kActions);
  line.positional("mesh.json", mesh, "the configuration");
  line.text("input", input, "file", "what happens in a run, as CSV");
  line.text("output", output, "file",
            "where the result goes; - is standard output");
  line.shorthand('o', "output");
  line.number("cycles", cycles, 1, 1000000, "n",
              "clock cycles for each line of the input");
  line.renamed("trace", "input");
  addCore();
}

/// Options against the action, and files against one another.
llvm::Error tools::MeshCommand::check() {
  std::string expected = "expected " + ::nm::support::alternatives(kActions);
  if (action.empty())
    return makeError("no action; {0}", expected);
  if (!llvm::is_contained(kActions, action))
    return makeError("unknown action {0}; {1}", quote(action), expected);
  for (const char *name : {"input", "cycles"})
    if (action != "run" && line.given(name))
      return makeError("--{0} has no effect on {1}; expected it with run", name,
                       action);
  if (llvm::Error error = checkCore())
    return error;
  ::nm::support::CommandFiles files;
  ::nm::support::Status status;
  for (const std::string &path : {mesh, input})
    if (status && !path.empty())
      status = files.reads("the command", path);
  if (status)
    status = files.writes("--output", output);
  if (!status)
    return toError(status);
  bool alone = action == "hardware" || isCore();
  if (alone && !mesh.empty())
    return makeError("{0} takes no configuration, but {1} is given", action,
                     quote(mesh));
  if (!alone && mesh.empty())
    return makeError("no configuration; expected {0} <mesh.json>", action);
  if (action == "run" && input.empty())
    return makeError("no input; expected --input <csv>");
  return llvm::Error::success();
}

llvm::Error tools::MeshCommand::write(const std::string &text) {
  return toError(::nm::support::writeFile(output, text));
}

llvm::Error tools::MeshCommand::run() {
  if (llvm::Error error = check())
    return error;
  if (action == "hardware")
    return write(hardwarePage());
  if (isCore())
    return write(core());
  std::string text, packets;
  if (!read(mesh, text))
    return cannotRead(mesh, text);
  auto config = parseConfig(text, mesh);
  if (!config)
    return toError(config.error());
  if (action == "axis")
    return write(axis(*config));
  if (action != "run")
    return write(action == "check"  ? summary(*config)
                 : action == "area" ? areaReport(*config)
                 : action == "json" ? printConfig(*config)
                                    : systemVerilogOfMesh(*config));
  if (!read(input, packets))
    return cannotRead(input, packets);
  auto result = replay(*config, packets, ::nm::support::printable(input),
                       static_cast<unsigned>(cycles));
  return result ? write(*result) : toError(result.error());
}
