//===- nm-explore.cpp - Sweep the cost model -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/MappingProgram.h"
#include "nm/Explore/Accelergy.h"
#include "nm/Model/Explore.h"
#include "nm/Support/StandardStreams.h"

int main(int argc, char **argv) {
  nm::support::startTool();
  nm::explore::AccelergyCommand accelergy;
  return nm::support::finishTool(nm::model::exploreMain(
      argc, argv, nm::driver::mapTools(),
      {{&accelergy.line(), [&] { return accelergy.run(); }}}));
}
