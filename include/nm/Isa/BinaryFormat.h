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
/// The latest version. A minor one adds values of fields that were there:
/// 1.1 has the kinds div, sqrt, erf and log.
inline constexpr uint16_t kMajor = 1, kMinor = 1;
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

/// Bits of an instruction's flags.
enum Flag : uint8_t {
  TransposeLhs = 1,
  TransposeRhs = 2,
  Accumulate = 4,
  Reciprocal = 8,
  Causal = 16
};
inline constexpr uint8_t kAllFlags = 31;

/// The first minor version that has all of the program: what is as it was can
/// be read by who knows no more.
uint16_t minorOf(const Program &program);

/// The CRC-32 of zip and PNG (polynomial 0xEDB88320).
uint32_t crc32(std::string_view bytes);

// What else than base word, semaphores and operands an opcode has.
inline bool hasMask(Opcode opcode) { return opcode == Opcode::Mask; }
inline bool hasPattern(Opcode opcode) { return opcode == Opcode::NMGemm; }
inline bool hasTrips(Opcode opcode) { return opcode == Opcode::Loop; }

} // namespace nm::isa::binary

#endif // NM_ISA_BINARYFORMAT_H
