//===- Check.h - Parts of checkProgram -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_ISA_CHECK_H
#define NM_LIB_ISA_CHECK_H

#include "nm/Isa/Program.h"
#include "nm/Support/Result.h"

namespace nm::isa {

using support::makeError;

/// Most elements of a tensor or a buffer, so that bytes never overflow.
inline constexpr int64_t kMaxElements = int64_t(1) << 48;

/// Most tensors, buffers and semaphores each, and most instructions.
inline constexpr size_t kMaxEntries = size_t(1) << 20;
inline constexpr size_t kMaxCode = size_t(1) << 26;

/// "512x64".
std::string shapeText(const std::vector<int64_t> &shape);

/// What a reader has read from `where`, if it passes checkProgram.
Result<Program> checkRead(Program program, const std::string &where);

/// Shapes, types and attributes of one instruction whose tiles are sound.
/// `where` begins messages after their number; `other` is set to the entry that
/// an error is about as well.
Status checkRules(const Program &program, const Instruction &instruction,
                  const std::string &where, Place &other);

/// Element type of a tile.
Type typeOf(const Program &program, const Tile &tile);

} // namespace nm::isa

#endif // NM_LIB_ISA_CHECK_H
