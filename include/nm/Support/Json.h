//===- Json.h - Strict JSON -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_JSON_H
#define NM_SUPPORT_JSON_H

#include "nm/Support/Result.h"
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace nm::support {

/// Parses a JSON document. Duplicate keys, nesting deeper than `depth` and
/// anything after the document are errors; messages begin with `where`. Formats
/// that are objects are read by nm/Support/JsonReader.h.
Result<nlohmann::json> parseStrictJson(std::string_view text,
                                       const std::string &where,
                                       size_t depth = 32);

/// The one way in which documents become text. Strings that are no UTF-8 cannot
/// come from a file that was read; they still must not throw, and get U+FFFD.
/// `indent` < 0: one line. `ascii`: all else is escaped.
template <typename Json>
std::string printJson(const Json &value, int indent = -1, bool ascii = false) {
  return value.dump(indent, ' ', ascii, Json::error_handler_t::replace);
}

/// "an object", "a string", ... for messages.
const char *jsonKind(const nlohmann::json &value);

} // namespace nm::support

#endif // NM_SUPPORT_JSON_H
