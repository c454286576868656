//===- NonZeroBits.h - one bit for every element that is not zero ---------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_NONZEROBITS_H
#define NM_LIB_RUNTIME_NONZEROBITS_H

#include "Support.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace nm::rt {

/// Bit i tells whether element i of `count` <= 64 has a non-zero magnitude.
template <typename U>
inline uint64_t nonZeroBitsScalar(const unsigned char *data, int64_t count,
                                  U magnitude) {
  uint64_t bits = 0;
  for (int64_t i = 0; i < count; ++i) {
    U value = loadUnaligned<U>(data + i * int64_t(sizeof(U)));
    bits |= uint64_t((value & magnitude) != 0) << i;
  }
  return bits;
}

#ifdef __SSE2__
inline __m128i loadVector(const unsigned char *data, int64_t vector) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i *>(data + vector * 16));
}

/// The same for 16 elements. The masks of 16 bytes come out of one movemask.
inline uint32_t nonZero16(const unsigned char *data, uint8_t magnitude) {
  __m128i m = _mm_set1_epi8(static_cast<char>(magnitude));
  __m128i zero = _mm_setzero_si128();
  __m128i equal = _mm_cmpeq_epi8(_mm_and_si128(loadVector(data, 0), m), zero);
  return ~static_cast<uint32_t>(_mm_movemask_epi8(equal)) & 0xffff;
}

inline uint32_t nonZero16(const unsigned char *data, uint16_t magnitude) {
  __m128i m = _mm_set1_epi16(static_cast<short>(magnitude));
  __m128i zero = _mm_setzero_si128();
  __m128i a = _mm_cmpeq_epi16(_mm_and_si128(loadVector(data, 0), m), zero);
  __m128i b = _mm_cmpeq_epi16(_mm_and_si128(loadVector(data, 1), m), zero);
  return ~static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(a, b))) &
         0xffff;
}

inline uint32_t nonZero16(const unsigned char *data, uint32_t magnitude) {
  __m128i m = _mm_set1_epi32(static_cast<int>(magnitude));
  __m128i zero = _mm_setzero_si128();
  __m128i v[4];
  for (int i = 0; i < 4; ++i)
    v[i] = _mm_cmpeq_epi32(_mm_and_si128(loadVector(data, i), m), zero);
  __m128i packed =
      _mm_packs_epi16(_mm_packs_epi32(v[0], v[1]), _mm_packs_epi32(v[2], v[3]));
  return ~static_cast<uint32_t>(_mm_movemask_epi8(packed)) & 0xffff;
}
#endif

template <typename U>
inline uint64_t nonZeroBits(const unsigned char *data, int64_t count,
                            U magnitude) {
#ifdef __SSE2__
  if constexpr (sizeof(U) <= 4) {
    uint64_t bits = 0;
    int64_t i = 0;
    for (; i + 16 <= count; i += 16)
      bits |= uint64_t(nonZero16(data + i * int64_t(sizeof(U)), magnitude))
              << i;
    if (i < count)
      bits |= nonZeroBitsScalar<U>(data + i * int64_t(sizeof(U)), count - i,
                                   magnitude)
              << i;
    return bits;
  }
#endif
  return nonZeroBitsScalar<U>(data, count, magnitude);
}

/// `width` <= 64 bits of a little-endian bit array from bit `position` on. The
/// array must be readable up to 9 bytes after the byte of `position`.
inline uint64_t extractBits(const unsigned char *bits, int64_t position,
                            int64_t width) {
  const unsigned char *from = bits + position / 8;
  int shift = static_cast<int>(position % 8);
  uint64_t value = loadUnaligned<uint64_t>(from) >> shift;
  if (shift + width > 64)
    value |= uint64_t(from[8]) << (64 - shift);
  return width == 64 ? value : value & ((uint64_t(1) << width) - 1);
}

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_NONZEROBITS_H
