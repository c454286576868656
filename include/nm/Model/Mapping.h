//===- Mapping.h - A mapping given by the user -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One attention and one dataflow for it, as a file (docs/mapping.schema.json),
// and what the model says about them.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_MAPPING_H
#define NM_MODEL_MAPPING_H

#include "nm/Model/Search.h"
#include <functional>

namespace nm::model {

struct Mapping {
  AttentionShape shape;
  Dataflow dataflow;
};

/// Reads a mapping; strict, as descriptions of devices are. Whether a machine
/// can run it is another question.
Result<Mapping> parseMapping(std::string_view text, const std::string &where);
/// From a file of at most 1 MiB.
Result<Mapping> readMapping(const std::string &path);
/// The text of such a file.
Result<std::string> readMappingText(const std::string &path);
/// As JSON that parseMapping reads back to an equal mapping.
std::string printMapping(const Mapping &mapping);
/// The schema of mappings, as published in docs/mapping.schema.json.
std::string mappingSchema();

/// The cost of a mapping, or why the machine cannot run it: what it needs and
/// what there is.
Result<Cost> evaluateMapping(const Device &device, const Mapping &mapping,
                             Mode mode, bool modelSoftmax = false);

/// Where the time of a mapping goes, what lies on chip, and its loop nest, as
/// lines for people. `best` is the cost of the best mapping, or null.
std::string explainMapping(const Device &device, const Mapping &mapping,
                           const Cost &cost, Mode mode, const Cost *best);

/// The loop nest of a mapping, outermost first, as lines of pseudo-code that
/// are indented by two blanks a level.
std::vector<std::string> loopNest(const Device &device, const Mapping &mapping);

/// The bytes of each buffer that hold something, step after step, for the first
/// blocks of the first two rounds of resident heads; extended mode.
struct FootprintOverTime {
  struct Row {
    std::string name;
    std::vector<double> bytes; ///< one a step
  };
  std::vector<Row> rows;
  std::vector<size_t> rounds; ///< steps at which a round begins
  size_t steps = 0;
  bool isWhole = true; ///< all steps of these rounds, not the first of each
};
FootprintOverTime footprintOverTime(const Device &device,
                                    const Mapping &mapping);

/// Loop nest and footprint over time as a picture.
std::string drawMapping(const Device &device, const Mapping &mapping);

/// A mapping as a program, and what the simulator says of it.
struct MappingProgram {
  std::string binary; ///< as nm-sim reads it
  double cycles = 0;
  int64_t dramBytes = 0;
};
/// Makes and runs one; given by a floor above this one (nm/Explore).
using ProgramMaker =
    std::function<Result<MappingProgram>(const Device &, const Mapping &)>;

/// The mappings of the two products, as Timeloop reads them.
struct TimeloopMapping {
  std::string logit, attend;
};
/// What a floor above this one (nm/Explore) does for nm-explore map.
struct MapTools {
  ProgramMaker makeProgram;
  std::function<Result<TimeloopMapping>(const Device &, const Mapping &)>
      printTimeloop;
  /// Both texts, then their names for messages.
  std::function<Result<Mapping>(const std::string &, const std::string &,
                                const std::string &, const std::string &)>
      parseTimeloop;
  /// Of TileFlow: a tree of tiles for both products.
  std::function<Result<std::string>(const Device &, const Mapping &)>
      printTileFlow;
  /// The text, then its name for messages.
  std::function<Result<Mapping>(const std::string &, const std::string &)>
      parseTileFlow;
};

} // namespace nm::model

#endif // NM_MODEL_MAPPING_H
