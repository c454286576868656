//===- MapMain.cpp - nm-explore map -===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExploreRun.h"
#include "MapCommand.h"
#include "SweepOptions.h"
#include "nm/Model/Mapping.h"
#include "nm/Support/CommandFiles.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Result.h"
#include "nm/Support/Svg.h"
#include "nm/Support/Table.h"
#include <iostream>

namespace nm::model {

using support::CommandFiles;
using support::makeError;

namespace {

/// The options of the command.
class MapReader : public SweepReader {
public:
  std::string mapping, output, pareto, svg, program;
  std::string timeloop, timeloopOutput, tileflow, tileflowOutput;
  bool explain = false, schema = false, simulate = false;
  enum class Only { All, Unfused, WholeRows, KeyTiles } only = Only::All;
  int64_t keep = 5;

  MapReader() { sweep.mode = Mode::Extended; }

  void declare(support::CommandLine &line) {
    declareAxes(line);
    line.group("How it is evaluated");
    parsed(line, "mode", "mode",
           "faithful (the paper's model) or extended (default: extended)",
           &MapReader::readMode);
    line.flag("softmax", sweep.modelSoftmax,
              "faithful mode: charge three softmax passes");
    declareObjectives(line);
    line.group("Mappings");
    line.text("mapping", mapping, "file",
              "evaluate this one, a file as --output writes it, instead of "
              "searching");
    line.text("timeloop", timeloop, "logit,attend",
              "evaluate this one, two files of Timeloop with the mappings of "
              "the two products");
    line.text("tileflow", tileflow, "file",
              "evaluate this one, a tree of tiles of TileFlow");
    line.choice("only", only, "mappings to look at",
                std::vector<support::Word<Only>>{
                    {"all", Only::All, "all of them"},
                    {"unfused", Only::Unfused, "logits off the chip"},
                    {"whole-rows", Only::WholeRows, "no key tiles, as FLAT"},
                    {"key-tiles", Only::KeyTiles, "an online softmax"}});
    line.number("keep", keep, 1, 10000, "n", "mappings to list, best first");
    line.flag("explain", explain,
              "where the time of the first goes, what lies on chip, its loop "
              "nest, and why others were rejected");
    line.flag("simulate", simulate,
              "beside each mapping the cycles of its program in the simulator");
    line.group("Results");
    line.text("output", output, "file", "the first mapping, as JSON");
    line.shorthand('o', "output");
    line.text(
        "pareto", pareto, "file",
        "the mappings on all machines that no other beats in time, energy "
        "and bytes on chip, as CSV, or by its ending as .json or .html");
    line.text("svg", svg, "file",
              "the first mapping's loop nest and footprint over time");
    line.text("timeloop-output", timeloopOutput, "prefix",
              "the first mapping for Timeloop, in <prefix>-logit.yaml and "
              "<prefix>-attend.yaml");
    line.text("tileflow-output", tileflowOutput, "file",
              "the first mapping for TileFlow, a tree of tiles");
    line.text("program", program, "file",
              "the first mapping as a program, which nm-sim runs");
    line.flag("schema", schema, "print the JSON schema of mappings");
  }

private:
  void readMode() { mode(); }
};

/// A machine and an attention.
struct Case {
  SweepPoint point;
  Device device;
  AttentionShape shape;
};

/// One run of the command.
class MapRun {
public:
  MapRun(MapReader &reader, const support::CommandLine &line,
         const MapTools &tools)
      : reader(reader), line(line), tools(tools) {}

  Status run() {
    NM_RETURN_IF_ERROR(check());
    NM_RETURN_IF_ERROR(declareFiles());
    Result<std::vector<Case>> cases = listCases();
    if (!cases)
      return cases.error();
    for (const Case &c : *cases)
      NM_RETURN_IF_ERROR(isGiven() ? evaluate(c) : search(c));
    if (!reader.pareto.empty())
      NM_RETURN_IF_ERROR(writeFronts());
    NM_RETURN_IF_ERROR(files.commit());
    std::cout << report;
    return {};
  }

private:
  MapReader &reader;
  const support::CommandLine &line;
  const MapTools &tools;
  CommandFiles files;
  std::string report;
  Mapping given;

