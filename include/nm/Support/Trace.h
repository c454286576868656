//===- Trace.h - Events over time, as trace viewers read them -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The JSON Object Format of "Trace Event Format" (the Chromium project), which
// Perfetto, chrome://tracing and speedscope open. One process; a thread is
// whatever has a line of its own.
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_TRACE_H
#define NM_SUPPORT_TRACE_H

#include "nm/Support/JsonWriter.h"

namespace nm::support {

class Trace {
public:
  using Fields = std::function<void(JsonWriter &)>;

  explicit Trace(JsonWriter &json) : json(json) {}

  /// `kind`: "process_name" or "thread_name".
  void name(const char *kind, int64_t thread, std::string_view name);
  /// Begin and duration in microseconds.
  void span(std::string_view name, int64_t thread, double begin,
            double duration, const Fields &arguments);

private:
  JsonWriter &json;
};

/// A document of the events that `body` gives, one a line; `about`, if there
/// is one, writes fields about the whole.
std::string traceText(const Trace::Fields &about,
                      const std::function<void(Trace &)> &body);

} // namespace nm::support

#endif // NM_SUPPORT_TRACE_H
