//===- Samples.cpp - Arrays for the arguments of calls -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Samples.h"
#include "nm/Driver/Arrays.h"
#include "nm/Driver/Signature.h"
#include "nm/Driver/Support.h"
#include "nm/Support/Text.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;

const rt::Tensor *CallArguments::find(ArrayRef<std::string> names,
                                      size_t index) {
  auto known = asked.find(index);
  if (known != asked.end())
    return &known->second;
  Signature signature;
  for (const std::string &name : names)
    signature.arguments.emplace_back().name = name;
  auto files = assignInputs(signature, bindings);
  if (!files) {
    llvm::consumeError(files.takeError());
    return nullptr;
  }
  if (!(*files)[index])
    return nullptr;
  auto array = readArray((*files)[index]->path);
  if (!array) {
    llvm::consumeError(array.takeError());
    return nullptr;
  }
  return &asked.emplace(index, std::move(*array)).first->second;
}

namespace {

struct Content {
  std::vector<std::string> arrays, folders;
};

} // namespace

/// Sorted by name, for the same order on all machines.
static llvm::Expected<Content> listFolder(StringRef path) {
  Content content;
  std::error_code code;
  for (llvm::sys::fs::directory_iterator at(path, code), end;
       at != end && !code; at.increment(code)) {
    if (llvm::sys::fs::is_directory(at->path()))
      content.folders.push_back(at->path());
    else if (StringRef(at->path()).ends_with(".npy"))
      content.arrays.push_back(at->path());
  }
  if (code)
    return makeError("--calibrate cannot read {0}: {1}",
                     ::nm::support::quotePath(path), code.message());
  llvm::sort(content.arrays);
  llvm::sort(content.folders);
  return std::move(content);
}

static llvm::Error addFolder(StringRef path, std::vector<Sample> &samples) {
  auto content = listFolder(path);
  if (!content)
    return content.takeError();
  for (const std::string &array : content->arrays)
    samples.push_back({array, {{"", array}}});
  for (const std::string &folder : content->folders) {
    auto arguments = listFolder(folder);
    if (!arguments)
      return arguments.takeError();
    Sample sample{folder, {}};
    for (const std::string &array : arguments->arrays)
      sample.inputs.push_back({llvm::sys::path::stem(array).str(), array});
    if (!sample.inputs.empty())
      samples.push_back(std::move(sample));
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<Sample>>
driver::findSamples(ArrayRef<std::string> paths) {
  std::vector<Sample> samples;
  for (const std::string &path : paths) {
    size_t before = samples.size();
    if (!llvm::sys::fs::exists(path))
      return makeError("--calibrate names '{0}', which is not there; expected "
                       "an npy file or a folder of samples",
                       path);
    if (!llvm::sys::fs::is_directory(path))
      samples.push_back({path, {{"", path}}});
    else if (llvm::Error error = addFolder(path, samples))
      return std::move(error);
    if (samples.size() == before)
      return makeError("--calibrate finds no sample in '{0}'; expected npy "
                       "files, or folders with an npy file for each argument",
                       path);
  }
  return std::move(samples);
}
