//===- ForeignFormats.h - files that are no checkpoints -------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_FOREIGNFORMATS_H
#define NM_LIB_RUNTIME_FOREIGNFORMATS_H

#include <cstdint>
#include <string>

namespace nm::rt {

/// What a file is that is none of ours, with what to do about it ("a pointer of
/// Git LFS, not the file itself; fetch it with 'git lfs pull'"), told by its
/// content. Empty when the content says nothing.
std::string nameForeignFormat(const unsigned char *data, uint64_t size);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_FOREIGNFORMATS_H
