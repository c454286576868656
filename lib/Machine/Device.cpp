//===- Device.cpp - Device descriptions: printing, built-in ones -----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Machine/Device.h"
#include "DeviceFields.h"
#include "nm/Support/Json.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <nlohmann/json.hpp>

using nlohmann::ordered_json;

namespace nm::machine {

const char *toString(Stationarity stationarity) {
  switch (stationarity) {
  case Stationarity::Output:
    return "output";
  case Stationarity::Weight:
    return "weight";
  case Stationarity::Input:
    return "input";
  }
  return "unknown";
}

int64_t SparsePattern::indexBits() const {
  int64_t bits = 0;
  while ((int64_t(1) << bits) < m)
    ++bits;
  return bits;
}

bool ArrayUnit::supports(Stationarity stationarity) const {
  return std::find(stationarities.begin(), stationarities.end(),
                   stationarity) != stationarities.end();
}

bool ArrayUnit::skips(SparsePattern pattern) const {
  return std::find(sparsePatterns.begin(), sparsePatterns.end(), pattern) !=
         sparsePatterns.end();
}

void Device::resizeScratchpad(int64_t bytes) {
  double growth =
      static_cast<double>(bytes) / static_cast<double>(scratchpad.bytes);
  scratchpad.bytes = bytes;
  staticWatts.scratchpad *= growth;
  areaMm2.scratchpad *= growth;
}

void Device::resizeLanes(int64_t lanes) {
  if (specialFunction.lanes > 0) {
    double growth =
        static_cast<double>(lanes) / static_cast<double>(specialFunction.lanes);
    staticWatts.specialFunction *= growth;
    areaMm2.specialFunction *= growth;
  }
  specialFunction.lanes = lanes;
}

namespace {

/// The visitor that prints every field.
class ObjectPrinter {
public:
  ordered_json out = ordered_json::object();

  void text(const char *name, const std::string &value, Need, const char *) {
    out[name] = value;
  }
  void texts(const char *name, const std::vector<std::string> &values,
             const char *) {
    out[name] = values;
  }
  void integer(const char *name, int64_t value, int64_t, int64_t, Need,
               const char *) {
    out[name] = value;
  }
  void number(const char *name, double value, double, double, Need,
              const char *) {
    out[name] = value;
  }
  void boolean(const char *name, bool value, Need, const char *) {
    out[name] = value;
  }
  template <typename Body>
  void object(const char *name, Need, const char *, Body body) {
    ObjectPrinter printer;
    body(printer);
    out[name] = std::move(printer.out);
  }
  template <typename T, typename Body>
  void objects(const char *name, const std::vector<T> &elements, size_t,
               const char *, Body body) {
    out[name] = ordered_json::array();
    for (const T &element : elements) {
      ObjectPrinter printer;
      body(printer, element);
      out[name].push_back(std::move(printer.out));
    }
  }
  void stationarities(const char *name, const std::vector<Stationarity> &values,
                      const char *) {
    out[name] = ordered_json::array();
    for (Stationarity value : values)
      out[name].push_back(toString(value));
  }
  void features(const char *name, const std::vector<std::string> &values,
                const char *doc) {
    texts(name, values, doc);
  }
  void patterns(const char *name, const std::vector<SparsePattern> &values,
                const char *) {
    out[name] = ordered_json::array();
    for (const SparsePattern &value : values)
      out[name].push_back(std::to_string(value.n) + ":" +
                          std::to_string(value.m));
  }
};

struct BuiltinDevice {
  const char *name;
  const char *text;
};

/// Made by CMake from devices/*.json.
const BuiltinDevice kBuiltinDevices[] = {
#include "nm/Machine/BuiltinDevices.inc"
};

} // namespace

std::string printDevice(const Device &device) {
  ObjectPrinter printer;
  printer.out["schema"] = kDeviceSchema;
  printer.out["kind"] =
      device.kind == DeviceKind::Host ? "host" : "accelerator";
  visitDevice(printer, device);
  return support::printJson(printer.out, 2) + "\n";
}

std::vector<std::string> builtinDevices() {
  std::vector<std::string> names;
  for (const BuiltinDevice &device : kBuiltinDevices)
    names.push_back(device.name);
  // CMake sorts files, with their endings.
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> builtinDevices(DeviceKind kind) {
  std::vector<std::string> names;
  for (const std::string &name : builtinDevices())
    if (Result<Device> device = findDevice(name);
        device && device->kind == kind)
      names.push_back(name);
  return names;
}

Result<Device> findDevice(const std::string &nameOrPath) {
  if (nameOrPath == "host")
    return detectHost();
  for (const BuiltinDevice &device : kBuiltinDevices)
    if (nameOrPath == device.name)
      return parseDevice(device.text, "built-in device " + nameOrPath);
  // A path has a folder or an ending; anything else is a misspelt name.
  if (nameOrPath.find_first_of("/.") != std::string::npos)
    return readDevice(nameOrPath);
  std::vector<std::string> names = builtinDevices();
  names.insert(names.begin(), "host");
  std::string known;
  for (const std::string &name : names)
    known += (known.empty() ? "" : ", ") + name;
  return support::makeError(Errc::NotFound, "found device ",
                            support::quote(nameOrPath), ", expected one of ",
                            known, " or the path of a description",
                            support::didYouMean(nameOrPath, names));
}

} // namespace nm::machine
