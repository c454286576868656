//===- nm-lsp-server.cpp - Language server -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Main.h"

int main(int argc, char **argv) {
  return mlir::nm::driver::languageServerMain(argc, argv);
}
