//===- Mesh.h - nm-pifo mesh -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DRIVER_TOOLS_MESH_H
#define NM_LIB_DRIVER_TOOLS_MESH_H

#include "nm/Support/Options.h"
#include "nm/Target/SystemVerilog/Core.h"
#include "nm/Target/SystemVerilog/SystemVerilog.h"
#include "llvm/Support/Error.h"

namespace mlir::nm::driver::tools {

/// `nm-pifo mesh`: configurations of PIFO meshes on the command line.
class MeshCommand {
public:
  MeshCommand();
  /// What the options say.
  llvm::Error run();

  ::nm::support::CommandLine line;

private:
  llvm::Error check();
  llvm::Error write(const std::string &text);
  /// Hardware without a mesh: MeshCore.cpp.
  void addCore();
  llvm::Error checkCore();
  std::string core() const;
  /// A mesh with the ports of the others.
  std::string axis(const ::nm::mesh::Config &config) const;
  bool isCore() const {
    return action == "block" || action == "tree" || action == "hierarchy";
  }

  enum class Part { Verilog, Testbench, Constraints, DataSheet };
  std::string action, mesh, input, output = "-";
  int64_t cycles = 64;
  ::nm::mesh::Core shape;
  Part part = Part::Verilog;
};

} // namespace mlir::nm::driver::tools

#endif // NM_LIB_DRIVER_TOOLS_MESH_H
