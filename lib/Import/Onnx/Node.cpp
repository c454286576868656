//===- Node.cpp - Operands and attributes of a node -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::nm::onnx {

const pb::Attribute *NodeEmit::attribute(StringRef name) const {
  for (const pb::Attribute &one : node.attributes) {
    if (StringRef(one.name) != name)
      continue;
    if (one.reference.empty())
      return &one;
    for (const pb::Attribute &outer : attributes)
      if (outer.name == one.reference)
        return &outer;
    return nullptr;
  }
  return nullptr;
}

std::optional<int64_t> NodeEmit::intAttribute(StringRef name) const {
  const pb::Attribute *one = attribute(name);
  return one ? std::optional<int64_t>(one->i) : std::nullopt;
}

int64_t NodeEmit::intOr(StringRef name, int64_t otherwise) const {
  return intAttribute(name).value_or(otherwise);
}

std::optional<double> NodeEmit::floatAttribute(StringRef name) const {
  const pb::Attribute *one = attribute(name);
  return one ? std::optional<double>(one->f) : std::nullopt;
}

double NodeEmit::floatOr(StringRef name, double otherwise) const {
  return floatAttribute(name).value_or(otherwise);
}

StringRef NodeEmit::stringOr(StringRef name, StringRef otherwise) const {
  const pb::Attribute *one = attribute(name);
  return one ? StringRef(one->s) : otherwise;
}

std::optional<SmallVector<int64_t>>
NodeEmit::intsAttribute(StringRef name) const {
  const pb::Attribute *one = attribute(name);
  if (!one)
    return std::nullopt;
  return SmallVector<int64_t>(one->ints.begin(), one->ints.end());
}

LogicalResult NodeEmit::fail(const Twine &why) {
  importer.report(importer.describe(node, opset) + ": " + why.str());
  return failure();
}

LogicalResult NodeEmit::needs(size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (!has(i))
      return fail("has no input " + Twine(i) + ", expected " + Twine(count));
  return success();
}

FailureOr<int64_t> NodeEmit::axis(int64_t value, int64_t rank) {
  int64_t place = value < 0 ? value + rank : value;
  if (place < 0 || place >= rank)
    return fail("axis " + Twine(value) + " of a tensor of rank " + Twine(rank) +
                ", expected " + Twine(-rank) + " to " + Twine(rank - 1));
  return place;
}

FailureOr<SmallVector<int64_t>> NodeEmit::axes(ArrayRef<int64_t> values,
                                               int64_t rank) {
  SmallVector<int64_t> places;
  for (int64_t value : values) {
    FailureOr<int64_t> place = axis(value, rank);
    if (failed(place))
      return failure();
    if (llvm::is_contained(places, *place))
      return fail("axis " + Twine(value) + " is named twice");
    places.push_back(*place);
  }
  return places;
}

bool NodeEmit::isZero(size_t i) {
  Val *value = in(i);
  if (std::optional<SmallVector<double>> known = value->floats())
    return llvm::all_of(*known, [](double one) { return one == 0; });
  const ::nm::rt::Tensor *given = importer.valuesOf(*value);
  return given && given->view.count() == 1 &&
         ::nm::rt::elementToDouble(given->view.data, given->view.dtype) == 0;
}

bool NodeEmit::isKnownNow(const Val &value) const {
  return importer.valuesOf(value) != nullptr;
}

FailureOr<SmallVector<int64_t>> NodeEmit::constantInts(size_t i,
                                                       StringRef what) {
  Val *value = in(i);
  if (!value)
    return fail("has no " + what);
  if (std::optional<SmallVector<int64_t>> known = value->ints())
    return *known;
  if (const ::nm::rt::Tensor *given = importer.valuesOf(*value)) {
    const ::nm::rt::TensorView &view = given->view;
    int64_t width = ::nm::rt::elementBytes(view.dtype);
    constexpr int64_t most = 4096;
    if (view.count() <= most && view.isContiguous()) {
      SmallVector<int64_t> values;
      for (int64_t n = 0; n < view.count(); ++n) {
        const unsigned char *from = view.data + n * width;
        int64_t number = 0;
        if (view.dtype == ::nm::rt::DType::I64)
          std::memcpy(&number, from, sizeof(number));
        else
          number = wholeNumber(::nm::rt::elementToDouble(from, view.dtype));
        values.push_back(number);
      }
      return values;
    }
  }
  if (std::optional<SmallVector<double>> known = value->floats()) {
    SmallVector<int64_t> values;
    for (double one : *known)
      values.push_back(wholeNumber(one));
    return values;
  }
  return fail("its " + what + " ('" + Twine(node.inputs[i]) +
              "') is known only when the model runs, but decides what code is "
              "made; expected a constant: export with fixed values, or give "
              "the input to nm-run, which compiles for it");
}

FailureOr<std::optional<SmallVector<int64_t>>>
NodeEmit::attributeOrInput(StringRef name, size_t i) {
  using Result = std::optional<SmallVector<int64_t>>;
  if (Result values = intsAttribute(name))
    return values;
  if (!has(i))
    return Result();
  FailureOr<SmallVector<int64_t>> values = constantInts(i, name);
  if (failed(values))
    return failure();
  return Result(*values);
}

