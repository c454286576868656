//===- ExploreRun.cpp - Runs a sweep in parallel ---------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExploreRun.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Progress.h"
#include "nm/Support/Result.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

namespace nm::model {

using support::makeError;

namespace {

/// What a line of an earlier run says about point `index`.
class EarlierRows {
public:
  EarlierRows(const Sweep &sweep, int64_t size) {
    for (int64_t i = 0; i != size; ++i)
      indices.emplace(sweepKeyText(sweep, sweepKey(sweep, i)), i);
  }

  void read(const Sweep &sweep, const std::string &path,
            std::vector<std::string> &rows) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      // The key ends before the twelve numbers; names hold no free text that
      // could end differently, so the longest known prefix is the key.
      size_t end = 0;
      for (int commas = 0; end < line.size(); ++end)
        if (line[end] == ',' && ++commas >= 15) {
          auto it = indices.find(line.substr(0, end));
          if (it == indices.end())
            continue;
          SweepPoint point = sweepKey(sweep, it->second);
          if (parseCsvRow(sweep, line, point))
            rows[static_cast<size_t>(it->second)] = line;
          break;
        }
    }
  }

private:
  std::map<std::string, int64_t> indices;
};

/// One sweep: rows that an earlier run left, the missing ones by several
/// threads, then the table.
class SweepRun {
public:
  SweepRun(const Sweep &sweep, const ExploreOptions &options)
      : sweep(sweep), options(options), size(sweep.size()),
        output(options.shards
                   ? shardPath(options.csv, options.shard, options.shards)
                   : options.csv) {}

  Status run() {
    if (size < 1 || size > 1'000'000)
      return makeError(Errc::Argument, "found a sweep of ", size,
                       " points, expected 1 to 1000000");
    NM_RETURN_IF_ERROR(declareFiles());
    if (options.merge) {
      NM_RETURN_IF_ERROR(readShards());
      return writeTable();
    }
    NM_RETURN_IF_ERROR(readEarlierRows());
    NM_RETURN_IF_ERROR(openLog());
    evaluate();
    NM_RETURN_IF_ERROR(closeLog());
    return writeTable();
  }

private:
  Status declareFiles() {
    NM_RETURN_IF_ERROR(readsDevices(files, options.devices));
    for (auto [what, path] : {std::pair("--output", &output),
                              std::pair("--pareto", &options.pareto)})
      if (!path->empty())
        NM_RETURN_IF_ERROR(files.writes(what, *path));
    if (output.empty())
      NM_RETURN_IF_ERROR(files.writes("the table", "-"));
    for (int64_t i = 1; i <= options.merge; ++i)
      NM_RETURN_IF_ERROR(
          files.reads("--merge", shardPath(options.csv, i, options.merge)));
    // The folder of the plots.
    if (!options.svg.empty())
      NM_RETURN_IF_ERROR(files.writes("--charts", options.svg + "-pareto.svg"));
    return {};
  }

  /// A point of this run.
  bool isOurs(int64_t i) const {
    return !options.shards || i % options.shards == options.shard - 1;
  }

  /// All points of all shards, each from its own.
  Status readShards() {
    rows.resize(static_cast<size_t>(size));
    EarlierRows earlier(sweep, size);
    for (int64_t shard = 1; shard <= std::min(options.merge, size); ++shard) {
      std::string path = shardPath(options.csv, shard, options.merge);
      std::string again =
          "; run the sweep with --shard=" + std::to_string(shard) + "/" +
          std::to_string(options.merge);
      if (!std::ifstream(path))
        return makeError(Errc::Io, "cannot read ", support::quotePath(path),
                         ": ", std::strerror(errno), again,
                         ", or with --resume if it was interrupted");
      earlier.read(sweep, path, rows);
      for (int64_t i = shard - 1; i < size; i += options.merge)
        if (rows[static_cast<size_t>(i)].empty())
          return makeError(Errc::Mismatch, support::quotePath(path),
                           ": found no row of point ", i, " (",
                           sweepKeyText(sweep, sweepKey(sweep, i)),
                           "), expected the rows of this sweep", again);
    }
    return {};
  }

  Status readEarlierRows() {
    // What is written through cannot be continued.
    bool kept = !output.empty() && support::isPlainFile(output);
    if (options.resume && !kept)
      return makeError(Errc::Argument,
                       "option --resume: ", support::quotePath(output),
                       " is no file that could be continued");
    partial = kept ? output + ".partial" : "";
    rows.resize(static_cast<size_t>(size));
    if (options.resume && !partial.empty()) {
      EarlierRows earlier(sweep, size);
      earlier.read(sweep, output, rows);
      earlier.read(sweep, partial, rows);
    }
    for (int64_t i = 0; i != size; ++i) {
      ours += isOurs(i);
      known += isOurs(i) && !rows[static_cast<size_t>(i)].empty();
    }
    return {};
  }

