//===- AccelergyTest.cpp - Energies and areas of Accelergy -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Explore/Accelergy.h"
#include <gtest/gtest.h>

using namespace nm;
using namespace nm::explore;

namespace {

/// As Accelergy 0.3 writes it: a DRAM, 16 PEs with a register file whose
/// energy depends on what changes, and MACs.
constexpr const char *kEnergies = R"(ERT:
  version: 0.3
  tables:
  - name: System.DRAM
    actions:
    - {name: read, arguments: null, energy: 512}
    - {name: write, arguments: null, energy: 256}
    - {name: idle, arguments: null, energy: 3}
  - name: System.ws.PE[0..15].regs[1..4]
    actions:
    - name: read
      arguments: {address_delta: 0, data_delta: 0}
      energy: 0.25
    - name: read
      arguments: {address_delta: 1, data_delta: 1}
      energy: 0.5
    - {name: idle, energy: 0.125}
  - name: System.ws.PE[0..15].mac
    actions:
    - {name: compute, energy: 0.5}
    - {name: leak, arguments: {global_cycle_seconds: 2e-9}, energy: 1e-1}
)";

constexpr const char *kAreas = R"(ART:
  version: '0.4'
  tables:
  - {name: System.DRAM, area: 1}
  - {name: 'System.ws.PE[0..15].regs[1..4]', area: 500}
  - {name: 'System.ws.PE[0..15].mac', area: 1000}
  - {name: System.ws.control, area: 250000}
)";

machine::Device edge() { return *machine::findDevice("edge"); }

std::string errorOf(const std::string &text) {
  AccelergyTables tables;
  Status status = readAccelergy(text, "t.yaml", tables);
  return status ? "no error" : status.error().message;
}
/// The message about the energies with `from` replaced by `to`.
std::string errorWith(const std::string &from, const std::string &to) {
  std::string text = kEnergies;
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return errorOf(text.replace(at, from.size(), to));
}

AccelergyTables tables() {
  AccelergyTables read;
  for (const char *text : {kEnergies, kAreas}) {
    Status status = readAccelergy(text, "t.yaml", read);
    EXPECT_TRUE(status) << status.error().message;
  }
  return read;
}

TEST(Accelergy, TablesBecomeFiguresOfADevice) {
  AccelergyUse use;
  use.energies = {
      "mac=System.ws.PE.mac:compute",
      "mac=System.ws.PE.regs:read(address_delta=1,data_delta=1)/0.5",
      "dram_byte=System.DRAM:read+write/8"};
  use.units = {"array=System.ws.PE", "scratchpad=System.ws.PE.regs",
               "dram=System.DRAM"};
  auto made = applyAccelergy(edge(), tables(), use, "a.yaml");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_DOUBLE_EQ(made->energy.mac, 0.5 + 0.5 / 0.5);
  EXPECT_DOUBLE_EQ(made->energy.dramByte, (512.0 + 256) / 2 / 8);
  // What is not named stays.
  EXPECT_DOUBLE_EQ(made->energy.scratchpadByte, edge().energy.scratchpadByte);
  double hz = static_cast<double>(edge().frequencyHz);
  EXPECT_DOUBLE_EQ(made->staticWatts.dram, 3e-12 * hz);
  EXPECT_DOUBLE_EQ(made->staticWatts.scratchpad, 64 * 0.125e-12 * hz);
  EXPECT_DOUBLE_EQ(made->staticWatts.array, 16 * 0.1e-12 / 2e-9);
  EXPECT_EQ(made->staticWatts.other, 0);
  EXPECT_DOUBLE_EQ(made->areaMm2.array, 16 * 1000e-6);
  EXPECT_DOUBLE_EQ(made->areaMm2.scratchpad, 64 * 500e-6);
  EXPECT_DOUBLE_EQ(made->areaMm2.other, 0.25);
  EXPECT_NE(made->sources.back().find("a.yaml"), std::string::npos);

  use.cycleSeconds = 1e-9;
  made = applyAccelergy(edge(), tables(), use, "a.yaml");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_DOUBLE_EQ(made->staticWatts.dram, 3e-3);
  EXPECT_DOUBLE_EQ(made->staticWatts.array, 16 * 0.05e-3);
}

