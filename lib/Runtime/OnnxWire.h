//===- OnnxWire.h - Protobuf's wire format, from bytes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Source: protobuf.dev, "Encoding". A message is a list of fields; each begins
// with a varint of number and wire type, and unknown numbers are passed over.
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_RUNTIME_ONNXWIRE_H
#define NM_LIB_RUNTIME_ONNXWIRE_H

#include "Support.h"
#include <string_view>
#include <vector>

namespace nm::onnx {

using rt::Status;

/// Where the whole file lies, for offsets in messages.
struct WireFile {
  std::string path;
  const unsigned char *begin = nullptr;
};

/// Messages may lie in one another this deep.
constexpr int kMaxWireDepth = 100;

/// The fields of one message, one after another.
class WireReader {
public:
  enum Type : uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

  /// `what` names the message for errors; `depth` counts the messages around.
  WireReader(const WireFile &file, std::string_view bytes, const char *what,
             int depth)
      : file(file), bytes(bytes), what(what), depth(depth) {}

  /// Goes to the next field; false at the end or after an error.
  bool next();

  uint32_t field() const { return number; }
  Type type() const { return wireType; }

  /// The current field's value; sets an error if its wire type is another one.
  uint64_t varint();
  uint32_t fixed32();
  uint64_t fixed64();
  std::string_view string();
  /// A string that must be UTF-8, as names are.
  std::string_view text();
  /// The field as a message. Sets an error where messages lie too deep.
  WireReader message(const char *what);

  /// A repeated number, packed or not: appends to `values`.
  template <typename T> void varints(std::vector<T> &values) {
    if (wireType == Varint) {
      values.push_back(static_cast<T>(number64));
      return;
    }
    std::string_view packed = string();
    while (ok() && !packed.empty()) {
      uint64_t value = 0;
      if (!readVarint(packed, value))
        return;
      values.push_back(static_cast<T>(value));
    }
  }
  /// A repeated float or double: appends its bytes.
  void fixed(std::string &packed, size_t width);

  bool ok() const { return !failed; }
  const Status &status() const { return error; }
  /// Sets the error, with the place of the current field.
  void fail(const std::string &message);
  /// Takes over the error of a message inside.
  void take(const WireReader &inner);
  int nesting() const { return depth; }

private:
  bool readVarint(std::string_view &from, uint64_t &value);
  uint64_t offset() const {
    return reinterpret_cast<const unsigned char *>(fieldBegin) - file.begin;
  }

  const WireFile &file;
  std::string_view bytes;
  const char *what;
  int depth;
  const char *fieldBegin = nullptr;
  uint32_t number = 0;
  Type wireType = Varint;
  uint64_t number64 = 0;
  std::string_view payload;
  bool failed = false;
  Status error;
};

} // namespace nm::onnx

#endif // NM_LIB_RUNTIME_ONNXWIRE_H
