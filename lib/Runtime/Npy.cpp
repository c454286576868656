//===- Npy.cpp - the header of an npy array -------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Npy.h"
#include "Support.h"
#include "TextCursor.h"
#include <algorithm>

namespace nm::rt {

namespace {
struct NpyTypeRow {
  const char *code;
  DType dtype;
};
} // namespace

static constexpr NpyTypeRow kTypes[] = {
    {"b1", DType::Bool}, {"u1", DType::U8},  {"i1", DType::I8},
    {"i2", DType::I16},  {"u2", DType::U16}, {"f2", DType::F16},
    {"i4", DType::I32},  {"u4", DType::U32}, {"f4", DType::F32},
    {"f8", DType::F64},  {"i8", DType::I64}, {"u8", DType::U64},
};

/// Byte order mark and code to element type; big-endian types are unknown,
/// except where a byte is all there is.
static DType parseDescr(std::string_view descr) {
  if (descr.size() != 3)
    return DType::Unknown;
  char order = descr[0];
  for (const NpyTypeRow &row : kTypes)
    if (descr.substr(1) == row.code &&
        (order == '<' || order == '=' ||
         (elementBytes(row.dtype) == 1 && (order == '|' || order == '>'))))
      return row.dtype;
  return DType::Unknown;
}

namespace {
/// Parses the Python dict literal of a header.
class DictParser : TextCursor {
public:
  DictParser(std::string_view text, uint64_t base, NpyHeader &header)
      : TextCursor(text), base(base), header(header) {}

  /// Why parsing failed, with the byte offset.
  std::string message;

  bool run() {
    if (!expect('{'))
      return false;
    while (!accept('}')) {
      std::string key;
      if (!string(key) || !expect(':') || !field(key))
        return false;
      if (!accept(',')) {
        if (!expect('}'))
          return false;
        break;
      }
    }
    if (!atEnd())
      return fail("expected the end of the header");
    if (!sawDescr || !sawOrder || !sawShape)
      return fail("'descr', 'fortran_order' or 'shape' is missing");
    return true;
  }

private:
  uint64_t base;
  NpyHeader &header;
  bool sawDescr = false, sawOrder = false, sawShape = false;

  bool fail(const std::string &what) {
    message = what + " at byte " + std::to_string(base + pos);
    return false;
  }
  bool expect(char c) {
    return accept(c) || fail(std::string("expected '") + c + "'");
  }

  bool string(std::string &out) {
    skipSpace();
    if (pos == text.size() || (text[pos] != '\'' && text[pos] != '"'))
      return fail("expected a string");
    size_t end = text.find(text[pos], pos + 1);
    if (end == std::string_view::npos)
      return fail("a string does not end");
    out = text.substr(pos + 1, end - pos - 1);
    if (out.find('\\') != std::string::npos)
      return fail("a string holds an escape");
    pos = end + 1;
    return true;
  }

  bool integer(int64_t &out) {
    skipSpace();
    size_t start = pos;
    out = 0;
    for (; pos < text.size() && text[pos] >= '0' && text[pos] <= '9'; ++pos)
      if (mulOverflow(out, 10, out) || addOverflow(out, text[pos] - '0', out))
        return fail("a dimension does not fit in 63 bits");
    if (pos == start)
      return fail("expected a non-negative integer");
    if (pos < text.size() && text[pos] == 'L') // Python 2
      ++pos;
    return true;
  }

  bool tuple(std::vector<int64_t> &out) {
    if (!expect('('))
      return false;
    while (!accept(')')) {
      int64_t value;
      if (!integer(value))
        return false;
      if (out.size() == size_t(kMaxRank))
        return fail("more than " + std::to_string(kMaxRank) + " dimensions");
      out.push_back(value);
      if (accept(','))
        continue;
      // (3) would be a number in Python, not a tuple; no writer makes it.
      if (out.size() == 1)
        return fail("expected ','");
      if (!expect(')'))
        return false;
      break;
    }
    return true;
  }

  /// Skips a structured descr: brackets and strings up to the matching end.
  bool structured() {
    size_t start = pos;
    int depth = 0;
    do {
      if (pos == text.size())
        return fail("a list does not end");
      if (text[pos] == '[' || text[pos] == '(')
        ++depth;
      else if (text[pos] == ']' || text[pos] == ')')
        --depth;
      ++pos;
    } while (depth > 0);
    header.dtypeText = text.substr(start, pos - start);
    return true;
  }