  struct FrontPoint {
    SweepPoint point;
    Candidate candidate;
  };
  std::vector<FrontPoint> fronts;

  Status check() {
    std::vector<const char *> given;
    for (const char *option : {"mapping", "timeloop", "tileflow"})
      if (line.given(option))
        given.push_back(option);
    if (given.size() > 1)
      return makeError(Errc::Argument, "found --", given[0], " and --",
                       given[1], ", expected one mapping");
    if (isGiven())
      for (const char *other :
           {"model", "length", "batch", "decode", "group", "mask", "objective",
            "within", "then", "keep", "pareto", "only"})
        if (line.given(other))
          return makeError(Errc::Argument, "--", other,
                           " has no effect beside --", given.front(),
                           ": nothing is searched for; drop one of them");
    if (!reader.timeloop.empty() &&
        reader.timeloop.find(',') == std::string::npos)
      return makeError(Errc::Argument, "option --timeloop: found one file, "
                                       "expected two, logit.yaml,attend.yaml");
    for (auto [option, isGiven] :
         {std::pair("--svg", !reader.svg.empty()),
          std::pair("--simulate", reader.simulate),
          std::pair("--program", !reader.program.empty())})
      if (reader.sweep.mode == Mode::Faithful && isGiven)
        return makeError(Errc::Argument, "option ", option,
                         ": found faithful mode, which knows no buffers and no "
                         "programs, expected --mode=extended");
    if (reader.sweep.mode == Mode::Extended && reader.sweep.modelSoftmax)
      return makeError(Errc::Argument, "option --softmax: found extended mode, "
                                       "expected --mode=faithful");
    return {};
  }

  /// The mapping that is evaluated, as it was named; empty: search.
  const std::string &givenFile() const {
    return !reader.mapping.empty()    ? reader.mapping
           : !reader.timeloop.empty() ? reader.timeloop
                                      : reader.tileflow;
  }
  bool isGiven() const { return !givenFile().empty(); }

  /// Of --timeloop: the files of the two products.
  std::pair<std::string, std::string> timeloopFiles() const {
    size_t comma = reader.timeloop.find(',');
    return {reader.timeloop.substr(0, comma),
            reader.timeloop.substr(comma + 1)};
  }

  Result<Mapping> readGiven() const {
    if (!reader.mapping.empty())
      return readMapping(reader.mapping);
    if (!reader.tileflow.empty()) {
      Result<std::string> text = readMappingText(reader.tileflow);
      if (!text)
        return text.error();
      return tools.parseTileFlow(*text, reader.tileflow);
    }
    auto [logit, attend] = timeloopFiles();
    Result<std::string> first = readMappingText(logit);
    if (!first)
      return first.error();
    Result<std::string> second = readMappingText(attend);
    if (!second)
      return second.error();
    return tools.parseTimeloop(*first, *second, logit, attend);
  }

  Status declareFiles() {
    NM_RETURN_IF_ERROR(readsDevices(files, reader.deviceNames));
    if (!reader.mapping.empty())
      NM_RETURN_IF_ERROR(files.reads("--mapping", reader.mapping));
    if (!reader.tileflow.empty())
      NM_RETURN_IF_ERROR(files.reads("--tileflow", reader.tileflow));
    if (!reader.timeloop.empty()) {
      auto [logit, attend] = timeloopFiles();
      NM_RETURN_IF_ERROR(files.reads("--timeloop", logit));
      NM_RETURN_IF_ERROR(files.reads("--timeloop", attend));
    }
    for (auto [what, path] :
         {std::pair("--output", &reader.output),
          std::pair("--pareto", &reader.pareto),
          std::pair("--svg", &reader.svg),
          std::pair("--program", &reader.program),
          std::pair("--tileflow-output", &reader.tileflowOutput)})
      if (!path->empty())
        NM_RETURN_IF_ERROR(files.writes(what, *path));
    if (!reader.timeloopOutput.empty())
      for (const char *product : {"-logit.yaml", "-attend.yaml"})
        NM_RETURN_IF_ERROR(
            files.writes("--timeloop-output", reader.timeloopOutput + product));
    if (!files.writesStandardOutput())
      return files.writes("the report", "-");
    return makeError(Errc::Argument, "the report goes to standard output; give "
                                     "the file a name");
  }

