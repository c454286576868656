//===- SafetensorsHeader.cpp - the JSON header of a safetensors file ------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SafetensorsHeader.h"
#include "Support.h"
#include "nm/Runtime/Tensor.h"
#include "nm/Support/Json.h"
#include <algorithm>
#include <unordered_set>

namespace nm::rt {

using nlohmann::json;

namespace {
/// A state machine over SAX events: the header can be 100 MB and hold a million
/// entries, so no document is built; and it sees duplicate keys.
class HeaderParser {
public:
  HeaderParser(const std::string &file, SafetensorsHeader &header)
      : file(file), entries(header.entries), metadata(header.metadata) {}

  Error error;

  bool null() { return unexpected("null"); }
  bool boolean(bool) { return unexpected("a boolean"); }
  bool number_integer(json::number_integer_t value) {
    return unexpected("the number " + std::to_string(value));
  }
  bool number_float(json::number_float_t, const json::string_t &text) {
    return unexpected("the number " + quote(text));
  }
  bool binary(json::binary_t &) { return unexpected("binary data"); }

  bool number_unsigned(json::number_unsigned_t value) {
    if (state == State::Shape) {
      if (value > uint64_t(INT64_MAX))
        return fail("dimension " + std::to_string(value) +
                    " does not fit in 63 bits");
      if (entry.shape.size() == size_t(kMaxRank))
        return fail("more than " + std::to_string(kMaxRank) + " dimensions");
      entry.shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (state == State::Offsets) {
      if (numOffsets == 2)
        return fail("data_offsets holds more than 2 numbers");
      offsets[numOffsets++] = value;
      return true;
    }
    return unexpected("the number " + std::to_string(value));
  }

  bool string(json::string_t &value) {
    if (state == State::MetadataValue) {
      metadata.back().second = std::move(value);
      state = State::Metadata;
      return true;
    }
    if (state != State::DType)
      return unexpected("the string " + quote(value));
    entry.dtypeText = std::move(value);
    entry.dtype = parseSafetensorsDType(entry.dtypeText);
    state = State::Entry;
    return true;
  }

  bool start_object(std::size_t) {
    if (state == State::Start)
      state = State::Root;
    else if (state == State::RootValue)
      state = State::Entry;
    else if (state == State::MetadataStart)
      state = State::Metadata;
    else
      return unexpected("an object");
    return true;
  }

  bool end_object() {
    if (state == State::Root) {
      state = State::End;
      return true;
    }
    if (state == State::Entry) {
      for (size_t i = 0; i < std::size(kFields); ++i)
        if (!seen[i])
          return fail(std::string("field '") + kFields[i] + "' is missing");
      entries.push_back(std::move(entry));
    }
    place.clear();
    state = State::Root;
    return true;
  }

  bool start_array(std::size_t) {
    if (state == State::ShapeStart)
      state = State::Shape;
    else if (state == State::OffsetsStart)
      state = State::Offsets;
    else
      return unexpected("an array");
    return true;
  }

  bool end_array() {
    if (state == State::Offsets) {
      if (numOffsets != 2)
        return fail("data_offsets holds " + std::to_string(numOffsets) +
                    " numbers, expected 2");
      if (offsets[1] < offsets[0])
        return fail("data_offsets end at " + std::to_string(offsets[1]) +
                    ", before their begin " + std::to_string(offsets[0]));
      entry.begin = offsets[0];
      entry.bytes = offsets[1] - offsets[0];
    }
    state = State::Entry;
    return true;
  }

  bool key(json::string_t &name) {
    if (state == State::Root)
      return rootKey(name);
    if (state == State::Metadata) {
      if (!metadataKeys.insert(name).second)
        return fail("duplicate key " + quote(name));
      metadata.emplace_back(name, "");
      state = State::MetadataValue;
      return true;
    }
    for (size_t i = 0; i < std::size(kFields); ++i) {
      if (name != kFields[i])
        continue;
      if (seen[i])
        return fail("duplicate field '" + name + "'");
      seen[i] = true;
      state = kFieldStates[i];
      return true;
    }
    return fail("unknown field " + quote(name) +
                ", expected 'dtype', 'shape' and 'data_offsets'");
  }

  bool parse_error(std::size_t position, const std::string &token,
                   const json::exception &) {
    return fail("invalid json in the header at byte " +
                std::to_string(8 + position) + " near " + quote(token));
  }

private:
  enum class State {
    Start,
    Root,
    RootValue,
    Entry,
    DType,
    ShapeStart,
    Shape,
    OffsetsStart,
    Offsets,
    MetadataStart,
    Metadata,
    MetadataValue,
    End
  };
  static constexpr const char *kFields[] = {"dtype", "shape", "data_offsets"};
  static constexpr State kFieldStates[] = {State::DType, State::ShapeStart,
                                           State::OffsetsStart};

  const std::string &file;
  std::vector<SafetensorsEntry> &entries;
  std::vector<std::pair<std::string, std::string>> &metadata;
  State state = State::Start;
  /// Where we are, for messages: the tensor between quotes.
  std::string place;
  SafetensorsEntry entry;
  bool seen[3] = {};
  uint64_t offsets[2] = {};
  size_t numOffsets = 0;
  bool sawMetadata = false;
  std::unordered_set<std::string> metadataKeys;

  bool rootKey(json::string_t &name) {
    place = quote(name);
    if (name == "__metadata__") {
      if (sawMetadata)
        return fail("duplicate key");
      sawMetadata = true;
      state = State::MetadataStart;
      return true;
    }
    entry = SafetensorsEntry();
    entry.name = std::move(name);
    std::fill(std::begin(seen), std::end(seen), false);
    numOffsets = 0;
    state = State::RootValue;
    return true;
  }

  const char *wanted() const {
    switch (state) {
    case State::Start:
    case State::RootValue:
    case State::MetadataStart:
      return "an object";
    case State::DType:
    case State::MetadataValue:
      return "a string";
    case State::ShapeStart:
    case State::OffsetsStart:
      return "an array";
    default:
      return "a non-negative integer";
    }
  }

  bool unexpected(const std::string &found) {
    return fail("found " + found + ", expected " + wanted());
  }

  bool fail(const std::string &message) {
    error = place.empty() ? makeError(Errc::Format, file, ": header: ", message)
                          : makeError(Errc::Format, file, ": tensor ", place,
                                      ": ", message);
    return false;
  }
};
} // namespace

/// Checks that the entries tile [0, dataBytes) and makes offsets absolute.
static Status checkTiling(std::vector<SafetensorsEntry> &entries,
                          uint64_t dataStart, uint64_t dataBytes,
                          const std::string &file) {
  std::sort(entries.begin(), entries.end(),
            [](const SafetensorsEntry &a, const SafetensorsEntry &b) {
              // Empty tensors sit before the one that begins where they do.
              return std::tie(a.begin, a.bytes, a.name) <
                     std::tie(b.begin, b.bytes, b.name);
            });
  uint64_t expected = 0;
  for (SafetensorsEntry &entry : entries) {
    auto fail = [&](auto &&...parts) {
      return makeError(Errc::Format, file, ": tensor ", quote(entry.name), ": ",
                       parts...);
    };
    if (entry.begin > dataBytes || entry.bytes > dataBytes - entry.begin)
      return fail("data_offsets [", entry.begin, ", ",
                  entry.begin + entry.bytes, "] leave the data region of ",
                  dataBytes, " bytes");
    if (entry.begin != expected)
      return fail("data begins at offset ", entry.begin,
                  entry.begin < expected ? ", inside the tensor before it"
                                         : ", after a hole",
                  ", expected ", expected);
    expected = entry.begin + entry.bytes;
    Result<int64_t> count =
        checkedCount(entry.shape, elementBytes(entry.dtype));
    if (!count)
      return fail(count.error().message);
    uint64_t bytes = uint64_t(*count) * uint64_t(elementBytes(entry.dtype));
    if (entry.dtype != DType::Unknown && bytes != entry.bytes)
      return fail("data_offsets span ", entry.bytes, " bytes, expected ", bytes,
                  " for ", entry.dtypeText, " ", shapeString(entry.shape));
    entry.begin += dataStart;
  }
  if (expected != dataBytes)
    return makeError(Errc::Format, file, ": the tensors end at byte ",
                     dataStart + expected, ", but the file has ",
                     dataStart + dataBytes, " bytes");
  return {};
}

Result<SafetensorsHeader> parseSafetensorsHeader(const unsigned char *data,
                                                 uint64_t size,
                                                 const std::string &file) {
  if (size < 8)
    return makeError(Errc::Format, file, ": found ", size,
                     " bytes, expected at least 8: not a safetensors file");
  uint64_t headerBytes = loadUnaligned<uint64_t>(data);
  if (headerBytes > kMaxSafetensorsHeader)
    return makeError(Errc::Format, file, ": header length ", headerBytes,
                     " at byte 0 exceeds the limit of ", kMaxSafetensorsHeader,
                     ": not a safetensors file, nor any other checkpoint");
  if (headerBytes > size - 8)
    return makeError(Errc::Format, file, ": header length ", headerBytes,
                     " at byte 0, but only ", size - 8,
                     " bytes follow: the file is truncated or not safetensors");
  const char *text = reinterpret_cast<const char *>(data) + 8;
  if (headerBytes == 0 || text[0] != '{')
    return makeError(Errc::Format, file,
                     ": header at byte 8 does not begin with '{'");

  SafetensorsHeader header;
  HeaderParser parser(file, header);
  if (!json::sax_parse(text, text + headerBytes, &parser))
    return parser.error;
  NM_RETURN_IF_ERROR(checkTiling(header.entries, 8 + headerBytes,
                                 size - 8 - headerBytes, file));
  return header;
}

} // namespace nm::rt
