//===- CompiledLibrary.h - The shared library of a compiled model -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_COMPILEDLIBRARY_H
#define NM_LIB_RUNTIME_COMPILEDLIBRARY_H

#include "Workspace.h"
#include "nm/Runtime/ModelDescription.h"
#include "nm/Runtime/Params.h"
#include <memory>

namespace nm::rt {

/// A library that nm-compile wrote, open as long as this lives.
class CompiledLibrary {
public:
  /// Fails where the file is none, is of another processor, or needs
  /// instructions that this one lacks.
  static Result<std::unique_ptr<CompiledLibrary>> open(const std::string &path);
  ~CompiledLibrary();
  CompiledLibrary(const CompiledLibrary &) = delete;
  CompiledLibrary &operator=(const CompiledLibrary &) = delete;

  /// Null, or why the call was refused: valid until the next call of the
  /// thread.
  using Invoke = const char *(*)(WorkspaceHooks *, void **slots);

  const ModelDescription &description() const { return known; }
  /// By number in the description.
  Invoke entry(size_t function) const { return entries[function]; }
  const Manifest &manifest(size_t function) const {
    return manifests[function];
  }

private:
  CompiledLibrary() = default;
  Status read(const std::string &path);

  void *handle = nullptr;
  ModelDescription known;
  std::vector<Invoke> entries;
  std::vector<Manifest> manifests;
};

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_COMPILEDLIBRARY_H