  Result<std::vector<Case>> listCases() {
    Sweep &sweep = reader.sweep;
    sweep.methods = {Method::Flat};
    if (isGiven()) {
      Result<Mapping> read = readGiven();
      if (!read)
        return read.error();
      given = *read;
      sweep.models = {paperModels().front()};
      sweep.lengths = {given.shape.keys};
    }
    constexpr int64_t kMost = 4096;
    if (sweep.size() > kMost)
      return makeError(Errc::Argument, "found ", sweep.size(),
                       " machines and shapes, expected at most ", kMost,
                       ", or nm-explore without map");
    if (sweep.size() != 1)
      for (const char *single :
           {"output", "svg", "program", "timeloop-output", "tileflow-output"})
        if (line.given(single))
          return makeError(Errc::Argument, "option --", single, ": found ",
                           sweep.size(),
                           " machines and shapes, expected one of each "
                           "(--device=edge --model=BERT --length=512)");
    std::vector<Case> cases;
    for (int64_t i = 0; i != sweep.size(); ++i) {
      Case c;
      c.point = describePoint(sweep, i, c.device);
      if (c.device.kind == DeviceKind::Host &&
          (isGiven() || reader.explain || reader.simulate ||
           !reader.svg.empty() || !reader.program.empty()))
        return makeError(Errc::Unsupported, "found the processor ",
                         c.device.name,
                         ", expected an accelerator, whose mappings can be "
                         "given, explained and drawn");
      if (!isGiven()) {
        Result<AttentionShape> shape = shapeOf(sweep, c.point);
        if (!shape)
          return shape.error();
        c.shape = *shape;
      }
      cases.push_back(c);
    }
    return cases;
  }

  /// The given mapping on a machine.
  Status evaluate(const Case &c) {
    Result<Cost> cost = evaluateMapping(c.device, given, reader.sweep.mode,
                                        reader.sweep.modelSoftmax);
    if (!cost)
      return makeError(cost.error().code, givenFile(), " on ", c.device.name,
                       ": ", cost.error().message);
    Result<SearchResult> best =
        searchDataflows(c.device, given.shape, searchOptions());
    const Cost *least = best ? &best->ranked.front().cost : nullptr;
    report += explainMapping(c.device, given, *cost, reader.sweep.mode, least);
    if (reader.simulate) {
      Result<MappingProgram> ran = run(c, given, *cost);
      if (!ran)
        return ran.error();
      report += "simulated " + simulated(*ran, *cost) + "\n";
    }
    if (best)
      report += "the best: " + toString(best->ranked.front().dataflow) + "\n";
    return writeFirst(c, given);
  }

  SearchOptions searchOptions() const {
    SearchOptions options;
    options.mode = reader.sweep.mode;
    options.modelSoftmax = reader.sweep.modelSoftmax;
    options.objective = reader.sweep.objective;
    options.withinPercent = reader.sweep.withinPercent;
    options.then = reader.sweep.then;
    options.scope =
        reader.only == MapReader::Only::Unfused ? Scope::Unfused : Scope::All;
    options.allowKeyTiles = reader.only != MapReader::Only::WholeRows;
    options.allowWholeRows = reader.only != MapReader::Only::KeyTiles;
    options.keep = static_cast<size_t>(reader.keep);
    options.keepRejected = reader.explain ? 20 : 1;
    options.wantsFront = !reader.pareto.empty();
    return options;
  }

