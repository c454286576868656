//===- FuzzIsa.h - What holds for whatever is read as a program -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_FUZZ_FUZZISA_H
#define NM_FUZZ_FUZZISA_H

#include "nm/Isa/Encoding.h"
#include <cstdlib>

/// An error has a message; what is accepted passes the rules and reads back
/// from each of its spellings.
inline void checkRead(const nm::isa::Result<nm::isa::Program> &program) {
  using namespace nm::isa;
  if (!program.ok()) {
    if (program.error().message.empty())
      std::abort();
    return;
  }
  if (!checkProgram(*program).ok())
    std::abort();
  if (!readBinary(writeBinary(*program), "fuzz").ok() ||
      !readAssembly(writeAssembly(*program), "fuzz").ok() ||
      !readJson(writeJson(*program), "fuzz").ok())
    std::abort();
}

#endif // NM_FUZZ_FUZZISA_H
