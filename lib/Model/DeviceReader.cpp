//===- DeviceReader.cpp - Reads a device description -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Runtime/Json.h"
#include "../Runtime/Support.h"
#include "DeviceFields.h"
#include <algorithm>
#include <cmath>
#include <fstream>

using nlohmann::json;

namespace nm::model {

namespace {

/// What all readers of one file share: its name and the first error.
struct Diagnosis {
  std::string where;
  bool failed = false;
  Error error;

  template <typename... Parts>
  void fail(const std::string &field, const Parts &...parts) {
    if (failed)
      return;
    failed = true;
    error = rt::makeError(Errc::Format, where, ": ",
                          field.empty() ? std::string("the document")
                                        : "field " + rt::quote(field),
                          parts...);
  }
};

std::string shown(const json &value) {
  if (value.is_string())
    return "the string " + rt::quote(value.get_ref<const std::string &>());
  if (value.is_number() || value.is_boolean())
    return value.dump();
  return rt::jsonKind(value);
}

std::string joined(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// The visitor that fills a Device from one JSON object. `finish` refuses what
/// no field asked for.
class ObjectReader {
public:
  ObjectReader(const json &fields, std::string path, Diagnosis &diagnosis)
      : fields(fields), path(std::move(path)), diagnosis(diagnosis) {}

  void text(const char *name, std::string &value, Need need, const char *) {
    const json *found = find(name, need, "a string");
    if (!found)
      return;
    if (!found->is_string() ||
        found->get_ref<const std::string &>().size() > kMaxText)
      return wrong(name, *found, "a string of at most 4096 bytes");
    value = found->get<std::string>();
    if (need == Need::Required && value.empty())
      wrong(name, *found, "a string that is not empty");
  }

  void texts(const char *name, std::vector<std::string> &values, const char *) {
    const json *found = findArray(name, "an array of strings");
    if (!found)
      return;
    for (const json &element : *found) {
      if (!element.is_string() ||
          element.get_ref<const std::string &>().size() > kMaxText)
        return wrong(name, element, "an array of strings");
      values.push_back(element.get<std::string>());
    }
  }

  void integer(const char *name, int64_t &value, int64_t least, int64_t most,
               Need need, const char *) {
    std::string expected = "an integer from " + std::to_string(least) + " to " +
                           std::to_string(most);
    const json *found = find(name, need, expected);
    if (!found)
      return;
    // An unsigned number above the range of int64_t is one too large.
    if (!found->is_number_integer() ||
        (found->is_number_unsigned() &&
         found->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) ||
        found->get<int64_t>() < least || found->get<int64_t>() > most)
      return wrong(name, *found, expected);
    value = found->get<int64_t>();
  }

  void number(const char *name, double &value, double least, double most,
              Need need, const char *) {
    std::string expected =
        "a number from " + json(least).dump() + " to " + json(most).dump();
    const json *found = find(name, need, expected);
    if (!found)
      return;
    if (!found->is_number() || !(found->get<double>() >= least) ||
        !(found->get<double>() <= most))
      return wrong(name, *found, expected);
    value = found->get<double>();
  }

  void boolean(const char *name, bool &value, Need need, const char *) {
    const json *found = find(name, need, "true or false");
    if (!found)
      return;
    if (!found->is_boolean())
      return wrong(name, *found, "true or false");
    value = found->get<bool>();
  }

  template <typename Body>
  void object(const char *name, Need need, const char *, Body body) {
    const json *found = find(name, need, "an object");
    if (!found)
      return;
    if (!found->is_object())
      return wrong(name, *found, "an object");
    ObjectReader reader(*found, pathOf(name), diagnosis);
    body(reader);
    reader.finish();
  }

  template <typename T, typename Body>
  void objects(const char *name, std::vector<T> &elements, size_t leastCount,
               const char *, Body body) {
    const json *found = find(name, Need::Required, "an array of objects");
    if (!found)
      return;
    if (!found->is_array() || found->size() < leastCount ||
        found->size() > kMaxElements)
      return wrong(name, *found,
                   "an array of " + std::to_string(leastCount) + " to " +
                       std::to_string(kMaxElements) + " objects");
    for (size_t i = 0; i != found->size() && !diagnosis.failed; ++i) {
      std::string element = std::string(name) + "[" + std::to_string(i) + "]";
      if (!(*found)[i].is_object())
        return wrong(element.c_str(), (*found)[i], "an object");
      ObjectReader reader((*found)[i], pathOf(element.c_str()), diagnosis);
      T value;
      body(reader, value);
      reader.finish();
      elements.push_back(value);
    }
  }

  void stationarities(const char *name, std::vector<Stationarity> &values,
                      const char *) {
    const char *expected =
        "one or more of \"output\", \"weight\" and \"input\", each once";
    const json *found = find(name, Need::Required, expected);
    if (!found)
      return;
    if (!found->is_array() || found->empty() || found->size() > kMaxElements)
      return wrong(name, *found, expected);
    for (const json &element : *found) {
      int i = 0;
      while (
          i != kNumStationarities &&
          !(element.is_string() && element.get_ref<const std::string &>() ==
                                       toString(static_cast<Stationarity>(i))))
        ++i;
      auto value = static_cast<Stationarity>(i);
      if (i == kNumStationarities ||
          std::find(values.begin(), values.end(), value) != values.end())
        return wrong(name, element, expected);
      values.push_back(value);
    }
  }

  void patterns(const char *name, std::vector<SparsePattern> &values,
                const char *) {
    const char *expected =
        "an array of patterns such as \"2:4\" with 1 <= N < M <= 64, each once";
    const json *found = findArray(name, expected);
    if (!found)
      return;
    for (const json &element : *found) {
      SparsePattern pattern;
      if (!element.is_string() ||
          !parse(element.get_ref<const std::string &>(), pattern) ||
          std::find(values.begin(), values.end(), pattern) != values.end())
        return wrong(name, element, expected);
      values.push_back(pattern);
    }
  }

  /// Reads a string field that only the reader knows.
  std::string tag(const char *name, const char *expected) {
    const json *found = find(name, Need::Required, expected);
    if (found && !found->is_string())
      wrong(name, *found, expected);
    return found && found->is_string() ? found->get<std::string>()
                                       : std::string();
  }

  void wrong(const char *name, const json &value, const std::string &expected) {
    diagnosis.fail(pathOf(name), ": found ", shown(value), ", expected ",
                   expected);
  }

  /// Refuses fields that were not asked for.
  void finish() {
    for (auto it = fields.begin(); it != fields.end(); ++it)
      if (std::find(known.begin(), known.end(), it.key()) == known.end())
        return diagnosis.fail(pathOf(it.key().c_str()),
                              ": found an unknown field, expected one of ",
                              joined(known));
  }

private:
  static constexpr size_t kMaxText = 4096;
  static constexpr size_t kMaxElements = 64;

  const json &fields;
  std::string path;
  Diagnosis &diagnosis;
  std::vector<std::string> known;

  std::string pathOf(const char *name) const {
    return path.empty() ? name : path + "." + name;
  }

  const json *find(const char *name, Need need, const std::string &expected) {
    known.push_back(name);
    auto it = fields.find(name);
    if (it != fields.end())
      return &*it;
    if (need == Need::Required)
      diagnosis.fail(pathOf(name), ": found nothing, expected ", expected);
    return nullptr;
  }

  const json *findArray(const char *name, const char *expected) {
    const json *found = find(name, Need::Optional, expected);
    if (found && (!found->is_array() || found->size() > kMaxElements)) {
      wrong(name, *found, expected);
      return nullptr;
    }
    return found;
  }

  static bool parse(const std::string &text, SparsePattern &pattern) {
    size_t colon = text.find(':');
    auto digits = [](const std::string &part) {
      return !part.empty() && part.size() <= 2 &&
             part.find_first_not_of("0123456789") == std::string::npos;
    };
    if (colon == std::string::npos || !digits(text.substr(0, colon)) ||
        !digits(text.substr(colon + 1)))
      return false;
    pattern.n = std::stoi(text.substr(0, colon));
    pattern.m = std::stoi(text.substr(colon + 1));
    return pattern.n >= 1 && pattern.n < pattern.m && pattern.m <= 64;
  }
};

/// What no single field can say.
void checkTogether(const Device &device, Diagnosis &diagnosis) {
  if (device.kind == DeviceKind::Accelerator) {
    if (device.scratchpad.bytes < device.scratchpad.banks)
      diagnosis.fail("scratchpad.banks", ": found ", device.scratchpad.banks,
                     ", expected at most one bank a byte");
    return;
  }
  const auto &caches = device.host.caches;
  for (size_t i = 1; i < caches.size(); ++i)
    if (caches[i].bytes < caches[i - 1].bytes)
      diagnosis.fail("host.caches[" + std::to_string(i) + "].bytes", ": found ",
                     caches[i].bytes, ", expected at least the ",
                     caches[i - 1].bytes, " of the level inside it");
}

} // namespace

Result<Device> parseDevice(std::string_view text, const std::string &where) {
  return rt::guarded([&]() -> Result<Device> {
    Result<json> document = rt::parseStrictJson(text, where);
    if (!document)
      return document.error();
    Diagnosis diagnosis{where, false, {}};
    if (!document->is_object()) {
      diagnosis.fail("", ": found ", shown(*document), ", expected an object");
      return diagnosis.error;
    }
    ObjectReader reader(*document, "", diagnosis);
    std::string schema = reader.tag("schema", "\"nm.device/1\"");
    if (schema != kDeviceSchema)
      diagnosis.fail("schema", ": found ", rt::quote(schema), ", expected \"",
                     kDeviceSchema, "\"");
    std::string kind = reader.tag("kind", "\"accelerator\" or \"host\"");
    if (kind != "accelerator" && kind != "host")
      diagnosis.fail("kind", ": found ", rt::quote(kind),
                     ", expected \"accelerator\" or \"host\"");
    Device device;
    device.kind = kind == "host" ? DeviceKind::Host : DeviceKind::Accelerator;
    visitDevice(reader, device);
    reader.finish();
    if (!diagnosis.failed)
      checkTogether(device, diagnosis);
    if (diagnosis.failed)
      return diagnosis.error;
    return device;
  });
}

Result<Device> readDevice(const std::string &path) {
  return rt::guarded([&]() -> Result<Device> {
    constexpr size_t kMaxBytes = 1 << 20;
    std::ifstream file(path, std::ios::binary);
    if (!file)
      return rt::makeError(Errc::Io, path,
                           ": cannot open the device description");
    std::string text(kMaxBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.bad() || (file.gcount() == 0 && !file.eof()))
      return rt::makeError(Errc::Io, path,
                           ": cannot read the device description");
    text.resize(static_cast<size_t>(file.gcount()));
    if (text.size() > kMaxBytes)
      return rt::makeError(Errc::Format, path,
                           ": found more than 1 MiB, expected a device "
                           "description");
    return parseDevice(text, path);
  });
}

} // namespace nm::model
