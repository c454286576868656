//===- ExploreRun.cpp - Runs a sweep in parallel ---------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ExploreRun.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Result.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
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

void showProgress(int64_t done, int64_t total, double seconds, int64_t fresh) {
  double left = fresh ? seconds / static_cast<double>(fresh) *
                            static_cast<double>(total - done)
                      : 0;
  std::fprintf(stderr, "\rexplore: %lld of %lld points, %.0f s left   ",
               static_cast<long long>(done), static_cast<long long>(total),
               left);
  std::fflush(stderr);
}

} // namespace

static Result<std::vector<SweepPoint>> run(const Sweep &sweep,
                                           const ExploreOptions &options) {
  int64_t size = sweep.size();
  if (size < 1 || size > 1'000'000)
    return makeError(Errc::Argument, "found a sweep of ", size,
                     " points, expected 1 to 1000000");
  support::CommandFiles files;
  for (auto [what, path] : {std::pair("--output", &options.csv),
                            std::pair("--pareto", &options.pareto)})
    if (!path->empty())
      NM_RETURN_IF_ERROR(files.writes(what, *path));
  if (options.csv.empty())
    NM_RETURN_IF_ERROR(files.writes("the table", "-"));
  // The folder of the plots.
  if (!options.svg.empty())
    NM_RETURN_IF_ERROR(files.writes("--charts", options.svg + "-pareto.svg"));
  // What is written through cannot be continued.
  bool kept = !options.csv.empty() && support::isPlainFile(options.csv);
  if (options.resume && !kept)
    return makeError(Errc::Argument, "option --resume: ", options.csv,
                     " is no file that could be continued");
  std::string partial = kept ? options.csv + ".partial" : "";
  std::vector<std::string> rows(static_cast<size_t>(size));
  if (options.resume && !partial.empty()) {
    EarlierRows earlier(sweep, size);
    earlier.read(sweep, options.csv, rows);
    earlier.read(sweep, partial, rows);
  }
  int64_t known = 0;
  for (const std::string &row : rows)
    known += !row.empty();

  std::FILE *log = nullptr;
  if (!partial.empty()) {
    log = std::fopen(partial.c_str(), options.resume ? "a" : "w");
    if (!log)
      return makeError(Errc::Io, "cannot write ", support::quotePath(partial),
                       ": ", std::strerror(errno));
    // A torn last line of an interrupted run ends here.
    std::fputs("\n", log);
  }

  std::mutex mutex;
  std::atomic<int64_t> next{0};
  int64_t done = known, fresh = 0;
  bool stopped = false, failed = false;
  int code = 0;
  auto start = std::chrono::steady_clock::now();
  auto work = [&] {
    for (int64_t i = next++; i < size; i = next++) {
      std::string &row = rows[static_cast<size_t>(i)];
      if (!row.empty())
        continue;
      std::string text = csvRow(sweep, evaluatePoint(sweep, i));
      std::lock_guard<std::mutex> lock(mutex);
      if (stopped || failed)
        return;
      row = std::move(text);
      ++done;
      ++fresh;
      if (log && (std::fputs((row + "\n").c_str(), log) < 0 ||
                  std::fflush(log) != 0)) {
        failed = true;
        code = errno;
      }
      if (options.progress && (fresh % 16 == 0 || done == size))
        showProgress(done, size,
                     std::chrono::duration<double>(
                         std::chrono::steady_clock::now() - start)
                         .count(),
                     fresh);
      stopped = options.stopAfter > 0 && fresh >= options.stopAfter;
    }
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
  if (options.progress)
    std::fputs("\n", stderr);
  if (log && std::fclose(log) != 0 && !failed) {
    failed = true;
    code = errno;
  }
  if (failed) {
    if (!options.resume)
      std::remove(partial.c_str());
    return makeError(Errc::Io, "cannot write ", support::quotePath(options.csv),
                     ": ", std::strerror(code), " (in ",
                     support::quotePath(partial),
                     ", which keeps what is done)");
  }
  if (stopped && done != size)
    return makeError(Errc::Io, "stopped after ", fresh, " points; ", partial,
                     " keeps them for --resume");

  // Numbers as they stand in the rows: a resumed run then gives what an
  // uninterrupted one does.
  std::vector<SweepPoint> points;
  std::string table = csvHeader() + "\n", fronts = table;
  for (int64_t i = 0; i != size; ++i) {
    points.push_back(sweepKey(sweep, i));
    parseCsvRow(sweep, rows[static_cast<size_t>(i)], points.back());
    table += rows[static_cast<size_t>(i)] + "\n";
  }
  markPareto(points);
  for (int64_t i = 0; i != size; ++i)
    if (points[static_cast<size_t>(i)].pareto)
      fronts += rows[static_cast<size_t>(i)] + "\n";
  NM_RETURN_IF_ERROR(
      files.write(options.csv.empty() ? "-" : options.csv, table));
  if (!options.pareto.empty())
    NM_RETURN_IF_ERROR(files.write(options.pareto, fronts));
  if (!options.svg.empty())
    NM_RETURN_IF_ERROR(writePlots(sweep, points, options.svg, files));
  NM_RETURN_IF_ERROR(files.commit());
  if (!partial.empty())
    std::remove(partial.c_str());
  return points;
}

Result<std::vector<SweepPoint>> explore(const Sweep &sweep,
                                        const ExploreOptions &options) {
  return support::guarded([&] { return run(sweep, options); });
}

} // namespace nm::model
