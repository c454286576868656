//===- Published.h - Published mappings and the faithful model -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_PUBLISHED_H
#define NM_MODEL_PUBLISHED_H

#include "nm/Model/Attention.h"
#include <array>

namespace nm::model {

/// What a published mapping reports, in this order: proportion spilled, ideal
/// seconds, bytes of DRAM traffic, seconds, picojoules.
inline constexpr int kNumPublishedFigures = 5;
using PublishedFigures = std::array<double, kNumPublishedFigures>;
/// Column names of the figures.
extern const std::array<const char *, kNumPublishedFigures>
    kPublishedFigureNames;

/// A row of flat_validation.csv in the FuseMax artifact (MICRO 2024).
struct PublishedMapping {
  std::string platform, model, length;
  AttentionShape shape;
  Dataflow dataflow;
  PublishedFigures published;
};

/// Reads a table of mappings; errors name the file, the line and the column.
Result<std::vector<PublishedMapping>>
readPublishedMappings(const std::string &path);

/// The figures of the faithful model for a mapping, on the built-in device of
/// its platform.
Result<PublishedFigures> evaluatePublished(const PublishedMapping &mapping);

/// The larger of what differs relatively and, below `floor`, absolutely.
double figureError(double ours, double published, double floor = 1e-6);

} // namespace nm::model

#endif // NM_MODEL_PUBLISHED_H
