//===- nm-compile.cpp - Compile a model ahead of time -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Main.h"
#include "nm/Driver/Tools.h"

using namespace mlir::nm::driver;

int main(int argc, char **argv) {
  return runTool(argc, argv, [&] { return compileMain(argc, argv); });
}
