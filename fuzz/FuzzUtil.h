//===- FuzzUtil.h - use everything that a checkpoint offers ---------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_FUZZ_FUZZUTIL_H
#define NM_FUZZ_FUZZUTIL_H

#include "nm/Runtime/Checkpoint.h"
#include "nm/Runtime/Inspect.h"
#include "nm/Runtime/Sparsity.h"
#include "nm/Runtime/Trained.h"
#include <cstdlib>
#include <string>

namespace nm::rt::fuzz {

/// Stops the fuzzer: an error without a message is a defect.
template <typename R> void checkError(const R &result) {
  if (!result && result.error().message.empty())
    std::abort();
  if (!result && result.error().code == Errc::Internal)
    std::abort();
}

/// What `parse` makes of the input; it must print to what parses to the same.
template <typename Parse, typename Print>
auto parsePrintable(const uint8_t *data, size_t size, Parse parse,
                    Print print) {
  auto parsed =
      parse(std::string_view(reinterpret_cast<const char *>(data), size));
  checkError(parsed);
  if (!parsed)
    return parsed;
  std::string printed = print(*parsed);
  auto again = parse(printed);
  if (!again || print(*again) != printed)
    std::abort();
  return parsed;
}

/// Touches every byte, so that the sanitizer sees views that leave their data.
inline void touch(const TensorView &view) {
  Tensor tensor;
  tensor.view = view;
  Result<Tensor> row = toContiguous(tensor);
  checkError(row);
  if (!row)
    return;
  volatile unsigned char sum = 0;
  for (int64_t i = 0; i < row->view.bytes(); ++i)
    sum = static_cast<unsigned char>(sum + row->view.data[i]);
}

/// Opens an image and reads all that is in it.
inline void readEverything(const uint8_t *data, size_t size,
                           Checkpoint::Format format) {
  auto checkpoint = Checkpoint::openMemory(data, size, format, "fuzz");
  checkError(checkpoint);
  if (!checkpoint)
    return;
  for (const TensorInfo &info : (*checkpoint)->tensors())
    for (Decoding decoding : {Decoding::Rounded, Decoding::Exact}) {
      Result<LoadedTensor> loaded = (*checkpoint)->read(info.name, decoding);
      checkError(loaded);
      if (!loaded)
        continue;
      touch(loaded->tensor.view);
      if (loaded->mask)
        for (int64_t i = 0; i < loaded->tensor.view.count(); ++i)
          loaded->mask->test(i);
    }
  (*checkpoint)->nearestNames("layer.0.weight");
  checkError(readTrained(**checkpoint));
  auto rows = inspect(**checkpoint);
  checkError(rows);
  if (rows) {
    formatTable(*rows);
    formatJson(*rows);
  }
}

/// The same of a safetensors image with this header.
inline void readSafetensors(const std::string &header,
                            const std::string &payload) {
  uint64_t length = header.size();
  std::string image(reinterpret_cast<const char *>(&length), 8);
  image += header + payload;
  readEverything(reinterpret_cast<const uint8_t *>(image.data()), image.size(),
                 Checkpoint::Format::Safetensors);
}

} // namespace nm::rt::fuzz

#endif // NM_FUZZ_FUZZUTIL_H
