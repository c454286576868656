//===- JsonWriter.cpp - JSON, value by value ------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/JsonWriter.h"
#include "nm/Support/Json.h"

namespace nm::support {

void JsonWriter::separate() {
  if (isNamed) {
    isNamed = false;
    return;
  }
  if (!isFirst)
    out += indent ? "," : ", ";
  if (indent && depth)
    out.append("\n").append(depth * static_cast<size_t>(indent), ' ');
  isFirst = false;
}

void JsonWriter::name(std::string_view name) {
  text(name);
  out += ": ";
  isNamed = true;
}

void JsonWriter::text(std::string_view content) {
  word(printJson(nlohmann::json(content)));
}

void JsonWriter::number(double content) {
  word(printJson(nlohmann::json(content)));
}

void JsonWriter::word(std::string_view content) {
  separate();
  out += content;
}

void JsonWriter::nest(char open, char close, const Body &body) {
  separate();
  out += open;
  ++depth;
  isFirst = true;
  body();
  --depth;
  if (!isFirst && indent)
    out.append("\n").append(depth * static_cast<size_t>(indent), ' ');
  out += close;
  isFirst = false;
}

void JsonWriter::nestOnLine(char open, char close, const Body &body) {
  const int outer = indent;
  nest(open, close, [&] {
    indent = 0;
    body();
  });
  indent = outer;
}

std::string jsonText(int indent,
                     const std::function<void(JsonWriter &)> &body) {
  std::string text;
  JsonWriter json(text, indent);
  body(json);
  if (indent)
    text += '\n';
  return text;
}

Result<std::string> jsonField(std::string_view text, const std::string &where,
                              std::string_view name) {
  auto document = parseStrictJson(text, where);
  if (!document)
    return document.error();
  auto field = document->find(std::string(name));
  return field == document->end() ? std::string() : printJson(*field);
}

Result<std::string> indentJson(std::string_view text, const std::string &where,
                               int indent) {
  auto document = parseStrictJson(text, where);
  if (!document)
    return document.error();
  return printJson(*document, indent) + "\n";
}

} // namespace nm::support
