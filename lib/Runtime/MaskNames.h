//===- MaskNames.h - which tensors make up a weight -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_MASKNAMES_H
#define NM_LIB_RUNTIME_MASKNAMES_H

#include "nm/Runtime/Weight.h"
#include <set>

namespace nm::rt {

/// The mask of `key` in the file of masks, null when there is none.
const TensorInfo *findSeparateMask(std::string_view key,
                                   const MaskOptions &options);

/// The tensors of a checkpoint that are masks of others in it.
std::set<std::string> maskTensors(const Checkpoint &checkpoint,
                                  const MaskOptions &options);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_MASKNAMES_H
