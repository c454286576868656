//===- Json.cpp - Strict JSON ---------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Json.h"
#include "nm/Support/Text.h"

namespace nm::support {

using nlohmann::json;

namespace {
/// Builds a document, refusing what nlohmann's own builder lets pass.
class StrictBuilder {
public:
  StrictBuilder(const std::string &where, size_t depth)
      : where(where), depth(depth) {}

  json root;
  Error error;

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(json::number_integer_t value) { return add(value); }
  bool number_unsigned(json::number_unsigned_t value) { return add(value); }
  bool number_float(json::number_float_t value, const json::string_t &) {
    return add(value);
  }
  bool string(json::string_t &value) { return add(std::move(value)); }
  bool binary(json::binary_t &) { return fail("binary data is not json"); }
  bool start_object(std::size_t) { return open(json::object()); }
  bool start_array(std::size_t) { return open(json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(json::string_t &name) {
    if (stack.back()->contains(name))
      return fail("duplicate key " + quote(name));
    slot = &(*stack.back())[name];
    return true;
  }

  bool parse_error(std::size_t position, const std::string &token,
                   const json::exception &) {
    return fail("invalid json at byte " + std::to_string(position) + " near " +
                quote(token));
  }

private:
  const std::string &where;
  size_t depth;
  std::vector<json *> stack;
  json *slot = nullptr;

  bool fail(const std::string &message) {
    error = makeError(Errc::Format, where, ": ", message);
    return false;
  }

  json *place(json &&value) {
    if (stack.empty())
      return &(root = std::move(value));
    if (stack.back()->is_array()) {
      stack.back()->push_back(std::move(value));
      return &stack.back()->back();
    }
    return &(*slot = std::move(value));
  }

  bool add(json &&value) {
    place(std::move(value));
    return true;
  }

  bool open(json &&value) {
    if (stack.size() == depth)
      return fail("json is nested deeper than " + std::to_string(depth));
    stack.push_back(place(std::move(value)));
    return true;
  }

  bool close() {
    stack.pop_back();
    return true;
  }
};
} // namespace

Result<json> parseStrictJson(std::string_view text, const std::string &where,
                             size_t depth) {
  StrictBuilder builder(where, depth);
  if (!json::sax_parse(text.begin(), text.end(), &builder))
    return builder.error;
  return std::move(builder.root);
}

const char *jsonKind(const json &value) {
  switch (value.type()) {
  case json::value_t::null:
    return "null";
  case json::value_t::object:
    return "an object";
  case json::value_t::array:
    return "an array";
  case json::value_t::string:
    return "a string";
  case json::value_t::boolean:
    return "a boolean";
  default:
    return "a number";
  }
}

} // namespace nm::support
