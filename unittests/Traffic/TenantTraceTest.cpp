//===- TenantTraceTest.cpp - Traces of tenants' requests -------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Traffic/TenantTrace.h"
#include <gtest/gtest.h>
#include <utility>

using namespace nm::traffic;

namespace {

TEST(TenantTrace, Files) {
  auto csv = parseTenants("# a comment\n"
                          "tenant, program, arrival_us, deadline_us\n"
                          "1, b.nmb, 20\n\n"
                          "0, a.json, 10.5, 300\n"
                          "0, b.nmb, 10.5, \n",
                          "folder/trace.csv");
  ASSERT_TRUE(csv.ok()) << csv.error().message;
  EXPECT_EQ(csv->programs,
            (std::vector<std::string>{"folder/b.nmb", "folder/a.json"}));
  ASSERT_EQ(csv->requests.size(), 3u);
  EXPECT_EQ(csv->requests[0].tenant, 0u);
  EXPECT_EQ(csv->requests[0].program, 1u);
  EXPECT_EQ(csv->requests[0].arrival, 10500);
  EXPECT_EQ(csv->requests[0].deadline, 300000);
  EXPECT_EQ(csv->requests[1].program, 0u);
  EXPECT_EQ(csv->requests[1].deadline, 0);
  EXPECT_EQ(csv->requests[2].tenant, 1u);

  auto json = parseTenants(
      R"({"schema": "nm.tenants/1", "programs": {"a": "/x/a.nmb"},
          "weights": [2, 1], "requests": [
          {"tenant": 1, "program": "a", "arrival_us": 5},
          {"tenant": 0, "program": "a", "arrival_us": 1, "deadline_us": 2}]})",
      "trace.json");
  ASSERT_TRUE(json.ok()) << json.error().message;
  EXPECT_EQ(json->programs, (std::vector<std::string>{"/x/a.nmb"}));
  EXPECT_EQ(json->weights, (std::vector<double>{2, 1}));
  EXPECT_EQ(json->requests[1].arrival, 5000);
}

TEST(TenantTrace, DamagedFiles) {
  const std::pair<const char *, const char *> cases[] = {
      {"", "t:1: found no header"},
      {"tenant,program\n", "t:1: found another header"},
      {"tenant,program,arrival_us\nx,a,1\n", "t:2: found tenant 'x'"},
      {"tenant,program,arrival_us\n1,a\n", "t:2: found 2 cells, expected 3"},
      {"tenant,program,arrival_us\n1,,1\n", "t:2: found program ''"},
      {"tenant,program,arrival_us\n1,a,-1\n", "found arrival_us '-1'"},
      {"tenant,program,arrival_us\n1,a,nan\n", "found arrival_us 'nan'"},
      {"tenant,program,arrival_us\n-1,a,1\n", "found tenant '-1'"},
      {"{", "t: "},
      {"{}", "field 'schema': found nothing, expected"},
      {R"({"schema": "nm.tenants/1", "programs": {}, "requests": [],
           "extra": 1})",
       "field 'extra': found an unknown field"},
      {R"({"schema": "nm.tenants/1"})", "field 'programs': found nothing"},
      {R"({"schema": "nm.tenants/1", "programs": {"a": 1}})",
       "field 'programs.a': found 1"},
      {R"({"schema": "nm.tenants/1", "programs": {}, "weights": [0],
           "requests": []})",
       "field 'weights[0]': found 0, expected a positive number"},
      {R"({"schema": "nm.tenants/1", "programs": {"ab": "x"}, "requests":
           [{"tenant": 0, "program": "abc", "arrival_us": 0}]})",
       "field 'requests[0].program': found the string 'abc', expected one of "
       "'programs' (did you mean 'ab'?)"},
      {R"({"schema": "nm.tenants/1", "programs": {"a": "x"}, "requests":
           [{"tenant": 0, "program": "a"}]})",
       "field 'requests[0].arrival_us': found nothing, expected a number"},
      {R"({"schema": "nm.tenants/1", "programs": {"a": "x"}, "requests":
           [{"tenant": 0, "program": "a", "arrival_us": 0, "speed": 1}]})",
       "field 'requests[0].speed': found an unknown field"}};
  for (auto [text, message] : cases) {
    auto trace = parseTenants(text, "t");
    ASSERT_FALSE(trace.ok()) << text;
    std::string found = trace.error().message;
    EXPECT_NE(found.find(message), std::string::npos) << found;
  }
}

} // namespace
