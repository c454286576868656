//===- Options.cpp - Parsing of option values -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Options.h"
#include "nm/Driver/Support.h"
#include "nm/Import/Onnx.h"
#include "nm/Runtime/Quantize.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

llvm::Expected<Binding> driver::parseBinding(StringRef option, StringRef text) {
  auto [name, path] = text.split('=');
  bool named = text.contains('=') && !name.contains('/');
  if (!named)
    path = text;
  if (option == "bind" && !named)
    return makeError("option '--bind' has no key for '{0}'; expected "
                     "ARGUMENT=[SCOPE=]KEY, such as w=encoder.weight",
                     printable(text));
  if (path.empty())
    return makeError("option '--{0}' has no path in '{1}'; expected "
                     "[name=]path, such as x=a.npy",
                     option, printable(text));
  if (named && name.empty())
    return makeError("option '--{0}' has no name before '=' in '{1}'; leave "
                     "the '=' away to go by order",
                     option, printable(text));
  return Binding{named ? name.ltrim('%').str() : "", path.str()};
}

llvm::Expected<llvm::StringMap<int64_t>>
driver::parseSizes(llvm::ArrayRef<std::string> texts) {
  llvm::StringMap<int64_t> sizes;
  for (StringRef text : texts) {
    auto [name, number] = text.rsplit('=');
    int64_t size = OnnxImportOptions::kOpenSize;
    bool isNumber = number != "?";
    if (name.empty() ||
        (isNumber && (number.getAsInteger(10, size) || size < 0)))
      return makeError("option '--size' found '{0}', expected NAME=N with a "
                       "number that is not negative, such as batch=1, or "
                       "NAME=?",
                       printable(text));
    auto [known, isNew] = sizes.insert({name, size});
    auto shown = [](int64_t one) {
      return one == OnnxImportOptions::kOpenSize ? "?" : std::to_string(one);
    };
    if (!isNew)
      return makeError("option '--size' gives '{0}' twice, as {1} and {2}; "
                       "drop one of them",
                       printable(name), shown(known->second), shown(size));
  }
  return sizes;
}

llvm::Error driver::checkKVCache(StringRef text) {
  if (text == "i8")
    return llvm::Error::success();
  return makeError("--kv-cache {0} is not known; expected i8: rows of keys and "
                   "values as eight-bit integers with a scale each",
                   printable(text));
}

llvm::Error driver::checkQuantize(StringRef text) {
  if (text == "keep" || ::nm::rt::parseGroups(text))
    return llvm::Error::success();
  return makeError(
      "--quantize {0} is not known; expected i4:32, i4:64, i4:128, "
      "i8:32, i8:64 or i8:128: four or eight bits, and a scale for "
      "so many elements; or keep: those of the checkpoint",
      printable(text));
}

llvm::Error driver::checkPatternRule(StringRef text, StringRef option) {
  auto [key, pattern] = text.rsplit('=');
  if (!text.contains('='))
    return parsePattern(text).takeError();
  if (key.empty())
    return makeError("--{0} {1} has no key before '='; expected KEY=N:M, such "
                     "as *.weight=2:4",
                     option, printable(text));
  if (pattern == "dense")
    return llvm::Error::success();
  return parsePattern(pattern).takeError();
}

llvm::Expected<WeightPattern> driver::parsePattern(StringRef text) {
  auto [n, m] = text.split(':');
  WeightPattern pattern;
  if (n.getAsInteger(10, pattern.n) || m.getAsInteger(10, pattern.m))
    return makeError("pattern '{0}' is not of the form N:M, such as 2:4",
                     printable(text));
  if (pattern.n < 1 || pattern.m < pattern.n || pattern.m > 64)
    return makeError("pattern '{0}' is out of range; expected "
                     "1 <= N <= M <= 64",
                     text);
  return pattern;
}
