//===- JsonReader.h - Objects of JSON, field by field -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All of nm's formats that are a JSON object are read by this class. Code asks
// for each field by name, type and bounds; what it never asked for is an error,
// as is whatever parseStrictJson refuses. The first thing that is wrong is kept
// and everything after it does nothing, so that code reads field after field
// and looks once, at the end:
//
//   Status status = readJsonObject(text, "edge.json", [&](JsonReader &reader) {
//     reader.text("name", device.name);
//     reader.integer("rows", device.rows, 1, 65536);
//     reader.object("dram", [&](JsonReader &dram) { ... });
//   });
//
// Messages: "edge.json: field 'dram.banks[2]': found -1, expected an integer
// from 0 to 64". A field that is left out keeps what its target holds.
//
//===----------------------------------------------------------------------===//

#ifndef NM_SUPPORT_JSONREADER_H
#define NM_SUPPORT_JSONREADER_H

#include "nm/Support/Result.h"
#include <cstdint>
#include <functional>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace nm::support {

/// Whether a field may be left out.
enum class Need { Required, Optional };

class JsonReader {
public:
  using Body = std::function<void(JsonReader &)>;
  using ElementBody = std::function<void(JsonReader &, size_t)>;
  using NamedBody = std::function<void(JsonReader &, const std::string &)>;
  using Parse = std::function<bool(const std::string &)>;

  JsonReader(const JsonReader &) = delete;
  JsonReader &operator=(const JsonReader &) = delete;

  /// False as soon as anything is wrong anywhere in the document.
  bool ok() const { return first->ok(); }
  /// Whether the field is there.
  bool has(const char *name);
  /// Whether it is there and null.
  bool isNull(const char *name);
  /// Whether it is there and a string.
  bool isText(const char *name);

  void text(const char *name, std::string &value, Need need = Need::Required,
            size_t mostBytes = SIZE_MAX);
  void flag(const char *name, bool &value, Need need = Need::Optional);
  /// From `least` to `most`, both within the range of T.
  template <typename T>
  void integer(const char *name, T &value, T least, T most,
               Need need = Need::Required) {
    static_assert(std::is_integral_v<T>);
    using Wide = std::conditional_t<std::is_unsigned_v<T>, uint64_t, int64_t>;
    Wide number = value;
    readInteger<Wide>(name, number, least, most, need);
    value = static_cast<T>(number);
  }
  /// Of any size that fits.
  template <typename T>
  void integer(const char *name, T &value, Need need = Need::Required) {
    integer(name, value, std::numeric_limits<T>::min(),
            std::numeric_limits<T>::max(), need);
  }
  void number(const char *name, double &value, double least, double most,
              Need need = Need::Required);
  /// A string that `parse` takes; `expected` says which it would.
  void word(const char *name, const std::string &expected, const Parse &parse,
            Need need = Need::Required);

  /// Lists of at most `most` elements; they replace the target.
  template <typename T>
  void integers(const char *name, std::vector<T> &values, T least, T greatest,
                size_t most, Need need = Need::Required) {
    constexpr bool isWord = std::is_unsigned_v<T> && sizeof(T) == 8;
    using Wide = std::conditional_t<isWord, uint64_t, int64_t>;
    std::vector<Wide> read;
    if (readIntegers<Wide>(name, read, least, greatest, most, need))
      values.assign(read.begin(), read.end());
  }
  void numbers(const char *name, std::vector<double> &values, double least,
               double greatest, size_t most, Need need = Need::Required);
  /// Of any size; null stands for NaN, which JSON lacks.
  void numbersOrNull(const char *name, std::vector<double> &values, size_t most,
                     Need need = Need::Required);
  void texts(const char *name, std::vector<std::string> &values, size_t most,
             Need need = Need::Required, size_t mostBytes = SIZE_MAX);
  /// Each element is a string that `parse` takes.
  void words(const char *name, const std::string &expected, size_t least,
             size_t most, const Parse &parse, Need need = Need::Required);

  void object(const char *name, const Body &body, Need need = Need::Required);
  void objects(const char *name, size_t least, size_t most,
               const ElementBody &body, Need need = Need::Required);
  /// An object whose fields are names that the file chose, each with a string.
  void textsByName(const char *name,
                   std::vector<std::pair<std::string, std::string>> &members,
                   Need need = Need::Required);

  /// The same, each with an object.
  void objectsByName(const char *name, const NamedBody &body,
                     Need need = Need::Required);

  /// For what no single field can say: "found <the field>, expected ...".
  void wrong(const char *name, const std::string &expected);
  /// "field 'a.name': <message>"; of the object itself if the name is "".
  void fail(const char *name, const std::string &message);

private:
  friend Status readJsonObject(std::string_view, const std::string &,
                               const Body &, size_t);
  JsonReader(const nlohmann::json &value, const JsonReader *parent,
             const char *name, size_t index);

  static constexpr size_t kNone = SIZE_MAX;
  std::string place(const char *name, size_t index = kNone) const;
  const nlohmann::json *find(const char *name, Need need,
                             const std::string &expected);
  const nlohmann::json *findList(const char *name, size_t least, size_t most,
                                 const std::string &expected, Need need);
  void wrong(const std::string &place, const nlohmann::json &value,
             const std::string &expected);
  void failAt(const std::string &place, const std::string &message);
  /// For int64_t and uint64_t, as the next one.
  template <typename T>
  void readInteger(const char *name, T &value, T least, T most, Need need);
  template <typename T>
  bool readIntegers(const char *name, std::vector<T> &values, T least,
                    T greatest, size_t most, Need need);
  void finish();

  const nlohmann::json &fields;
  const JsonReader *parent; ///< null of the document
  const char *name;         ///< of this object in its parent
  size_t index;             ///< in that field's list, or kNone
  Status *first;
  const std::string *where;
  std::vector<std::string_view> asked;
};

/// Reads a document that is an object, nested at most `depth` deep; messages
/// begin with `where`.
Status readJsonObject(std::string_view text, const std::string &where,
                      const JsonReader::Body &body, size_t depth = 32);

} // namespace nm::support

#endif // NM_SUPPORT_JSONREADER_H
