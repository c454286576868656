//===- TenantTrace.cpp - Traces of tenants' requests -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/TenantTrace.h"
#include "nm/Support/CsvReader.h"
#include "nm/Support/JsonReader.h"
#include "nm/Support/Numbers.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <limits>
#include <map>

using namespace nm;
using namespace nm::traffic;
using support::CsvReader;
using support::JsonReader;
using support::Need;

static constexpr size_t kMaxRequests = 10000000;
/// A policy's fields have 48 bits of nanoseconds: three days.
static constexpr double kMaxMicroseconds = 2.5e11;
static constexpr int64_t kMaxTenant = 65535;

namespace {

/// Gathers the requests of a file.
class Reader {
public:
  explicit Reader(const std::string &path) : path(path) {}

  support::Result<TenantTrace> readJson(std::string_view text);
  support::Result<TenantTrace> readCsv(std::string_view text);

private:
  size_t programOf(const std::string &file);
  void add(int64_t tenant, size_t program, double arrival, double deadline) {
    trace.requests.push_back({static_cast<uint64_t>(tenant), program,
                              arrival * 1e3, deadline * 1e3});
  }
  bool readLine(CsvReader &reader, const std::vector<std::string> &cells);
  TenantTrace finish();

  std::string path;
  TenantTrace trace;
  std::map<std::string, size_t> files;
};

} // namespace

/// Number of a program by its path, which is relative to this file's folder.
size_t Reader::programOf(const std::string &file) {
  size_t slash = path.rfind('/');
  bool isFull = file[0] == '/' || slash == std::string::npos;
  std::string full = isFull ? file : path.substr(0, slash + 1) + file;
  auto [known, isNew] = files.insert({full, trace.programs.size()});
  if (isNew)
    trace.programs.push_back(full);
  return known->second;
}

TenantTrace Reader::finish() {
  // Requests at the same time stay in the order of the file. (libstdc++'s
  // stable_sort calls what C++17 deprecates.)
  std::vector<std::pair<double, size_t>> order;
  for (const TenantRequest &request : trace.requests)
    order.push_back({request.arrival, order.size()});
  std::sort(order.begin(), order.end());
  std::vector<TenantRequest> sorted;
  for (auto [arrival, place] : order)
    sorted.push_back(trace.requests[place]);
  trace.requests = std::move(sorted);
  return std::move(trace);
}

support::Result<TenantTrace> Reader::readJson(std::string_view text) {
  std::map<std::string, size_t> names;
  auto readRequest = [&](JsonReader &request, size_t) {
    int64_t tenant = 0;
    request.integer("tenant", tenant, int64_t(0), kMaxTenant);
    std::string name;
    request.text("program", name);
    auto known = names.find(name);
    if (request.ok() && known == names.end()) {
      std::vector<std::string> all;
      for (auto &[other, number] : names)
        all.push_back(other);
      request.wrong("program",
                    "one of 'programs'" + support::didYouMean(name, all));
    }
    double arrival = 0, deadline = 0;
    request.number("arrival_us", arrival, 0, kMaxMicroseconds);
    request.number("deadline_us", deadline, 0, kMaxMicroseconds,
                   Need::Optional);
    if (request.ok())
      add(tenant, known->second, arrival, deadline);
  };
  support::Status status =
      support::readJsonObject(text, path, [&](JsonReader &reader) {
        reader.word("schema", "\"nm.tenants/1\"", [](const std::string &word) {
          return word == "nm.tenants/1";
        });
        std::vector<std::pair<std::string, std::string>> programs;
        reader.textsByName("programs", programs);
        for (auto &[name, file] : programs) {
          if (file.empty())
            return reader.fail("programs", "found no path of " +
                                               support::quote(name) +
                                               ", expected that of a program");
          names[name] = programOf(file);
        }
        reader.numbers("weights", trace.weights, 0,
                       std::numeric_limits<double>::max(),
                       static_cast<size_t>(kMaxTenant) + 1, Need::Optional);
        for (size_t i = 0; i != trace.weights.size(); ++i)
          if (trace.weights[i] == 0)
            reader.fail(("weights[" + std::to_string(i) + "]").c_str(),
                        "found 0, expected a positive number");
        reader.objects("requests", 0, kMaxRequests, readRequest);
      });
  if (!status)
    return status.error();
  return finish();
}

/// A line of tenant, program, arrival_us and, where there is one, deadline_us.
bool Reader::readLine(CsvReader &reader,
                      const std::vector<std::string> &cells) {
  auto wrong = [&](size_t column, const std::string &expected) {
    static constexpr const char *kNames[] = {"tenant", "program", "arrival_us",
                                             "deadline_us"};
    reader.fail(std::string("found ") + kNames[column] + " " +
                support::quoteCell(cells[column]) + ", expected " + expected);
    return false;
  };
  uint64_t tenant;
  if (!support::parseUnsigned(cells[0], tenant) || tenant > kMaxTenant)
    return wrong(0, "0 to " + std::to_string(kMaxTenant));
  if (cells[1].empty())
    return wrong(1, "the path of a program");
  double times[2] = {0, 0};
  for (size_t i = 2; i != cells.size(); ++i) {
    if (i == 3 && cells[i].empty())
      continue;
    if (!support::parseReal(cells[i], times[i - 2]) || times[i - 2] < 0 ||
        times[i - 2] > kMaxMicroseconds)
      return wrong(i, "a number from 0 to 2.5e+11");
  }
  if (trace.requests.size() == kMaxRequests) {
    reader.fail("found more than " + std::to_string(kMaxRequests) +
                " requests, expected at most as many");
    return false;
  }
  add(static_cast<int64_t>(tenant), programOf(cells[1]), times[0], times[1]);
  return true;
}

support::Result<TenantTrace> Reader::readCsv(std::string_view text) {
  CsvReader reader(text, path);
  std::vector<std::string> cells;
  CsvReader::Step step = reader.row(cells);
  const std::vector<std::string> columns = {"tenant", "program", "arrival_us",
                                            "deadline_us"};
  if (step != CsvReader::Step::Error &&
      (cells.size() < 3 || cells.size() > 4 ||
       !std::equal(cells.begin(), cells.end(), columns.begin())))
    step = reader.fail(
        step == CsvReader::Step::End
            ? "found no header, expected tenant,program,arrival_us,deadline_us"
            : "found another header, expected "
              "tenant,program,arrival_us,deadline_us");
  // The deadline may be left out.
  size_t optional = cells.size() == 4;
  while (step == CsvReader::Step::Row) {
    step = reader.row(cells, optional);
    if (step == CsvReader::Step::Row && !readLine(reader, cells))
      step = CsvReader::Step::Error;
  }
  if (step == CsvReader::Step::Error)
    return reader.error();
  return finish();
}

support::Result<TenantTrace> traffic::parseTenants(std::string_view text,
                                                   const std::string &path) {
  Reader reader(path);
  size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{'
             ? reader.readJson(text)
             : reader.readCsv(text);
}
