//===- Main.cpp - The tool nm-isa-tables -----------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Part of the build: prints what the description of the instructions says in
// other languages. It links little, so that TableGen waits for little.
//
//===----------------------------------------------------------------------===//

#include "Tables.h"
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>

static int print(const std::string &what, const char *path) {
  std::stringstream content;
  if (path) {
    std::ifstream file(path);
    content << file.rdbuf();
    if (!file) {
      std::cerr << "nm-isa-tables: cannot read '" << path << "'\n";
      return 1;
    }
  }
  std::string result;
  if (what == "dialect-enums" && !path)
    result = nm::isa::dialectEnums();
  else if (what == "dialect-ops" && !path)
    result = nm::isa::dialectOps();
  else if (what == "page" && path)
    result = nm::isa::withTables(content.str());
  else if (what == "schema" && path)
    result = nm::isa::withFields(content.str());
  if (result.empty()) {
    std::cerr << "usage: nm-isa-tables dialect-enums | dialect-ops | page FILE "
                 "| schema FILE\nFILE is docs/attacc-isa.md or "
                 "docs/attacc-program.schema.json, printed as it should be\n";
    return 1;
  }
  std::cout << result << std::flush;
  return std::cout ? 0 : 1;
}

int main(int argc, char **argv) {
  try {
    return print(argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : nullptr);
  } catch (const std::exception &error) {
    std::cerr << "nm-isa-tables: " << error.what() << "\n";
    return 1;
  }
}
