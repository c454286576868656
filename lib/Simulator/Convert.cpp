//===- Convert.cpp - Elements of memory as f32 and back --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Convert.h"
#include "nm/Support/Clones.h"
#include <cmath>
#include <cstring>

namespace nm::sim {

using isa::Type;

namespace {

template <typename To, typename From> To bitsAs(From from) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

NM_INLINE float halfToFloat(uint16_t half) {
  // The exponent is rebiased by a product, which also normalises subnormals.
  uint32_t magnitude = uint32_t(half & 0x7fff) << 13;
  uint32_t bits =
      bitsAs<uint32_t>(bitsAs<float>(magnitude) * bitsAs<float>(0x77800000u));
  bits |= (half & 0x7c00) == 0x7c00 ? 0x7f800000u : 0u;
  return bitsAs<float>(bits | (uint32_t(half & 0x8000) << 16));
}

NM_INLINE uint16_t floatToHalf(float value) {
  uint32_t bits = bitsAs<uint32_t>(value), magnitude = bits & 0x7fffffff;
  // Subnormal: one unit in the last place of 0.5 is 2^-24.
  uint32_t tiny =
      bitsAs<uint32_t>(bitsAs<float>(magnitude) + 0.5f) - 0x3f000000u;
  uint32_t normal =
      (magnitude + 0xfff + ((magnitude >> 13) & 1) - 0x38000000u) >> 13;
  uint32_t half = magnitude < 0x38800000u ? tiny : normal;
  half = magnitude >= 0x477ff000u ? 0x7c00u : half;
  half |= (bits >> 16) & 0x8000;
  return static_cast<uint16_t>(magnitude > 0x7f800000u ? 0x7e00u : half);
}

NM_INLINE float brainToFloat(uint16_t brain) {
  return bitsAs<float>(uint32_t(brain) << 16);
}

NM_INLINE uint16_t floatToBrain(float value) {
  uint32_t bits = bitsAs<uint32_t>(value);
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000u ? 0x7fc0u
                                                                 : rounded);
}

NM_INLINE float quiet(float value) {
  uint32_t bits = bitsAs<uint32_t>(value);
  return bitsAs<float>((bits & 0x7fffffff) > 0x7f800000u ? 0x7fc00000u : bits);
}

template <typename T, typename Convert>
NM_INLINE void widen(const uint8_t *from, int64_t count, int64_t stride,
                     float *to, Convert convert) {
  auto load = [&](int64_t i) {
    T value;
    std::memcpy(&value, from + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
    return convert(value);
  };
  if (stride == 1)
    for (int64_t i = 0; i < count; ++i)
      to[i] = load(i);
  else
    for (int64_t i = 0; i < count; ++i)
      to[i] = load(i * stride);
}

template <typename T, typename Convert>
NM_INLINE void narrow(const float *from, int64_t count, int64_t stride,
                      uint8_t *to, Convert convert) {
  auto store = [&](int64_t i, float element) {
    T value = convert(element);
    std::memcpy(to + i * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
  };
  if (stride == 1)
    for (int64_t i = 0; i < count; ++i)
      store(i, from[i]);
  else
    for (int64_t i = 0; i < count; ++i)
      store(i * stride, from[i]);
}

NM_CLONED(void, widenHalf,
          (const uint8_t *from, int64_t count, int64_t stride, float *to),
          (from, count, stride, to), {
            widen<uint16_t>(from, count, stride, to,
                            [](uint16_t v) { return halfToFloat(v); });
          })
NM_CLONED(void, widenBrain,
          (const uint8_t *from, int64_t count, int64_t stride, float *to),
          (from, count, stride, to), {
            widen<uint16_t>(from, count, stride, to,
                            [](uint16_t v) { return brainToFloat(v); });
          })
NM_CLONED(void, narrowHalf,
          (const float *from, int64_t count, int64_t stride, uint8_t *to),
          (from, count, stride, to), {
            narrow<uint16_t>(from, count, stride, to,
                             [](float v) { return floatToHalf(v); });
          })
NM_CLONED(void, narrowFloat,
          (const float *from, int64_t count, int64_t stride, uint8_t *to),
          (from, count, stride, to), {
            narrow<float>(from, count, stride, to,
                          [](float v) { return quiet(v); });
          })
NM_CLONED(void, narrowBrain,
          (const float *from, int64_t count, int64_t stride, uint8_t *to),
          (from, count, stride, to), {
            narrow<uint16_t>(from, count, stride, to,
                             [](float v) { return floatToBrain(v); });
          })

int8_t floatToByte(float value) {
  if (!(value > -128.0f)) // not a number included
    return value <= -128.0f ? int8_t(-128) : int8_t(0);
  return value >= 127.0f ? int8_t(127)
                         : static_cast<int8_t>(std::nearbyint(value));
}

} // namespace

void toFloats(const uint8_t *from, Type type, int64_t count, int64_t stride,
              float *to) {
  switch (type) {
  case Type::F32:
    if (stride == 1)
      std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
    else
      widen<float>(from, count, stride, to, [](float v) { return v; });
    return;
  case Type::F16:
    return widenHalf(from, count, stride, to);
  case Type::BF16:
    return widenBrain(from, count, stride, to);
  case Type::I8:
    return widen<int8_t>(from, count, stride, to,
                         [](int8_t v) { return static_cast<float>(v); });
  }
}

void fromFloats(const float *from, Type type, int64_t count, int64_t stride,
                uint8_t *to) {
  switch (type) {
  case Type::F32:
    return narrowFloat(from, count, stride, to);
  case Type::F16:
    return narrowHalf(from, count, stride, to);
  case Type::BF16:
    return narrowBrain(from, count, stride, to);
  case Type::I8:
    return narrow<int8_t>(from, count, stride, to, floatToByte);
  }
}

} // namespace nm::sim
