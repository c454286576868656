//===- Importer.cpp - A graph, node by node -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "nm/Dialect/Common/ElementTypes.h"
#include "nm/Dialect/Flat/IR/FlatDialect.h"
#include "nm/Dialect/Layer/IR/LayerDialect.h"
#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Support/Text.h"

namespace mlir::nm::onnx {

/// Versions of the operator set of ONNX that the table describes.
static constexpr int64_t kFirstOpset = 7, kLastOpset = 28;
/// Functions and graphs call one another this deep at most.
static constexpr int kMaxDepth = 32;

void Importer::report(const std::string &text) { errors.push_back(text); }

std::string Importer::describe(const pb::Node &node, int64_t opset) const {
  std::string name;
  if (!node.name.empty())
    name = quoted(node.name);
  else if (!node.outputs.empty())
    name = "of output " + quoted(node.outputs[0]);
  else
    name = "without a name";
  std::string domain(node.domain);
  std::string text = "node " + name + " (" +
                     (domain.empty() ? "" : domain + ".") +
                     std::string(node.opType) + ", operator set " +
                     std::to_string(opset) + ")";
  if (!node.doc.empty()) {
    StringRef line = StringRef(node.doc).split('\n').first;
    text += ", from " + quoted(line);
  }
  return text;
}

llvm::Error Importer::allErrors() const {
  constexpr size_t most = 100;
  std::string producer;
  if (!model.producer.empty())
    producer = " (written by " + std::string(model.producer) +
               (model.producerVersion.empty()
                    ? ""
                    : " " + std::string(model.producerVersion)) +
               ")";
  std::string text = model.path + producer + ": ";
  if (errors.size() == 1)
    return llvm::createStringError(text + errors.front());
  text += std::to_string(errors.size()) + " things cannot be imported";
  for (size_t i = 0; i < std::min(most, errors.size()); ++i)
    text += "\n  " + errors[i];
  if (errors.size() > most)
    text += "\n  and " + std::to_string(errors.size() - most) + " more";
  return llvm::createStringError(text);
}

int64_t Importer::opsetOf(StringRef domain,
                          ArrayRef<pb::OperatorSet> sets) const {
  auto plain = [](StringRef name) { return name == "ai.onnx" ? "" : name; };
  for (const pb::OperatorSet &set : sets)
    if (plain(set.domain) == plain(domain))
      return set.version;
  return domain.empty() || domain == "ai.onnx" ? 1 : 0;
}

static std::string functionKey(StringRef domain, StringRef name,
                               StringRef overload) {
  return (domain + ":" + name + ":" + overload).str();
}

const pb::Function *Importer::findFunction(const pb::Node &node) const {
  auto found =
      functions.find(functionKey(node.domain, node.opType, node.overload));
  return found == functions.end() ? nullptr : found->second;
}

/// Everything that has no row in the table, before any work is done.
void Importer::checkOperators(ArrayRef<pb::Node> nodes,
                              ArrayRef<pb::OperatorSet> opsets, int depth) {
  if (depth > kMaxDepth) {
    report("graphs lie more than " + std::to_string(kMaxDepth) +
           " deep in one another");
    return;
  }
  for (const pb::Node &node : nodes) {
    for (const pb::Attribute &attribute : node.attributes)
      if (attribute.g)
        checkOperators(attribute.g->nodes, opsets, depth + 1);
    if (findFunction(node))
      continue;
    int64_t opset = opsetOf(node.domain, opsets);
    const Operator *row = operators().find(node.domain, node.opType);
    if (row && opset >= row->since)
      continue;
    std::string why;
    if (row) {
      why = "the operator exists from operator set " +
            std::to_string(row->since) + " on; the file is inconsistent";
    } else {
      std::vector<std::string> names;
      for (StringRef name : operators().names(
               StringRef(node.domain) == "ai.onnx" ? "" : node.domain))
        names.push_back(name.str());
      std::string hint =
          ::nm::support::didYouMean(std::string(node.opType), names);
      why = "the operator is not supported" + hint +
            "; docs/onnx.md lists those that are";
      if (StringRef(node.domain).starts_with("com.microsoft"))
        why += "; export without ONNX Runtime's fusions";
      else if (!node.domain.empty() && node.domain != "ai.onnx")
        why += "; its domain is not ONNX's, and the model holds no function "
               "for it";
      else
        why += "; another version of the exporter or onnx-simplifier may "
               "write it with these";
    }
    report(describe(node, opset) + ": " + why);
  }
}

Val *Importer::find(Scope &scope, StringRef name) {
  std::string_view key(name.data(), name.size());
  auto found = scope.values.find(key);
  if (found != scope.values.end())
    return &found->second;
  for (const Scope *outer = scope.parent; outer; outer = outer->parent) {
    auto value = outer->values.find(key);
    if (value != outer->values.end())
      return &scope.values.emplace(std::string(key), value->second)
                  .first->second;
  }
  return nullptr;
}

LogicalResult Importer::define(Scope &scope, StringRef name, Val value,
                               const Twine &what) {
  if (name.empty())
    return success();
  if (!scope.values.emplace(name.str(), std::move(value)).second) {
    report("the name " + quoted(name) + " is given twice, the second time to " +
           what.str());
    return mlir::failure();
  }
  return success();
}

FailureOr<Val> Importer::fromData(Emit &emit, const ::nm::rt::Tensor &data,
                                  int32_t type) {
  const ::nm::rt::TensorView &view = data.view;
  Dims shape;
  for (int64_t one : view.shape)
    shape.push_back(emit.size(one));
  int64_t count = view.count(), width = ::nm::rt::elementBytes(view.dtype);
  constexpr int64_t mostInts = 4096, mostFloats = 64;
  bool isFloat = isFloatType(type);
  if (count <= (isFloat ? mostFloats : mostInts)) {
    Val value = emit.known(type, shape, {});
    for (int64_t n = 0; n < count; ++n) {
      const unsigned char *from = view.data + n * width;
      if (isFloat) {
        value.content->push_back(emit.b.getF64FloatAttr(
            ::nm::rt::elementToDouble(from, view.dtype)));
        continue;
      }
      int64_t number = 0;
      std::memcpy(&number, from, width); // little-endian
      if (!isUnsignedType(type) && type != Bool)
        number = llvm::SignExtend64(number, 8 * width);
      value.content->push_back(emit.size(number));
    }
    return value;
  }
  RankedTensorType tensorType = emit.tensorType(shape, emit.elementType(type));
  if (type == Bool) {
    SmallVector<bool> bits(view.data, view.data + count);
    return emit.make(
        arith::ConstantOp::create(emit.b, emit.loc,
                                  DenseElementsAttr::get(tensorType, bits)),
        type, shape);
  }
  ArrayRef<char> raw(reinterpret_cast<const char *>(view.data), count * width);
  return emit.make(arith::ConstantOp::create(
                       emit.b, emit.loc,
                       DenseElementsAttr::getFromRawBuffer(tensorType, raw)),
                   type, shape);
}

bool checkType(Importer &importer, Emit &emit, StringRef name, int32_t type) {
  if (emit.elementType(type))
    return true;
  importer.report("tensor " + quoted(name) + " has elements of " +
                  pb::elementTypeName(type) +
                  ", expected floats of 16 to 64 bits, integers of 8 to 64 or "
                  "bool");
  return false;
}

FailureOr<Val> Importer::constant(Emit &emit, const pb::Tensor &tensor,
                                  StringRef key) {
  StringRef name = tensor.name.empty() ? key : StringRef(tensor.name);
  if (!checkType(*this, emit, name, tensor.type))
    return mlir::failure();
  ::nm::rt::Result<int64_t> count =
      ::nm::rt::checkedCount(tensor.dims, pb::elementBits(tensor.type) / 8);
  if (!count) {
    report("tensor " + quoted(name) + ": " + count.error().message);
    return mlir::failure();
  }
  // Small integers are what shapes are computed from.
  constexpr int64_t mostInts = 4096;
  bool isWeight =
      isFloatType(tensor.type) || tensor.type == Uint8 || tensor.type == Int8;
  bool isParam = !key.empty() && *count > pb::kInlineElements &&
                 (isWeight || *count > mostInts);
  if (isParam) {
    Dims shape;
    for (int64_t one : tensor.dims)
      shape.push_back(emit.size(one));
    auto param = ParamOp::create(
        emit.b, emit.loc, emit.tensorType(shape, emit.elementType(tensor.type)),
        emit.b.getStringAttr(key), StringAttr());
    // Not every reader of it says how it takes the integers.
    if (isUnsignedType(tensor.type))
      param->setAttr(kUnsignedAttrName, emit.b.getUnitAttr());
    return emit.make(param.getResult(), tensor.type, shape);
  }
  ::nm::rt::Result<::nm::rt::Tensor> data = pb::readTensor(model, tensor);
  if (!data) {
    report(data.error().message);
    return mlir::failure();
  }
  return fromData(emit, *data, tensor.type);
}

FailureOr<Val> Importer::constant(Emit &emit, const pb::SparseTensor &sparse,
                                  StringRef key) {
  if (!checkType(*this, emit, sparse.values.name, sparse.values.type))
    return mlir::failure();
  pb::Tensor dense;
  dense.name = sparse.values.name;
  dense.type = sparse.values.type;
  dense.dims = sparse.dims;
  ::nm::rt::Result<int64_t> count =
      ::nm::rt::checkedCount(dense.dims, pb::elementBits(dense.type) / 8);
  if (count && *count > pb::kInlineElements && isFloatType(dense.type) &&
      !key.empty())
    return constant(emit, dense, key);
  ::nm::rt::Result<::nm::rt::Tensor> data = pb::readSparse(model, sparse);
  if (!data) {
    report(data.error().message);
    return mlir::failure();
  }
  return fromData(emit, *data, dense.type);
}

LogicalResult Importer::importInitializers(const pb::Graph &graph, Scope &scope,
                                           bool asParams) {
  Location loc = UnknownLoc::get(builder.getContext());
  bool ok = true;
  auto add = [&](StringRef name, FailureOr<Val> value) {
    ok &= succeeded(value) &&
          succeeded(define(scope, name, *value, "an initializer"));
  };
  auto at = [&](StringRef name) {
    Emit emit(builder, NameLoc::get(builder.getStringAttr(name), loc));
    emit.memo = &memo;
    return emit;
  };
  for (const pb::Tensor &tensor : graph.initializers) {
    Emit emit = at(tensor.name);
    add(tensor.name, constant(emit, tensor, asParams ? tensor.name : ""));
  }
  for (const pb::SparseTensor &sparse : graph.sparseInitializers) {
    StringRef name = sparse.values.name;
    Emit emit = at(name);
    add(name, constant(emit, sparse, asParams ? name : ""));
  }
  return success(ok);
}

LogicalResult Importer::importNodes(ArrayRef<pb::Node> nodes, Scope &scope,
                                    ArrayRef<pb::OperatorSet> opsets,
                                    ArrayRef<pb::Attribute> attributes) {
  auto before = std::make_tuple(current, currentOpsets, currentAttributes);
  current = &scope;
  currentOpsets = opsets;
  currentAttributes = attributes;
  bool ok = true;
  for (const pb::Node &node : nodes)
    ok &= succeeded(importNode(node, scope));
  std::tie(current, currentOpsets, currentAttributes) = before;
  return success(ok);
}

LogicalResult Importer::importNode(const pb::Node &node, Scope &scope) {
  StringRef name = !node.name.empty()     ? StringRef(node.name)
                   : node.outputs.empty() ? StringRef(node.opType)
                                          : StringRef(node.outputs[0]);
  MLIRContext *context = builder.getContext();
  NodeEmit emit(*this, node, opsetOf(node.domain, currentOpsets), builder,
                NameLoc::get(StringAttr::get(context, name)));
  emit.memo = &memo;
  emit.attributes = currentAttributes;
  bool poisoned = false, ok = true;
  for (std::string_view input : node.inputs) {
    Val *value = input.empty() ? nullptr : find(scope, input);
    if (!input.empty() && !value) {
      ok = false;
      (void)emit.fail("its input " + Twine(quoted(input)) +
                      " is not defined before it; expected nodes in the order "
                      "of computation, without cycles");
    }
    poisoned |= value && value->type == Undefined;
    emit.inputs.push_back(value);
  }
  if (ok && !poisoned) {
    if (const pb::Function *function = findFunction(node)) {
      ok = succeeded(callFunction(*function, emit));
    } else {
      const Operator *row = operators().find(node.domain, node.opType);
      ok = row && succeeded(row->checkElements(emit)) &&
           succeeded(row->handler(emit));
    }
  } else {
    ok = false;
  }
  for (auto [i, output] : llvm::enumerate(node.outputs)) {
    if (output.empty())
      continue;
    Val value = ok ? emit.outputs[i] : Val();
    if (ok && value.type == Undefined) {
      ok = false;
      (void)emit.fail("output " + Twine(i) + " (" + quoted(output) +
                      ") is not computed; export without it");
    }
    if (ok) {
      SmallVector<int64_t> sizes;
      for (OpFoldResult one : value.shape)
        if (std::optional<int64_t> size = Emit::constant(one))
          sizes.push_back(*size);
      auto count = ::nm::rt::checkedCount({sizes.begin(), sizes.end()},
                                          pb::elementBits(value.type) / 8);
      if (!count) {
        ok = false;
        (void)emit.fail("output " + Twine(quoted(output)) + ": " +
                        count.error().message);
        value = Val();
      }
    }
    value.argument = {};
    // Failed already; the name stands for what nobody can know.
    if (failed(define(scope, output, std::move(value),
                      describe(node, emit.opset))))
      ok = false;
  }
  return success(ok);
}

LogicalResult Importer::countInlined(NodeEmit &node, size_t count) {
  // Functions of which each calls the next twice are 2^n copies of the last,
  // and so are loops in loops with a copy for each step.
  constexpr size_t most = 1 << 18;
  bool hadRoom = inlinedNodes <= most;
  inlinedNodes += count;
  if (!hadRoom)
    return mlir::failure(); // said already
  if (inlinedNodes > most)
    return node.fail("functions and steps of loops, inlined, have more than " +
                     Twine(most) + " nodes; export the model without them");
  return success();
}

LogicalResult Importer::callFunction(const pb::Function &function,
                                     NodeEmit &call) {
  if (functionDepth >= kMaxDepth)
    return call.fail("functions call one another more than " +
                     Twine(kMaxDepth) + " deep");
  if (failed(countInlined(call, function.nodes.size())))
    return mlir::failure();
  Scope scope;
  for (auto [i, name] : llvm::enumerate(function.inputs))
    if (Val *value = call.in(i))
      if (failed(define(scope, name, *value, "an input of a function")))
        return mlir::failure();
  SmallVector<pb::Attribute> attributes(function.defaults.begin(),
                                        function.defaults.end());
  for (const pb::Attribute &one : call.node.attributes) {
    pb::Attribute given = one;
    if (!one.reference.empty()) {
      const pb::Attribute *outer = call.attribute(one.name);
      if (!outer)
        continue;
      given = *outer;
      given.name = one.name;
    }
    llvm::erase_if(attributes, [&](const pb::Attribute &known) {
      return known.name == given.name;
    });
    attributes.push_back(std::move(given));
  }
  ++functionDepth;
  LogicalResult done =
      importNodes(function.nodes, scope, function.opsets, attributes);
  --functionDepth;
  if (failed(done))
    return mlir::failure();
  for (auto [i, name] : llvm::enumerate(function.outputs)) {
    Val *value = find(scope, name);
    if (!value && call.wants(i))
      return call.fail("the function has no output " + Twine(quoted(name)));
    if (value)
      (void)call.set(*value, i);
  }
  return success();
}

FailureOr<SmallVector<Val>> importGraph(NodeEmit &node, const pb::Graph &graph,
                                        ArrayRef<Val> inputs) {
  Importer &importer = node.importer;
  if (failed(importer.countInlined(node, graph.nodes.size())))
    return mlir::failure();
  Scope scope;
  scope.parent = importer.current;
  for (auto [input, value] : llvm::zip(graph.inputs, inputs))
    if (failed(importer.define(scope, input.name, value,
                               "an input of a graph of " +
                                   importer.describe(node.node, node.opset))))
      return mlir::failure();
  if (failed(importer.importInitializers(graph, scope, /*asParams=*/false)) ||
      failed(importer.importNodes(graph.nodes, scope, importer.currentOpsets,
                                  importer.currentAttributes)))
    return mlir::failure();
  SmallVector<Val> results;
  for (const pb::ValueInfo &output : graph.outputs) {
    Val *value = importer.find(scope, output.name);
    if (!value || value->type == Undefined)
      return node.fail("its graph has no output " + Twine(quoted(output.name)));
    results.push_back(*value);
  }
  return results;
}

/// Under this key a node's tensor is found in the model's file.
static StringRef keyOf(const NodeEmit &node) {
  if (!node.importer.isInMainGraph() || node.node.outputs.empty())
    return {};
  return node.node.outputs.front();
}

FailureOr<Val> importTensor(NodeEmit &node, const pb::Tensor &tensor) {
  return node.importer.constant(node, tensor, keyOf(node));
}

FailureOr<Val> importSparse(NodeEmit &node, const pb::SparseTensor &tensor) {
  return node.importer.constant(node, tensor, keyOf(node));
}

/// A name that C and the linker take too.
static std::string functionName(StringRef graph) {
  std::string name;
  for (char c : graph)
    name += llvm::isAlnum(c) ? c : '_';
  if (name.empty() || llvm::isDigit(name[0]) || name == "main")
    name = "model" + (name.empty() || name == "main" ? "" : "_" + name);
  return name;
}

LogicalResult Importer::finish(func::FuncOp func, Scope &scope) {
  SmallVector<Value> results;
  SmallVector<int32_t> types;
  bool ok = true;
  for (const pb::ValueInfo &output : model.graph.outputs) {
    Val *value = find(scope, output.name);
    if (!value) {
      report("graph output " + quoted(output.name) + " is computed by no node");
      ok = false;
      continue;
    }
    if (value->type == Undefined)
      return mlir::failure();
    if (output.type != Undefined && output.type != value->type) {
      report("graph output " + quoted(output.name) + " is declared as " +
             pb::elementTypeName(output.type) + ", but its node computes " +
             pb::elementTypeName(value->type));
      ok = false;
    }
    Emit emit(builder, NameLoc::get(builder.getStringAttr(output.name)));
    emit.memo = &memo;
    results.push_back(emit.tensor(*value));
    types.push_back(value->type);
  }
  if (!ok)
    return mlir::failure();
  func::ReturnOp::create(builder, func.getLoc(), results);
  func.setFunctionType(builder.getFunctionType(func.front().getArgumentTypes(),
                                               ValueRange(results).getTypes()));
  unsigned place = 0;
  for (const pb::ValueInfo &input : model.graph.inputs) {
    Val *value = find(scope, input.name);
    if (!value || !value->argument)
      continue;
    func.setArgAttr(place, "nm.name", builder.getStringAttr(input.name));
    if (isUnsignedType(input.type))
      func.setArgAttr(place, kUnsignedAttrName, builder.getUnitAttr());
    ++place;
  }
  for (auto [i, type] : llvm::enumerate(types)) {
    func.setResultAttr(i, "nm.name",
                       builder.getStringAttr(model.graph.outputs[i].name));
    if (isUnsignedType(type))
      func.setResultAttr(i, kUnsignedAttrName, builder.getUnitAttr());
  }
  return success();
}

llvm::Expected<OwningOpRef<ModuleOp>> Importer::run() {
  MLIRContext *context = builder.getContext();
  context->loadDialect<arith::ArithDialect, func::FuncDialect,
                       linalg::LinalgDialect, math::MathDialect,
                       scf::SCFDialect, tensor::TensorDialect, NMDialect,
                       flat::FlatDialect, layer::LayerDialect>();
  for (const pb::Function &function : model.functions)
    functions[functionKey(function.domain, function.name, function.overload)] =
        &function;
  int64_t opset = opsetOf("", model.opsets);
  if (opset < kFirstOpset || opset > kLastOpset)
    report("the operator set is version " + std::to_string(opset) +
           ", expected " + std::to_string(kFirstOpset) + " to " +
           std::to_string(kLastOpset) +
           "; onnx.version_converter or the exporter's opset option writes "
           "one of these");
  checkOperators(model.graph.nodes, model.opsets, 0);
  for (const pb::Function &function : model.functions)
    checkOperators(function.nodes, function.opsets, 0);
  if (!errors.empty())
    return allErrors();

  Location loc = UnknownLoc::get(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());
  auto func = func::FuncOp::create(builder, loc, functionName(model.graph.name),
                                   builder.getFunctionType({}, {}));
  Block *entry = func.addEntryBlock();
  builder.setInsertionPointToEnd(entry);
  memo.entry = entry;
  Scope scope;
  bool ok = succeeded(importInitializers(model.graph, scope,
                                         /*asParams=*/true));
  ok &= succeeded(checkSizes()) && succeeded(readCallSizes(scope)) &&
        succeeded(addArguments(func, scope));
  if (ok)
    ok = succeeded(importNodes(model.graph.nodes, scope, model.opsets, {}));
  if (ok)
    ok = succeeded(finish(func, scope));
  if (!ok)
    return allErrors();
  return module;
}

} // namespace mlir::nm::onnx

llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
mlir::nm::importOnnx(const ::nm::onnx::Model &model, MLIRContext *context,
                     const OnnxImportOptions &options) {
  return onnx::Importer(model, context, options).run();
}

llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
mlir::nm::importOnnx(llvm::StringRef bytes, llvm::StringRef path,
                     MLIRContext *context, const OnnxImportOptions &options) {
  auto model = ::nm::onnx::parseModel(bytes.data(), bytes.size(), path.str());
  if (!model)
    return llvm::createStringError(model.error().message);
  return importOnnx(**model, context, options);
}

bool mlir::nm::isOnnxModel(llvm::StringRef bytes, llvm::StringRef path) {
  return ::nm::onnx::looksLikeModel(bytes.data(), bytes.size()) ||
         path.ends_with(".onnx");
}
