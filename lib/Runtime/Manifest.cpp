//===- Manifest.cpp - the parameter list of a compiled model --------------===//

#include "Json.h"
#include "Support.h"
#include "nm/Runtime/Params.h"
#include <initializer_list>

namespace nm::rt {

using nlohmann::json;

namespace {
/// Reads the fields of one JSON object with errors that say where.
class ObjectReader {
public:
  ObjectReader(const json &object, std::string where)
      : object(&object), where(std::move(where)) {}

  Error fail(const std::string &what) const {
    return makeError(Errc::Format, where, ": ", what);
  }

  /// Fails on a field that is not in the list.
  Status only(std::initializer_list<std::string_view> known) const {
    if (!object->is_object())
      return fail(std::string("found ") + jsonKind(*object) +
                  ", expected an object");
    for (const auto &item : object->items()) {
      bool found = false;
      for (std::string_view name : known)
        found |= item.key() == name;
      if (!found)
        return fail("unknown field " + quote(item.key()));
    }
    return {};
  }

  Status string(const char *name, std::string &out) const {
    const json *value = get(name);
    if (!value || !value->is_string())
      return missing(name, "a string", value);
    out = value->get<std::string>();
    return {};
  }

  Status integer(const char *name, int64_t &out) const {
    const json *value = get(name);
    if (!value || !toInteger(*value, out))
      return missing(name, "a non-negative integer", value);
    return {};
  }

  Status integers(const char *name, std::vector<int64_t> &out) const {
    const json *value = get(name);
    if (!value || !value->is_array())
      return missing(name, "an array of non-negative integers", value);
    for (const json &item : *value) {
      int64_t number;
      if (!toInteger(item, number))
        return fail(std::string("field '") + name +
                    "' holds something else than non-negative integers");
      out.push_back(number);
    }
    return {};
  }

  const json *get(const char *name) const {
    auto it = object->find(name);
    return it == object->end() ? nullptr : &*it;
  }

  Error missing(const char *name, const char *expected,
                const json *found) const {
    return fail(std::string("field '") + name + "': found " +
                (found ? jsonKind(*found) : "nothing") + ", expected " +
                expected);
  }

private:
  const json *object;
  std::string where;

  static bool toInteger(const json &value, int64_t &out) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > INT64_MAX)
      return false;
    out = value.get<int64_t>();
    return true;
  }
};
} // namespace

static Status parseSparsity(const json &value, const std::string &where,
                            ParamSpec &spec) {
  if (value.is_null())
    return {};
  ObjectReader reader(value, where + ": 'sparsity'");
  NM_RETURN_IF_ERROR(reader.only({"n", "m", "axis"}));
  PatternSpec pattern;
  NM_RETURN_IF_ERROR(reader.integer("n", pattern.n));
  NM_RETURN_IF_ERROR(reader.integer("m", pattern.m));
  NM_RETURN_IF_ERROR(reader.integer("axis", pattern.axis));
  spec.sparsity = pattern;
  return {};
}

static Status parseParam(const json &value, size_t index, ParamSpec &spec) {
  std::string where = "manifest: parameter " + std::to_string(index);
  ObjectReader reader(value, where);
  NM_RETURN_IF_ERROR(
      reader.only({"scope", "key", "shape", "dtype", "sparsity", "layout"}));
  NM_RETURN_IF_ERROR(reader.string("key", spec.key));
  where += " (" + quote(spec.key) + ")";
  reader = ObjectReader(value, where);
  if (reader.get("scope"))
    NM_RETURN_IF_ERROR(reader.string("scope", spec.scope));
  NM_RETURN_IF_ERROR(reader.integers("shape", spec.shape));
  std::string dtype, layout;
  NM_RETURN_IF_ERROR(reader.string("dtype", dtype));
  spec.dtype = parseDType(dtype);
  if (spec.dtype == DType::Unknown)
    return reader.fail("unknown dtype " + quote(dtype));
  if (const json *sparsity = reader.get("sparsity"))
    NM_RETURN_IF_ERROR(parseSparsity(*sparsity, where, spec));
  NM_RETURN_IF_ERROR(reader.string("layout", layout));
  Result<LayoutSpec> parsed = parseLayoutSpec(layout);
  if (!parsed)
    return reader.fail(parsed.error().message);
  spec.layout = *parsed;
  if (!spec.sparsity && spec.layout.kind != LayoutKind::Dense)
    return reader.fail("layout " + spec.layout.str() +
                       " needs a 'sparsity' (1:1 for a dense weight)");
  PatternSpec pattern = spec.sparsity.value_or(PatternSpec());
  Result<StorageShapes> shapes =
      storageShapes(spec.layout, spec.shape, pattern.axis, pattern.n, pattern.m,
                    elementBytes(spec.dtype));
  if (!shapes)
    return reader.fail(shapes.error().message);
  // Dense 1:1 needs no axis and is not looked at above.
  if (spec.sparsity)
    if (Status legal =
            checkPattern(spec.shape, pattern.axis, pattern.n, pattern.m);
        !legal)
      return reader.fail(legal.error().message);
  return {};
}

Result<Manifest> parseManifest(std::string_view text) {
  return guarded([&]() -> Result<Manifest> {
    Result<json> document = parseStrictJson(text, "manifest");
    if (!document)
      return document.error();
    ObjectReader reader(*document, "manifest");
    NM_RETURN_IF_ERROR(reader.only({"version", "parameters"}));
    int64_t version;
    NM_RETURN_IF_ERROR(reader.integer("version", version));
    if (version != Manifest::kVersion)
      return reader.fail("version " + std::to_string(version) + ", expected " +
                         std::to_string(Manifest::kVersion));
    const json *list = reader.get("parameters");
    if (!list || !list->is_array())
      return reader.missing("parameters", "an array", list);
    Manifest manifest;
    manifest.params.resize(list->size());
    for (size_t i = 0; i < list->size(); ++i)
      NM_RETURN_IF_ERROR(parseParam((*list)[i], i, manifest.params[i]));
    return manifest;
  });
}

std::string printManifest(const Manifest &manifest) {
  using nlohmann::ordered_json;
  ordered_json list = ordered_json::array();
  for (const ParamSpec &spec : manifest.params) {
    ordered_json item;
    item["scope"] = spec.scope;
    item["key"] = spec.key;
    item["shape"] = spec.shape;
    item["dtype"] = std::string(dtypeName(spec.dtype));
    item["sparsity"] = nullptr;
    if (spec.sparsity)
      item["sparsity"] = ordered_json{{"n", spec.sparsity->n},
                                      {"m", spec.sparsity->m},
                                      {"axis", spec.sparsity->axis}};
    item["layout"] = spec.layout.str();
    list.push_back(std::move(item));
  }
  ordered_json document;
  document["version"] = Manifest::kVersion;
  document["parameters"] = std::move(list);
  return document.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

} // namespace nm::rt

uint64_t nm::rt::hashManifest(const Manifest &manifest) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char c : printManifest(manifest))
    hash = (hash ^ c) * 0x100000001b3;
  return hash ? hash : 1;
}
