//===- CompiledLibrary.cpp - The shared library of a compiled model -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CompiledLibrary.h"
#include "Memory.h"
#include "Support.h"
#include <dlfcn.h>
#include <sys/utsname.h>

namespace nm::rt {

/// Whether this processor has what LLVM calls `feature`; unknown ones count as
/// there, since the code was made for a machine that has them.
static bool hasFeature(const std::string &feature) {
#if defined(__x86_64__)
#define NM_FEATURE(name)                                                       \
  if (feature == name)                                                         \
    return __builtin_cpu_supports(name);
  NM_FEATURE("avx")
  NM_FEATURE("avx2")
  NM_FEATURE("fma")
  NM_FEATURE("avx512f")
  NM_FEATURE("avx512bw")
  NM_FEATURE("avx512dq")
  NM_FEATURE("avx512vl")
  NM_FEATURE("avx512vnni")
  NM_FEATURE("avx512bf16")
#undef NM_FEATURE
#endif
  return true;
}

static Status checkProcessor(const std::string &path,
                             const ModelDescription &description) {
  utsname system;
  if (uname(&system) == 0 && description.arch != system.machine)
    return makeError(Errc::Unsupported, path, ": compiled for ",
                     description.arch, ", but this machine is ", system.machine,
                     "; compile the model for it with --target");
  for (const std::string &feature : description.features)
    if (!hasFeature(feature))
      return makeError(Errc::Unsupported, path, ": the code needs ", feature,
                       ", which this processor lacks; compile the model here, "
                       "or with --target=x86-64");
  return {};
}

/// What dlopen says of a file that is none of a library is about ELF headers.
static Status checkFile(const std::string &path) {
  auto file = MappedFile::open(path);
  if (!file)
    return file.error();
  if ((*file)->size() < 4 || std::memcmp((*file)->data(),
                                         "\x7f"
                                         "ELF",
                                         4) != 0)
    return makeError(Errc::Format, path,
                     ": not a shared library; expected one that nm-compile "
                     "wrote");
  return {};
}

Result<std::unique_ptr<CompiledLibrary>>
CompiledLibrary::open(const std::string &path) {
  std::unique_ptr<CompiledLibrary> library(new CompiledLibrary());
  NM_RETURN_IF_ERROR(library->read(path));
  return std::move(library);
}

CompiledLibrary::~CompiledLibrary() {
  if (handle)
    dlclose(handle);
}

Status CompiledLibrary::read(const std::string &path) {
  NM_RETURN_IF_ERROR(checkFile(path));
  // A path without a slash is looked for elsewhere.
  std::string full = path.find('/') == std::string::npos ? "./" + path : path;
  handle = dlopen(full.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *reason = dlerror();
    return makeError(Errc::Format, path, ": cannot load the library: ",
                     reason ? reason : "unknown reason");
  }
  auto find = [&](const std::string &name) {
    return dlsym(handle, name.c_str());
  };
  auto *text = static_cast<const char *>(find(kDescriptionSymbol));
  if (!text)
    return makeError(Errc::Format, path, ": no symbol ", kDescriptionSymbol,
                     "; expected a library of nm-compile of this version");
  Result<ModelDescription> parsed = parseDescription(text, path);
  if (!parsed)
    return parsed.error();
  known = std::move(*parsed);
  NM_RETURN_IF_ERROR(checkProcessor(path, known));
  for (const ModelFunction &function : known.functions) {
    auto entry = reinterpret_cast<Invoke>(find("nm_invoke_" + function.symbol));
    auto *words =
        static_cast<const char *>(find("nm_manifest_" + function.symbol));
    if (!entry || !words)
      return makeError(Errc::Format, path, ": function ", quote(function.name),
                       " has no nm_invoke_", function.symbol,
                       " or no nm_manifest_", function.symbol);
    Result<Manifest> manifest = parseManifest(words);
    if (!manifest)
      return makeError(Errc::Format, path, ": function ", quote(function.name),
                       ": ", manifest.error().message);
    entries.push_back(entry);
    manifests.push_back(std::move(*manifest));
  }
  return {};
}

} // namespace nm::rt
