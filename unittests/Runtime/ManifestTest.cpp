//===- ManifestTest.cpp ---------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"
#include "nm/Runtime/Params.h"

using namespace nm::rt;
using namespace nm::rt::test;

namespace {
std::string withParam(const std::string &fields) {
  return "{\"version\":1,\"parameters\":[{" + fields + "}]}";
}
const std::string good = "\"scope\":\"\",\"key\":\"w\",\"shape\":[8,16],"
                         "\"dtype\":\"f32\",\"sparsity\":{\"n\":2,\"m\":4,"
                         "\"axis\":1},\"layout\":\"canonical\"";
/// `good` with one text replaced by another.
std::string altered(const std::string &from, const std::string &to) {
  std::string text = good;
  text.replace(text.find(from), from.size(), to);
  return withParam(text);
}
} // namespace

TEST(Manifest, RoundTrips) {
  Manifest manifest;
  manifest.params.push_back({"m",
                             "a.weight",
                             {8, 16},
                             DType::BF16,
                             PatternSpec{2, 4, 1},
                             LayoutSpec::panel(3, 32, 8)});
  manifest.params.push_back(
      {"", "scale", {}, DType::I8, std::nullopt, LayoutSpec::dense()});
  auto parsed = parseManifest(printManifest(manifest));
  expectOk(parsed);
  ASSERT_EQ(parsed->params.size(), 2u);
  const ParamSpec &spec = parsed->params[0];
  EXPECT_EQ(spec.scope, "m");
  EXPECT_EQ(spec.key, "a.weight");
  EXPECT_EQ(spec.shape, (std::vector<int64_t>{8, 16}));
  EXPECT_EQ(spec.dtype, DType::BF16);
  EXPECT_EQ(spec.sparsity->m, 4);
  EXPECT_EQ(spec.layout, LayoutSpec::panel(3, 32, 8));
  EXPECT_FALSE(parsed->params[1].sparsity.has_value());
  EXPECT_TRUE(parsed->params[1].shape.empty());
}

TEST(Manifest, ScopeAndSparsityMayBeLeftOut) {
  expectOk(parseManifest(withParam("\"key\":\"w\",\"shape\":[],\"dtype\":"
                                   "\"i64\",\"layout\":\"dense\"")));
  expectOk(parseManifest("{\"version\":1,\"parameters\":[]}"));
}

TEST(Manifest, Errors) {
  expectOk(parseManifest(withParam(good)));
  expectError(parseManifest(""), {"manifest: invalid json"});
  expectError(parseManifest("[]"), {"found a list of 0, expected an object"});
  expectError(parseManifest("{\"version\":2,\"parameters\":[]}"),
              {"'version': found 2, expected 1"});
  expectError(parseManifest("{\"parameters\":[]}"),
              {"'version': found nothing"});
  expectError(parseManifest("{\"version\":1}"), {"'parameters'"});
  expectError(parseManifest("{\"version\":1,\"version\":1}"),
              {"duplicate key 'version'"});
  expectError(parseManifest("{\"version\":1,\"parameters\":[],\"x\":1}"),
              {"'x': found an unknown field"});
  expectError(parseManifest("{\"version\":1,\"parameters\":[1]}"),
              {"'parameters[0]': found 1, expected an object"});
  expectError(parseManifest(altered("\"key\":\"w\",", "")),
              {"'parameters[0].key': found nothing"});
  expectError(parseManifest(altered("\"w\"", "3")),
              {"'parameters[0].key': found 3, expected a string"});
  expectError(
      parseManifest(altered("f32", "f33")),
      {"'parameters[0].dtype': found the string 'f33', expected a dtype"});
  expectError(parseManifest(altered("[8,16]", "[8,-16]")),
              {"'parameters[0].shape[1]'"});
  expectError(parseManifest(altered("[8,16]", "[8,1.5]")),
              {"'parameters[0].shape[1]'"});
  expectError(parseManifest(altered("[8,16]", "8")),
              {"'parameters[0].shape'", "a list"});
  expectError(parseManifest(altered("[8,16]", "[8,18]")), {"does not divide"});
  expectError(parseManifest(altered("[8,16]", "[4294967296,4294967296]")),
              {"overflows"});
  expectError(parseManifest(altered("\"axis\":1", "\"axis\":2")), {"axis"});
  expectError(parseManifest(altered("\"n\":2", "\"n\":5")), {"1 <= N"});
  expectError(parseManifest(altered("\"n\":2,", "")),
              {"'parameters[0].sparsity.n': found nothing"});
  expectError(parseManifest(altered("{\"n\":2,\"m\":4,\"axis\":1}", "null")),
              {"needs a 'sparsity'"});
  expectError(parseManifest(altered("canonical", "diagonal")),
              {"layout 'diagonal'"});
  expectError(parseManifest(altered("\"f32\"", "\"f64\"")), {"8 bytes"});
  expectError(parseManifest(altered("\"n\":2,\"m\":4,\"axis\":1",
                                    "\"n\":1,\"m\":1,\"axis\":7")),
              {"axis"});
}
