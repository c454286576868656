//===- Trace.cpp - Events over time, as trace viewers read them -----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/Trace.h"

namespace nm::support {

void Trace::name(const char *kind, int64_t thread, std::string_view name) {
  json.lineObject([&] {
    json.field("ph", "M");
    json.field("name", kind);
    json.field("pid", 0);
    json.field("tid", thread);
    json.object("args", [&] { json.field("name", name); });
  });
}

void Trace::span(std::string_view name, int64_t thread, double begin,
                 double duration, const Fields &arguments) {
  json.lineObject([&] {
    json.field("ph", "X");
    json.field("name", name);
    json.field("pid", 0);
    json.field("tid", thread);
    json.field("ts", begin);
    json.field("dur", duration);
    json.object("args", [&] { arguments(json); });
  });
}

std::string traceText(const Trace::Fields &about,
                      const std::function<void(Trace &)> &body) {
  return jsonText(1, [&](JsonWriter &json) {
    json.object([&] {
      json.field("displayTimeUnit", "ns");
      if (about)
        json.object("otherData", [&] { about(json); });
      json.array("traceEvents", [&] {
        Trace trace(json);
        body(trace);
      });
    });
  });
}

} // namespace nm::support
