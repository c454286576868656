//===- Json.h - strict JSON -----------------------------------------------===//

#ifndef NM_LIB_RUNTIME_JSON_H
#define NM_LIB_RUNTIME_JSON_H

#include "nm/Runtime/Result.h"
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace nm::rt {

/// Parses a JSON document. Duplicate keys, nesting deeper than 32 and anything
/// after the document are errors; messages begin with `where`.
Result<nlohmann::json> parseStrictJson(std::string_view text,
                                       const std::string &where);

/// "an object", "a string", ... for messages.
const char *jsonKind(const nlohmann::json &value);

} // namespace nm::rt

#endif // NM_LIB_RUNTIME_JSON_H
