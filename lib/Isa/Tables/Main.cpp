//===- Main.cpp - The tool nm-isa-tables -----------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Part of the build: prints what the description of the instructions says in
// other languages. It links only what names stationarities.
//
//===----------------------------------------------------------------------===//

#include "Tables.h"
#include <cstring>
#include <iostream>

int main(int argc, char **argv) {
  const char *what = argc == 2 ? argv[1] : "";
  if (!std::strcmp(what, "dialect-enums"))
    std::cout << nm::isa::dialectEnums();
  else if (!std::strcmp(what, "dialect-ops"))
    std::cout << nm::isa::dialectOps();
  else {
    std::cerr << "usage: nm-isa-tables dialect-enums | dialect-ops\n";
    return 1;
  }
  return std::cout.flush() ? 0 : 1;
}
