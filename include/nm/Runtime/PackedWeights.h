//===- PackedWeights.h - The weights of a compiled model in one file -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_PACKEDWEIGHTS_H
#define NM_RUNTIME_PACKEDWEIGHTS_H

#include "nm/Runtime/Params.h"
#include "nm/Support/OutputFile.h"

namespace nm::rt {

/// Each parameter of several functions once: those that agree in scope, key,
/// shape, type, pattern and layout are one.
Manifest mergeManifests(const std::vector<Manifest> &manifests);

/// For each parameter of `manifest`, its number in `all`. Fails where there is
/// none; `where` begins the message.
Result<std::vector<size_t>> findParams(const Manifest &manifest,
                                       const Manifest &all,
                                       const std::string &where);

/// Writes what Params::open maps. `params` were loaded for `manifest`.
Status writePackedWeights(support::Sink &file, const Manifest &manifest,
                          const Params &params);

/// What such a file has for its header and for each part, so that damage shows.
uint64_t packedChecksum(const void *data, uint64_t bytes);

/// The manifest that a file of packed weights was written for.
Result<Manifest> readPackedManifest(const std::string &path);

} // namespace nm::rt

#endif // NM_RUNTIME_PACKEDWEIGHTS_H
