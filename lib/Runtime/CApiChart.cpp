//===- CApiChart.cpp - C ABI: charts ---------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CApiSupport.h"
#include "nm/Support/Plot.h"

using namespace nm::rt;

extern "C" nm_status nm_chart_svg(const char *json, char **svg,
                                  nm_error **error) {
  return runC(error, [&]() -> Status {
    if (!json || !svg)
      return nullArgument(!json ? "json" : "svg");
    *svg = nullptr;
    auto plot = nm::support::parsePlot(json, "chart");
    if (!plot)
      return plot.error();
    *svg = copyString(nm::support::renderSvg(*plot));
    return {};
  });
}
