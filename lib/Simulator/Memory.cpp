//===- Memory.cpp - The content of DRAM tensors ----------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Convert.h"
#include "Values.h"
#include "nm/Support/Result.h"
#include <cstring>
#include <new>
#include <unistd.h>

namespace nm::sim {

using isa::Tensor;
using isa::Type;

/// Calls body(inTensor, inHost, size, stride) for the rows of a tensor in
/// order: where they begin in its memory, in which their elements lie `stride`
/// apart, and in the host's array of `type`, in which they are dense.
template <typename Own, typename Host, typename Body>
static void forEachRow(const Tensor &tensor, Own *content, Host *host,
                       Type type, Body body) {
  int64_t bytes = isa::typeBytes(tensor.type), hostBytes = isa::typeBytes(type);
  std::vector<int64_t> strides = isa::stridesOf(tensor);
  size_t last = tensor.shape.size() - 1;
  int64_t size = tensor.shape[last];
  std::vector<int64_t> index(tensor.shape.size(), 0);
  for (int64_t element = 0, end = isa::numElements(tensor.shape); element < end;
       element += size) {
    int64_t offset = 0;
    for (size_t k = 0; k < last; ++k)
      offset += index[k] * strides[k];
    body(content + offset * bytes, host + element * hostBytes, size,
         strides[last]);
    for (size_t k = last; k-- > 0;) {
      if (++index[k] < tensor.shape[k])
        break;
      index[k] = 0;
    }
  }
}

/// Elements that keep their type; strides in elements.
static void copyRow(uint8_t *to, int64_t toStride, const uint8_t *from,
                    int64_t fromStride, int64_t size, int64_t bytes) {
  if (toStride == 1 && fromStride == 1) {
    std::memcpy(to, from, size * bytes);
    return;
  }
  for (int64_t i = 0; i < size; ++i)
    std::memcpy(to + i * toStride * bytes, from + i * fromStride * bytes,
                bytes);
}

isa::Overflow writeTensor(const Tensor &tensor, uint8_t *content,
                          const void *host, Type type) {
  isa::Overflow overflow;
  std::vector<float> row;
  auto write = [&](uint8_t *dest, const uint8_t *source, int64_t size,
                   int64_t stride) {
    if (type == tensor.type)
      return copyRow(dest, stride, source, 1, size, isa::typeBytes(type));
    row.resize(size);
    toFloats(source, type, size, 1, row.data());
    for (float value : row)
      overflow.add(value, tensor.type);
    fromFloats(row.data(), tensor.type, size, stride, dest);
  };
  forEachRow(tensor, content, static_cast<const uint8_t *>(host), type, write);
  return overflow;
}

void readTensor(const Tensor &tensor, const uint8_t *content, void *host,
                Type type) {
  std::vector<float> row;
  auto read = [&](const uint8_t *source, uint8_t *dest, int64_t size,
                  int64_t stride) {
    if (type == tensor.type)
      return copyRow(dest, 1, source, stride, size, isa::typeBytes(type));
    row.resize(size);
    toFloats(source, tensor.type, size, stride, row.data());
    fromFloats(row.data(), type, size, 1, dest);
  };
  forEachRow(tensor, content, static_cast<uint8_t *>(host), type, read);
}

Memory Memory::none(const Program &program) {
  Memory memory;
  memory.contents.resize(program.tensors.size());
  return memory;
}

long double hostMemory() {
  return static_cast<long double>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<long double>(sysconf(_SC_PAGESIZE));
}

Result<Memory> Memory::allocate(const Program &program) {
  long double limit = hostMemory();
  long double total = 0;
  Memory memory = none(program);
  for (size_t i = 0; i != program.tensors.size(); ++i) {
    const Tensor &tensor = program.tensors[i];
    int64_t bytes = isa::extentBytes(tensor);
    total += static_cast<long double>(bytes);
    if (total <= limit)
      memory.contents[i].reset(new (std::nothrow) uint8_t[bytes]());
    if (!memory.contents[i])
      return support::makeError(
          Errc::Memory, "found tensors of more than ",
          static_cast<double>(total), " bytes, of which '", tensor.name,
          "' has ", bytes, ", expected what fits the memory of this machine");
    if (tensor.role == isa::Role::Constant)
      writeTensor(tensor, memory.data(i), tensor.data.data(), tensor.type);
  }
  return memory;
}

} // namespace nm::sim