  bool field(const std::string &key) {
    bool *seen = key == "descr"           ? &sawDescr
                 : key == "fortran_order" ? &sawOrder
                 : key == "shape"         ? &sawShape
                                          : nullptr;
    if (!seen)
      return fail("unknown key " + quote(key));
    if (*seen)
      return fail("duplicate key '" + key + "'");
    *seen = true;
    if (key == "shape")
      return tuple(header.shape);
    if (key == "descr") {
      skipSpace();
      if (pos < text.size() && text[pos] == '[')
        return structured();
      if (!string(header.dtypeText))
        return false;
      header.dtype = parseDescr(header.dtypeText);
      return true;
    }
    if (accept("True"))
      header.fortranOrder = true;
    else if (!accept("False"))
      return fail("expected True or False");
    return true;
  }
};
} // namespace

Result<NpyHeader> parseNpyHeader(const unsigned char *data, uint64_t available,
                                 uint64_t total, const std::string &where) {
  auto fail = [&](auto &&...parts) {
    return makeError(Errc::Format, where, ": ", parts...);
  };
  if (available < 10)
    return fail("found ", available,
                " bytes, expected at least 10: not an npy file");
  if (std::memcmp(data, "\x93NUMPY", 6) != 0)
    return fail("does not begin with the npy magic");
  unsigned major = data[6], minor = data[7];
  if (major < 1 || major > 3 || minor != 0)
    return fail("npy version ", major, ".", minor,
                " at byte 6, expected 1.0, 2.0 or 3.0");
  uint64_t begin = major == 1 ? 10 : 12;
  if (available < begin)
    return fail("truncated in the header length at byte 8");
  uint64_t length = major == 1 ? loadUnaligned<uint16_t>(data + 8)
                               : loadUnaligned<uint32_t>(data + 8);
  if (length > kMaxNpyHeader)
    return fail("header length ", length, " at byte 8 exceeds the limit of ",
                kMaxNpyHeader);
  if (length > available - begin)
    return fail("header length ", length, " at byte 8, but only ",
                available - begin, " bytes follow");

  NpyHeader header;
  header.dataBegin = begin + length;
  DictParser parser(
      std::string_view(reinterpret_cast<const char *>(data) + begin, length),
      begin, header);
  if (!parser.run())
    return fail("header: ", parser.message);
  int64_t elem = elementBytes(header.dtype);
  Result<int64_t> count = checkedCount(header.shape, elem);
  if (!count)
    return fail(count.error().message);
  uint64_t bytes = uint64_t(*count) * uint64_t(elem);
  if (elem != 0 && bytes != total - header.dataBegin)
    return fail("found ", total - header.dataBegin, " bytes of data from byte ",
                header.dataBegin, " on, expected ", bytes, " for ",
                header.dtypeText, " ", shapeString(header.shape));
  return header;
}

TensorView npyView(const NpyHeader &header, const unsigned char *data) {
  TensorView view = denseView(data, header.dtype, header.shape);
  if (header.fortranOrder) {
    std::vector<int64_t> reversed(header.shape.rbegin(), header.shape.rend());
    std::vector<int64_t> strides = rowMajorStrides(reversed);
    view.strides.assign(strides.rbegin(), strides.rend());
  }
  return view;
}

std::string npyHeaderText(DType dtype, const std::vector<int64_t> &shape) {
  const NpyTypeRow *row =
      std::find_if(std::begin(kTypes), std::end(kTypes),
                   [&](const NpyTypeRow &r) { return r.dtype == dtype; });
  if (row == std::end(kTypes))
    return "";
  std::ostringstream os;
  os << "{'descr': '" << (elementBytes(dtype) == 1 ? '|' : '<') << row->code
     << "', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < shape.size(); ++i)
    os << (i ? ", " : "") << shape[i];
  os << (shape.size() == 1 ? ",), }" : "), }");
  std::string dict = os.str();
  dict.append(63 - (10 + dict.size()) % 64, ' ');
  dict += '\n';
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(dict.size() & 0xff);
  text += static_cast<char>(dict.size() >> 8);
  return text + dict;
}

} // namespace nm::rt
