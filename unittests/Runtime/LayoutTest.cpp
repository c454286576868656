//===- LayoutTest.cpp -----------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Layout.h"
#include "TestUtil.h"

using namespace nm::rt;
using namespace nm::rt::test;

TEST(LayoutSpec, TextRoundTrips) {
  for (LayoutSpec spec :
       {LayoutSpec::dense(), LayoutSpec::canonical(),
        LayoutSpec::panel(3, 32, 192), LayoutSpec::shared(4, 24, 256),
        LayoutSpec::paired(128, 64, 32), LayoutSpec::whole(6, 64, 144),
        LayoutSpec::lane(8), LayoutSpec::lane(16, 2),
        LayoutSpec::grouped(16, 64),
        LayoutSpec::lanePanel(LayoutSpec::lane(8, 4),
                              LayoutSpec::panel(3, 32, 8))}) {
    auto parsed = parseLayoutSpec(spec.str());
    expectOk(parsed);
    EXPECT_EQ(*parsed, spec);
  }
  EXPECT_EQ(LayoutSpec::panel(3, 32, 192).str(),
            "panel<rows = 3, cols = 32, depth = 192>");
  EXPECT_EQ(*parseLayoutSpec("  panel<depth=4,rows=1 , cols= 2>\n"),
            LayoutSpec::panel(1, 2, 4));
}

TEST(LayoutSpec, Errors) {
  for (const char *text :
       {"", "dens", "dense<", "panel", "panel<>", "panel<rows = 3>",
        "panel<rows = 3, cols = 0, depth = 4>", "panel<rows=3,cols=2,depth=4",
        "panel<rows=3,rows=3,cols=2,depth=4>", "panel<rows=-3,cols=2,depth=4>",
        "panel<rows=99999999999999999999,cols=2,depth=4>", "canonical x",
        "panel<rows:3>", "panel<size=3>"})
    expectError(parseLayoutSpec(text), {"layout '", "at character"});
}

TEST(StorageShapes, Canonical) {
  auto shapes = storageShapes(LayoutSpec::canonical(), {5, 24, 3}, 1, 2, 4, 4);
  expectOk(shapes);
  EXPECT_EQ(shapes->values.shape, (std::vector<int64_t>{5, 12, 3}));
  EXPECT_EQ(shapes->values.bytes(), 5 * 12 * 3 * 4);
  EXPECT_EQ(shapes->metadata.shape, (std::vector<int64_t>{5, 3, 3}));
  EXPECT_EQ(shapes->metadata.elemBytes, 1);
  // 3:7 needs 3 bits, 6 kept: 18 bits, 3 bytes.
  shapes = storageShapes(LayoutSpec::canonical(), {14}, 0, 3, 7, 1);
  EXPECT_EQ(shapes->metadata.shape, (std::vector<int64_t>{3}));
  shapes = storageShapes(LayoutSpec::canonical(), {14}, 0, 1, 1, 1);
  EXPECT_EQ(shapes->metadata.shape, (std::vector<int64_t>{0}));
}

TEST(StorageShapes, Panel) {
  // 7 rows pad to 9; K = 20 in blocks of 8: 4 + 4 + (2 -> 4) slots.
  auto shapes = storageShapes(LayoutSpec::panel(3, 4, 8), {7, 20}, 1, 2, 4, 2);
  expectOk(shapes);
  EXPECT_EQ(shapes->values.shape, (std::vector<int64_t>{9 * 12}));
  EXPECT_EQ(shapes->metadata.shape, (std::vector<int64_t>{9 * 12}));
  EXPECT_EQ(shapes->metadata.elemBytes, 2);
}

TEST(StorageShapes, Whole) {
  // 7 rows pad to 9; K = 18 of 1:6 in blocks of 12: 12 + (6 -> 8) slots.
  auto shapes = storageShapes(LayoutSpec::whole(3, 4, 12), {7, 18}, 1, 1, 6, 2);
  expectOk(shapes);
  EXPECT_EQ(shapes->values.shape, (std::vector<int64_t>{9 * 20}));
  EXPECT_FALSE(shapes->metadata.present());
  expectError(storageShapes(LayoutSpec::whole(3, 4, 10), {7, 18}, 1, 1, 6, 2),
              {"whole<rows = 3", "not a multiple of M = 6"});
}

TEST(StorageShapes, Preconditions) {
  auto panel = [](int64_t r, int64_t c, int64_t d) {
    return storageShapes(LayoutSpec::panel(r, c, d), {8, 64}, 1, 2, 4, 4);
  };
  expectOk(panel(1, 1024, 64));
  expectError(panel(1, 1025, 64), {"65536"});
  expectError(panel(1, 1, 6), {"multiple of M"});
  expectError(panel(0, 1, 4), {"positive"});
  expectError(panel(INT64_MAX, 1, 4), {"overflows"});
  expectError(panel(1, INT64_MAX, 64), {"65536"});
  auto spec = LayoutSpec::canonical();
  expectError(storageShapes(spec, {8, 62}, 1, 2, 4, 4), {"does not divide"});
  expectError(storageShapes(spec, {8, 64}, 2, 2, 4, 4), {"axis"});
  expectError(storageShapes(spec, {8, 64}, 1, 2, 4, 3), {"3 bytes"});
  expectError(storageShapes(spec, {8, 64}, 1, 2, 4, 8), {"8 bytes"});
  expectError(storageShapes(spec, {-8, 64}, 1, 2, 4, 4), {"negative"});
  expectError(
      storageShapes(spec, {int64_t(1) << 40, int64_t(1) << 40}, 1, 2, 4, 4),
      {"overflows"});
  expectError(storageShapes(LayoutSpec::dense(), {8, 62}, 1, 2, 4, 4),
              {"does not divide"});
  expectOk(storageShapes(LayoutSpec::dense(), {}, 0, 1, 1, 8));
}

TEST(IndexBits, CeilLog2) {
  EXPECT_EQ(indexBits(1), 0);
  EXPECT_EQ(indexBits(2), 1);
  EXPECT_EQ(indexBits(7), 3);
  EXPECT_EQ(indexBits(8), 3);
  EXPECT_EQ(indexBits(64), 6);
}
