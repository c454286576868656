//===- OnnxWire.cpp - Protobuf's wire format, from bytes -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OnnxWire.h"

namespace nm::onnx {

using rt::Errc;

void WireReader::fail(const std::string &message) {
  if (failed)
    return;
  failed = true;
  error = rt::makeError(Errc::Format, file.path, ": byte ", offset(), ", ",
                        what, number ? " field " + std::to_string(number) : "",
                        ": ", message);
}

void WireReader::take(const WireReader &inner) {
  if (failed || inner.ok())
    return;
  failed = true;
  error = inner.error;
}

bool WireReader::readVarint(std::string_view &from, uint64_t &value) {
  value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (from.empty()) {
      fail("a number is cut off; the file is damaged or not complete");
      return false;
    }
    unsigned char byte = static_cast<unsigned char>(from.front());
    from.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80)
      return true;
  }
  fail("a number of more than ten bytes; the file is damaged");
  return false;
}

bool WireReader::next() {
  if (failed || bytes.empty())
    return false;
  fieldBegin = bytes.data();
  number = 0;
  uint64_t tag = 0;
  if (!readVarint(bytes, tag))
    return false;
  if (tag >> 3 == 0 || tag >> 3 > 536870911) {
    fail("field number " + std::to_string(tag >> 3) +
         " does not exist in protobuf; the file is damaged or no ONNX model");
    return false;
  }
  number = static_cast<uint32_t>(tag >> 3);
  wireType = static_cast<Type>(tag & 7);
  uint64_t size = 0;
  switch (tag & 7) {
  case Varint:
    return readVarint(bytes, number64);
  case Fixed64:
    size = 8;
    break;
  case Fixed32:
    size = 4;
    break;
  case Bytes:
    if (!readVarint(bytes, size))
      return false;
    break;
  default:
    fail("wire type " + std::to_string(tag & 7) +
         " is not used by ONNX; the file is damaged or no ONNX model");
    return false;
  }
  if (size > bytes.size()) {
    fail("expected " + std::to_string(size) + " bytes, found " +
         std::to_string(bytes.size()) +
         "; the file is damaged or not complete");
    return false;
  }
  payload = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

uint64_t WireReader::varint() {
  if (wireType != Varint)
    fail("expected a number; the file is damaged or no ONNX model");
  return failed ? 0 : number64;
}

uint32_t WireReader::fixed32() {
  if (wireType != Fixed32)
    fail("expected four bytes; the file is damaged or no ONNX model");
  return failed ? 0 : rt::loadUnaligned<uint32_t>(payload.data());
}

uint64_t WireReader::fixed64() {
  if (wireType != Fixed64)
    fail("expected eight bytes; the file is damaged or no ONNX model");
  return failed ? 0 : rt::loadUnaligned<uint64_t>(payload.data());
}

std::string_view WireReader::string() {
  if (wireType != Bytes)
    fail("expected bytes; the file is damaged or no ONNX model");
  return failed ? std::string_view() : payload;
}

std::string_view WireReader::text() {
  std::string_view value = string();
  if (!failed && !rt::isUtf8(value))
    fail("a text is not UTF-8; the file is damaged or no ONNX model");
  return failed ? std::string_view() : value;
}

WireReader WireReader::message(const char *inner) {
  std::string_view value = string();
  if (!failed && depth + 1 >= kMaxWireDepth)
    fail("graphs and messages lie more than " + std::to_string(kMaxWireDepth) +
         " deep in one another");
  return {file, failed ? std::string_view() : value, inner, depth + 1};
}

void WireReader::fixed(std::string &packed, size_t width) {
  if (wireType != Bytes && wireType != (width == 4 ? Fixed32 : Fixed64)) {
    fail("expected floating-point numbers; the file is damaged");
    return;
  }
  if (payload.size() % width) {
    fail("found " + std::to_string(payload.size()) +
         " bytes, expected a multiple of " + std::to_string(width));
    return;
  }
  packed.append(payload);
}

} // namespace nm::onnx
