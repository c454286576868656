//===- TenantsFile.cpp - Traces of tenants' requests -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/Support.h"
#include "nm/Driver/Tenants.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace json = llvm::json;

static constexpr size_t kMaxRequests = 10000000;
/// A policy's fields have 48 bits of nanoseconds: three days.
static constexpr double kMaxMicroseconds = 2.5e11;
static constexpr int64_t kMaxTenant = 65535;

namespace {

/// Gathers the requests of a file.
class Reader {
public:
  explicit Reader(StringRef path) : path(path) {}

  llvm::Expected<TenantTrace> readJson(StringRef text);
  llvm::Expected<TenantTrace> readCsv(StringRef text);

private:
  template <typename... Ts> llvm::Error fail(const char *format, Ts &&...args) {
    return makeError("'{0}': {1}", path,
                     llvm::formatv(format, std::forward<Ts>(args)...).str());
  }
  size_t programOf(StringRef file);
  llvm::Error add(const std::string &where, int64_t tenant, size_t program,
                  double arrival, double deadline);
  llvm::Error readRequest(const json::Value &value, size_t index,
                          const llvm::StringMap<size_t> &names);
  llvm::Error readPrograms(const json::Value &value,
                           llvm::StringMap<size_t> &names);
  llvm::Error readWeights(const json::Value &value);
  llvm::Error readLine(StringRef line, size_t number);
  TenantTrace finish();

  StringRef path;
  TenantTrace trace;
  llvm::StringMap<size_t> files;
};

} // namespace

/// Number of a program by its path, which is relative to this file's folder.
size_t Reader::programOf(StringRef file) {
  SmallString<128> full(file);
  if (!llvm::sys::path::is_absolute(file)) {
    full = llvm::sys::path::parent_path(path);
    llvm::sys::path::append(full, file);
  }
  auto [known, isNew] = files.insert({full, trace.programs.size()});
  if (isNew)
    trace.programs.push_back(full.str().str());
  return known->second;
}

llvm::Error Reader::add(const std::string &where, int64_t tenant,
                        size_t program, double arrival, double deadline) {
  if (tenant < 0 || tenant > kMaxTenant)
    return fail("{0}: found tenant {1}, expected 0 to {2}", where, tenant,
                kMaxTenant);
  for (auto [name, value] :
       {std::pair("arrival_us", arrival), {"deadline_us", deadline}})
    if (!(value >= 0) || value > kMaxMicroseconds)
      return fail("{0}: found {1} {2}, expected 0 to {3}", where, name, value,
                  kMaxMicroseconds);
  if (trace.requests.size() == kMaxRequests)
    return fail("found more than {0} requests, expected at most as many",
                kMaxRequests);
  trace.requests.push_back(
      {static_cast<uint64_t>(tenant), program, arrival * 1e3, deadline * 1e3});
  return llvm::Error::success();
}

TenantTrace Reader::finish() {
  // By arrival, else in the order of the file.
  std::vector<std::pair<double, size_t>> order;
  order.reserve(trace.requests.size());
  for (auto [i, request] : llvm::enumerate(trace.requests))
    order.push_back({request.arrival, i});
  std::sort(order.begin(), order.end());
  std::vector<TenantRequest> sorted;
  sorted.reserve(order.size());
  for (auto [arrival, i] : order)
    sorted.push_back(trace.requests[i]);
  trace.requests = std::move(sorted);
  return std::move(trace);
}

llvm::Error Reader::readPrograms(const json::Value &value,
                                 llvm::StringMap<size_t> &names) {
  const json::Object *object = value.getAsObject();
  if (!object)
    return fail("/programs: expected an object of names and paths");
  for (auto &[name, file] : *object) {
    auto text = file.getAsString();
    if (!text || text->empty())
      return fail("/programs/{0}: expected the path of a program", name.str());
    names[name] = programOf(*text);
  }
  return llvm::Error::success();
}

llvm::Error Reader::readWeights(const json::Value &value) {
  const json::Array *array = value.getAsArray();
  if (!array || array->size() > static_cast<size_t>(kMaxTenant) + 1)
    return fail("/weights: expected a list of numbers, one for each tenant");
  for (auto [i, entry] : llvm::enumerate(*array)) {
    auto weight = entry.getAsNumber();
    if (!weight || !(*weight > 0) || !std::isfinite(*weight))
      return fail("/weights/{0}: expected a positive number", i);
    trace.weights.push_back(*weight);
  }
  return llvm::Error::success();
}

