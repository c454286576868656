//===- SafetensorsHeader.h - the JSON header of a safetensors file --------===//

#ifndef NM_LIB_RUNTIME_SAFETENSORSHEADER_H
#define NM_LIB_RUNTIME_SAFETENSORSHEADER_H

#include "nm/Runtime/DType.h"
#include "nm/Runtime/Result.h"
#include <string>
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

/// Parses and checks the header of a file image completely: afterwards every
/// entry lies within the image, entries tile the data region, and the byte
/// counts of known element types match the shapes. Sorted by offset.
Result<std::vector<SafetensorsEntry>>
parseSafetensorsHeader(const unsigned char *data, uint64_t size,
                       const std::string &file);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_SAFETENSORSHEADER_H
