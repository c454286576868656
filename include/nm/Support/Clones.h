//===- Clones.h - A function for each level of the processor -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// NM_CLONED(type, name, (parameters), (arguments), body) defines a function
// that runs on AVX2 where there is one. Where products and sums are never
// contracted (lib/Simulator/CMakeLists.txt) both versions give the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_CLONES_H
#define NM_SUPPORT_CLONES_H

#define NM_INLINE __attribute__((always_inline)) inline

#if defined(__x86_64__)

namespace nm::support {
inline bool hasAvx2() {
  static const bool found = __builtin_cpu_supports("avx2");
  return found;
}
} // namespace nm::support

#define NM_CLONED(type, name, parameters, arguments, ...)                      \
  NM_INLINE type name##Body parameters __VA_ARGS__                             \
      __attribute__((target("avx2"))) type name##Avx2 parameters {             \
    return name##Body arguments;                                               \
  }                                                                            \
  type name parameters {                                                       \
    return ::nm::support::hasAvx2() ? name##Avx2 arguments                     \
                                    : name##Body arguments;                    \
  }

#else

#define NM_CLONED(type, name, parameters, arguments, ...)                      \
  type name parameters __VA_ARGS__

#endif

#endif // NM_SUPPORT_CLONES_H
