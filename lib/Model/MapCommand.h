//===- MapCommand.h - nm-explore map -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_MODEL_MAPCOMMAND_H
#define NM_LIB_MODEL_MAPCOMMAND_H

#include "nm/Model/Mapping.h"
#include "nm/Support/Options.h"
#include <memory>

namespace nm::model {

/// The mappings of one attention: the best, the given one, why and why not.
class MapCommand {
public:
  MapCommand();
  ~MapCommand();

  support::CommandLine &line();
  /// What the command line, once it is parsed, asks for; the exit code.
  int run(const MapTools &tools);

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace nm::model

#endif // NM_LIB_MODEL_MAPCOMMAND_H
