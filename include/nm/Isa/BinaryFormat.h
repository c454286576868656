//===- BinaryFormat.h - What both directions of the binary know -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/attacc-isa.md, "Binary", says what stands where. All numbers are little
// endian.
//
//===----------------------------------------------------------------------===//

#ifndef NM_ISA_BINARYFORMAT_H
#define NM_ISA_BINARYFORMAT_H

#include "nm/Isa/Encoding.h"

namespace nm::isa::binary {

inline constexpr std::string_view kMagic = "NMATTACC";
/// The version; a minor one adds instructions and values of fields that were
/// there. The description says which has what.
inline constexpr uint16_t kMajor = 1;
/// The latest minor version: that of the newest entry of the description.
uint16_t latestMinor();
inline constexpr size_t kHeaderBytes = 32, kEntryBytes = 24, kBaseBytes = 16;

enum Section : uint32_t {
  TargetSection = 1,
  TensorSection,
  BufferSection,
  SemaphoreSection,
  CodeSection,
  DataSection
};
inline constexpr uint32_t kNumSections = 6;

/// The first minor version that has all of the program: what is as it was can
/// be read by who knows no more.
uint16_t minorOf(const Program &program);

/// The CRC-32 of zip and PNG (polynomial 0xEDB88320).
uint32_t crc32(std::string_view bytes);

} // namespace nm::isa::binary

#endif // NM_ISA_BINARYFORMAT_H