FailureOr<SmallVector<OpFoldResult>> NodeEmit::sizes(size_t i, StringRef what) {
  Val *value = in(i);
  if (!value)
    return fail("has no " + what);
  if (value->content)
    return SmallVector<OpFoldResult>(value->content->begin(),
                                     value->content->end());
  std::optional<int64_t> count = value->rank() == 0 ? 1
                                 : value->rank() == 1
                                     ? constant(value->shape[0])
                                     : std::nullopt;
  if (importer.valuesOf(*value)) {
    FailureOr<SmallVector<int64_t>> known = constantInts(i, what);
    if (failed(known))
      return failure();
    SmallVector<OpFoldResult> result;
    for (int64_t one : *known)
      result.push_back(size(one));
    return result;
  }
  constexpr int64_t most = 64;
  if (!count || *count > most)
    return fail("its " + what + " ('" + Twine(node.inputs[i]) +
                "') is not a list of at most 64 numbers");
  SmallVector<OpFoldResult> result;
  for (int64_t n = 0; n < *count; ++n) {
    SmallVector<Value> place;
    if (value->rank() == 1)
      place.push_back(indexConstant(n));
    Value element = tensor::ExtractOp::create(b, loc, tensor(*value), place);
    result.push_back(
        arith::IndexCastOp::create(b, loc, b.getIndexType(), element)
            .getResult());
  }
  return result;
}

std::optional<Dims> NodeEmit::broadcastShapes(ArrayRef<Val *> operands) {
  SmallVector<const Val *> all(operands.begin(), operands.end());
  std::optional<Dims> shape = broadcast(all);
  if (shape)
    return shape;
  std::string text;
  for (Val *operand : operands) {
    text += text.empty() ? "[" : ", [";
    for (auto [d, one] : llvm::enumerate(operand->shape)) {
      text += d ? ", " : "";
      std::optional<int64_t> known = constant(one);
      text += known ? std::to_string(*known) : "?";
    }
    text += "]";
  }
  (void)fail("shapes " + Twine(text) + " cannot be broadcast to one another");
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

void OperatorTable::family(StringRef name, StringRef domain) {
  currentFamily = name;
  currentDomain = domain;
}

void OperatorTable::add(StringRef name, Handler handler, int64_t since,
                        StringRef limits) {
  places[(currentDomain + ":" + name).str()] = all.size();
  all.push_back(
      {handler, since, currentFamily, currentDomain, name, limits, {}});
}

void OperatorTable::takes(StringRef name, ArrayRef<Elements> elements) {
  all[places.lookup((currentDomain + ":" + name).str())].elements.assign(
      elements.begin(), elements.end());
}

static bool isOf(Elements wanted, int32_t type) {
  switch (wanted) {
  case Elements::Any:
    return true;
  case Elements::Float:
    return isFloatType(type);
  case Elements::Whole:
    return !isFloatType(type) && type != Bool;
  case Elements::Index:
    return type == Int32 || type == Int64;
  case Elements::Truth:
    return type == Bool;
  }
  llvm_unreachable("unknown elements");
}

LogicalResult Operator::checkElements(NodeEmit &n) const {
  static constexpr StringRef words[] = {"", "floating-point numbers",
                                        "integers", "int32 or int64", "bool"};
  for (auto [i, wanted] : llvm::enumerate(elements))
    if (n.has(i) && !isOf(wanted, n.in(i)->type))
      return n.fail("elements of operand " + Twine(i) + " are " +
                    elementTypeName(n.in(i)->type) + ", expected " +
                    words[static_cast<size_t>(wanted)]);
  return success();
}

const Operator *OperatorTable::find(StringRef domain, StringRef name) const {
  if (domain == "ai.onnx")
    domain = "";
  auto found = places.find((domain + ":" + name).str());
  return found == places.end() ? nullptr : &all[found->second];
}

SmallVector<StringRef> OperatorTable::names(StringRef domain) const {
  SmallVector<StringRef> list;
  for (const Operator &row : all)
    if (row.domain == domain)
      list.push_back(row.name);
  return list;
}

const OperatorTable &operators() {
  static const OperatorTable table = [] {
    OperatorTable made;
    addActivations(made);
    addElementwise(made);
    addReductions(made);
    addShapes(made);
    addPieces(made);
    addGathers(made);
    addProducts(made);
    addWindows(made);
    addNormalizations(made);
    addAttention(made);
    addRecurrences(made);
    addRecurrentLayers(made);
    addLoops(made);
    addQuantization(made);
    addControl(made);
    addMicrosoft(made);
    return made;
  }();
  return table;
}

} // namespace mlir::nm::onnx

std::string mlir::nm::onnxOperatorTable() {
  std::string text = "| Family | Operator | Since | Left out |\n"
                     "| --- | --- | --- | --- |\n";
  for (const onnx::Operator &row : onnx::operators().rows()) {
    text += "| " + row.family.str() + " | `";
    if (!row.domain.empty())
      text += row.domain.str() + ".";
    text += row.name.str() + "` | " + std::to_string(row.since) + " | " +
            row.limits.str() + (row.limits.empty() ? "|\n" : " |\n");
  }
  return text;
}
