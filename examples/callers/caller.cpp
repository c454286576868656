//===- caller.cpp - a compiled model from C++ -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: caller MODEL INPUT OUTPUT
// As caller.c: the first function of a model on the bare elements of a file.

#include "nm.hpp"
#include <fstream>
#include <iostream>
#include <iterator>

static std::vector<char> readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw nm::Error(path + ": cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The shape of `type` with the open size that holds all `bytes`.
static std::vector<int64_t> closeShape(const nm_value_type &type,
                                       size_t bytes) {
  std::vector<int64_t> shape(type.shape, type.shape + type.rank);
  size_t part = nm_dtype_bytes(type.dtype);
  for (int64_t size : shape)
    part *= size == NM_DYNAMIC_SIZE ? 1 : size;
  for (int64_t &size : shape)
    if (size == NM_DYNAMIC_SIZE && part > 0)
      size = (bytes + part - 1) / part;
  return shape;
}

static void print(const char *name, nm_dtype dtype, const int64_t *shape,
                  size_t rank) {
  std::cout << name << ": " << nm_dtype_name(dtype) << " [";
  for (size_t i = 0; i < rank; ++i)
    std::cout << (i ? ", " : "") << shape[i];
  std::cout << "]\n";
}

static void run(const std::string &path, const std::string &input,
                const std::string &output) {
  std::vector<char> data = readFile(input);
  nm::Model model(path);
  nm_value_type in = model.input(0, 0), out = model.output(0, 0);
  nm::Array x{in.dtype, closeShape(in, data.size()), data.data(), data.size()};
  std::vector<nm::Result> results = model.run(0, {x});
  const nm_value &y = results.front().value;
  print(in.name, x.dtype, x.shape.data(), x.shape.size());
  print(out.name, y.dtype, y.shape, y.rank);
  std::ofstream file(output, std::ios::binary);
  file.write(static_cast<const char *>(y.data), y.bytes);
  if (!file.flush())
    throw nm::Error(output + ": cannot be written");
}

int main(int argc, char **argv) {
  try {
    if (argc != 4)
      throw nm::Error("usage: caller MODEL INPUT OUTPUT");
    run(argv[1], argv[2], argv[3]);
  } catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