  Status search(const Case &c) {
    Result<SearchResult> found =
        searchDataflows(c.device, c.shape, searchOptions());
    if (!found)
      return makeError(found.error().code, c.device.name, ", ", c.point.model,
                       " ", c.point.length, ": ", found.error().message);
    Mapping first{c.shape, found->ranked.front().dataflow};
    report += c.device.name + ", " + c.point.model + ", length " +
              std::to_string(c.point.length) + ": " +
              std::to_string(found->points) + " mappings, " +
              std::to_string(found->priced) + " priced, " +
              std::to_string(found->pruned) + " below a bound, " +
              std::to_string(found->infeasible) + " do not fit\n";
    NM_RETURN_IF_ERROR(list(c, *found));
    if (reader.explain)
      report += "\n" +
                explainMapping(c.device, first, found->ranked.front().cost,
                               reader.sweep.mode, nullptr) +
                rejections(*found);
    for (const Candidate &candidate : found->front)
      fronts.push_back({c.point, candidate});
    return writeFirst(c, first);
  }

  /// The program of a mapping, run; it moves the bytes that the model counts.
  Result<MappingProgram> run(const Case &c, const Mapping &mapping,
                             const Cost &cost) const {
    Result<MappingProgram> ran = tools.makeProgram(c.device, mapping);
    if (ran && ran->dramBytes != static_cast<int64_t>(cost.dramBytes))
      return makeError(Errc::Internal, toString(mapping.dataflow),
                       ": the program moves ", ran->dramBytes,
                       " bytes of DRAM, expected ",
                       static_cast<int64_t>(cost.dramBytes));
    return ran;
  }

  static std::string simulated(const MappingProgram &ran, const Cost &cost) {
    return support::formatted("%.0f (%+.1f %%)", ran.cycles,
                              100 * (ran.cycles / cost.cycles - 1));
  }

  Status list(const Case &c, const SearchResult &found) {
    support::Table table;
    table.rightAligned = {0, 1, 2, 3, 4, 5, 6};
    table.rows.push_back({"cycles", "ms", "mJ", "DRAM bytes", "on chip",
                          "utilisation", "simulated", "bound", "mapping"});
    for (const Candidate &k : found.ranked) {
      double seconds =
          k.cost.cycles / static_cast<double>(c.device.frequencyHz);
      std::string ran;
      if (reader.simulate) {
        Result<MappingProgram> program =
            run(c, Mapping{c.shape, k.dataflow}, k.cost);
        if (!program)
          return program.error();
        ran = simulated(*program, k.cost);
      }
      table.rows.push_back({support::formatted("%.0f", k.cost.cycles),
                            support::formatted("%.4g", seconds * 1e3),
                            support::formatted("%.4g", k.cost.energyPj * 1e-9),
                            support::formatted("%.0f", k.cost.dramBytes),
                            support::formatted("%.0f", k.cost.footprintBytes),
                            support::formatted("%.3f", k.cost.utilisation()),
                            ran, k.cost.bound(), toString(k.dataflow)});
    }
    if (!reader.simulate) {
      table.rightAligned.pop_back();
      for (auto &row : table.rows)
        row.erase(row.begin() + 6);
    }
    report += table.str();
    return {};
  }

  static std::string rejections(const SearchResult &found) {
    std::string text =
        "\nrejected, the first of " + std::to_string(found.infeasible) + "\n";
    for (const Rejection &rejection : found.rejected)
      text +=
          "  " + toString(rejection.dataflow) + ": " + rejection.reason + "\n";
    return text;
  }

  Status writeFirst(const Case &c, const Mapping &mapping) {
    if (!reader.output.empty())
      NM_RETURN_IF_ERROR(files.write(reader.output, printMapping(mapping)));
    if (!reader.svg.empty())
      NM_RETURN_IF_ERROR(
          files.write(reader.svg, drawMapping(c.device, mapping)));
    if (!reader.timeloopOutput.empty()) {
      Result<TimeloopMapping> both = tools.printTimeloop(c.device, mapping);
      if (!both)
        return both.error();
      NM_RETURN_IF_ERROR(
          files.write(reader.timeloopOutput + "-logit.yaml", both->logit));
      NM_RETURN_IF_ERROR(
          files.write(reader.timeloopOutput + "-attend.yaml", both->attend));
    }
    if (!reader.tileflowOutput.empty()) {
      Result<std::string> tree = tools.printTileFlow(c.device, mapping);
      if (!tree)
        return tree.error();
      NM_RETURN_IF_ERROR(files.write(reader.tileflowOutput, *tree));
    }
    if (!reader.program.empty()) {
      Result<MappingProgram> program = tools.makeProgram(c.device, mapping);
      if (!program)
        return program.error();
      NM_RETURN_IF_ERROR(files.write(reader.program, program->binary));
    }
    return {};
  }

