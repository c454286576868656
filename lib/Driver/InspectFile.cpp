//===- InspectFile.cpp - The work of nm-inspect -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Driver/InspectFile.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Driver/Diagnostics.h"
#include "nm/Driver/Files.h"
#include "nm/Driver/Model.h"
#include "nm/Driver/Report.h"
#include "nm/Driver/Simulate.h"
#include "nm/Driver/Support.h"
#include "nm/Runtime/Convert.h"
#include "nm/Runtime/Inspect.h"
#include "nm/Support/JsonWriter.h"
#include "nm/Support/Text.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/WithColor.h"
#include <map>

using namespace mlir;
using namespace mlir::nm;
using namespace mlir::nm::driver;
namespace isa = ::nm::isa;
using ::nm::support::jsonText;
using ::nm::support::JsonWriter;

namespace {
/// A listing, for people and as JSON.
struct Listing {
  std::string text;
  /// Fields of an object, or the elements of a list.
  std::function<void(JsonWriter &)> content;
  bool isList = false;

  void write(JsonWriter &json) const {
    auto body = [&] { content(json); };
    isList ? json.array(body) : json.object(body);
  }
};
} // namespace

static llvm::Expected<Listing> listCheckpoint(const InspectOptions &options) {
  auto checkpoint = rt::Checkpoint::open(options.file);
  if (!checkpoint)
    return toError(checkpoint.error());
  rt::MaskOptions mask = options.mask;
  auto rows = rt::inspect(**checkpoint, mask);
  if (!rows)
    return toError(rows.error());
  return Listing{rt::formatTable(*rows),
                 [rows = std::move(*rows)](JsonWriter &json) {
                   rt::writeRows(json, rows);
                 },
                 true};
}

static std::string signatureText(const Signature &function) {
  std::string text = function.name + "(";
  llvm::raw_string_ostream os(text);
  llvm::ListSeparator comma, next;
  for (const Argument &argument : function.arguments)
    os << comma << argument.name << ": " << argument.type.str();
  os << ") -> (";
  for (const ValueType &type : function.results)
    os << next << type.str();
  os << ")";
  if (!function.unsupported.empty())
    os << "  cannot be run: " << function.unsupported;
  return text;
}

static void writeSignature(JsonWriter &json, const Signature &function) {
  json.field("name", function.name);
  json.array("arguments", [&] {
    for (const Argument &argument : function.arguments)
      json.object([&] {
        json.field("name", argument.name);
        json.field("type", argument.type.str());
      });
  });
  json.array("results", [&] {
    for (const ValueType &type : function.results)
      json.value(type.str());
  });
}

/// Objects with fields of these names and the texts of each row.
static void writeObjects(JsonWriter &json, ArrayRef<const char *> names,
                         const Table &rows) {
  for (const std::vector<std::string> &row : rows)
    json.object([&] {
      for (auto [name, content] : llvm::zip_equal(names, row))
        json.field(name, content);
    });
}

static Listing listModel(const Source &source) {
  Listing listing;
  llvm::raw_string_ostream os(listing.text);
  Table table, params;
  for (const Signature &function : source.functions)
    os << "function " << signatureText(function) << "\n";
  ModuleOp module = *source.module;
  module->walk([&](ParamOp op) {
    std::string type;
    llvm::raw_string_ostream(type) << op.getType();
    StringRef scope = op.getScope().value_or("");
    table.push_back({"parameter", printable(op.getKey()), type,
                     scope.empty() ? "" : "in " + printable(scope)});
    params.push_back({op.getKey().str(), scope.str(), type});
  });
  writeTable(os, table);
  listing.content = [functions = source.functions, params](JsonWriter &json) {
    json.array("functions", [&] {
      for (const Signature &function : functions)
        json.object([&] { writeSignature(json, function); });
    });
    json.array("parameters",
               [&] { writeObjects(json, {"key", "scope", "type"}, params); });
  };
  return listing;
}

/// Its tensors, and how many instructions each engine runs.
static Listing listProgram(const isa::Program &program) {
  Listing listing;
  llvm::raw_string_ostream os(listing.text);
  os << "program " << program.name << " for " << program.target.name << ": "
     << program.code.size() << " instructions, " << program.buffers.size()
     << " buffers, " << program.semaphores.size() << " semaphores\n";
  Table table;
  for (const isa::Tensor &tensor : program.tensors) {
    table.push_back({isa::toString(tensor.role), printable(tensor.name),
                     isa::toString(tensor.type), shapeText(tensor.shape),
                     tensor.role == isa::Role::Param
                         ? std::string(isa::toString(tensor.part)) + " of " +
                               printable(tensor.key)
                         : ""});
  }
  writeTable(os, table);
  std::map<std::string, int64_t> counts;
  for (const isa::Instruction &instruction : program.code)
    ++counts[isa::toString(instruction.opcode)];
  table.clear();
  for (const auto &[name, count] : counts)
    table.push_back({name, std::to_string(count)});
  writeTable(os, table);
  listing.content = [name = program.name, target = program.target.name,
                     tensors = program.tensors, counts](JsonWriter &json) {
    json.field("program", name);
    json.field("target", target);
    json.array("tensors", [&] {
      for (const isa::Tensor &tensor : tensors)
        json.object([&] {
          json.field("name", tensor.name);
          json.field("role", isa::toString(tensor.role));
          json.field("type", isa::toString(tensor.type));
          json.list("shape", tensor.shape);
          json.field("key", tensor.key);
        });
    });
    json.object("instructions", [&] {
      for (const auto &[opcode, count] : counts)
        json.field(opcode, count);
    });
  };
  return listing;
}

