//===- Support.cpp - Errors and small helpers of the driver -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Support.h"
#include "nm/Support/Text.h"
#include "llvm/ADT/ArrayRef.h"

using namespace llvm;

std::string mlir::nm::driver::didYouMean(StringRef name,
                                         ArrayRef<StringRef> names) {
  return ::nm::support::didYouMean(name.str(), {names.begin(), names.end()});
}

std::string mlir::nm::driver::printable(StringRef name) {
  return ::nm::support::printable(name.str());
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
