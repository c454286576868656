//===- OnnxModel.cpp - The messages of onnx.proto -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Field numbers are those of onnx/onnx.proto (ONNX 1.19, IR version 13).
//
//===----------------------------------------------------------------------===//

#include "CheckpointFormats.h"
#include "OnnxWire.h"
#include "nm/Runtime/Onnx.h"
#include "nm/Support/Numbers.h"

namespace nm::onnx {

using rt::Errc;

/// Reads the message of the current field with `parse` into `value`.
template <typename T>
static void inner(WireReader &reader, const char *what, T &value,
                  void (*parse)(WireReader &, T &)) {
  WireReader message = reader.message(what);
  if (!reader.ok())
    return;
  parse(message, value);
  reader.take(message);
}

static void parseOpset(WireReader &r, OperatorSet &set) {
  while (r.next()) {
    if (r.field() == 1)
      set.domain = r.text();
    else if (r.field() == 2)
      set.version = static_cast<int64_t>(r.varint());
  }
}

static void parseEntry(WireReader &r,
                       std::pair<std::string_view, std::string_view> &entry) {
  while (r.next()) {
    if (r.field() == 1)
      entry.first = r.text();
    else if (r.field() == 2)
      entry.second = r.text();
  }
}

static void parseExternal(WireReader &r, Tensor &tensor) {
  std::pair<std::string_view, std::string_view> entry;
  inner(r, "external data", entry, parseEntry);
  auto &[key, value] = entry;
  if (key == "location") {
    tensor.location = value;
    return;
  }
  int64_t number = 0;
  if (key != "offset" && key != "length")
    return;
  if (!support::parseWholeNumber(std::string(value), number) || number < 0) {
    r.fail("external data: " + std::string(key) + " is " + rt::quote(value) +
           ", expected a whole number from 0");
    return;
  }
  (key == "offset" ? tensor.offset : tensor.length) = number;
}

static void parseTensor(WireReader &r, Tensor &tensor) {
  while (r.next()) {
    switch (r.field()) {
    case 1:
      r.varints(tensor.dims);
      break;
    case 2:
      tensor.type = static_cast<int32_t>(r.varint());
      break;
    case 3:
      r.fail("the tensor is a segment of a larger one, which no exporter "
             "writes; expected the whole tensor");
      break;
    case 4:
      r.fixed(tensor.floats, 4);
      break;
    case 5:
      r.varints(tensor.int32s);
      break;
    case 6:
      tensor.strings.push_back(r.string());
      break;
    case 7:
      r.varints(tensor.int64s);
      break;
    case 8:
      tensor.name = r.text();
      break;
    case 9:
      tensor.raw = r.string();
      tensor.hasRaw = true;
      break;
    case 10:
      r.fixed(tensor.doubles, 8);
      break;
    case 11:
      r.varints(tensor.uint64s);
      break;
    case 13:
      parseExternal(r, tensor);
      break;
    case 14:
      tensor.external = r.varint() == 1;
      break;
    default:
      break;
    }
  }
}

static void parseSparse(WireReader &r, SparseTensor &sparse) {
  while (r.next()) {
    if (r.field() == 1)
      inner(r, "sparse values", sparse.values, parseTensor);
    else if (r.field() == 2)
      inner(r, "sparse indices", sparse.indices, parseTensor);
    else if (r.field() == 3)
      r.varints(sparse.dims);
  }
}

static void parseDimension(WireReader &r, Dimension &dimension) {
  while (r.next()) {
    if (r.field() == 1) {
      dimension.value = static_cast<int64_t>(r.varint());
      dimension.symbol = {};
      if (dimension.value < 0)
        dimension.value = -1;
    } else if (r.field() == 2) {
      dimension.symbol = r.text();
      dimension.value = -1;
    }
  }
}

static void parseShape(WireReader &r, ValueInfo &info) {
  info.hasShape = true;
  while (r.next())
    if (r.field() == 1)
      inner(r, "dimension", info.shape.emplace_back(), parseDimension);
}

static void parseTensorType(WireReader &r, ValueInfo &info) {
  while (r.next()) {
    if (r.field() == 1)
      info.type = static_cast<int32_t>(r.varint());
    else if (r.field() == 2)
      inner(r, "shape", info, parseShape);
  }
}

static void parseType(WireReader &r, ValueInfo &info) {
  while (r.next()) {
    switch (r.field()) {
    case 1:
      inner(r, "tensor type", info, parseTensorType);
      break;
    case 4:
      info.otherKind = "sequence";
      break;
    case 5:
      info.otherKind = "map";
      break;
    case 7:
      info.otherKind = "opaque value";
      break;
    case 8:
      info.otherKind = "sparse tensor";
      break;
    case 9:
      info.otherKind = "optional";
      break;
    default:
      break;
    }
  }
}

static void parseValueInfo(WireReader &r, ValueInfo &info) {
  while (r.next()) {
    if (r.field() == 1)
      info.name = r.text();
    else if (r.field() == 2)
      inner(r, "type", info, parseType);
    else if (r.field() == 3)
      info.doc = r.text();
  }
}

static void parseGraph(WireReader &r, Graph &graph);

static float asFloat(uint32_t bits) { return rt::loadUnaligned<float>(&bits); }

static void parseAttribute(WireReader &r, Attribute &attribute) {
  while (r.next()) {
    switch (r.field()) {
    case 1:
      attribute.name = r.text();
      break;
    case 2:
      attribute.f = asFloat(r.fixed32());
      break;
    case 3:
      attribute.i = static_cast<int64_t>(r.varint());
      break;
    case 4:
      attribute.s = r.string();
      break;
    case 5:
      attribute.t = std::make_shared<Tensor>();
      inner(r, "tensor", *attribute.t, parseTensor);
      break;
    case 6:
      attribute.g = std::make_shared<Graph>();
      inner(r, "graph", *attribute.g, parseGraph);
      break;
    case 7: {
      std::string packed;
      r.fixed(packed, 4);
      for (size_t k = 0; k + 4 <= packed.size(); k += 4)
        attribute.floats.push_back(rt::loadUnaligned<float>(packed.data() + k));
      break;
    }
    case 8:
      r.varints(attribute.ints);
      break;
    case 9:
      attribute.strings.push_back(r.string());
      break;
    case 20:
      attribute.kind = static_cast<int32_t>(r.varint());
      break;
    case 21:
      attribute.reference = r.text();
      break;
    case 22:
      attribute.sparse = std::make_shared<SparseTensor>();
      inner(r, "sparse tensor", *attribute.sparse, parseSparse);
      break;
    default:
      break;
    }
  }
}

static void parseNode(WireReader &r, Node &node) {
  while (r.next()) {
    switch (r.field()) {
    case 1:
      node.inputs.push_back(r.text());
      break;
    case 2:
      node.outputs.push_back(r.text());
      break;
    case 3:
      node.name = r.text();
      break;
    case 4:
      node.opType = r.text();
      break;
    case 5:
      inner(r, "attribute", node.attributes.emplace_back(), parseAttribute);
      break;
    case 6:
      node.doc = r.text();
      break;
    case 7:
      node.domain = r.text();
      break;
    case 8:
      node.overload = r.text();
      break;
    default:
      break;
    }
  }
}

static void parseGraph(WireReader &r, Graph &graph) {
  while (r.next()) {
    switch (r.field()) {
    case 1:
      inner(r, "node", graph.nodes.emplace_back(), parseNode);
      break;
    case 2:
      graph.name = r.text();
      break;
    case 5:
      inner(r, "initializer", graph.initializers.emplace_back(), parseTensor);
      break;
    case 10:
      graph.doc = r.text();
      break;
    case 11:
      inner(r, "input", graph.inputs.emplace_back(), parseValueInfo);
      break;
    case 12:
      inner(r, "output", graph.outputs.emplace_back(), parseValueInfo);
      break;
    case 13:
      inner(r, "value", graph.values.emplace_back(), parseValueInfo);
      break;
    case 15:
      inner(r, "sparse initializer", graph.sparseInitializers.emplace_back(),
            parseSparse);
      break;
    default:
      break;
    }
  }
}

static void parseFunction(WireReader &r, Function &function) {
  while (r.next()) {
    switch (r.field()) {
    case 1:
      function.name = r.text();
      break;
    case 4:
      function.inputs.push_back(r.text());
      break;
    case 5:
      function.outputs.push_back(r.text());
      break;
    case 6:
      function.attributes.push_back(r.text());
      break;
    case 7:
      inner(r, "node", function.nodes.emplace_back(), parseNode);
      break;
    case 8:
      function.doc = r.text();
      break;
    case 9:
      inner(r, "operator set", function.opsets.emplace_back(), parseOpset);
      break;
    case 10:
      function.domain = r.text();
      break;
    case 11:
      inner(r, "attribute", function.defaults.emplace_back(), parseAttribute);
      break;
    case 13:
      function.overload = r.text();
      break;
    default:
      break;
    }
  }
}

static void parseFields(WireReader &r, Model &model, bool &hasGraph) {
  while (r.next()) {
    switch (r.field()) {
    case 1:
      model.irVersion = static_cast<int64_t>(r.varint());
      break;
    case 2:
      model.producer = r.text();
      break;
    case 3:
      model.producerVersion = r.text();
      break;
    case 4:
      model.domain = r.text();
      break;
    case 6:
      model.doc = r.text();
      break;
    case 7:
      if (hasGraph) {
        r.fail("the model has two graphs; the file is damaged");
        break;
      }
      hasGraph = true;
      inner(r, "graph", model.graph, parseGraph);
      break;
    case 8:
      inner(r, "operator set", model.opsets.emplace_back(), parseOpset);
      break;
    case 25:
      inner(r, "function", model.functions.emplace_back(), parseFunction);
      break;
    default:
      break;
    }
  }
}

bool looksLikeModel(const void *data, size_t size) {
  auto *bytes = static_cast<const unsigned char *>(data);
  if (size < 4 || bytes[0] != 0x08 || bytes[1] < 1 || bytes[1] > 127)
    return false;
  switch (bytes[2]) {
  case 0x12: // producer
  case 0x1a: // its version
  case 0x22: // domain
  case 0x28: // version of the model
  case 0x32: // text
  case 0x3a: // graph
  case 0x42: // operator set
    return true;
  default:
    return false;
  }
}

Result<std::shared_ptr<const Model>>
parseModel(const void *data, size_t size, const std::string &path,
           std::shared_ptr<const void> owner) {
  return rt::guarded([&]() -> Result<std::shared_ptr<const Model>> {
    auto model = std::make_shared<Model>();
    model->path = path;
    model->owner = std::move(owner);
    WireFile file{path, static_cast<const unsigned char *>(data)};
    WireReader reader(file, {static_cast<const char *>(data), size}, "model",
                      0);
    bool hasGraph = false;
    parseFields(reader, *model, hasGraph);
    if (!reader.ok())
      return reader.status().error();
    if (!hasGraph)
      return rt::makeError(Errc::Format, path,
                           ": the model has no graph; expected an ONNX model");
    constexpr int64_t first = 3, last = 13;
    if (model->irVersion < first || model->irVersion > last)
      return rt::makeError(Errc::Unsupported, path, ": the IR version is ",
                           model->irVersion, ", expected ", first, " to ", last,
                           "; onnx.version_converter or another version of "
                           "the exporter writes one of these");
    return std::shared_ptr<const Model>(std::move(model));
  });
}

Result<std::shared_ptr<const Model>> openModel(const std::string &path) {
  return rt::guarded([&]() -> Result<std::shared_ptr<const Model>> {
    Result<rt::FileImage> image = rt::mapImage(path);
    if (!image)
      return image.error();
    return parseModel(image->data, image->size, path, image->owner);
  });
}

} // namespace nm::onnx
