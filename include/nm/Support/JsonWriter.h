//===- JsonWriter.h - JSON, value by value -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reports of any length without a tree in memory, and without a header that
// needs exceptions:
//
//   std::string text = jsonText(2, [&](JsonWriter &json) {
//     json.object([&] {
//       json.field("packets", 3);
//       json.array("delays", [&] { json.value(0.5); });
//     });
//   });
//
// Strings that are no UTF-8 get U+FFFD; numbers that are not finite become
// null, which is what JSON has for them.
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_JSONWRITER_H
#define NM_SUPPORT_JSONWRITER_H

#include "nm/Support/Result.h"
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>

namespace nm::support {

class JsonWriter {
public:
  using Body = std::function<void()>;

  /// Appends to `out`, which outlives the writer. `indent`: spaces a level; 0:
  /// everything on one line.
  JsonWriter(std::string &out, int indent) : out(out), indent(indent) {}
  JsonWriter(const JsonWriter &) = delete;
  JsonWriter &operator=(const JsonWriter &) = delete;

  void object(const Body &fields) { nest('{', '}', fields); }
  void array(const Body &elements) { nest('[', ']', elements); }
  void object(std::string_view name, const Body &fields) {
    this->name(name);
    object(fields);
  }
  void array(std::string_view name, const Body &elements) {
    this->name(name);
    array(elements);
  }
  /// On one line: objects, and arrays of numbers or strings.
  void lineObject(const Body &fields) { nestOnLine('{', '}', fields); }
  void lineObject(std::string_view name, const Body &fields) {
    this->name(name);
    lineObject(fields);
  }
  template <typename Values>
  void list(std::string_view name, const Values &values) {
    this->name(name);
    nestOnLine('[', ']', [&] {
      for (const auto &element : values)
        value(element);
    });
  }

  template <typename T> void field(std::string_view name, const T &content) {
    this->name(name);
    value(content);
  }
  template <typename T> void value(const T &content) {
    if constexpr (std::is_same_v<T, bool>)
      word(content ? "true" : "false");
    else if constexpr (std::is_same_v<T, std::nullptr_t>)
      word("null");
    else if constexpr (std::is_floating_point_v<T>)
      number(content);
    else if constexpr (std::is_integral_v<T>)
      word(std::to_string(content));
    else
      text(content);
  }

private:
  void name(std::string_view name);
  void text(std::string_view content);
  void number(double content);
  void word(std::string_view content);
  /// Comma and line before what comes next.
  void separate();
  void nest(char open, char close, const Body &body);
  void nestOnLine(char open, char close, const Body &body);

  std::string &out;
  int indent;
  size_t depth = 0;
  /// Nothing stands in the innermost object or array yet.
  bool isFirst = true;
  /// A name has been written whose value comes next.
  bool isNamed = false;
};

/// What `body` writes, with a line's end where it is indented.
std::string jsonText(int indent, const std::function<void(JsonWriter &)> &body);

/// A document's field `name`, as text; "" if it is no object or lacks it.
Result<std::string> jsonField(std::string_view text, const std::string &where,
                              std::string_view name);

/// The same document, indented.
Result<std::string> indentJson(std::string_view text, const std::string &where,
                               int indent);

} // namespace nm::support

#endif // NM_SUPPORT_JSONWRITER_H