  double secondsOf(const FrontPoint &p) const {
    for (const Device &device : reader.sweep.devices)
      if (device.name == p.point.device)
        return p.candidate.cost.cycles /
               static_cast<double>(device.frequencyHz);
    return 0;
  }

  /// Over all machines, for each attention.
  Status writeFronts() {
    auto isBeaten = [&](const FrontPoint &p) {
      auto measures = [&](const FrontPoint &q) {
        return std::array{secondsOf(q), q.candidate.cost.energyPj,
                          q.candidate.cost.footprintBytes};
      };
      auto a = measures(p);
      for (const FrontPoint &q : fronts) {
        auto b = measures(q);
        if (q.point.model == p.point.model &&
            q.point.length == p.point.length &&
            q.point.group == p.point.group &&
            q.point.causal == p.point.causal && b[0] <= a[0] && b[1] <= a[1] &&
            b[2] <= a[2] && b != a)
          return true;
      }
      return false;
    };
    FrontTable table{{"model", "length", "group", "mask", "device", "array",
                      "buffer_bytes", "dram_bytes_per_second", "lanes",
                      "seconds", "energy_pj", "footprint_bytes", "cycles",
                      "dram_bytes", "utilisation", "bound", "mapping"},
                     {}};
    for (const FrontPoint &p : fronts)
      if (!isBeaten(p))
        table.rows.push_back(rowOf(p));
    return files.write(
        reader.pareto,
        formatFront(table, reader.pareto,
                    "Pareto front of time, energy and bytes on chip"));
  }

  std::vector<std::string> rowOf(const FrontPoint &p) const {
    const Cost &cost = p.candidate.cost;
    return {p.point.model,
            std::to_string(p.point.length),
            std::to_string(p.point.group),
            p.point.causal ? "causal" : "full",
            p.point.device,
            p.point.packing ? "packed" : "single",
            std::to_string(p.point.bufferBytes),
            csvNumber(p.point.dramBandwidth),
            std::to_string(p.point.lanes),
            csvNumber(secondsOf(p)),
            csvNumber(cost.energyPj),
            csvNumber(cost.footprintBytes),
            csvNumber(cost.cycles),
            csvNumber(cost.dramBytes),
            csvNumber(cost.utilisation()),
            cost.bound(),
            toString(p.candidate.dataflow)};
  }
};

} // namespace

struct MapCommand::State {
  support::CommandLine line{
      "nm-explore map",
      "lists the best mappings of an attention, evaluates a given one, and "
      "explains both"};
  MapReader reader;
};

MapCommand::MapCommand() : state(std::make_unique<State>()) {
  support::CommandLine &line = state->line;
  line.example("nm-explore map --device=edge --model=BERT --length=512 "
               "--explain -o best.json --svg=best.svg");
  line.example("nm-explore map --device=cloud --mapping=best.json");
  line.example("nm-explore map --device=edge,cloud --buffer=256K..4M "
               "--model=BERT --length=4K --pareto=front.html");
  state->reader.declare(line);
}

MapCommand::~MapCommand() = default;

support::CommandLine &MapCommand::line() { return state->line; }

int MapCommand::run(const MapTools &tools) {
  MapReader &reader = state->reader;
  Status status = support::guarded([&]() -> Status {
    if (reader.schema) {
      if (state->line.given().size() > 1)
        return makeError(Errc::Argument, "--schema stands alone; drop --",
                         state->line.given()[0] == "schema"
                             ? state->line.given()[1]
                             : state->line.given()[0]);
      std::cout << mappingSchema();
      return {};
    }
    reader.finishAxes();
    if (reader.fail.failed)
      return reader.fail.error;
    return MapRun(reader, state->line, tools).run();
  });
  if (status)
    return 0;
  std::cerr << "error: " << status.error().message << "\n";
  return 1;
}

} // namespace nm::model