TEST(Accelergy, WhatIsAskedForIsThere) {
  auto error = [](const std::string &energy, const std::string &unit = "") {
    AccelergyUse use;
    if (!energy.empty())
      use.energies = {energy};
    if (!unit.empty())
      use.units = {unit};
    auto made = applyAccelergy(edge(), tables(), use, "a.yaml");
    return made ? "no error" : made.error().message;
  };
  EXPECT_EQ(error("mac=System.ws.PE.mac:compute"), "no error");
  EXPECT_EQ(error("macs=System.ws.PE.mac:compute"),
            "option --energy: found 'macs', expected mac, scratchpad_byte, "
            "dram_byte, special_function_op or index_decode (did you mean "
            "'mac'?)");
  EXPECT_EQ(error("mac=System.ws.PE.mac"),
            "option --energy: found 'mac=System.ws.PE.mac', expected "
            "FIELD=COMPONENT:ACTION/UNITS, such as "
            "scratchpad_byte=chip.buffer:read+write/8");
  EXPECT_EQ(error("mac=System.ws.PE.mac:compute/0"),
            "option --energy: found '0' in 'mac=System.ws.PE.mac:compute/0', "
            "expected how many units an action is, from 1e-6 to 1e9");
  EXPECT_EQ(error("mac=System.ws.PE[0..15].mac:compute"),
            "option --energy: found no component 'System.ws.PE[0..15].mac' in "
            "the tables, expected one of theirs without its ranges (did you "
            "mean 'System.ws.PE.mac'?)");
  EXPECT_EQ(error("mac=System.ws.PE.mac:computes"),
            "option --energy: found no action 'computes' of "
            "'System.ws.PE.mac', expected one of its own (did you mean "
            "'compute'?)");
  EXPECT_EQ(error("mac=System.ws.PE.regs:read"),
            "option --energy: found several energies of 'read' of "
            "'System.ws.PE.regs', expected the arguments of one: "
            "(address_delta=0,data_delta=0), (address_delta=1,data_delta=1)");
  EXPECT_EQ(error("", "arrays=System.ws"),
            "option --unit: found 'arrays=System.ws', expected UNIT=COMPONENT "
            "with array, scratchpad, special_function or dram as UNIT (did you "
            "mean 'array'?)");
  EXPECT_EQ(error("", "array=System.w"),
            "option --unit: found no component 'System.w' in the tables, "
            "expected one of theirs without its ranges, or where such a name "
            "begins");
  AccelergyUse none;
  auto host = applyAccelergy(*machine::findDevice("generic-host"), tables(),
                             none, "a.yaml");
  ASSERT_FALSE(host);
}

TEST(Accelergy, TablesAreReadStrictly) {
  EXPECT_EQ(errorOf(kEnergies), "no error");
  EXPECT_EQ(errorOf(""), "t.yaml, line 0: found no map, expected one with ERT "
                         "or ART");
  EXPECT_EQ(errorOf("ERT_summary: {}"),
            "t.yaml, line 1: found 'ERT_summary', expected ERT or ART (not "
            "their summaries)");
  EXPECT_EQ(errorWith("version: 0.3", "version: 0.5"),
            "t.yaml, line 2: found version '0.5', expected 0.2, 0.3 or 0.4");
  EXPECT_EQ(errorWith("energy: 512", "energy: -1"),
            "t.yaml, line 6: energy: found '-1', expected a number from 0 to "
            "1e15");
  EXPECT_EQ(errorWith("energy: 512", "energy: .nan"),
            "t.yaml, line 6: energy: found '.nan', expected a number from 0 to "
            "1e15");
  EXPECT_EQ(errorWith("energy: 512", "energies: 512"),
            "t.yaml, line 6: found field 'energies', expected name, arguments "
            "or energy");
  EXPECT_EQ(errorWith("[0..15].mac", "[0..15].regs[1..4]"),
            "t.yaml, line 18: found component 'System.ws.PE.regs' twice, "
            "expected once");
  EXPECT_EQ(errorWith("[0..15].mac", "[15..0].mac"),
            "t.yaml, line 18: found the name 'System.ws.PE[15..0].mac', "
            "expected ranges such as [0..15], of at most 2^32 instances");
  EXPECT_EQ(errorWith("[0..15].mac", "[0..99999999999999].mac").substr(0, 17),
            "t.yaml, line 18: ");
  EXPECT_EQ(errorWith("name: write, arguments: null, energy: 256",
                      "name: read, energy: 256"),
            "t.yaml, line 7: found action 'read' of 'System.DRAM' twice with "
            "the same arguments, expected once");
  AccelergyTables both = tables();
  EXPECT_FALSE(readAccelergy(kAreas, "t.yaml", both));
  AccelergyTables other;
  ASSERT_TRUE(readAccelergy(kEnergies, "t.yaml", other));
  Status differs = readAccelergy("ART: {version: 0.3, tables: [{name: "
                                 "'System.ws.PE[0..7].mac', area: 1}]}",
                                 "t.yaml", other);
  ASSERT_FALSE(differs);
  EXPECT_EQ(differs.error().message,
            "t.yaml, line 1: found 8 of 'System.ws.PE.mac', expected 16 as "
            "before");
  // Deep nesting and what is no YAML are errors, too.
  EXPECT_NE(errorOf(std::string(100000, '[')), "no error");
  EXPECT_NE(errorOf("a: b: c"), "no error");
}

} // namespace
