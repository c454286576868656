//===- Manifest.cpp - the parameter list of a compiled model --------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "nm/Runtime/Params.h"
#include "nm/Support/Json.h"
#include "nm/Support/JsonReader.h"
#include <nlohmann/json.hpp>

namespace nm::rt {

using support::JsonReader;
using support::Need;

static bool isScaleType(DType type) {
  return type == DType::F16 || type == DType::BF16 || type == DType::F32;
}

static void readSparsity(JsonReader &reader, std::optional<PatternSpec> &out) {
  PatternSpec pattern;
  reader.integer("n", pattern.n, int64_t(0), INT64_MAX);
  reader.integer("m", pattern.m, int64_t(0), INT64_MAX);
  reader.integer("axis", pattern.axis, int64_t(0), INT64_MAX);
  int64_t bits = 0;
  reader.integer("bits", bits, int64_t(0), int64_t(8), Need::Optional);
  reader.integer("group", pattern.group, int64_t(0), int64_t(128),
                 Need::Optional);
  if (!reader.isNull("scale"))
    reader.word(
        "scale", "f16, bf16 or f32",
        [&](const std::string &word) {
          pattern.form.scale = parseDType(word);
          return isScaleType(pattern.form.scale);
        },
        Need::Optional);
  reader.flag("zeros", pattern.form.zeros);
  if ((bits == 0) != (pattern.group == 0))
    reader.fail("", "'bits' and 'group' belong together");
  else if (bits != 0)
    pattern.form.bits = bits;
  out = pattern;
}

/// What no single field of a parameter can say; empty if all is well.
static std::string faultOf(const ParamSpec &spec) {
  if (!spec.sparsity && !spec.layout.isDense())
    return "layout " + spec.layout.str() +
           " needs a 'sparsity' (1:1 for a dense weight)";
  PatternSpec pattern = spec.sparsity.value_or(PatternSpec());
  Result<StorageShapes> shapes = storageShapesOf(spec);
  if (!shapes)
    return shapes.error().message;
  // Dense 1:1 needs no axis and is not looked at above.
  if (spec.sparsity)
    if (Status legal =
            checkPattern(spec.shape, pattern.axis, pattern.n, pattern.m);
        !legal)
      return legal.error().message;
  if (pattern.group != 0) {
    const int64_t bits = pattern.form.bits;
    bool isKnown =
        (bits == 4 || bits == 8) &&
        (pattern.group == 32 || pattern.group == 64 || pattern.group == 128);
    if (!isKnown || spec.dtype != DType::F32 ||
        spec.shape[size_t(pattern.axis)] % pattern.group != 0)
      return std::to_string(bits) + " bits in groups of " +
             std::to_string(pattern.group) + " of " +
             std::string(dtypeName(spec.dtype)) + " " +
             shapeString(spec.shape) +
             ", expected 4 or 8 bits of f32 in groups of 32, 64 or 128 that "
             "divide "
             "the axis";
    if (spec.layout.hasForm() && (spec.layout.depth != pattern.group ||
                                  !(spec.layout.form == pattern.form)))
      return "layout " + spec.layout.str() + " of groups of " +
             std::to_string(pattern.group) + ", each " +
             pattern.form.describe() + ", expected the same in both";
  } else if (!(pattern.form == GroupForm())) {
    return "'scale' and 'zeros' belong to weights with 'bits'";
  }
  return "";
}

static void readParam(JsonReader &reader, ParamSpec &spec) {
  reader.text("key", spec.key);
  reader.text("scope", spec.scope, Need::Optional);
  reader.integers("shape", spec.shape, int64_t(0), INT64_MAX, SIZE_MAX);
  reader.word("dtype", "a dtype such as \"f32\"", [&](const std::string &word) {
    spec.dtype = parseDType(word);
    return spec.dtype != DType::Unknown;
  });
  if (!reader.isNull("sparsity"))
    reader.object(
        "sparsity",
        [&](JsonReader &inner) { readSparsity(inner, spec.sparsity); },
        Need::Optional);
  std::string layout;
  reader.text("layout", layout);
  if (!reader.ok())
    return;
  Result<LayoutSpec> parsed = parseLayoutSpec(layout);
  if (!parsed)
    return reader.fail("layout", parsed.error().message);
  spec.layout = *parsed;
  if (std::string fault = faultOf(spec); !fault.empty())
    reader.fail("", "parameter " + quote(spec.key) + ": " + fault);
}

Result<Manifest> parseManifest(std::string_view text) {
  Manifest manifest;
  Status status =
      support::readJsonObject(text, "manifest", [&](JsonReader &reader) {
        int64_t version = Manifest::kVersion;
        reader.integer("version", version, version, version);
        reader.objects("parameters", 0, SIZE_MAX,
                       [&](JsonReader &inner, size_t) {
                         manifest.params.emplace_back();
                         readParam(inner, manifest.params.back());
                       });
      });
  if (!status)
    return status.error();
  return manifest;
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
    if (spec.sparsity && spec.sparsity->group != 0) {
      item["sparsity"]["bits"] = spec.sparsity->form.bits;
      item["sparsity"]["group"] = spec.sparsity->group;
      if (spec.sparsity->form.scale != DType::F16)
        item["sparsity"]["scale"] =
            std::string(dtypeName(spec.sparsity->form.scale));
      if (spec.sparsity->form.zeros)
        item["sparsity"]["zeros"] = true;
    }
    item["layout"] = spec.layout.str();
    list.push_back(std::move(item));
  }
  ordered_json document;
  document["version"] = Manifest::kVersion;
  document["parameters"] = std::move(list);
  return support::printJson(document);
}

Result<StorageShapes> storageShapesOf(const ParamSpec &spec) {
  PatternSpec pattern = spec.sparsity.value_or(PatternSpec());
  return storageShapes(spec.layout, spec.shape, pattern.axis, pattern.n,
                       pattern.m, elementBytes(spec.dtype));
}

Result<std::vector<ParamPart>> paramParts(const ParamSpec &spec) {
  if (spec.layout.isDense())
    return std::vector<ParamPart>{{0, spec.shape}};
  Result<StorageShapes> shapes = storageShapesOf(spec);
  if (!shapes)
    return shapes.error();
  std::vector<ParamPart> parts{{0, shapes->values.shape}};
  if (shapes->metadata.present())
    parts.push_back({1, shapes->metadata.shape});
  return parts;
}

Result<std::vector<const void *>>
paramTable(const Manifest &manifest, const Params &params,
           const std::vector<size_t> &places) {
  std::vector<const void *> table;
  for (size_t i = 0; i < manifest.params.size(); ++i) {
    Result<std::vector<ParamPart>> parts = paramParts(manifest.params[i]);
    if (!parts)
      return parts.error();
    const Param &param = params[places.empty() ? i : places[i]];
    for (const ParamPart &part : *parts)
      table.push_back(part.part == 0 ? param.values : param.metadata);
  }
  return table;
}

} // namespace nm::rt

uint64_t nm::rt::hashManifest(const Manifest &manifest) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char c : printManifest(manifest))
    hash = (hash ^ c) * 0x100000001b3;
  return hash ? hash : 1;
}
