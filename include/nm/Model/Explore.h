//===- Explore.h - Sweeps over machines and shapes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_MODEL_EXPLORE_H
#define NM_MODEL_EXPLORE_H

#include "nm/Model/Mapping.h"
#include "nm/Support/Options.h"
#include <functional>

namespace nm::support {
class CommandFiles;
} // namespace nm::support

namespace nm::model {

/// What is searched at each point of a sweep.
enum class Method {
  Naive,    ///< one fixed mapping
  Flex,     ///< the best unfused one
  Flat,     ///< the best one
  FlatRows, ///< the best one with whole rows of logits
  FlatTiles ///< the best one with key tiles
};
const char *toString(Method method);

/// The axes of a sweep; its points are their product, the last axis fastest.
struct Sweep {
  Mode mode = Mode::Faithful;
  bool layer = false; ///< whole layers instead of attention; extended mode
  bool publishedSpace = false;
  bool modelSoftmax = false;
  Objective objective = Objective::Cycles;
  int64_t withinPercent = 0; ///< SearchOptions::withinPercent, `then`
  std::optional<Objective> then;
  int64_t batch = 64;
  bool decode = false; ///< one query a request against `length` keys

  std::vector<Device> devices;
  std::vector<NamedModel> models;
  std::vector<int64_t> lengths;
  std::vector<int64_t> bufferBytes;   ///< 0: the device's own
  std::vector<double> dramBandwidths; ///< bytes per second; 0: the device's
  std::vector<int64_t> lanes;         ///< -1: the device's own
  std::vector<int64_t> groups = {1};  ///< query heads for each key head
  std::vector<bool> causal = {false};
  std::vector<bool> packing = {false}; ///< heads side by side, as if allowed
  std::vector<SparsePattern> patterns = {SparsePattern()};
  std::vector<Method> methods = {Method::Flat};

  int64_t size() const;
};

/// One point and its outcome.
struct SweepPoint {
  std::string device, model;
  int64_t length = 0, bufferBytes = 0, lanes = 0, group = 1;
  double dramBandwidth = 0;
  bool causal = false, packing = false;
  SparsePattern pattern;
  Method method = Method::Flat;

  std::string error; ///< empty if a mapping was found
  Cost cost;
  double seconds = 0;
  double staticPj = 0; ///< of the cost's energy
  double areaMm2 = 0;  ///< of the machine; 0: its description says none
  Dataflow dataflow;
  bool pareto = false; ///< on its front, see markPareto
};

/// Evaluates point `index` of the sweep.
SweepPoint evaluatePoint(const Sweep &sweep, int64_t index);

/// The row of a point in CSV, without line end, and the names of its columns.
/// All columns up to and including "method" identify the point.
std::string csvHeader();
std::string csvRow(const Sweep &sweep, const SweepPoint &point);

/// Reads a row that csvRow wrote; false if it is none (torn, foreign).
bool parseCsvRow(const Sweep &sweep, const std::string &line,
                 SweepPoint &point);

struct ExploreOptions {
  std::string csv;    ///< result; empty: standard output
  std::string pareto; ///< only the points on Pareto fronts
  std::string svg;    ///< prefix of plots
  bool resume = false;
  bool progress = false; ///< a line on standard error
  int threads = 0;       ///< 0: all processors
  /// Stops after so many new points as if interrupted; 0: never. For tests.
  int64_t stopAfter = 0;
  /// Of `shards` > 0 only every so many points, from number `shard` on, 1 to
  /// `shards`; the rows go to shardPath().
  int64_t shard = 0, shards = 0;
  /// > 0: evaluates nothing, and reads the rows that so many shards wrote.
  int64_t merge = 0;
  /// As --device names them: no output may be the file of one.
  std::vector<std::string> devices;
};

/// Declares as read the descriptions among what --device names.
Status readsDevices(support::CommandFiles &files,
                    const std::vector<std::string> &devices);

/// Where a shard of the sweep that goes to `csv` leaves its rows.
std::string shardPath(const std::string &csv, int64_t shard, int64_t shards);

/// Runs a sweep in parallel. Finished points are kept in `csv`.partial, from
/// which `resume` continues; the result replaces `csv` at once at the end. The
/// merged shards of a sweep give the bytes of one run.
Status explore(const Sweep &sweep, const ExploreOptions &options);

/// Marks the points that no other point of the same model, length, group,
/// phase, pattern and mask beats in all of seconds, energy and scratchpad.
void markPareto(std::vector<SweepPoint> &points);

/// A command of nm-explore that a floor above this one brings (nm/Explore).
struct ExploreCommand {
  support::CommandLine *line;
  std::function<int()> run; ///< returns the exit code
};

/// The command line of nm-explore (docs/model.md); returns the exit code.
int exploreMain(int argc, const char *const *argv, const MapTools &tools,
                const std::vector<ExploreCommand> &further);

} // namespace nm::model

#endif // NM_MODEL_EXPLORE_H
