//===- DeviceReader.cpp - Reads a device description -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceFields.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/JsonReader.h"
#include "nm/Support/Result.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <fstream>
#include <sstream>

namespace nm::machine {

namespace {

/// "2:4" with 1 <= N < M <= 64.
bool parsePattern(const std::string &text, SparsePattern &pattern) {
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

/// Adds a value that is not there yet.
template <typename T> bool addOnce(std::vector<T> &values, const T &value) {
  if (std::find(values.begin(), values.end(), value) != values.end())
    return false;
  values.push_back(value);
  return true;
}

/// The visitor of DeviceFields.h that fills a Device.
class DeviceVisitor {
public:
  explicit DeviceVisitor(support::JsonReader &reader) : reader(reader) {}

  void text(const char *name, std::string &value, Need need, const char *) {
    reader.text(name, value, need, kMaxText);
    if (need == Need::Required && value.empty())
      reader.wrong(name, "a string that is not empty");
  }
  void texts(const char *name, std::vector<std::string> &values, const char *) {
    reader.texts(name, values, kMaxElements, Need::Optional, kMaxText);
  }
  void integer(const char *name, int64_t &value, int64_t least, int64_t most,
               Need need, const char *) {
    reader.integer(name, value, least, most, need);
  }
  void number(const char *name, double &value, double least, double most,
              Need need, const char *) {
    reader.number(name, value, least, most, need);
  }
  void boolean(const char *name, bool &value, Need need, const char *) {
    reader.flag(name, value, need);
  }
  template <typename Body>
  void object(const char *name, Need need, const char *, Body body) {
    reader.object(
        name,
        [&](support::JsonReader &inner) {
          DeviceVisitor visitor(inner);
          body(visitor);
        },
        need);
  }
  template <typename T, typename Body>
  void objects(const char *name, std::vector<T> &elements, size_t leastCount,
               const char *, Body body) {
    reader.objects(name, leastCount, kMaxElements,
                   [&](support::JsonReader &inner, size_t) {
                     DeviceVisitor visitor(inner);
                     elements.emplace_back();
                     body(visitor, elements.back());
                   });
  }
  void stationarities(const char *name, std::vector<Stationarity> &values,
                      const char *) {
    reader.words(
        name, "one or more of \"output\", \"weight\" and \"input\", each once",
        1, kMaxElements, [&](const std::string &text) {
          for (int i = 0; i != kNumStationarities; ++i)
            if (text == toString(static_cast<Stationarity>(i)))
              return addOnce(values, static_cast<Stationarity>(i));
          return false;
        });
  }
  void features(const char *name, std::vector<std::string> &values,
                const char *) {
    std::vector<std::string> known(std::begin(kProcessorFeatures),
                                   std::end(kProcessorFeatures));
    reader.words(
        name, "a list of " + support::alternatives(known) + ", each once", 0,
        kMaxElements,
        [&](const std::string &text) {
          return std::find(known.begin(), known.end(), text) != known.end() &&
                 addOnce(values, text);
        },
        Need::Optional);
  }
  void patterns(const char *name, std::vector<SparsePattern> &values,
                const char *) {
    reader.words(
        name,
        "a list of patterns such as \"2:4\" with 1 <= N < M <= 64, each once",
        0, kMaxElements,
        [&](const std::string &text) {
          SparsePattern pattern;
          return parsePattern(text, pattern) && addOnce(values, pattern);
        },
        Need::Optional);
  }

private:
  static constexpr size_t kMaxText = 4096;
  static constexpr size_t kMaxElements = 64;
  support::JsonReader &reader;
};

void checkRows(const Device &device, support::JsonReader &reader) {
  const DramRows &rows = device.dram.rows;
  if (!rows.present())
    return;
  auto fail = [&](const char *field, auto found, const std::string &expected) {
    std::ostringstream text; // without the zeros of to_string
    text << "found " << found << ", expected " << expected;
    reader.fail(field, text.str());
  };
  if (rows.banks % rows.bankGroups)
    fail("dram.rows.banks", rows.banks,
         "a multiple of " + std::to_string(rows.bankGroups) + " groups");
  if (rows.rowBytes % device.dram.burstBytes)
    fail("dram.rows.row_bytes", rows.rowBytes,
         "a multiple of the " + std::to_string(device.dram.burstBytes) +
             " bytes of a burst");
  if (rows.refi > 0 && rows.rfc >= rows.refi)
    fail("dram.rows.rfc_ns", rows.rfc, "less than the time between refreshes");
  double first =
      (rows.rcd + rows.cl) * 1e-9 * static_cast<double>(device.frequencyHz);
  if (static_cast<double>(device.dram.latencyCycles) + 1 < first)
    fail("dram.latency_cycles", device.dram.latencyCycles,
         "at least the " + std::to_string(static_cast<int64_t>(first)) +
             " cycles of rcd_ns and cl_ns");
}

/// What no single field can say.
void checkTogether(const Device &device, support::JsonReader &reader) {
  checkRows(device, reader);
  if (device.kind == DeviceKind::Accelerator) {
    if (device.scratchpad.bytes < device.scratchpad.banks)
      reader.fail("scratchpad.banks",
                  "found " + std::to_string(device.scratchpad.banks) +
                      ", expected at most one bank a byte");
    return;
  }
  const auto &caches = device.host.caches;
  for (size_t i = 1; i < caches.size(); ++i)
    if (caches[i].bytes < caches[i - 1].bytes)
      reader.fail(("host.caches[" + std::to_string(i) + "].bytes").c_str(),
                  "found " + std::to_string(caches[i].bytes) +
                      ", expected at least the " +
                      std::to_string(caches[i - 1].bytes) +
                      " of the level inside it");
}

} // namespace

Result<Device> parseDevice(std::string_view text, const std::string &where) {
  Device device;
  Status status =
      support::readJsonObject(text, where, [&](support::JsonReader &reader) {
        reader.word(
            "schema", std::string("\"") + kDeviceSchema + "\"",
            [](const std::string &word) { return word == kDeviceSchema; });
        reader.word("kind", "\"accelerator\" or \"host\"",
                    [&](const std::string &word) {
                      device.kind = word == "host" ? DeviceKind::Host
                                                   : DeviceKind::Accelerator;
                      return word == "host" || word == "accelerator";
                    });
        DeviceVisitor visitor(reader);
        visitDevice(visitor, device);
        if (reader.ok())
          checkTogether(device, reader);
      });
  if (!status)
    return status.error();
  return device;
}

Result<Device> readDevice(const std::string &path) {
  return support::guarded([&]() -> Result<Device> {
    constexpr size_t kMaxBytes = 1 << 20;
    std::ifstream file(path, std::ios::binary);
    if (!file)
      return support::makeError(Errc::Io, support::printable(path),
                                ": cannot open the device description");
    std::string text(kMaxBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (file.bad() || (file.gcount() == 0 && !file.eof()))
      return support::makeError(Errc::Io, support::printable(path),
                                ": cannot read the device description");
    text.resize(static_cast<size_t>(file.gcount()));
    if (text.size() > kMaxBytes)
      return support::makeError(Errc::Format, support::printable(path),
                                ": found more than 1 MiB, expected a device "
                                "description");
    return parseDevice(text, support::printable(path));
  });
}

} // namespace nm::machine
