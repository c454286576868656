//===- Pickle.h - what a pickle says, without running it ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_PICKLE_H
#define NM_LIB_RUNTIME_PICKLE_H

#include "nm/Runtime/Result.h"
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nm::rt {

/// One value of a pickle. Values live in a Pickle and name one another by
/// pointer; they may form cycles.
struct PickleValue {
  enum class Kind : uint8_t {
    None,
    Bool,
    Int,
    Float, ///< its number is not kept
    Text,
    Tuple,
    List,
    Dict,
    Global, ///< `text` is "module.name"
    Stored, ///< a persistent id, `items[0]`: torch's storages
    Made    ///< what calling `items[0]` with the tuple `items[1]` would give
  };

  Kind kind = Kind::None;
  int64_t integer = 0; ///< of Bool and Int
  std::string text;
  std::vector<PickleValue *> items;
  /// Of Dict, and of a Made that was given entries, such as an OrderedDict.
  std::vector<std::pair<PickleValue *, PickleValue *>> entries;

  bool is(Kind wanted) const { return kind == wanted; }
  bool isGlobal(std::string_view name) const {
    return kind == Kind::Global && text == name;
  }
};

/// The values that a pickle describes. A pickle is a program for a stack
/// machine that may call any function; this reads protocols 0 to 4 as a
/// description and calls none.
class Pickle {
public:
  /// `where` begins the messages.
  Status parse(const unsigned char *data, uint64_t size,
               const std::string &where);

  /// Null before a successful parse.
  const PickleValue *root() const { return result; }
  /// Every value that was made, in order.
  const std::deque<PickleValue> &all() const { return values; }
  /// Bytes of the pickle; others may stand behind it.
  uint64_t size() const { return bytes; }

private:
  friend class PickleReader;
  std::deque<PickleValue> values;
  const PickleValue *result = nullptr;
  uint64_t bytes = 0;
};

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_PICKLE_H