/// Parses MLIR or ONNX: a model, or a program in a module.
static llvm::Expected<Listing>
listModule(std::unique_ptr<llvm::MemoryBuffer> content,
           const InspectOptions &options, DialectRegistry &registry) {
  ModuleParser parser(registry, std::move(content));
  auto source = parseSource(parser.sources, parser.context);
  if (!source)
    return source.takeError();
  auto program = readProgram(*source->module, options.file);
  if (!program)
    return program.takeError();
  return *program ? listProgram(**program) : listModel(*source);
}

/// A model that cannot be imported still is a checkpoint.
static llvm::Expected<Listing>
listOnnx(std::unique_ptr<llvm::MemoryBuffer> content,
         const InspectOptions &options, DialectRegistry &registry) {
  auto tensors = listCheckpoint(options);
  if (!tensors)
    return tensors.takeError();
  auto model = listModule(std::move(content), options, registry);
  if (!model) {
    llvm::WithColor::note()
        << "tensors only, for the model cannot be "
           "imported: "
        << printableLines(llvm::toString(model.takeError())) << "\n";
    return tensors;
  }
  model->text += "\n" + tensors->text;
  model->content = [fields = std::move(model->content),
                    rows = std::move(tensors->content)](JsonWriter &json) {
    fields(json);
    json.array("tensors", [&] { rows(json); });
  };
  return model;
}

static bool isModule(StringRef content, StringRef path) {
  return content.starts_with("ML\xefR") || path.ends_with(".mlir") ||
         path.ends_with(".mlirbc") || path == "-";
}

static llvm::Expected<Listing> list(const InspectOptions &options,
                                    DialectRegistry &registry) {
  // Folders and indices of checkpoints in parts, and what is not there.
  StringRef path = options.file;
  bool isFile = path == "-" || llvm::sys::fs::is_regular_file(path);
  if (!isFile || path.ends_with(".index.json"))
    return listCheckpoint(options);
  auto content = readFile(path);
  if (!content)
    return content.takeError();
  StringRef text = (*content)->getBuffer();
  bool isOnnx = isOnnxModel(text, path);
  bool isCheckpoint = false;
  llvm::Expected<Listing> listing = [&]() -> llvm::Expected<Listing> {
    // JSON of other kinds is told by the readers of checkpoints.
    bool isJson = text.ltrim().starts_with("{");
    if (isProgramFile(text) && (!isJson || text.contains("nm.attacc/"))) {
      auto program = readProgram(text, path);
      if (!program)
        return program.takeError();
      return listProgram(*program);
    }
    if (isOnnx)
      return listOnnx(std::move(*content), options, registry);
    if (isModule(text, path))
      return listModule(std::move(*content), options, registry);
    isCheckpoint = true;
    return listCheckpoint(options);
  }();
  if (!listing)
    return listing;
  for (const std::string &option : options.given)
    if (!isCheckpoint && !isOnnx && StringRef(option).starts_with("mask"))
      return makeError("--{0} is about the masks of a checkpoint, but '{1}' is "
                       "none; drop it",
                       option, path);
  return listing;
}

llvm::Error driver::convertFile(const InspectOptions &options) {
  std::optional<rt::WeightForm> form = rt::parseWeightForm(options.format);
  if (!form)
    return makeError("--format {0} is no form of weights; expected {1}",
                     ::nm::support::quotePath(options.format),
                     llvm::join(rt::weightFormNames(), ", "));
  auto checkpoint = rt::Checkpoint::open(options.file);
  if (!checkpoint)
    return toError(checkpoint.error());
  auto done =
      rt::convertCheckpoint(**checkpoint, options.convert, *form, options.mask);
  if (!done)
    return toError(done.error());
  for (const std::string &left : done->left)
    llvm::WithColor::note() << "stays dense: " << printable(left) << '\n';
  textStream(options) << options.convert << ": " << done->converted
                      << " weights as " << options.format << ", " << done->kept
                      << " tensors as they are\n";
  return llvm::Error::success();
}

llvm::Error driver::inspectFile(const InspectOptions &options,
                                DialectRegistry &registry) {
  auto listing = list(options, registry);
  if (!listing)
    return listing.takeError();
  textStream(options) << listing->text;
  if (!options.json.empty())
    if (llvm::Error error = writeFile(
            options, options.json,
            jsonText(2, [&](JsonWriter &json) { listing->write(json); })))
      return error;
  return commitFiles(options);
}

llvm::Error driver::printDevice(const std::string &name) {
  auto device = ::nm::machine::findDevice(name);
  if (!device)
    return toError(device.error());
  return writeFile("-", ::nm::machine::printDevice(*device));
}
