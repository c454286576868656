//===- Writer.h - write safetensors and npy files -------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files are whole or not there (nm/Support/OutputFile.h).
//
//===----------------------------------------------------------------------===//

#ifndef NM_RUNTIME_WRITER_H
#define NM_RUNTIME_WRITER_H

#include "nm/Runtime/Result.h"
#include "nm/Runtime/Tensor.h"
#include "nm/Support/OutputFile.h"
#include <string>
#include <utility>
#include <vector>

namespace nm::rt {

struct NamedView {
  std::string name;
  TensorView view;
};

/// Writes a safetensors file: sorted by descending element size, then name,
/// data at a multiple of 64. `metadata` becomes `__metadata__`.
Status writeSafetensors(
    const std::string &path, const std::vector<NamedView> &tensors,
    const std::vector<std::pair<std::string, std::string>> &metadata = {});

/// The same into a sink; `where` is for messages.
Status writeSafetensors(
    support::Sink &sink, const std::string &where,
    const std::vector<NamedView> &tensors,
    const std::vector<std::pair<std::string, std::string>> &metadata = {});

/// Writes an npy file of version 1.0, C order. bf16 and the 8-bit floats have
/// no npy type: they are refused, widen them first (widenToF32).
Status writeNpy(const std::string &path, const TensorView &view);

/// The same into a sink; `where` is for messages.
Status writeNpy(support::Sink &sink, const std::string &where,
                const TensorView &view);

/// A row-major f32 copy of any tensor with a known element type.
Result<Tensor> widenToF32(const TensorView &view);

} // namespace nm::rt

#endif // NM_RUNTIME_WRITER_H
