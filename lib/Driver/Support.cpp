//===- Support.cpp - Errors and small helpers of the driver -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Support.h"
#include "llvm/ADT/ArrayRef.h"

using namespace llvm;

std::string mlir::nm::driver::didYouMean(StringRef name,
                                         ArrayRef<StringRef> names) {
  // A third of the name may differ: more is a different word.
  unsigned best = std::max<unsigned>(1, name.size() / 3) + 1;
  StringRef nearest;
  for (StringRef candidate : names) {
    unsigned distance = name.edit_distance(candidate, true, best);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest.empty()
             ? ""
             : formatv(" (did you mean '{0}'?)", printable(nearest)).str();
}

std::string mlir::nm::driver::printable(StringRef name) {
  std::string text;
  for (char c : name)
    if (static_cast<unsigned char>(c) < 32 || c == 127)
      text += formatv("\\x{0:x-2}", static_cast<unsigned>(c)).str();
    else
      text += c;
  return text;
}

std::string mlir::nm::driver::listNames(ArrayRef<StringRef> names) {
  std::string text;
  for (auto [i, name] : enumerate(names)) {
    if (i)
      text += i + 1 == names.size() ? " and " : ", ";
    text += "'" + printable(name) + "'";
  }
  return text;
}
