//===- Support.h - errors, checked arithmetic, unaligned loads ------------===//

#ifndef NM_LIB_RUNTIME_SUPPORT_H
#define NM_LIB_RUNTIME_SUPPORT_H

#include "nm/Runtime/Result.h"
#include "nm/Support/Text.h"
#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace nm::rt {

using support::isUtf8;
using support::makeError;
using support::quote;

inline bool mulOverflow(int64_t a, int64_t b, int64_t &result) {
  return __builtin_mul_overflow(a, b, &result);
}
inline bool addOverflow(int64_t a, int64_t b, int64_t &result) {
  return __builtin_add_overflow(a, b, &result);
}

inline int64_t ceilDiv(int64_t a, int64_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

template <typename T> T loadUnaligned(const void *from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}
template <typename T> void storeUnaligned(void *to, T value) {
  std::memcpy(to, &value, sizeof(T));
}

/// Runs `body` and turns what the standard library throws into an Error. Used
/// at every public entry point that allocates.
template <typename Body> auto guarded(Body &&body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc &) {
    return Error{Errc::Memory, "out of memory"};
  } catch (const std::length_error &) {
    return Error{Errc::Memory, "a size exceeds what can be allocated"};
  } catch (const std::exception &e) {
    return makeError(Errc::Internal, "unexpected exception: ", e.what());
  }
}

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_SUPPORT_H