llvm::Error Reader::readRequest(const json::Value &value, size_t index,
                                const llvm::StringMap<size_t> &names) {
  std::string where = "/requests/" + std::to_string(index);
  const json::Object *object = value.getAsObject();
  if (!object)
    return fail("{0}: expected an object", where);
  for (auto &[name, field] : *object)
    if (name != "tenant" && name != "program" && name != "arrival_us" &&
        name != "deadline_us")
      return fail("{0}: found the field '{1}', expected tenant, program, "
                  "arrival_us or deadline_us",
                  where, name.str());
  auto tenant = object->getInteger("tenant");
  if (!tenant)
    return fail("{0}/tenant: expected a number", where);
  auto program = object->getString("program");
  if (!program)
    return fail("{0}/program: expected the name of a program", where);
  auto known = names.find(*program);
  if (known == names.end()) {
    SmallVector<StringRef> all(names.keys());
    return fail("{0}/program: found '{1}'{2}, expected one of /programs", where,
                *program, didYouMean(*program, all));
  }
  auto arrival = object->getNumber("arrival_us");
  if (!arrival)
    return fail("{0}/arrival_us: expected a number", where);
  double deadline = 0;
  if (const json::Value *field = object->get("deadline_us")) {
    auto number = field->getAsNumber();
    if (!number)
      return fail("{0}/deadline_us: expected a number", where);
    deadline = *number;
  }
  return add(where, *tenant, known->second, *arrival, deadline);
}

llvm::Expected<TenantTrace> Reader::readJson(StringRef text) {
  auto parsed = json::parse(text);
  if (!parsed)
    return fail("{0}", llvm::toString(parsed.takeError()));
  const json::Object *object = parsed->getAsObject();
  if (!object)
    return fail("expected an object");
  for (auto &[name, field] : *object)
    if (name != "schema" && name != "programs" && name != "weights" &&
        name != "requests")
      return fail("found the field '{0}', expected schema, programs, weights "
                  "or requests",
                  name.str());
  if (object->getString("schema") != StringRef("nm.tenants/1"))
    return fail("/schema: expected \"nm.tenants/1\"");
  llvm::StringMap<size_t> names;
  const json::Value *programs = object->get("programs");
  if (!programs)
    return fail("found no /programs, expected an object of names and paths");
  if (llvm::Error error = readPrograms(*programs, names))
    return std::move(error);
  if (const json::Value *weights = object->get("weights"))
    if (llvm::Error error = readWeights(*weights))
      return std::move(error);
  const json::Array *requests = object->getArray("requests");
  if (!requests)
    return fail("found no /requests, expected a list");
  for (auto [i, request] : llvm::enumerate(*requests))
    if (llvm::Error error = readRequest(request, i, names))
      return std::move(error);
  return finish();
}

llvm::Error Reader::readLine(StringRef line, size_t number) {
  std::string where = "line " + std::to_string(number);
  SmallVector<StringRef> fields;
  line.split(fields, ',');
  for (StringRef &field : fields)
    field = field.trim();
  if (fields.size() != 3 && fields.size() != 4)
    return fail("{0}: found {1} fields, expected tenant, program, arrival_us "
                "and deadline_us",
                where, fields.size());
  int64_t tenant;
  double arrival, deadline = 0;
  if (fields[0].getAsInteger(10, tenant))
    return fail("{0}: found tenant '{1}', expected a number", where, fields[0]);
  if (fields[1].empty())
    return fail("{0}: expected the path of a program", where);
  if (fields[2].getAsDouble(arrival))
    return fail("{0}: found arrival_us '{1}', expected a number", where,
                fields[2]);
  if (fields.size() == 4 && !fields[3].empty() &&
      fields[3].getAsDouble(deadline))
    return fail("{0}: found deadline_us '{1}', expected a number", where,
                fields[3]);
  return add(where, tenant, programOf(fields[1]), arrival, deadline);
}

llvm::Expected<TenantTrace> Reader::readCsv(StringRef text) {
  bool headed = false;
  for (size_t number = 1; !text.empty(); ++number) {
    StringRef line;
    std::tie(line, text) = text.split('\n');
    line = line.trim();
    if (line.empty() || line.starts_with("#"))
      continue;
    if (!headed) {
      std::string header;
      for (char c : line)
        if (c != ' ')
          header += c;
      if (header != "tenant,program,arrival_us" &&
          header != "tenant,program,arrival_us,deadline_us")
        return fail("line {0}: found the header '{1}', expected "
                    "tenant,program,arrival_us,deadline_us",
                    number, line.take_front(80));
      headed = true;
      continue;
    }
    if (llvm::Error error = readLine(line, number))
      return std::move(error);
  }
  if (!headed)
    return fail("found no header, expected "
                "tenant,program,arrival_us,deadline_us");
  return finish();
}

llvm::Expected<TenantTrace> driver::parseTenants(StringRef text,
                                                 StringRef path) {
  Reader reader(path);
  return text.ltrim().starts_with("{") ? reader.readJson(text)
                                       : reader.readCsv(text);
}
