//===- SafetensorsHeader.h - the JSON header of a safetensors file --------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_SAFETENSORSHEADER_H
#define NM_LIB_RUNTIME_SAFETENSORSHEADER_H

#include "nm/Runtime/DType.h"
#include "nm/Runtime/Result.h"
#include <string>
#include <utility>
#include <vector>

namespace nm::rt {

struct SafetensorsEntry {
  std::string name;
  std::string dtypeText;
  DType dtype = DType::Unknown;
  std::vector<int64_t> shape;
  /// Offset in the file.
  uint64_t begin = 0;
  uint64_t bytes = 0;
};

/// The official reader's limit.
constexpr uint64_t kMaxSafetensorsHeader = 100000000;

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;
  /// `__metadata__`, in the order of the file.
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Parses and checks the header of a file image completely: afterwards every
/// entry lies within the image, entries tile the data region, and the byte
/// counts of known element types match the shapes. Sorted by offset.
Result<SafetensorsHeader> parseSafetensorsHeader(const unsigned char *data,
                                                 uint64_t size,
                                                 const std::string &file);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_SAFETENSORSHEADER_H
