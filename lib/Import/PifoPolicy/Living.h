//===- Living.h - Policies that take each other's place -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_PIFOPOLICY_LIVING_H
#define NM_LIB_IMPORT_PIFOPOLICY_LIVING_H

#include "nm/Import/PifoPolicy.h"

namespace nm::policy {

/// A classification of packets: policies with the same classes and conditions
/// share a number, from 0 in the order in which they come.
struct Classifications {
  /// Of each policy.
  std::vector<uint64_t> numbers;
  /// How many there are.
  uint64_t count = 0;
  /// Where there are several, the field of a packet that holds the number.
  std::string field;
};

/// Gives all programs the classes of all of them (docs/rationale/Pifo.md,
/// Classes that come and go) and the fields of all of them. They stand in
/// the order of each. One that a policy does not have is `elsewhere` in it,
/// with the numbers that it had last, or has first. `names` are those of the
/// policies, for errors.
support::Result<Classifications>
uniteClasses(std::vector<Program> &programs,
             const std::vector<std::string> &names);

} // namespace nm::policy

#endif // NM_LIB_IMPORT_PIFOPOLICY_LIVING_H
