//===- TestUtil.h - files, random weights, expectations -------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_RUNTIME_TESTUTIL_H
#define NM_UNITTESTS_RUNTIME_TESTUTIL_H

#include "nm/Runtime/Checkpoint.h"
#include "nm/Runtime/Pack.h"
#include "nm/Runtime/Writer.h"
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <stdexcept>
#include <stdlib.h>

namespace nm::rt::test {

/// A folder that goes away with the test.
class TempDir : public ::testing::Test {
protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "nm-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir = pattern;
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(dir, ignored);
  }
  std::string file(const std::string &name) const { return dir + "/" + name; }
  std::string write(const std::string &name, const std::string &bytes) const {
    std::ofstream(file(name), std::ios::binary) << bytes;
    return file(name);
  }
  std::string dir;
};

inline std::string slurp(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// Bytes of plain data.
template <typename T> std::string bytesOf(const std::vector<T> &values) {
  return {reinterpret_cast<const char *>(values.data()),
          values.size() * sizeof(T)};
}

inline std::string littleEndian(uint64_t value, int bytes = 8) {
  return {reinterpret_cast<const char *>(&value), size_t(bytes)};
}

/// A safetensors image with any header text.
inline std::string safetensors(const std::string &header,
                               const std::string &data = "") {
  return littleEndian(header.size()) + header + data;
}

/// An npy image of version `major` with any dict text.
inline std::string npy(const std::string &dict, const std::string &data,
                       int major = 1) {
  return std::string("\x93NUMPY") + char(major) + '\0' +
         littleEndian(dict.size(), major == 1 ? 2 : 4) + dict + data;
}

using CheckpointPtr = std::shared_ptr<const Checkpoint>;

inline Result<CheckpointPtr>
openBytes(const std::string &bytes,
          Checkpoint::Format format = Checkpoint::Format::Safetensors) {
  return Checkpoint::openMemory(bytes.data(), bytes.size(), format, "mem");
}

/// Expects failure with a message that contains every one of `parts`, is lower
/// case at its start and does not end in a period.
template <typename R>
void expectError(const R &result, std::initializer_list<const char *> parts) {
  ASSERT_FALSE(result.ok());
  const std::string &message = result.error().message;
  ASSERT_FALSE(message.empty());
  EXPECT_NE(message.back(), '.') << message;
  for (const char *part : parts)
    EXPECT_NE(message.find(part), std::string::npos)
        << "no \"" << part << "\" in: " << message;
}

/// Ends the test when `result` failed: what follows would use its value.
template <typename R> void expectOk(const R &result) {
  if (!result.ok())
    throw std::runtime_error(result.error().message);
}

inline int64_t product(const std::vector<int64_t> &shape) {
  int64_t p = 1;
  for (int64_t d : shape)
    p *= d;
  return p;
}

/// Storage of a weight of 8-bit elements, full of what no packing writes there.
struct ByteStorage {
  std::vector<int8_t> values;
  std::vector<uint16_t> metadata;

  ByteStorage(const WeightDesc &desc, const LayoutSpec &spec) {
    auto shapes = storageShapes(spec, desc.shape, desc.axis, desc.n, desc.m, 1);
    expectOk(shapes);
    values.assign(size_t(shapes->values.count()), 99);
    metadata.assign(size_t(shapes->metadata.count()), 999);
  }
};

/// Random bytes in which at most n of every m elements along the axis are not
/// zero; about one group in four is under-full. No element is -0.0.
inline std::vector<unsigned char> randomWeight(const WeightDesc &desc,
                                               std::mt19937 &rng) {
  int64_t elem = elementBytes(desc.dtype);
  std::vector<unsigned char> data(size_t(product(desc.shape) * elem));
  int64_t length = desc.shape[size_t(desc.axis)], inner = 1;
  for (size_t i = size_t(desc.axis) + 1; i < desc.shape.size(); ++i)
    inner *= desc.shape[i];
  int64_t outer = length * inner ? product(desc.shape) / (length * inner) : 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i)
      for (int64_t g = 0; g < length / desc.m; ++g) {
        std::vector<int64_t> order(size_t(desc.m));
        for (int64_t k = 0; k < desc.m; ++k)
          order[size_t(k)] = k;
        std::shuffle(order.begin(), order.end(), rng);
        int64_t count =
            rng() % 4 ? desc.n : int64_t(rng() % uint64_t(desc.n + 1));
        for (int64_t j = 0; j < count; ++j) {
          int64_t at = (o * length + g * desc.m + order[size_t(j)]) * inner + i;
          for (int64_t b = 0; b < elem; ++b)
            data[size_t(at * elem + b)] = static_cast<unsigned char>(rng());
          data[size_t(at * elem)] |= 1; // never zero
        }
      }
  return data;
}

} // namespace nm::rt::test

#endif // NM_UNITTESTS_RUNTIME_TESTUTIL_H
