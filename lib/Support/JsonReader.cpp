//===- JsonReader.cpp - Objects of JSON, field by field --------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Support/JsonReader.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Json.h"
#include "nm/Support/Text.h"
#include <algorithm>

using nlohmann::json;

namespace nm::support {

namespace {
std::string shown(const json &value) {
  if (value.is_string())
    return "the string " + quote(value.get_ref<const std::string &>());
  if (value.is_number() || value.is_boolean())
    return value.dump();
  if (value.is_array())
    return "a list of " + std::to_string(value.size());
  return jsonKind(value);
}

/// False for what is no integer or does not fit.
bool toInteger(const json &value, int64_t &number) {
  if (!value.is_number_integer() ||
      (value.is_number_unsigned() &&
       value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)))
    return false;
  number = value.get<int64_t>();
  return true;
}

bool toInteger(const json &value, uint64_t &number) {
  if (!value.is_number_unsigned())
    return false;
  number = value.get<uint64_t>();
  return true;
}

template <typename T> std::string integerRange(T least, T most) {
  if (least == std::numeric_limits<T>::min() &&
      most == std::numeric_limits<T>::max() && least != 0)
    return "an integer";
  if (most == std::numeric_limits<T>::max())
    return "an integer of at least " + std::to_string(least);
  if (least == most)
    return std::to_string(least);
  return "an integer from " + std::to_string(least) + " to " +
         std::to_string(most);
}

std::string numberRange(double least, double most) {
  constexpr double kMost = std::numeric_limits<double>::max();
  if (least == -kMost && most == kMost)
    return "a number";
  if (most == kMost)
    return "a number of at least " + json(least).dump();
  return "a number from " + json(least).dump() + " to " + json(most).dump();
}

std::string listOf(const std::string &what, size_t least, size_t most) {
  if (most == SIZE_MAX)
    return least ? "a list of at least " + std::to_string(least) + " " + what
                 : "a list of " + what;
  return "a list of " +
         (least ? std::to_string(least) + " to " + std::to_string(most)
                : "at most " + std::to_string(most)) +
         " " + what;
}
} // namespace

JsonReader::JsonReader(const json &value, const JsonReader *parent,
                       const char *name, size_t index)
    : fields(value), parent(parent), name(name), index(index),
      first(parent ? parent->first : nullptr),
      where(parent ? parent->where : nullptr) {}

/// "a.b[2].c"
std::string JsonReader::place(const char *field, size_t element) const {
  std::string text = parent ? parent->place(name, index) : std::string();
  if (field && *field)
    text += std::string(text.empty() ? "" : ".") + field;
  if (element != kNone)
    text += "[" + std::to_string(element) + "]";
  return text;
}

void JsonReader::failAt(const std::string &place, const std::string &message) {
  if (!first->ok())
    return;
  std::string what = "the document";
  if (!place.empty())
    what = "field " + quote(place);
  *first = makeError(Errc::Format, *where, ": ", what, message);
}

void JsonReader::fail(const char *field, const std::string &message) {
  failAt(place(field), ": " + message);
}

void JsonReader::wrong(const std::string &place, const json &value,
                       const std::string &expected) {
  if (first->ok())
    failAt(place, ": found " + shown(value) + ", expected " + expected);
}

void JsonReader::wrong(const char *field, const std::string &expected) {
  auto found = fields.find(field);
  if (found == fields.end())
    return fail(field, "found nothing, expected " + expected);
  wrong(place(field), *found, expected);
}

const json *JsonReader::find(const char *field, Need need,
                             const std::string &expected) {
  if (!first->ok())
    return nullptr;
  asked.push_back(field);
  auto found = fields.find(field);
  if (found != fields.end())
    return &*found;
  if (need == Need::Required) {
    std::vector<std::string> names;
    for (auto it = fields.begin(); it != fields.end(); ++it)
      if (std::find(asked.begin(), asked.end(), it.key()) == asked.end())
        names.push_back(it.key());
    std::string near = nearest(field, names);
    fail(field, "found nothing, expected " + expected +
                    (near.empty() ? "" : " (is it " + quote(near) + "?)"));
  }
  return nullptr;
}