  Status openLog() {
    if (partial.empty())
      return {};
    log = std::fopen(partial.c_str(), options.resume ? "a" : "w");
    if (!log)
      return makeError(Errc::Io, "cannot write ", support::quotePath(partial),
                       ": ", std::strerror(errno));
    // A torn last line of an interrupted run ends here.
    std::fputs("\n", log);
    return {};
  }

  void evaluate() {
    std::atomic<int64_t> next{0};
    support::Progress progress("", options.progress);
    auto work = [&] {
      for (int64_t i = next++; i < size; i = next++)
        if (isOurs(i) && rows[static_cast<size_t>(i)].empty() &&
            !keep(i, csvRow(sweep, evaluatePoint(sweep, i)), progress))
          return;
    };
    int64_t wanted = options.threads > 0
                         ? options.threads
                         : std::max(1u, std::thread::hardware_concurrency());
    wanted = std::min<int64_t>({wanted, size, 256});
    std::vector<std::thread> threads;
    for (int64_t i = 1; i < wanted; ++i) {
      try {
        threads.emplace_back(work);
      } catch (const std::system_error &) {
        break; // fewer threads do the same work
      }
    }
    work();
    for (std::thread &thread : threads)
      thread.join();
  }

  /// False if no more are wanted.
  bool keep(int64_t i, std::string text, support::Progress &progress) {
    std::lock_guard<std::mutex> lock(mutex);
    if (stopped || failed)
      return false;
    std::string &row = rows[static_cast<size_t>(i)];
    row = std::move(text);
    ++fresh;
    if (log &&
        (std::fputs((row + "\n").c_str(), log) < 0 || std::fflush(log) != 0)) {
      failed = true;
      code = errno;
    }
    if (fresh % 16 == 0 || known + fresh == ours)
      progress.show("explore: " + std::to_string(known + fresh) + " of " +
                        std::to_string(ours) + " points",
                    static_cast<double>(fresh) /
                        static_cast<double>(ours - known));
    stopped = options.stopAfter > 0 && fresh >= options.stopAfter;
    return true;
  }

  Status closeLog() {
    if (log && std::fclose(log) != 0 && !failed) {
      failed = true;
      code = errno;
    }
    if (failed) {
      if (!options.resume)
        std::remove(partial.c_str());
      return makeError(Errc::Io, "cannot write ", support::quotePath(output),
                       ": ", std::strerror(code), " (in ",
                       support::quotePath(partial),
                       ", which keeps what is done)");
    }
    if (stopped && known + fresh != ours)
      return makeError(Errc::Io, "stopped after ", fresh, " points; ",
                       support::quotePath(partial), " keeps them for --resume");
    return {};
  }

  Status writeTable() {
    // Numbers as they stand in the rows: a resumed run then gives what an
    // uninterrupted one does.
    std::vector<SweepPoint> points;
    std::string table = csvHeader() + "\n";
    for (int64_t i = 0; i != size; ++i) {
      if (!isOurs(i))
        continue;
      points.push_back(sweepKey(sweep, i));
      parseCsvRow(sweep, rows[static_cast<size_t>(i)], points.back());
      table += rows[static_cast<size_t>(i)] + "\n";
    }
    // A shard has no fronts: the others' points are missing.
    if (!options.shards)
      markPareto(points);
    NM_RETURN_IF_ERROR(files.write(output.empty() ? "-" : output, table));
    if (!options.pareto.empty()) {
      FrontTable front{splitCsvRow(csvHeader()), {}};
      for (int64_t i = 0; i != size; ++i)
        if (points[static_cast<size_t>(i)].pareto)
          front.rows.push_back(splitCsvRow(rows[static_cast<size_t>(i)]));
      NM_RETURN_IF_ERROR(files.write(
          options.pareto,
          formatFront(front, options.pareto,
                      "Pareto front of time, energy and scratchpad")));
    }
    if (!options.svg.empty())
      NM_RETURN_IF_ERROR(writePlots(sweep, points, options.svg, files));
    NM_RETURN_IF_ERROR(files.commit());
    if (!partial.empty())
      std::remove(partial.c_str());
    return {};
  }

  const Sweep &sweep;
  const ExploreOptions &options;
  const int64_t size;
  const std::string output; ///< of this run: a shard has one of its own
  support::CommandFiles files;
  std::vector<std::string> rows;
  std::string partial; ///< keeps rows while the sweep runs; empty: nothing does
  std::FILE *log = nullptr;
  int64_t ours = 0;             ///< points of this run
  int64_t known = 0, fresh = 0; ///< rows of those from earlier, and new ones
  std::mutex mutex;
  bool stopped = false, failed = false;
  int code = 0;
};

} // namespace

std::string shardPath(const std::string &csv, int64_t shard, int64_t shards) {
  return csv + "." + std::to_string(shard) + "-of-" + std::to_string(shards);
}

Status explore(const Sweep &sweep, const ExploreOptions &options) {
  return support::guarded([&] { return SweepRun(sweep, options).run(); });
}

} // namespace nm::model
