//===- DeviceTest.cpp - Device descriptions --------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Machine/Device.h"
#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

using namespace nm::machine;

namespace {

constexpr const char *kSmall = R"({
  "schema": "nm.device/1", "kind": "accelerator", "name": "small",
  "frequency_hz": 1000,
  "dram": {"bytes_per_second": 500},
  "array": {"rows": 4, "cols": 8, "stationarities": ["output"],
            "sparse_patterns": ["2:4"]},
  "scratchpad": {"bytes": 64, "bytes_per_second": 4000}
})";

constexpr const char *kHost = R"({
  "schema": "nm.device/1", "kind": "host", "name": "h", "frequency_hz": 10,
  "dram": {"bytes_per_second": 1},
  "host": {"cores": 1, "vector_bits": 256, "fmas_per_cycle": 2,
           "softmax_instructions": 1.5,
           "caches": [{"bytes": 64, "bytes_per_cycle": 2},
                      {"bytes": 128, "bytes_per_cycle": 1}]}
})";

/// The message about `text` with `from` replaced by `to`.
std::string errorWith(std::string text, const std::string &from,
                      const std::string &to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  Result<Device> device = parseDevice(text, "d.json");
  return device ? "no error" : device.error().message;
}

TEST(Device, ReadsAllThatIsGiven) {
  Result<Device> device = parseDevice(kSmall, "d.json");
  ASSERT_TRUE(device) << device.error().message;
  EXPECT_EQ(device->name, "small");
  EXPECT_EQ(device->array.macsPerCycle(), 32);
  EXPECT_EQ(device->dramBytesPerCycle(), 0.5);
  EXPECT_EQ(device->scratchpadBytesPerCycle(), 4);
  EXPECT_TRUE(device->array.supports(Stationarity::Output));
  EXPECT_FALSE(device->array.supports(Stationarity::Weight));
  EXPECT_TRUE(device->array.skips({2, 4}));
  EXPECT_FALSE(device->array.skips({1, 4}));
  EXPECT_EQ(device->specialFunction.lanes, 0);
  EXPECT_EQ(device->specialFunction.softmaxCycles(), 4);
}

TEST(Device, StaticPowerAndAreaFollowTheUnits) {
  std::string text = kSmall;
  text.replace(text.find("\"scratchpad\""), 0,
               "\"special_function\": {\"lanes\": 8}, "
               "\"static_watts\": {\"array\": 1, \"scratchpad\": 0.5, "
               "\"special_function\": 0.25, \"dram\": 2, \"other\": 4}, "
               "\"area_mm2\": {\"array\": 3, \"scratchpad\": 6, "
               "\"special_function\": 1, \"other\": 0.5}, ");
  Result<Device> device = parseDevice(text, "d.json");
  ASSERT_TRUE(device) << device.error().message;
  EXPECT_EQ(device->staticWatts.total(), 7.75);
  EXPECT_EQ(device->areaMm2.total(), 10.5);
  // 500 cycles of 1 kHz are half a second.
  EXPECT_EQ(device->staticPj(500), 7.75e12 / 2);
  EXPECT_EQ(printDevice(*parseDevice(printDevice(*device), "printed")),
            printDevice(*device));
  device->resizeScratchpad(256);
  EXPECT_EQ(device->scratchpad.bytes, 256);
  EXPECT_EQ(device->staticWatts.scratchpad, 2);
  EXPECT_EQ(device->areaMm2.scratchpad, 24);
  device->resizeLanes(2);
  EXPECT_EQ(device->specialFunction.lanes, 2);
  EXPECT_EQ(device->staticWatts.specialFunction, 0.0625);
  EXPECT_EQ(device->areaMm2.specialFunction, 0.25);
  EXPECT_EQ(errorWith(text, "\"dram\": 2", "\"dram\": -2"),
            "d.json: field 'static_watts.dram': found -2, expected a number "
            "from 0.0 to 1000000.0");
  EXPECT_EQ(errorWith(text, "\"area_mm2\": {", "\"area_mm2\": {\"dram\": 1, "),
            "d.json: field 'area_mm2.dram': found an unknown field, expected "
            "array, scratchpad, special_function or other");
}