const json *JsonReader::findList(const char *field, size_t least, size_t most,
                                 const std::string &expected, Need need) {
  const json *found = find(field, need, expected);
  if (!found)
    return nullptr;
  if (found->is_array() && found->size() >= least && found->size() <= most)
    return found;
  wrong(place(field), *found, expected);
  return nullptr;
}

bool JsonReader::has(const char *field) {
  return find(field, Need::Optional, "");
}
bool JsonReader::isNull(const char *field) {
  const json *found = find(field, Need::Optional, "");
  return found && found->is_null();
}
bool JsonReader::isText(const char *field) {
  const json *found = find(field, Need::Optional, "");
  return found && found->is_string();
}

void JsonReader::text(const char *field, std::string &value, Need need,
                      size_t mostBytes) {
  const json *found = find(field, need, "a string");
  if (!found)
    return;
  if (!found->is_string() ||
      found->get_ref<const std::string &>().size() > mostBytes)
    return wrong(place(field), *found,
                 mostBytes == SIZE_MAX
                     ? "a string"
                     : "a string of at most " + std::to_string(mostBytes) +
                           " bytes");
  value = found->get<std::string>();
}

void JsonReader::flag(const char *field, bool &value, Need need) {
  const json *found = find(field, need, "true or false");
  if (!found)
    return;
  if (!found->is_boolean())
    return wrong(place(field), *found, "true or false");
  value = found->get<bool>();
}

template <typename T>
void JsonReader::readInteger(const char *field, T &value, T least, T most,
                             Need need) {
  const json *found = find(field, need, integerRange(least, most));
  if (!found)
    return;
  T number;
  if (!toInteger(*found, number) || number < least || number > most)
    return wrong(place(field), *found, integerRange(least, most));
  value = number;
}
template void JsonReader::readInteger(const char *, int64_t &, int64_t, int64_t,
                                      Need);
template void JsonReader::readInteger(const char *, uint64_t &, uint64_t,
                                      uint64_t, Need);

void JsonReader::number(const char *field, double &value, double least,
                        double most, Need need) {
  const json *found = find(field, need, numberRange(least, most));
  if (!found)
    return;
  if (!found->is_number() || !(found->get<double>() >= least) ||
      !(found->get<double>() <= most))
    return wrong(place(field), *found, numberRange(least, most));
  value = found->get<double>();
}

void JsonReader::word(const char *field, const std::string &expected,
                      const Parse &parse, Need need) {
  const json *found = find(field, need, expected);
  if (found &&
      (!found->is_string() || !parse(found->get_ref<const std::string &>())))
    wrong(place(field), *found, expected);
}

template <typename T>
bool JsonReader::readIntegers(const char *field, std::vector<T> &values,
                              T least, T greatest, size_t most, Need need) {
  const json *found =
      findList(field, 0, most, listOf("integers", 0, most), need);
  if (!found)
    return false;
  values.reserve(found->size());
  for (const json &element : *found) {
    T number;
    if (!toInteger(element, number) || number < least || number > greatest) {
      wrong(place(field, values.size()), element,
            integerRange(least, greatest));
      return false;
    }
    values.push_back(number);
  }
  return true;
}
template bool JsonReader::readIntegers(const char *, std::vector<int64_t> &,
                                       int64_t, int64_t, size_t, Need);
template bool JsonReader::readIntegers(const char *, std::vector<uint64_t> &,
                                       uint64_t, uint64_t, size_t, Need);

void JsonReader::numbers(const char *field, std::vector<double> &values,
                         double least, double greatest, size_t most,
                         Need need) {
  const json *found =
      findList(field, 0, most, listOf("numbers", 0, most), need);
  if (!found)
    return;
  values.clear();
  for (const json &element : *found) {
    if (!element.is_number() || !(element.get<double>() >= least) ||
        !(element.get<double>() <= greatest))
      return wrong(place(field, values.size()), element,
                   numberRange(least, greatest));
    values.push_back(element.get<double>());
  }
}

