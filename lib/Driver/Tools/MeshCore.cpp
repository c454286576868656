//===- MeshCore.cpp - Hardware for other designs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Mesh.h"
#include "nm/Driver/Support.h"

using namespace mlir::nm::driver;
using ::nm::mesh::Core;

static const char *const kBlockOnly[] = {"elements", "flows", "pifo-bits"};
static const char *const kTreeOnly[] = {"ways", "levels", "queues"};
static const char *const kBoth[] = {"rank-bits", "metadata-bits"};

void tools::MeshCommand::addCore() {
  line.group("Of block, tree, hierarchy and axis");
  line.choice<Part>(
      "emit", part, "what to print",
      {{"verilog", Part::Verilog, "the modules, in one file"},
       {"testbench", Part::Testbench, "a testbench that checks itself"},
       {"constraints", Part::Constraints, "the clock, as SDC"},
       {"datasheet", Part::DataSheet,
        "ports, fields, timing and memories, as Markdown"}});
  line.number("depth", shape.depth, 2, 64, "n", "hierarchy: levels of queues");
  line.number("elements", shape.elements, 2, 1 << 24, "n",
              "block: elements behind the heads of the flows");
  line.number("flows", shape.flows, 2, 4096, "n", "block: flows");
  line.number("pifo-bits", shape.pifoBits, 1, 16, "n",
              "block: bits of the number of a logical PIFO");
  line.number("ways", shape.ways, 2, 16, "n",
              "tree, hierarchy: places of a node, a power of two");
  line.number("levels", shape.levels, 1, 24, "n",
              "tree: levels; hierarchy: of a queue's tree (default: 4)");
  line.number("queues", shape.queues, 1, 65536, "n",
              "tree, hierarchy: queues that share it (hierarchy: 128)");
  line.number("rank-bits", shape.rankBits, 2, 64, "n", "bits of a rank");
  line.number("metadata-bits", shape.metadataBits, 1, 1024, "n",
              "bits that come and leave with an element");
  line.number("clock", shape.clock, 1, 100000, "MHz",
              "what constraints ask for and the data sheet counts with");
}

/// Options against the action, and the sizes of a tree.
llvm::Error tools::MeshCommand::checkCore() {
  shape.kind = action == "tree"        ? Core::Tree
               : action == "hierarchy" ? Core::Hierarchy
                                       : Core::Block;
  if (shape.kind == Core::Hierarchy && !line.given("levels"))
    shape.levels = 4;
  if (shape.kind == Core::Hierarchy && !line.given("queues"))
    shape.queues = 128;
  auto refuse = [&](const char *name, const char *expected) {
    return makeError("--{0} has no effect on {1}; expected it with {2}", name,
                     action, expected);
  };
  for (const char *name : kBlockOnly)
    if (line.given(name) && action != "block")
      return refuse(name, "block");
  for (const char *name : kTreeOnly)
    if (line.given(name) && action != "tree" && action != "hierarchy")
      return refuse(name, "tree or hierarchy");
  if (line.given("depth") && action != "hierarchy")
    return refuse("depth", "hierarchy");
  for (const char *name : kBoth)
    if (line.given(name) && !isCore())
      return refuse(name, "block, tree or hierarchy");
  bool hasParts = isCore() || action == "axis";
  if (line.given("emit") && !hasParts)
    return refuse("emit", "block, tree, hierarchy or axis");
  if (line.given("clock") &&
      (!hasParts || part == Part::Verilog || part == Part::Testbench))
    return refuse("clock", "--emit=constraints or --emit=datasheet");
  std::string refusal = isCore() ? ::nm::mesh::refusal(shape) : "";
  return refusal.empty() ? llvm::Error::success() : makeError("{0}", refusal);
}

std::string tools::MeshCommand::axis(const ::nm::mesh::Config &config) const {
  switch (part) {
  case Part::Verilog:
    return systemVerilogOfMeshAxis(config);
  case Part::Testbench:
    return testbenchOfMeshAxis(config);
  case Part::Constraints:
    return constraintsOfMeshAxis(config, shape.clock);
  case Part::DataSheet:
    return dataSheetOfMeshAxis(config, shape.clock);
  }
  return "";
}

std::string tools::MeshCommand::core() const {
  switch (part) {
  case Part::Verilog:
    return systemVerilogOf(shape);
  case Part::Testbench:
    return testbenchOf(shape);
  case Part::Constraints:
    return constraintsOf(shape);
  case Part::DataSheet:
    return dataSheetOf(shape);
  }
  return "";
}
