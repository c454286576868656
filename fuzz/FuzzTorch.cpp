//===- FuzzTorch.cpp - hostile pickles in a file of torch.save ------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The archive is well formed, so that its checksums do not stand in the way;
// the input is its data.pkl. It is also the objects' pickle of a file in the
// form from before PyTorch 1.6, and such a file itself.
//
//===----------------------------------------------------------------------===//

#include "FuzzUtil.h"
#include <string>
#include <vector>

using namespace nm::rt;

namespace {
/// A zip archive of stored members.
class StoredZip {
public:
  void add(const std::string &name, const std::string &bytes) {
    std::string common = number(20, 2) + number(0, 2) + number(0, 2) +
                         number(0, 4) + number(crc(bytes), 4) +
                         number(bytes.size(), 4) + number(bytes.size(), 4) +
                         number(name.size(), 2) + number(0, 2);
    directory += "PK\x01\x02" + number(20, 2) + common + number(0, 6) +
                 number(0, 4) + number(text.size(), 4) + name;
    text += "PK\x03\x04" + common + name + bytes;
    ++members;
  }

  std::string finish() const {
    return text + directory + "PK\x05\x06" + number(0, 4) + number(members, 2) +
           number(members, 2) + number(directory.size(), 4) +
           number(text.size(), 4) + number(0, 2);
  }

private:
  std::string text, directory;
  uint64_t members = 0;

  static std::string number(uint64_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i)
      out += static_cast<char>(value >> (8 * i));
    return out;
  }
  static uint32_t crc(const std::string &bytes) {
    uint32_t value = ~0u;
    for (unsigned char byte : bytes) {
      value ^= byte;
      for (int bit = 0; bit < 8; ++bit)
        value = (value >> 1) ^ (value & 1 ? 0xedb88320u : 0);
    }
    return ~value;
  }
};
} // namespace

/// The pickles around the objects, protocol 2, and two storages.
static std::string legacyFile(const std::string &objects) {
  using namespace std::string_literals;
  std::string head = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
                     "\x80\x02M\xe9\x03."
                     "\x80\x02}."s;
  std::string keys = "\x80\x02](X\x01\0\0\0\x30X\x01\0\0\0\x31\x65."s;
  std::string storages = "\x10\0\0\0\0\0\0\0"s + std::string(64, '\1') +
                         "\x08\0\0\0\0\0\0\0"s + std::string(8, '\1');
  return head + objects + keys + storages;
}

static void readTorch(const std::string &image) {
  fuzz::readEverything(reinterpret_cast<const uint8_t *>(image.data()),
                       image.size(), Checkpoint::Format::Torch);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string input(reinterpret_cast<const char *>(data), size);
  StoredZip zip;
  zip.add("m/data.pkl", input);
  zip.add("m/data/0", std::string(64, '\1'));
  zip.add("m/data/1", std::string(8, '\1'));
  readTorch(zip.finish());
  readTorch(legacyFile(input));
  readTorch(input);
  return 0;
}