void JsonReader::numbersOrNull(const char *field, std::vector<double> &values,
                               size_t most, Need need) {
  const json *found =
      findList(field, 0, most, listOf("numbers", 0, most), need);
  if (!found)
    return;
  values.clear();
  for (const json &element : *found) {
    if (!element.is_number() && !element.is_null())
      return wrong(place(field, values.size()), element, "a number or null");
    values.push_back(element.is_null()
                         ? std::numeric_limits<double>::quiet_NaN()
                         : element.get<double>());
  }
}

void JsonReader::texts(const char *field, std::vector<std::string> &values,
                       size_t most, Need need, size_t mostBytes) {
  std::vector<std::string> read;
  words(
      field, "a list of strings", 0, most,
      [&](const std::string &value) {
        read.push_back(value);
        return value.size() <= mostBytes;
      },
      need);
  if (ok() && has(field))
    values = std::move(read);
}

void JsonReader::words(const char *field, const std::string &expected,
                       size_t least, size_t most, const Parse &parse,
                       Need need) {
  const json *found = findList(field, least, most, expected, need);
  if (!found)
    return;
  for (size_t i = 0; i != found->size(); ++i) {
    const json &element = (*found)[i];
    if (!element.is_string() || !parse(element.get_ref<const std::string &>()))
      return wrong(place(field, i), element, expected);
  }
}

void JsonReader::object(const char *field, const Body &body, Need need) {
  const json *found = find(field, need, "an object");
  if (!found)
    return;
  if (!found->is_object())
    return wrong(place(field), *found, "an object");
  JsonReader reader(*found, this, field, kNone);
  body(reader);
  reader.finish();
}

void JsonReader::objects(const char *field, size_t least, size_t most,
                         const ElementBody &body, Need need) {
  const json *found =
      findList(field, least, most, listOf("objects", least, most), need);
  if (!found)
    return;
  for (size_t i = 0; i != found->size() && first->ok(); ++i) {
    if (!(*found)[i].is_object())
      return wrong(place(field, i), (*found)[i], "an object");
    JsonReader reader((*found)[i], this, field, i);
    body(reader, i);
    reader.finish();
  }
}

void JsonReader::objectsByName(const char *field, const NamedBody &body,
                               Need need) {
  const json *found = find(field, need, "an object");
  if (!found)
    return;
  if (!found->is_object())
    return wrong(place(field), *found, "an object");
  const JsonReader all(*found, this, field, kNone);
  for (auto it = found->begin(); it != found->end() && first->ok(); ++it) {
    if (!it->is_object())
      return wrong(all.place(it.key().c_str()), *it, "an object");
    JsonReader reader(*it, &all, it.key().c_str(), kNone);
    body(reader, it.key());
    reader.finish();
  }
}

void JsonReader::textsByName(
    const char *field,
    std::vector<std::pair<std::string, std::string>> &members, Need need) {
  const std::string expected = "an object of strings";
  const json *found = find(field, need, expected);
  if (!found)
    return;
  if (!found->is_object())
    return wrong(place(field), *found, expected);
  members.clear();
  for (auto it = found->begin(); it != found->end(); ++it) {
    if (!it->is_string())
      return wrong(place(field) + "." + it.key(), *it, "a string");
    members.push_back({it.key(), it->get<std::string>()});
  }
}

void JsonReader::finish() {
  if (!first->ok())
    return;
  for (auto it = fields.begin(); it != fields.end(); ++it) {
    if (std::find(asked.begin(), asked.end(), it.key()) != asked.end())
      continue;
    std::vector<std::string> names;
    for (std::string_view name : asked)
      if (std::find(names.begin(), names.end(), name) == names.end())
        names.emplace_back(name);
    return fail(it.key().c_str(), "found an unknown field, expected " +
                                      alternatives(names) +
                                      didYouMean(it.key(), names));
  }
}

Status readJsonObject(std::string_view text, const std::string &where,
                      const JsonReader::Body &body, size_t depth) {
  return guarded([&]() -> Status {
    Result<json> document = parseStrictJson(text, where, depth);
    if (!document)
      return document.error();
    Status first;
    JsonReader reader(*document, nullptr, "", JsonReader::kNone);
    reader.first = &first;
    reader.where = &where;
    if (!document->is_object()) {
      reader.wrong("", *document, "an object");
      return first;
    }
    body(reader);
    reader.finish();
    return first;
  });
}

} // namespace nm::support
