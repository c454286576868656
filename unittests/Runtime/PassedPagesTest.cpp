//===- PassedPagesTest.cpp - a packed checkpoint does not stay resident ----===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"
#include <sstream>

using namespace nm::rt;
using namespace nm::rt::test;

namespace {

/// Resident bytes of the mapping that holds `address`, by /proc/self/smaps.
int64_t residentBytes(const void *address) {
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  bool inside = false;
  while (std::getline(maps, line)) {
    unsigned long begin, end;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2)
      inside = begin <= reinterpret_cast<uintptr_t>(address) &&
               reinterpret_cast<uintptr_t>(address) < end;
    else if (long kib;
             inside && std::sscanf(line.c_str(), "Rss: %ld kB", &kib) == 1)
      return kib * 1024;
  }
  return -1;
}

using PassedPages = TempDir;

TEST_F(PassedPages, OnlyThoseOfMappedFiles) {
  constexpr int64_t rows = 8192, length = 2048; // 64 MiB
  std::vector<float> heap(rows * length);
  for (size_t i = 0; i < heap.size(); i += 2)
    heap[i] = float(i % 8191) + 1;
  const std::vector<float> copy = heap;
  std::string path = file("weight.safetensors");
  auto view = denseView(heap.data(), DType::F32, {rows, length});
  expectOk(writeSafetensors(path, {{"w", view}}));
  auto checkpoint = Checkpoint::open(path);
  expectOk(checkpoint);
  auto loaded = (*checkpoint)->read("w");
  expectOk(loaded);
  const unsigned char *mapped = loaded->tensor.view.data;

  WeightDesc desc{{rows, length}, 1, 2, 4, DType::F32};
  LayoutSpec spec = LayoutSpec::panel(3, 32, 192);
  auto shapes = storageShapes(spec, desc.shape, 1, 2, 4, 4);
  expectOk(shapes);
  std::vector<unsigned char> values[2], metadata[2];
  const void *sources[2] = {heap.data(), mapped};
  for (int i = 0; i < 2; ++i) {
    values[i].resize(size_t(shapes->values.bytes()));
    metadata[i].resize(size_t(shapes->metadata.bytes()));
    expectOk(
        pack(desc, spec, sources[i], values[i].data(), metadata[i].data()));
  }
  EXPECT_EQ(values[0], values[1]);
  EXPECT_EQ(metadata[0], metadata[1]);
  // Dropping pages of the heap would have zeroed them.
  EXPECT_EQ(heap, copy);
  int64_t resident = residentBytes(mapped + rows * length * 2);
  EXPECT_GE(resident, 0);
  EXPECT_LT(resident, rows * length * 4 / 2);
  // What was dropped is still the file's.
  EXPECT_EQ(std::memcmp(mapped, copy.data(), copy.size() * 4), 0);
}

} // namespace
