//===- NpzTest.cpp --------------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ZipFile.h"

using namespace nm::rt;
using namespace nm::rt::test;

class Npz : public TempDir {
protected:
  std::string archive(const std::vector<ZipPart> &parts) {
    std::string path = file("a.npz");
    writeZip(path, parts);
    return path;
  }
  static std::string floats(const std::vector<float> &values,
                            const char *fortran = "False") {
    return npy("{'descr': '<f4', 'fortran_order': " + std::string(fortran) +
                   ", 'shape': (2, " + std::to_string(values.size() / 2) + ")}",
               bytesOf(values));
  }
};

TEST_F(Npz, StoredAndDeflated) {
  std::vector<float> big(20000, 0.5f);
  auto checkpoint =
      Checkpoint::open(archive({{"w.npy", floats(big), true},
                                {"b.npy", floats({1, 2, 3, 4}), false},
                                {"f.npy", floats({1, 3, 2, 4}, "True"), true},
                                {"readme.txt", "hello", false}}));
  expectOk(checkpoint);
  ASSERT_EQ((*checkpoint)->tensors().size(), 3u);
  auto w = (*checkpoint)->read("w");
  expectOk(w);
  EXPECT_EQ(w->tensor.view.at({1, 9999}), 0.5);
  EXPECT_EQ((*checkpoint)->read("b")->tensor.view.at({1, 0}), 3.0);
  EXPECT_EQ((*checkpoint)->read("f")->tensor.view.at({1, 0}), 3.0);
}

TEST_F(Npz, Empty) {
  auto checkpoint = openBytes(std::string("PK\x05\x06", 4) + std::string(18, 0),
                              Checkpoint::Format::Npz);
  expectOk(checkpoint);
  EXPECT_TRUE((*checkpoint)->tensors().empty());
}

TEST_F(Npz, TruncatedAndGarbage) {
  expectError(openBytes("", Checkpoint::Format::Npz), {"mem: found 0 bytes"});
  expectError(openBytes("garbage", Checkpoint::Format::Npz),
              {"not a readable"});
  std::string whole = slurp(archive({{"w.npy", floats({1, 2, 3, 4}), true}}));
  for (size_t size = 0; size < whole.size(); ++size) {
    std::string cut = whole.substr(0, size);
    EXPECT_FALSE(openBytes(cut, Checkpoint::Format::Npz).ok()) << size;
  }
}

TEST_F(Npz, DamagedBytesNeverPassSilently) {
  std::string array = floats({1, 2, 3, 4});
  for (bool deflate : {false, true}) {
    std::string whole = slurp(archive({{"w.npy", array, deflate}}));
    int failures = 0;
    for (size_t i = 0; i < whole.size(); ++i) {
      std::string bad = whole;
      bad[i] = char(bad[i] ^ 0x41);
      auto checkpoint = openBytes(bad, Checkpoint::Format::Npz);
      if (!checkpoint || (*checkpoint)->tensors().empty()) {
        ++failures;
        continue;
      }
      auto read = (*checkpoint)->read((*checkpoint)->tensors()[0].name);
      if (!read)
        ++failures;
      else if (read->tensor.view.shape == std::vector<int64_t>{2, 2})
        EXPECT_EQ(std::memcmp(read->tensor.view.data,
                              array.data() + array.size() - 16, 16),
                  0);
    }
    EXPECT_GT(failures, 0);
  }
}

TEST_F(Npz, ClaimedSizeBeyondWhatDeflateCanGive) {
  std::string whole = slurp(archive({{"w.npy", floats({1, 2, 3, 4}), true}}));
  size_t central = whole.find("PK\x01\x02");
  ASSERT_NE(central, std::string::npos);
  whole.replace(central + 24, 4, littleEndian(0xfffffff0, 4));
  expectError(openBytes(whole, Checkpoint::Format::Npz), {"member 'w'"});
}

TEST_F(Npz, MemberThatIsNoArray) {
  expectError(Checkpoint::open(archive({{"w.npy", "not an array", false}})),
              {"a.npz: member 'w'", "npy magic"});
  expectError(Checkpoint::open(archive({{"w.npy", "", false}})),
              {"member 'w'", "found 0 bytes"});
}