TEST(Device, ProcessorsHaveUsualUnitsUnlessTheySayOtherwise) {
  Result<Device> usual = parseDevice(kHost, "d.json");
  ASSERT_TRUE(usual) << usual.error().message;
  EXPECT_EQ(usual->host.fmaLatency, 4);
  EXPECT_EQ(usual->host.loadsPerCycle, 2);
  EXPECT_EQ(usual->host.exposedLoads, 25);
  EXPECT_EQ(usual->host.parallelFlops, 1 << 21);
  std::string text = kHost;
  text.replace(text.find("\"softmax"), 0,
               "\"fma_latency\": 5, \"loads_per_cycle\": 3, "
               "\"exposed_loads_percent\": 0, \"parallel_flops\": 7, ");
  Result<Device> given = parseDevice(text, "d.json");
  ASSERT_TRUE(given) << given.error().message;
  EXPECT_EQ(given->host.fmaLatency, 5);
  EXPECT_EQ(given->host.loadsPerCycle, 3);
  EXPECT_EQ(given->host.exposedLoads, 0);
  EXPECT_EQ(given->host.parallelFlops, 7);
  EXPECT_EQ(printDevice(*parseDevice(printDevice(*given), "printed")),
            printDevice(*given));
}

TEST(Device, ErrorsNameFileFieldFoundAndExpected) {
  EXPECT_EQ(errorWith(kSmall, "\"rows\": 4", "\"rows\": 0"),
            "d.json: field 'array.rows': found 0, expected an integer from 1 "
            "to 65536");
  EXPECT_EQ(errorWith(kSmall, "\"rows\": 4, ", ""),
            "d.json: field 'array.rows': found nothing, expected an integer "
            "from 1 to 65536");
  EXPECT_EQ(errorWith(kSmall, "\"cols\": 8", "\"colls\": 8, \"cols\": 8"),
            "d.json: field 'array.colls': found an unknown field, expected "
            "rows, cols, stationarities, step_overhead_cycles, fill_cycles, "
            "packs_heads, sparse_patterns, index_decodes_per_cycle or "
            "softmax_cycles (did you mean 'cols'?)");
  EXPECT_EQ(errorWith(kSmall, "[\"output\"]", "[\"row\"]"),
            "d.json: field 'array.stationarities[0]': found the string 'row', "
            "expected one or more of \"output\", \"weight\" and \"input\", "
            "each once");
  EXPECT_EQ(errorWith(kSmall, "nm.device/1", "nm.device/2"),
            "d.json: field 'schema': found the string 'nm.device/2', expected "
            "\"nm.device/1\"");
  EXPECT_EQ(errorWith(kSmall, "\"accelerator\"", "\"gpu\""),
            "d.json: field 'kind': found the string 'gpu', expected "
            "\"accelerator\" or "
            "\"host\"");
  EXPECT_EQ(errorWith(kHost, "\"bytes\": 128", "\"bytes\": 32"),
            "d.json: field 'host.caches[1].bytes': found 32, expected at least "
            "the 64 of the level inside it");
}

TEST(Device, RowsOfDramBelongTogether) {
  auto with = [](const std::string &rows) {
    return errorWith(kSmall, "\"bytes_per_second\": 500",
                     "\"bytes_per_second\": 500, \"burst_bytes\": 32, "
                     "\"rows\": {" +
                         rows + "}");
  };
  EXPECT_EQ(with("\"row_bytes\": 64, \"banks\": 4, \"bank_groups\": 2"),
            "no error");
  EXPECT_EQ(with("\"row_bytes\": 64, \"banks\": 5, \"bank_groups\": 2"),
            "d.json: field 'dram.rows.banks': found 5, expected a multiple of "
            "2 groups");
  EXPECT_EQ(with("\"row_bytes\": 48"),
            "d.json: field 'dram.rows.row_bytes': found 48, expected a "
            "multiple of the 32 bytes of a burst");
  EXPECT_EQ(with("\"row_bytes\": 64, \"refi_ns\": 9.5, \"rfc_ns\": 9.5"),
            "d.json: field 'dram.rows.rfc_ns': found 9.5, expected less than "
            "the time between refreshes");
  EXPECT_EQ(with("\"row_bytes\": 64, \"rcd_ns\": 4e5, \"cl_ns\": 4e5"),
            "no error"); // at a clock of 1 kHz
  EXPECT_EQ(with("\"row_bytes\": 64, \"rcd_ns\": -1"),
            "d.json: field 'dram.rows.rcd_ns': found -1, expected a number "
            "from 0.0 to 1000000.0");
  std::string fast = kSmall;
  fast.replace(fast.find("1000,"), 5, "1000000000,");
  EXPECT_EQ(errorWith(fast, "\"bytes_per_second\": 500",
                      "\"bytes_per_second\": 500, \"latency_cycles\": 20, "
                      "\"rows\": {\"row_bytes\": 64, \"rcd_ns\": 14, "
                      "\"cl_ns\": 14}"),
            "d.json: field 'dram.latency_cycles': found 20, expected at least "
            "the 28 cycles of rcd_ns and cl_ns");
}

