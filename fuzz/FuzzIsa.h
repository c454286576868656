//===- FuzzIsa.h - What holds for whatever is read as a program -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_FUZZ_FUZZISA_H
#define NM_FUZZ_FUZZISA_H

#include "nm/Isa/Encoding.h"
#include "nm/Isa/Verify.h"
#include <cstdlib>

/// An error has a message; what is accepted passes the rules, reads back from
/// each of its spellings as the same program, and is proved or refused with a
/// message.
inline void checkRead(const nm::isa::Result<nm::isa::Program> &program) {
  using namespace nm::isa;
  if (!program.ok()) {
    if (program.error().message.empty() ||
        program.error().code == Errc::Internal)
      std::abort();
    return;
  }
  if (!checkProgram(*program).ok())
    std::abort();
  std::string bytes = writeBinary(*program);
  for (const auto &again : {readBinary(bytes, "fuzz"),
                            readAssembly(writeAssembly(*program), "fuzz"),
                            readJson(writeJson(*program), "fuzz")})
    if (!again.ok() || writeBinary(*again) != bytes)
      std::abort();
  VerifyOptions options;
  options.maxSteps = 1 << 10;
  auto proof = verifyProgram(*program, options);
  if (!proof.ok() &&
      (proof.error().message.empty() || proof.error().code == Errc::Internal))
    std::abort();
}

#endif // NM_FUZZ_FUZZISA_H
