//===- ReadProgram.cpp - Files of accelerator programs -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Dialect/Attacc/IR/AttaccDialect.h"
#include "nm/Driver/Simulate.h"
#include "nm/Driver/Support.h"
#include "nm/Isa/Encoding.h"
#include "nm/Isa/Verify.h"
#include "nm/Support/Progress.h"
#include "nm/Target/Attacc/Attacc.h"

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

bool driver::hasLines(StringRef content) {
  return !isa::isBinary({content.data(), content.size()}) &&
         !content.ltrim().starts_with("{");
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

llvm::Expected<std::optional<isa::Program>>
driver::readProgram(ModuleOp module, StringRef path) {
  SmallVector<attacc::ProgramOp> programs;
  module->walk([&](attacc::ProgramOp op) { programs.push_back(op); });
  if (programs.empty())
    return std::nullopt;
  size_t functions = llvm::range_size(module.getOps<func::FuncOp>());
  if (programs.size() != 1 || functions)
    return makeError("'{0}' holds {1} operations attacc.program and {2} "
                     "functions, expected one program, or functions alone",
                     path, programs.size(), functions);
  FailureOr<isa::Program> program = attacc::exportProgram(programs[0]);
  if (failed(program))
    return makeError("'{0}' holds no program that can be run", path);
  return std::optional(std::move(*program));
}

llvm::Error driver::proveProgram(const isa::Program &program, StringRef path,
                                 bool hasLines, const ProofOptions &options) {
  if (options.skipsProof)
    return llvm::Error::success();
  ::nm::support::Progress progress("proving " + program.name);
  isa::VerifyOptions verify;
  verify.maxSteps = options.maxSteps;
  int64_t blamed = -1, other = -1;
  auto result = isa::verifyProgram(program, verify, &blamed, &other);
  if (result)
    return llvm::Error::success();
  auto lineOf = [&](int64_t index) {
    return hasLines && index >= 0 ? program.code[index].source : -1;
  };
  std::string text = path.str();
  if (lineOf(blamed) >= 0)
    text += ":" + std::to_string(lineOf(blamed));
  text += ": " + result.error().message;
  if (lineOf(other) >= 0)
    text += "; the other access is in line " + std::to_string(lineOf(other));
  return makeError("{0}", text);
}