TEST(Device, RefusesWhatDoesNotFit) {
  for (auto [from, to] :
       {std::pair("\"rows\": 4", "\"rows\": 18446744073709551615"),
        std::pair("\"rows\": 4", "\"rows\": 99999999999999999999999"),
        std::pair("\"rows\": 4", "\"rows\": 4.5"),
        std::pair("\"rows\": 4", "\"rows\": \"4\""),
        std::pair("\"rows\": 4", "\"rows\": 4, \"rows\": 4"),
        std::pair("\"bytes_per_second\": 500", "\"bytes_per_second\": 1e400"),
        std::pair("\"bytes_per_second\": 500", "\"bytes_per_second\": -1"),
        std::pair("\"bytes_per_second\": 500", "\"bytes_per_second\": null"),
        std::pair("\"2:4\"", "\"4:2\""), std::pair("\"2:4\"", "\"2:4:\""),
        std::pair("\"2:4\"", "\"2:128\""), std::pair("\"2:4\"", "\":\""),
        std::pair("\"2:4\"", "\"2:4\", \"2:4\""),
        std::pair("[\"output\"]", "[]"),
        std::pair("[\"output\"]", "[\"output\", \"output\"]"),
        std::pair("\"bytes\": 64", "\"banks\": 65, \"bytes\": 64"),
        std::pair("\"name\": \"small\"", "\"name\": \"\"")})
    EXPECT_NE(errorWith(kSmall, from, to), "no error") << to;
  for (const char *text : {"", "[]", "null", "{", "{}", "\"edge\"", "\xff"})
    EXPECT_FALSE(parseDevice(text, "d.json")) << text;
  EXPECT_FALSE(parseDevice(std::string(100000, '['), "d.json"));
}

TEST(Device, PrintsWhatItReads) {
  std::vector<std::string> names = builtinDevices();
  for (const char *expected : {"cloud", "edge", "generic-host"})
    EXPECT_NE(std::find(names.begin(), names.end(), expected), names.end());
  for (const std::string &name : names) {
    Result<Device> device = findDevice(name);
    ASSERT_TRUE(device) << device.error().message;
    EXPECT_EQ(device->name, name);
    EXPECT_FALSE(device->sources.empty()) << name;
    Result<Device> again = parseDevice(printDevice(*device), name);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(printDevice(*again), printDevice(*device));
    Result<Device> file = readDevice(NM_DEVICES "/" + name + ".json");
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(printDevice(*file), printDevice(*device));
  }
}

TEST(Device, PaperPlatforms) {
  Device edge = *findDevice("edge"), cloud = *findDevice("cloud");
  EXPECT_EQ(edge.array.rows, 32);
  EXPECT_EQ(edge.scratchpad.bytes, 512 << 10);
  EXPECT_EQ(cloud.array.rows, 256);
  EXPECT_EQ(cloud.scratchpad.bytes, 32 << 20);
  EXPECT_EQ(cloud.dram.bytesPerSecond, 8 * edge.dram.bytesPerSecond);
}

TEST(Device, PublishedSchema) {
  std::ifstream file(NM_DEVICES "/../docs/device.schema.json");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), deviceSchema())
      << "write nm-explore --device-schema to docs/device.schema.json";
}

TEST(Device, Finding) {
  Result<Device> none = findDevice("clod");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::NotFound);
  EXPECT_NE(none.error().message.find("expected one of host, "),
            std::string::npos);
  Result<Device> missing = findDevice("/nowhere/edge.json");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::Io);
  EXPECT_FALSE(findDevice(NM_DEVICES)) << "a folder is no description";
}

TEST(Device, HostIsDescribed) {
  Device host = detectHost();
  EXPECT_EQ(host.kind, DeviceKind::Host);
  Result<Device> again = parseDevice(printDevice(host), "host");
  EXPECT_TRUE(again) << again.error().message;
}

} // namespace
