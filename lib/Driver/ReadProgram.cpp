//===- ReadProgram.cpp - Files of accelerator programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Simulate.h"
#include "nm/Driver/Support.h"
#include "nm/Isa/Encoding.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace isa = ::nm::isa;

bool driver::isProgramFile(StringRef content) {
  if (isa::isBinary({content.data(), content.size()}))
    return true;
  StringRef text = content.ltrim();
  // Comments of assembly.
  while (text.starts_with(";"))
    text = text.drop_until([](char c) { return c == '\n'; }).ltrim();
  return text.starts_with("{") || text.starts_with("program ");
}

llvm::Expected<isa::Program> driver::readProgram(StringRef content,
                                                 StringRef path) {
  std::string_view bytes(content.data(), content.size());
  std::string where = path.str();
  auto program = isa::isBinary(bytes) ? isa::readBinary(bytes, where)
                 : content.ltrim().starts_with("{")
                     ? isa::readJson(bytes, where)
                     : isa::readAssembly(bytes, where);
  if (!program)
    return toError(program.error());
  return std::move(*program);
}
