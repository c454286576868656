//===- Golden.h - Golden vectors of a run -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A folder with which RTL is checked against the simulator, instruction by
// instruction; docs/simulator.md has its format.
//
//===----------------------------------------------------------------------===//

#ifndef NM_SIMULATOR_GOLDEN_H
#define NM_SIMULATOR_GOLDEN_H

#include "nm/Simulator/Simulator.h"
#include "nm/Support/OutputFile.h"
#include <memory>

namespace nm::sim {

/// Writes the operands of each executed instruction.
class GoldenWriter final : public Observer {
public:
  /// Into a folder that is there and in which nothing of the names is.
  static Result<std::unique_ptr<GoldenWriter>> create(const std::string &folder,
                                                      const Program &program,
                                                      const Device &device);

  Status executed(const Observation &observation) override;
  /// All files take their names, or none does.
  Status commit();

private:
  explicit GoldenWriter(const Program &program) : program(program) {}

  const Program &program;
  std::unique_ptr<support::OutputFile> code, machine, steps, data;
  uint64_t offset = 0; ///< bytes of data
};

} // namespace nm::sim

#endif // NM_SIMULATOR_GOLDEN_H
